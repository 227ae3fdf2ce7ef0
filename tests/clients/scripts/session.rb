# A whole session of Ruby's net-imap. Arguments: host, port, user, password.
require "net/imap"
host, port, user, password = ARGV
def need(holds, what) = holds || raise(what)
text = "From: a@example.org\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nHello\r\n"
imap = Net::IMAP.new(host, port: port.to_i)
imap.login(user, password)
need imap.list("", "*").any? { |box| box.name == "INBOX" }, "no INBOX"
imap.select("INBOX")
[1, 11].each { |day| imap.append("INBOX", text, [:Seen], Time.new(2019, 3, day, 1, 2, 3, "+05:30")) }
uids = imap.uid_search(["SUBJECT", "Grüße".b], "UTF-8")
need uids.size == 2, "search: #{uids}"
found = imap.uid_fetch(uids, %w[ENVELOPE BODYSTRUCTURE BODY[] INTERNALDATE FLAGS])
need found[0].attr["BODY[]"] == text, "fetch: #{found}"
need found[0].attr["INTERNALDATE"] == "28-Feb-2019 19:32:03 +0000", found[0].attr["INTERNALDATE"]
name = Net::IMAP.encode_utf7("Prüfung")
imap.create(name)
imap.subscribe(name)
imap.uid_store(uids, "+FLAGS", [:Flagged])
imap.uid_copy(uids[0], name)
imap.uid_move(uids[1], name)
need imap.status(name, ["MESSAGES"])["MESSAGES"] == 2, "status"
imap.idle(0.2) { |_| nil }
imap.rename(name, "Ablage")
imap.uid_store(uids[0], "+FLAGS", [:Deleted])
imap.expunge
need imap.search(["ALL"]).empty?, "expunged"
imap.unsubscribe(name)
imap.delete("Ablage")
imap.logout
puts "done"
