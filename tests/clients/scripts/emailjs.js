// A whole session of emailjs-imap-client. Arguments: host, port, user, password.
const ImapClient = require('emailjs-imap-client').default;
const [host, port, user, pass] = process.argv.slice(2);
const need = (holds, what) => { if (!holds) throw new Error(what); };
const text = 'From: a@example.org\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nHello\r\n';
async function session() {
  const client = new ImapClient(host, +port, { auth: { user, pass }, useSecureTransport: false, ignoreTLS: true, logLevel: 1000 });
  client.onerror = (error) => { console.error(error); process.exit(1); };
  await client.connect();
  need((await client.listMailboxes()).children.some((box) => box.path === 'INBOX'), 'no INBOX');
  await client.selectMailbox('INBOX');
  await client.upload('INBOX', text, { flags: ['\\Seen'] });
  await client.upload('INBOX', text);
  const uids = await client.search('INBOX', { subject: 'Grüße' }, { byUid: true });
  need(uids.length === 2, `search: ${uids}`);
  const found = await client.listMessages('INBOX', uids.join(','), ['uid', 'flags', 'envelope', 'bodystructure', 'body.peek[]'],
    { byUid: true });
  need(found.length === 2 && found[0].envelope.subject === 'Grüße' && found[0]['body[]'] === text, JSON.stringify(found));
  await client.createMailbox('Prüfung');
  await client.setFlags('INBOX', uids.join(','), { add: ['\\Flagged'] }, { byUid: true });
  await client.copyMessages('INBOX', `${uids[0]}`, 'Pr&APw-fung', { byUid: true });
  await client.moveMessages('INBOX', `${uids[1]}`, 'Pr&APw-fung', { byUid: true });
  need((await client.selectMailbox('Pr&APw-fung')).exists === 2, 'select');
  await client.selectMailbox('INBOX');
  await client.deleteMessages('INBOX', `${uids[0]}`, { byUid: true });
  need((await client.search('INBOX', { all: true })).length === 0, 'expunged');
  await client.deleteMailbox('Prüfung');
  await client.logout();
  console.log('done');
  process.exit(0);
}
session().catch((error) => { console.error(error); process.exit(1); });
