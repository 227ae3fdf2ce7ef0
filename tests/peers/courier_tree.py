#!/usr/bin/env python3
"""Trees that a real Courier-IMAP writes now, taken over by Maildock: no client downloads its mail again.

UIDVALIDITY, UIDNEXT, UIDs, flags, keywords, sizes, subscriptions and every octet of every message stay; ENVELOPE and
BODYSTRUCTURE are compared with Dovecot (dovecot_tree.py). Usage: courier_tree.py BUILD [--only TREE]
"""

import argparse
import os
import random
import shutil
import sys
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "lib"), HERE]

import comparison  # noqa: E402
import messages  # noqa: E402
import servers  # noqa: E402
from counting import Counter, Skipped, require  # noqa: E402
from imapclient import encode_name, quote  # noqa: E402

KEYWORDS = ["$Forwarded", "NonJunk", "$Label1", "todo", "UPPER"]
SYSTEM = ["\\Seen", "\\Answered", "\\Flagged", "\\Draft"]
MAILBOXES = {"INBOX": 200, "INBOX.Archive": 20, "INBOX.Archive.2019.Q4": 60, "INBOX.Müller & Söhne": 60,
             "INBOX.日本語.会議": 60, "INBOX.x:y": 10, "INBOX.~home": 10, "INBOX.Trash": 5, "INBOX.leer": 0}


def build(server):
    rng = random.Random("courier")
    number = 0
    with server.connect(timeout=120) as imap:
        for name, count in MAILBOXES.items():
            if name != "INBOX":
                imap.ok("CREATE", quote(encode_name(name)))
            if rng.random() < 0.7:
                imap.ok("SUBSCRIBE", quote(encode_name(name)))
            for _ in range(count):
                flags = rng.sample(SYSTEM, rng.choice([0, 1, 1, 2])) + rng.sample(KEYWORDS, rng.choice([0, 0, 1, 3]))
                imap.append(name, messages.wire(messages.message(number)), flags, messages.internal_date(number))
                number += 1
            if count > 50:
                imap.select(name)
                imap.ok("STORE", f"2,4:5,{count}", "+FLAGS.SILENT (\\Deleted)")
                imap.ok("EXPUNGE")
                imap.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")


def as_courier_4(maildir):
    """Stores the names as Courier up to version 4 did, in modified UTF-7, and has a mailbox "a.b" as it stored it."""
    for name in os.listdir(maildir):
        if name.startswith("."):
            old = encode_name(name).decode("ascii")
            if old != name:
                os.rename(os.path.join(maildir, name), os.path.join(maildir, old))
    source = os.path.join(maildir, ".Archive.2019.Q4")
    target = os.path.join(maildir, ".a&AC4-b")
    shutil.copytree(source, target)
    path = os.path.join(maildir, "courierimapsubscribed")
    with open(path, encoding="utf-8") as file:
        lines = [encode_name(line.rstrip("\n")).decode("ascii") for line in file]
    with open(path, "w", encoding="ascii") as file:
        file.writelines(line + "\n" for line in [*lines, "INBOX.a&AC4-b"])
    servers.give_to_owner(maildir)


def add_dotted(facts):
    """What as_courier_4() added, as facts: the copy of a mailbox under the name "a.b" on the wire."""
    shown, copied = "INBOX.a&AC4-b", "INBOX.Archive.2019.Q4"
    for (mailbox, message, item), value in list(facts.values.items()):
        if mailbox == copied:
            facts.put(shown, message, item, value)
    facts.put(shown, "", "LIST", facts.values[(copied, "", "LIST")])
    facts.put(shown, "", "LSUB", True)


def change(server):
    with server.connect() as imap:
        imap.select("INBOX")
        imap.ok("UID STORE 7:30 +FLAGS.SILENT (\\Flagged todo)")
        imap.ok("UID STORE 8 +FLAGS.SILENT (\\Deleted)")
        imap.ok("UID EXPUNGE 8")
        imap.append("INBOX", messages.wire(messages.message(5000)), ["brandnew"])
        imap.ok("CREATE", quote(encode_name("INBOX.Neü")))
        imap.ok("SUBSCRIBE", quote(encode_name("INBOX.Neü")))


def play(counter, options, tree, differences):
    with servers.WorkFolder("courier") as folder:
        courier = servers.Courier(folder)
        def labels(_, uid):
            return str(uid)
        with courier:
            build(courier)
            theirs = comparison.observe(courier, {}, labels, light=True, octets=True)
        if tree == "courier4":
            as_courier_4(courier.maildir())
            add_dotted(theirs)
        maildock = servers.Maildock(options.build, folder, mail_root=courier.mail_root, delimiter=".", prefix="INBOX.")
        with maildock:
            ours = comparison.observe(maildock, {}, labels, light=True, octets=True)
            comparison.compare(counter, tree, theirs, ours, ("Courier", "Maildock"), differences)
            counter.run(f"{tree}: changes", change, maildock)
            changed = comparison.observe(maildock, {}, labels, light=True, octets=True)
            require(changed.values.get(("INBOX", "7", "FLAGS")), "UID 7 is gone")
        with maildock:
            again = comparison.observe(maildock, {}, labels, light=True, octets=True)
        comparison.compare(counter, f"{tree} restarted", changed, again, ("before", "after"), differences)
        log = maildock.log_tail(1 << 20)
        counter.check(f"{tree}: no internal error", "SERVERBUG" not in log and "Sanitizer" not in log, log[-2000:])


# What a client asks that looks level by level, or for all at once.
LSUB_PATTERNS = ["%", "INBOX", "I%", "INBOX.%", "INBOX.deep%", "INBOX.deep.%", "%.%", "%.%.%", "*%", "*", "INBOX.*"]


def subscribed(server):
    """{pattern: {name: whether it is \\Noselect}}"""
    answers = {}
    with server.connect() as imap:
        for pattern in LSUB_PATTERNS:
            answers[pattern] = {r.data[2].decode(): b"\\Noselect" in r.data[0]
                                for r in imap.ok('LSUB ""', quote(pattern)).of("LSUB")}
    return answers


def play_subscriptions(counter, options, name, subscriptions):
    """LSUB of both over one courierimapsubscribed. Courier also tells the levels above subscribed mailboxes where the
    pattern does not end in '%'; RFC 3501 6.3.9 has them there alone."""
    with servers.WorkFolder("courier") as folder:
        courier = servers.Courier(folder)
        with courier:
            with courier.connect() as imap:
                for mailbox in ("INBOX.Work", "INBOX.deep.er.est", "INBOX.gone", "INBOX.other"):
                    imap.ok("CREATE", quote(mailbox))
                for mailbox in subscriptions:
                    imap.ok("SUBSCRIBE", quote(mailbox))
                imap.ok("DELETE INBOX.gone")      # Courier takes the subscription back with it
            if "INBOX.gone" in subscriptions:
                with open(os.path.join(courier.maildir(), "courierimapsubscribed"), "a", encoding="ascii") as file:
                    file.write("INBOX.gone\n")
            theirs = subscribed(courier)
        for pattern, names in theirs.items():
            if not pattern.endswith("%"):
                theirs[pattern] = {each: False for each, is_noselect in names.items() if not is_noselect}
        with servers.Maildock(options.build, folder, mail_root=courier.mail_root, delimiter=".",
                              prefix="INBOX.") as maildock:
            ours = subscribed(maildock)
        require(theirs["%"], "Courier tells nothing")
        for pattern in LSUB_PATTERNS:
            counter.equal(f"{name}: LSUB {pattern}", ours[pattern], theirs[pattern])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build")
    parser.add_argument("--only", choices=["courier", "courier4", "lsub"])
    options = parser.parse_args()
    counter = Counter()
    differences = comparison.read_differences(os.path.join(HERE, "differences.txt"))
    deep = ["INBOX.Work", "INBOX.deep.er.est", "INBOX.gone"]
    plays = {"courier": lambda: play(counter, options, "courier", differences),
             "courier4": lambda: play(counter, options, "courier4", differences),
             "lsub": lambda: play_subscriptions(counter, options, "lsub", ["INBOX", *deep]),
             "lsub without INBOX": lambda: play_subscriptions(counter, options, "lsub without INBOX", deep)}
    for tree, run in plays.items():
        if options.only in (None, tree.split()[0]):
            try:
                run()
            except Skipped as reason:
                counter.skip(tree, reason)
            except Exception as error:  # the other trees go on
                traceback.print_exc(file=sys.stdout)
                counter.fail(tree, error)
    if not options.only:
        for entry in differences:
            if not entry.used and entry.where.startswith("courier"):
                print(f"# differences.txt:{entry.number} explains nothing any more: {entry.where} | {entry.item}")
    sys.exit(counter.finish())


if __name__ == "__main__":
    main()
