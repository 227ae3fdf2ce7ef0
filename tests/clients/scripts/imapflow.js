// A whole session of imapflow. Arguments: host, port, user, password.
const { ImapFlow } = require('imapflow');
const [host, port, user, pass] = process.argv.slice(2);
const need = (holds, what) => { if (!holds) throw new Error(what); };
const text = 'From: a@example.org\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nHello\r\n';
async function session() {
  const client = new ImapFlow({ host, port: +port, secure: false, doSTARTTLS: false, auth: { user, pass }, logger: false });
  await client.connect();
  need((await client.list()).some((box) => box.path === 'INBOX'), 'no INBOX');
  await client.mailboxOpen('INBOX');
  for (const day of [1, 11]) {
    need(await client.append('INBOX', text, ['\\Seen'], new Date(Date.UTC(2019, 2, day))), 'append');
  }
  const uids = await client.search({ subject: 'Grüße' }, { uid: true });
  need(uids.length === 2, `search: ${uids}`);
  const one = await client.fetchOne(uids[0], { envelope: true, bodyStructure: true, source: true, internalDate: true, flags: true },
    { uid: true });
  need(one.envelope.subject === 'Grüße' && one.source.toString() === text, 'fetch');
  need(new Date(one.internalDate).getTime() === Date.UTC(2019, 2, 1) && one.bodyStructure.type === 'text/plain', 'date');
  await client.mailboxCreate('Prüfung');
  await client.mailboxSubscribe('Prüfung');
  await client.messageFlagsAdd(uids, ['\\Flagged'], { uid: true });
  need(await client.messageCopy([uids[0]], 'Prüfung', { uid: true }), 'copy');
  need(await client.messageMove([uids[1]], 'Prüfung', { uid: true }), 'move');
  need((await client.status('Prüfung', { messages: true })).messages === 2, 'status');
  const idling = client.idle();
  await client.noop();
  await idling;
  await client.mailboxRename('Prüfung', 'Ablage');
  need(await client.messageDelete([uids[0]], { uid: true }), 'delete');
  need((await client.search({ all: true })).length === 0, 'expunged');
  await client.mailboxUnsubscribe('Prüfung');
  await client.mailboxDelete('Ablage');
  await client.logout();
  console.log('done');
}
session().catch((error) => { console.error(error); process.exit(1); });
