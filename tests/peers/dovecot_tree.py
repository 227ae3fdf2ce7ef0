#!/usr/bin/env python3
"""Trees that Dovecot writes now, read by Maildock, changed by Maildock, and read by Dovecot again.

Usage: dovecot_tree.py BUILD [--only TREE] [--messages N]     or     dovecot_tree.py --dovecot
(the second serves the tree by another Dovecot instead of Maildock: it shows what the test itself thinks different).
"""

import argparse
import glob
import os
import random
import sys
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "lib"), os.path.join(os.path.dirname(HERE), "data"), HERE]

import comparison  # noqa: E402
import messages  # noqa: E402
import oddmessages  # noqa: E402
import servers  # noqa: E402
from counting import Counter, Skipped, require  # noqa: E402
from imapclient import encode_name, quote  # noqa: E402

KEYWORDS = ["$Forwarded", "NonJunk", "$Label1", "$Label5", "with.dot", "UPPER", "$MDNSent", "k" * 60, "Junk", "todo"]
SYSTEM = ["\\Seen", "\\Answered", "\\Flagged", "\\Draft", "\\Deleted"]


class Tree:
    """One way of storing: how Dovecot and Maildock are told of it, and which names it can hold."""

    def __init__(self, name, dovecot, maildock, share, odd, extra=(), on_disk=None, alias=None):
        self.name, self.dovecot, self.maildock, self.share, self.odd = name, dovecot, maildock, share, odd
        self.extra = list(extra)         # further mailboxes made over IMAP
        self.on_disk = on_disk           # a directory made beside Dovecot
        self.alias = alias or {}         # Dovecot's name for it: the name it has in the facts


# Dovecot takes "&AC4-" (a "." in modified UTF-7, as older Couriers stored it) for no encoding: it lists the mailbox under
# another name and can't open it. So what Maildock makes of it is checked on its own, in on_disk_mailbox().
TREES = [
    Tree("maildir++", {}, {}, 1.0, True, on_disk=".a&AC4-b", alias={b"a&-AC4-b": b"a.b"}),
    Tree("escaped", {"escape": "\\\\"}, {"mail.escapeCharacter": "\\\\"}, 0.04, False, ["a.b", "~home", "v1.0/x.y"]),
    Tree("fs", {"layout": "fs"}, {"mail.layout": "fs"}, 0.06, False, ["a.b", "x.y/z"]),
    Tree("utf8", {"utf8": True}, {}, 0.04, False),
]

# mailbox: messages at full size
MAILBOXES = {
    "INBOX": 3000,
    "INBOX/below": 20,
    "Archive": 100,
    "Archive/2019": 0,
    "Archive/2019/Q4/deep/er/still/deeper": 300,
    "Entwürfe": 30,
    "Müller & Söhne": 400,
    "日本語/会議": 500,
    "Ünïcödé 😀": 50,
    "with space": 300,
    "x:y": 100,
    "gaps": 200,
    "leer": 0,
}


def build(server, tree, total, folder):
    """Writes the tree through Dovecot; returns {mailbox name on the wire: {uid: label}} for the odd messages."""
    rng = random.Random(tree.name)
    number = 0
    with server.connect(timeout=300) as imap:
        for name, count in [*MAILBOXES.items(), *((extra, 100) for extra in tree.extra)]:
            if name != "INBOX":
                imap.ok("CREATE", quote(encode_name(name)))
            if rng.random() < 0.7:
                imap.ok("SUBSCRIBE", quote(encode_name(name)))
            for _ in range(int(count * tree.share * total / 5000)):
                flags = rng.sample(SYSTEM[:4], rng.choice([0, 1, 1, 2])) + rng.sample(KEYWORDS, rng.choice([0, 0, 0, 1, 3]))
                imap.append(name, messages.wire(messages.message(number)), flags, messages.internal_date(number))
                number += 1
            if number and name in ("INBOX", "gaps", "with space"):
                make_gaps(imap, name)
        for command in ("CREATE", "SUBSCRIBE", "DELETE"):
            imap.ok(command, quote("no such mailbox"))
        imap.select("INBOX")
        imap.ok("COPY 1:5", quote(encode_name("Müller & Söhne")))
    deliver(server, tree, folder)


def make_gaps(imap, name):
    """Expunges some, so that UIDs have gaps and UIDNEXT is past the last; marks one \\Deleted that stays."""
    count = imap.select(name).of("EXISTS")[-1].number
    if count < 8:
        return
    imap.ok("STORE", f"2,4:5,{count}", "+FLAGS.SILENT (\\Deleted)")
    imap.ok("EXPUNGE")
    imap.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
    imap.ok("UNSELECT")


def deliver(server, tree, folder):
    """What delivery agents leave: files in new/, one in a mailbox whose directory Dovecot did not make."""
    inbox = server.maildir()
    write(os.path.join(inbox, "new", "1650000000.M1P1.mta"), messages.message(9001), 1650000000)
    write(os.path.join(inbox, "new", "1650000001.M1P1.mta"), messages.message(9002), 1650000001)
    write(os.path.join(inbox, "new", "1650000002.M1P1.mta"), messages.wire(messages.message(9003)), 1650000002)
    write(os.path.join(inbox, "cur", "1650000003.M1P1.mta:2,FSa"), messages.message(9004), 1650000003)
    if tree.on_disk:
        for number in range(5):
            write(os.path.join(inbox, tree.on_disk, "cur", f"165000001{number}.M1P1.mta:2,S"),
                  messages.message(9010 + number), 1650000010 + number)
        for sub in ("new", "tmp"):
            os.makedirs(os.path.join(inbox, tree.on_disk, sub), exist_ok=True)
    if tree.odd:
        source = os.path.join(folder, "odd")
        for at, name in enumerate(oddmessages.make_odd_messages(source)):
            target = os.path.join(inbox, ".odd", "cur", f"{1660000000 + at}.M1P1.{name}:2,")
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.rename(os.path.join(source, name), target)
            os.utime(target, (1660000000 + at, 1660000000 + at))
        for sub in ("new", "tmp"):
            os.makedirs(os.path.join(inbox, ".odd", sub), exist_ok=True)
    servers.give_to_owner(server.mail_root)


def write(path, octets, moment):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(octets)
    os.utime(path, (moment, moment))


def odd_labels(maildir):
    """{uid: kind} of the odd messages, from the uid list."""
    out = {}
    with open(os.path.join(maildir, ".odd", "dovecot-uidlist"), encoding="utf-8") as file:
        for line in list(file)[1:]:
            head, _, name = line.rstrip("\n").partition(" :")
            out[int(head.split()[0])] = name.split(".", 2)[2]
    return out


def labeller(maildir, odd):
    kinds = odd_labels(maildir) if odd else {}
    return lambda mailbox, uid: kinds.get(uid, f"{uid}") if mailbox == "odd" else f"{uid}"


def change(server):
    """Maildock's turn: one of each change, so that Dovecot has something of ours to read."""
    with server.connect(timeout=300) as imap:
        imap.select("INBOX")
        imap.ok("UID STORE 7:30 +FLAGS.SILENT (\\Flagged)")
        imap.ok("UID STORE 10:12 -FLAGS.SILENT (\\Seen)")
        imap.ok("UID STORE 31:33 FLAGS.SILENT (\\Answered newkeyword $Forwarded)")
        imap.ok("UID STORE 8,20:22 +FLAGS.SILENT (\\Deleted)")
        imap.ok("UID EXPUNGE 8,20:22")
        imap.ok("UID COPY 13:16", quote("with space"))
        imap.ok("UID MOVE 17:18", quote(encode_name("日本語/会議")))
        for number in range(20):
            imap.append("INBOX", messages.wire(messages.message(7000 + number)), ["\\Seen", KEYWORDS[number % 10], "ours"],
                        messages.internal_date(number))
        for name in ("Ours", "Ours/Größe", "Ours/日本 & so"):
            imap.ok("CREATE", quote(encode_name(name)))
            imap.ok("SUBSCRIBE", quote(encode_name(name)))
            imap.append(name, messages.wire(messages.message(7100)), ["todo"])
        imap.ok("RENAME", quote("leer"), quote(encode_name("umbenannt é")))
        imap.ok("DELETE", quote("gaps"))
        imap.ok("UNSUBSCRIBE", quote("no such mailbox"))


def on_disk_mailbox(server, name):
    """The mailbox that deliver() made beside Dovecot: its messages, and that it can be subscribed and written to."""
    with server.connect() as imap:
        imap.select(name)
        fetched = imap.ok("FETCH 1:* (FLAGS BODY.PEEK[])").fetched()
        octets = [items["BODY[]"] for _, items in sorted(fetched.items())]
        require(octets == [messages.wire(messages.message(9010 + n)) for n in range(5)], "other messages")
        require(all(b"\\Seen" in items["FLAGS"] for items in fetched.values()), "flags")
        imap.ok("SUBSCRIBE", quote(name))
        require(any(r.data[2] == name for r in imap.ok('LSUB "" *').of("LSUB")), "not subscribed")
        imap.ok("UNSUBSCRIBE", quote(name))


def without_indexes(maildir):
    """Removes what Dovecot can make again, so that it reads the tree itself."""
    for path in glob.glob(os.path.join(glob.escape(maildir), "**", "dovecot.*"), recursive=True, include_hidden=True):
        os.unlink(path)


def peer(options, tree, folder, shared):
    if options.dovecot:
        class Other(servers.Dovecot):
            name = "dovecot2"
        return Other(folder, **tree.dovecot, **shared)
    settings = dict(tree.maildock)
    return servers.Maildock(options.build, folder, layout=settings.pop("mail.layout", "maildir++"), settings=settings,
                            **shared)


def play(counter, options, tree, differences):
    with servers.WorkFolder("peer") as folder:
        def note(text):
            if options.verbose:
                print(f"#   {text}", flush=True)
        first = servers.Dovecot(folder, **tree.dovecot)
        with first:
            build(first, tree, options.messages, folder)
            first.connect().logout()
            with first.connect(timeout=300) as imap:     # the UIDs of what was delivered
                for name, attributes in comparison.mailboxes(imap).items():
                    if "\\noselect" not in attributes and name not in tree.alias:
                        imap.select(name)
            labels = labeller(first.maildir(), tree.odd)
            theirs = comparison.observe(first, tree.alias, labels, progress=note)
        second = peer(options, tree, folder, {"mail_root": first.mail_root})
        alias = tree.alias if options.dovecot else {}
        with second:
            ours = comparison.observe(second, alias, labels, plan=theirs.structures, progress=note)
            comparison.compare(counter, tree.name, theirs, ours, ("Dovecot", second.name), differences)
            if tree.on_disk and not options.dovecot:
                counter.run(f"{tree.name}: {tree.on_disk}", on_disk_mailbox, second, b"a.b")
            counter.run(f"{tree.name}: changes by {second.name}", change, second)
            changed = comparison.observe(second, alias, labels, light=True, progress=note)
        log = second.log_tail(1 << 20)
        counter.check(f"{tree.name}: {second.name} had no internal error",
                      not any(s in log for s in ("SERVERBUG", "Sanitizer", "runtime error:")), log[-2000:])
        first = servers.Dovecot(folder, **tree.dovecot)
        with first:
            again = comparison.observe(first, tree.alias, labels, light=True, progress=note)
        comparison.compare(counter, f"{tree.name} again", changed, again, (second.name, "Dovecot"), differences)
        without_indexes(first.maildir())
        with first:
            fresh = comparison.observe(first, tree.alias, labels, light=True, progress=note)
            complaints = [line for line in first.log_tail(1 << 20).split("\n")
                          if any(word in line for word in ("Error:", "Warning:", "Panic:", "Fatal:"))
                          and "Killed with signal 15" not in line]  # that was us
        comparison.compare(counter, f"{tree.name} without indexes", changed, fresh, (second.name, "Dovecot"), differences)
        counter.check(f"{tree.name}: Dovecot has nothing to complain of", not complaints, "\n".join(complaints[:10]))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", nargs="?")
    parser.add_argument("--dovecot", action="store_true")
    parser.add_argument("--only", choices=[t.name for t in TREES])
    parser.add_argument("--messages", type=int, default=5000, help="in the largest tree (5000)")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    if not options.build and not options.dovecot:
        parser.error("a build folder or --dovecot")
    counter = Counter()
    differences = comparison.read_differences(os.path.join(HERE, "differences.txt"))
    for tree in TREES:
        if options.only in (None, tree.name):
            try:
                play(counter, options, tree, differences)
            except Skipped as reason:
                counter.skip(tree.name, reason)
            except Exception as error:  # the other trees go on
                traceback.print_exc(file=sys.stdout)
                counter.fail(tree.name, error)
    if not options.only and not options.dovecot:
        for entry in differences:
            if not entry.used and not entry.where.startswith("courier"):
                print(f"# differences.txt:{entry.number} explains nothing any more: {entry.where} | {entry.item}")
    sys.exit(counter.finish())


if __name__ == "__main__":
    main()
