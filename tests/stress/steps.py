#!/usr/bin/env python3
"""No command keeps a thread for long, whatever its input: each gives way to others within a bounded processor time.

At log.level debug the server tells of each turn of a session that took a millisecond of processor time or more. Every
command is given large and hostile input here, and the longest of its turns is held against a bound. Processor time is
counted, so a busy machine makes no difference; only a build that is slow does (--slack).

Not bounded, and measured with a bound of its own for what it costs a message or folder: the first look at a mailbox or a
tree, which lists directories.
"""

import os
import re
import select
import time

import stress_test  # first: it says where the others lie
import servers

MOST_MS = 100
MESSAGES = 20_000
KEYWORDS = 26
FOLDERS = 3_000
LARGE = 60_000_000
FULL = 60_000
LISTING_MS = 1000   # of MESSAGES files


def messages(server, user, count, keywords=0):
    """A mailbox of small messages, written as a delivery agent of another server would have."""
    folder = server.maildir(user)
    for name in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(folder, name), exist_ok=True)
    letters = "".join(chr(ord("a") + number) for number in range(keywords))
    if keywords:
        with open(os.path.join(folder, "dovecot-keywords"), "w", encoding="ascii") as file:
            file.writelines(f"{number} a-keyword-of-some-length-{number}\n" for number in range(keywords))
    for number in range(count):
        text = f"From: a{number}@example.org\nSubject: message {number}\nDate: Mon, 1 Mar 2021 10:00:00 +0000\n\ntext\n"
        with open(os.path.join(folder, "cur", f"{1_600_000_000 + number}.M1P1.host:2,S{letters}"), "w",
                  encoding="ascii") as file:
            file.write(text)


def full_folder(server, user, count):
    """The mailbox Full, of so many small files."""
    for part in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(server.maildir(user), ".Full", part), exist_ok=True)
    for number in range(count):
        with open(os.path.join(server.maildir(user), ".Full", "cur", f"{1_600_000_000 + number}.M1P1.host:2,S"), "w",
                  encoding="ascii") as file:
            file.write("\n")


def folders(server, user, count):
    root = server.maildir(user)
    for name in ["", *(f".{'a' * 20}{number % 30}.folder{number}" for number in range(count))]:
        for part in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(root, name, part), exist_ok=True)
    with open(os.path.join(root, "subscriptions"), "w", encoding="ascii") as file:
        file.writelines(f"{'a' * 20}{number % 30}.folder{number}\n" for number in range(count))


def bombs(server, user, large):
    """Messages that are much work: a large one, a header of addresses, of fields, of one field; many parts, deep ones."""
    folder = server.maildir(user)
    for name in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(folder, name), exist_ok=True)
    deep = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(5000))
    texts = [
        "Subject: large\n\n" + ("y" * 98 + "\n") * (large // 99),
        "Subject: coded\nContent-Transfer-Encoding: base64\n\n" + ("eXl5" * 19 + "\n") * (large // 200),
        "To: " + ", ".join(f"a{n}@example.org" for n in range(100_000)) + "\n\nx\n",
        "".join(f"X-{n}: =?utf-8?q?=C3=BC?=\n" for n in range(100_000)) + "\nx\n",
        "Subject: " + "long =?utf-8?q?=C3=BC?= " * 100_000 + "\n\nx\n",
        "Content-Type: multipart/mixed; boundary=b\n\n" + "--b\n\nx\n" * 100_000 + "--b--\n",
        deep + "\nend\n",
        "Content-Type: message/rfc822\n\n" * 5000 + "Subject: end\n\nend\n",
        "To: " + "(" * 100_000 + "\nCc: " + "a:" * 50_000 + "\n\nx\n",
    ]
    for number, text in enumerate(texts):
        with open(os.path.join(folder, "cur", f"{1_600_000_000 + number}.M1P1.host:2,"), "w", encoding="ascii") as file:
            file.write(text)


class Turns:
    """The turns that the server has told of since the last look."""

    def __init__(self, server):
        self.path, self.place = server.path("stderr.log"), 0
        self.take()

    def take(self):
        with open(self.path, "rb") as file:
            file.seek(self.place)
            new = file.read()
        end = new.rfind(b"\n") + 1
        self.place += end
        return [int(found) for found in re.findall(rb"a turn took (\d+) us", new[:end])]


def drain(client, tag, seconds):
    """Reads until the tagged answer; its status."""
    end, tail = time.monotonic() + seconds, b""
    socket = client._socket
    while time.monotonic() < end:
        if select.select([socket], [], [], 0.5)[0]:
            octets = socket.recv(1 << 20)
            if not octets:
                return "closed"
            tail = (tail + octets)[-(1 << 16):]
            found = re.search(rb"(?:^|\n)" + re.escape(tag) + rb" ((?:OK|NO|BAD)[^\n]*)\r\n$", tail)
            if found:
                return found.group(1).decode("utf-8", "replace")[:100]
    return "no answer"


def numbers(count, step=1, start=1):
    return ",".join(str(start + number * step) for number in range(count))


def literal(text):
    return f"{{{len(text)}+}}\r\n{text}"


MANY = [    # of 20,000 messages with 26 keywords each
    ("FETCH 1:* (FLAGS)", "FETCH flags"),
    ("FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)", "FETCH derived"),
    ("FETCH 1:* (BODY.PEEK[])", "FETCH bodies"),
    ("FETCH 1:50 (BODY.PEEK[HEADER.FIELDS (" + " ".join(f"X-{n}" for n in range(5_000)) + ")])", "FETCH many fields"),
    ("FETCH 1:50 (" + " ".join(f"BODY.PEEK[]<{n}.5>" for n in range(10_000)) + ")", "FETCH many items"),
    ("SEARCH ALL", "SEARCH all"),
    ("SEARCH RETURN (ALL COUNT MIN MAX) NOT UID " + numbers(9_000, 2), "ESEARCH sparse"),
    ("SEARCH TEXT nothing", "SEARCH texts"),
    ("SEARCH " + " ".join(["1:*"] * 900), "SEARCH many sets"),
    ("SEARCH UID " + numbers(90_000), "SEARCH huge set"),
    ("SEARCH " + " ".join(f"OR FROM a{n}@ SUBJECT x" for n in range(3000)), "SEARCH many keys"),
    ("SEARCH " + "NOT SEEN " * 4000 + "ALL", "SEARCH many flags"),
    ("SEARCH OR SUBJECT x OR FROM y NOT HEADER X-1 z", "SEARCH headers"),
    ("STORE " + numbers(20_000) + " +FLAGS (\\Flagged)", "STORE all"),
    ("UID STORE " + numbers(90_000) + " -FLAGS.SILENT (\\Flagged)", "STORE huge set"),
    ("UID COPY 1:300 Other", "COPY"),
    ("UID MOVE 301:900 Other", "MOVE"),
    ("STORE 1:2000 +FLAGS.SILENT (\\Deleted)", "STORE deleted"),
    ("UID EXPUNGE " + numbers(90_000), "UID EXPUNGE"),
    ("STATUS INBOX (MESSAGES UNSEEN SIZE)", "STATUS SIZE"),
    ("EXAMINE INBOX", "EXAMINE"),
    ("SELECT INBOX", "SELECT"),
    ("CLOSE", "CLOSE"),
    ("DELETE Other", "DELETE"),
    ("DELETE Full", "DELETE many files"),
]
LONG = "a*" * 250_000
TREE = [    # of 3,000 folders
    ('LIST "" "*"', "LIST all"),
    (f'LIST "" {literal(LONG)}', "LIST long pattern"),
    (f'LSUB "" {literal(LONG)}', "LSUB long pattern"),
    (f'LSUB "" {literal("%*" * 250_000)}', "LSUB wildcards"),
    ('LIST "" "' + "*a" * 12 + '*z"', "LIST hard pattern"),
    ('LIST "" (' + " ".join(f'"*a%a*{n}"' for n in range(1000)) + ")", "LIST many patterns"),
    ('LIST (SUBSCRIBED RECURSIVEMATCH) "" "%" RETURN (SUBSCRIBED CHILDREN SPECIAL-USE)', "LIST subscribed"),
    ('LIST "" "*" RETURN (STATUS (MESSAGES UNSEEN SIZE))', "LIST status"),
    ('LSUB "" "*"', "LSUB all"),
    ('XLIST "" "*"', "XLIST"),
    ("NAMESPACE", "NAMESPACE"),
    ("ENABLE " + " ".join(["X-A"] * 15_000), "ENABLE flood"),
    ("ID (" + " ".join(f'"k{n}" "v"' for n in range(30)) + ")", "ID"),
    ("SUBSCRIBE " + "a" * 60_000, "SUBSCRIBE long name"),
    ("CREATE " + "/".join(["a"] * 30_000), "CREATE deep name"),
]
BOMBS = [
    ("FETCH 1:* (RFC822.SIZE)", "FETCH sizes of bombs"),
    ("FETCH 1:* (BODYSTRUCTURE)", "FETCH BODYSTRUCTURE of bombs"),
    ("FETCH 1:* (ENVELOPE)", "FETCH ENVELOPE of bombs"),
    ("FETCH 1:* (BODY.PEEK[HEADER.FIELDS (To Subject)])", "FETCH fields of bombs"),
    ("FETCH 1:* (BODY.PEEK[HEADER.FIELDS.NOT (" + " ".join(f"X-{n}" for n in range(5_000)) + ")])",
     "FETCH not fields of bombs"),
    ("FETCH 1:2 (BODY.PEEK[TEXT]<59000000.100>)", "FETCH the end of bombs"),
    ("FETCH 1:2 (BINARY.PEEK[1])", "FETCH BINARY of bombs"),
    ("FETCH 1:2 (BINARY.SIZE[1])", "FETCH BINARY.SIZE of bombs"),
    ("SEARCH " + " ".join(f"TEXT nothing{n}" for n in range(100)), "SEARCH 100 texts"),
    ("SEARCH " + " ".join("NOT BODY " + literal("y" * 20_000 + str(n)) for n in range(100)), "SEARCH 100 long texts"),
    ("SEARCH TO nobody SUBJECT nothing", "SEARCH headers of bombs"),
    ("SEARCH " + " ".join(f"NOT SUBJECT nothing{n}" for n in range(3000)), "SEARCH many subjects"),
    ("SEARCH " + " ".join(f"NOT HEADER X-{n} nothing" for n in range(200)), "SEARCH many headers"),
    ("STATUS INBOX (SIZE)", "STATUS SIZE of bombs"),
]


class Watchdog:
    def __init__(self, counter, server, slack):
        self.counter, self.turns, self.slack = counter, Turns(server), slack

    def run(self, client, text, label, most=MOST_MS):
        self.turns.take()
        client._number += 1
        tag = b"w%d" % client._number
        client.send(tag + b" " + text.encode() + b"\r\n")
        status = drain(client, tag, 120)
        told = self.turns.take()
        longest = max(told, default=0) / 1000
        print(f"# {label}: {longest:.1f} ms at most, {sum(told) / 1000:.0f} ms in {len(told)} turns; {status}")
        self.counter.check(f"{label}: gives way within {most * self.slack} ms",
                           longest <= most * self.slack and status[:3].strip() in ("OK", "NO", "BAD"), f"{longest:.1f} ms, {status}")
        return longest


def news(watchdog, server):
    """What another session did to all messages is told in pieces."""
    with server.connect("many") as told, server.connect("many") as other:
        told.select("INBOX")
        other.select("INBOX")
        watchdog.run(other, "STORE 1:* +FLAGS.SILENT (\\Answered)", "STORE for others")
        watchdog.run(told, "NOOP", "NOOP with news")
        other.ok("STORE 1:1000 +FLAGS.SILENT (\\Deleted)")
        watchdog.run(other, "EXPUNGE", "EXPUNGE")
        watchdog.run(told, "NOOP", "NOOP with EXPUNGE")


def pipelined(watchdog, server):
    with server.connect("tree") as client:
        watchdog.turns.take()
        count = 20_000
        client.send(b"".join(b"p%d NOOP\r\n" % number for number in range(count)))
        status = drain(client, b"p%d" % (count - 1), 60)
        longest = max(watchdog.turns.take(), default=0) / 1000
        watchdog.counter.check("NOOPs in a row give way", longest <= MOST_MS * watchdog.slack and status.startswith("OK"),
                               f"{longest:.1f} ms, {status}")


def tests(counter, options, make_server, folder):
    scale = 4 if options.slack > 1 else 1
    server = make_server(folder, users=["many", "tree", "bombs"],
                         settings={"log.level": "debug", "cache.memory": "32m"})
    messages(server, "many", MESSAGES // scale, KEYWORDS)
    full_folder(server, "many", FULL // scale)
    folders(server, "tree", FOLDERS // scale)
    bombs(server, "bombs", LARGE // scale)
    server.give_mail_to_owner()
    with server:
        watchdog = Watchdog(counter, server, options.slack)
        seen = 0
        for user, first, commands in (("many", LISTING_MS, MANY), ("tree", MOST_MS, TREE), ("bombs", MOST_MS, BOMBS)):
            with server.connect(user) as client:
                watchdog.run(client, "SELECT INBOX", f"first SELECT of {user}", first)
                if user == "many":
                    client.ok("CREATE Other")
                for text, label in commands:
                    if not options.only or options.only in label:
                        seen = max(seen, watchdog.run(client, text, label))
        if not options.only:
            counter.check("turns are told of", seen > 0)
            counter.run("news", news, watchdog, server)
            counter.run("a pipeline", pipelined, watchdog, server)


def arguments(parser):
    parser.add_argument("--slack", type=int, default=1, help="turns may be so many times as long; less is tried then")
    parser.add_argument("--only", help="commands with this in their label")


stress_test.main("steps", tests, arguments)
