#!/usr/bin/env python3
"""Writes the Maildir tree of `make run`: about 40 varied messages in a few mailboxes. Usage: demotree.py FOLDER

The tree is what a delivery agent and an older server would have left: some mail still in new/, flags in the names,
subscriptions, keywords. Maildock sees it for the first time, without a uid list.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))

import messages  # noqa: E402
from imapclient import encode_name  # noqa: E402

WELCOME = """\
From: Maildock <maildock@localhost>
To: Demo <demo@localhost>
Subject: Welcome
Date: Mon, 14 Sep 2020 09:00:00 +0000
Message-ID: <welcome@localhost>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

Hello,

this is a demo tree: read it, flag, file, search and delete as you like. Every message is a file below
run/demo/mail/demo; remove run/demo and type `make run` to have it anew.

To serve your own mail instead, see "Over your own tree" in README.md.
"""

# mailbox, as components: numbers of the messages in it. The empty path is INBOX.
MAILBOXES = {
    (): range(0, 14),
    ("Archive",): range(14, 18),
    ("Archive", "2019"): range(18, 21),
    ("Archive", "2019", "Q4"): range(21, 23),
    ("Drafts",): range(23, 24),
    ("Sent",): range(24, 29),
    ("Projekte",): (),
    ("Projekte", "Müller & Söhne"): range(29, 33),
    ("日本語",): range(33, 36),
    ("Lists", "release"): range(36, 40),
    ("Trash",): range(40, 41),
}
FLAGS = ["S", "", "S", "RS", "FS", "S"]
KEYWORDS = ["$Label1", "$Forwarded"]


def folder_of(root, path):
    return root if not path else os.path.join(root, "." + ".".join(encode_name(p).decode("ascii") for p in path))


def write_message(folder, sub, name, octets, moment):
    path = os.path.join(folder, sub, name)
    with open(path, "wb") as file:
        file.write(octets)
    os.utime(path, (moment, moment))


def write_mailbox(folder, numbers, is_inbox, flags=None):
    for sub in ("tmp", "new", "cur"):
        os.makedirs(os.path.join(folder, sub), exist_ok=True)
    numbers = list(numbers)
    for position, number in enumerate(numbers):
        octets = messages.message(number)
        moment = messages.EPOCH + number * 3607
        base = f"{moment}.M{number:06d}P1.demo,S={len(octets)},W={len(messages.wire(octets))}"
        if is_inbox and position >= len(numbers) - 3:
            write_message(folder, "new", base, octets, moment)
        else:
            letters = flags or FLAGS[number % len(FLAGS)]
            if number % 7 == 0:
                letters += "a"  # the first line of dovecot-keywords
            write_message(folder, "cur", f"{base}:2,{letters}", octets, moment)
    if any(number % 7 == 0 for number in numbers):
        with open(os.path.join(folder, "dovecot-keywords"), "w", encoding="ascii") as file:
            file.writelines(f"{index} {name}\n" for index, name in enumerate(KEYWORDS))
    if not is_inbox:
        open(os.path.join(folder, "maildirfolder"), "wb").close()


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: demotree.py FOLDER")
    root = sys.argv[1]
    if os.path.exists(root):
        sys.exit(f"demotree: {root} is there already")
    building = root + ".part"  # so that an interrupted run leaves no half a tree under the name
    os.makedirs(building)
    for path, numbers in MAILBOXES.items():
        flags = {("Drafts",): "D", ("Sent",): "S"}.get(path)
        write_mailbox(folder_of(building, path), numbers, not path, flags)
    welcome = WELCOME.encode("utf-8")
    write_message(building, "new", f"{messages.EPOCH + 10_000_000}.M1P1.demo,S={len(welcome)}", welcome,
                  messages.EPOCH + 10_000_000)
    with open(os.path.join(building, "subscriptions"), "w", encoding="ascii") as file:
        file.write("V\t2\n\n")
        for path in MAILBOXES:
            if path:
                file.write("\t".join(encode_name(p).decode("ascii") for p in path) + "\n")
    os.rename(building, root)


if __name__ == "__main__":
    main()
