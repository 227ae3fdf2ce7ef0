"""The tree that each crash test starts from, what a client sees of one, and the rules for what a crash may leave."""

import os
import re
import shutil

from imapclient import Literal, mailbox_argument, quote

MAILBOXES = ["INBOX", "Work", "Old", "Old/Sub", "Gone"]


def message(name, octets=0):
    text = f"Message-ID: <{name}@example.org>\r\nSubject: {name}\r\n\r\nThis is {name}.\r\n".encode()
    return text + (f"{name} ".encode() * 9 + b"\r\n") * (octets // (len(name) * 9 + 11))


FIRST = {
    "INBOX": [("one", []), ("two", ["\\Seen"]), ("three", ["\\Flagged", "$Work"]), ("four", ["\\Deleted"]),
              ("five", ["\\Deleted", "\\Seen"])],
    "Work": [("w1", ["\\Seen"]), ("w2", [])],
    "Old": [("o1", ["\\Seen"])],
    "Old/Sub": [("s1", [])],
    "Gone": [("g1", ["\\Seen"])],
}


def fill(client):
    for mailbox in MAILBOXES:
        if mailbox != "INBOX":
            client.ok("CREATE", mailbox_argument(mailbox))
        for name, flags in FIRST[mailbox]:
            client.append(mailbox, message(name), flags)
    client.ok("SUBSCRIBE", "Work")


def copy_tree(source, target):
    """Replaces `target`; owners and times stay."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, symlinks=True)
    for parent, _, files in os.walk(target):
        relative = os.path.relpath(parent, source if parent.startswith(source + "/") else target)
        like = os.stat(os.path.join(source, relative))
        os.chown(parent, like.st_uid, like.st_gid)
        for name in files:
            os.chown(os.path.join(parent, name), like.st_uid, like.st_gid)


def age_locks(folder, seconds):
    """As if the restart had taken so long: a lock whose maker died before it wrote its number goes by age alone."""
    for parent, _, files in os.walk(folder):
        for name in files:
            if name.endswith(".lock"):
                then = os.stat(os.path.join(parent, name)).st_mtime - seconds
                os.utime(os.path.join(parent, name), (then, then))


class Seen:
    """What a fresh client sees: `boxes` {name: (UIDVALIDITY, UIDNEXT, {UID: (content, flags)})}, `subscribed`."""

    def __init__(self, client):
        self.boxes = {}
        names = [r.data[2].decode() for r in client.ok("LIST", '""', '"*"').of("LIST")
                 if not any(flag.lower() in (b"\\noselect", b"\\nonexistent") for flag in r.data[0])]
        for name in names:
            selected = client.select(name, "EXAMINE")
            validity = int(selected.code_value(b"UIDVALIDITY"))
            following = int(selected.code_value(b"UIDNEXT"))
            fetched = client.ok("UID", "FETCH", "1:*", "(UID FLAGS BODY.PEEK[])").fetched()
            messages = {}
            for items in fetched.values():
                flags = frozenset(flag.lower() for flag in items["FLAGS"]) - {b"\\recent"}
                uid = int(items["UID"])
                if uid in messages:
                    raise AssertionError(f"{name}: UID {uid} twice")
                messages[uid] = (items["BODY[]"], flags)
            self.boxes[name] = (validity, following, messages)
        self.subscribed = {r.data[2].decode() for r in client.ok("LSUB", '""', '"*"').of("LSUB")}

    def messages(self, mailbox):
        return self.boxes[mailbox][2] if mailbox in self.boxes else {}

    def find(self, content):
        """Where a message is: [(mailbox, UID)]."""
        return [(box, uid) for box, (_, _, messages) in self.boxes.items()
                for uid, (octets, _) in messages.items() if octets == content]


def problems_of_lists(maildir, may_be_torn=False):
    """What Dovecot would not accept in the UID lists below; it drops a list at the first of these."""
    found = []
    for parent, folders, files in os.walk(maildir):
        if "dovecot-uidlist" in files:
            with open(os.path.join(parent, "dovecot-uidlist"), "rb") as file:
                octets = file.read()
            place = os.path.relpath(parent, maildir)
            lines = octets.split(b"\n")
            if lines[-1] and not may_be_torn:
                found.append(f"{place}: half a row {lines[-1]!r}")
            header = re.fullmatch(rb"3(?: [A-Z][^ ]*)+", lines[0])
            following = re.search(rb" N(\d+)", lines[0])
            if not header or not following or not re.search(rb" V[1-9]\d*", lines[0]):
                found.append(f"{place}: header {lines[0]!r}")
            last = 0
            for line in lines[1:-1]:
                row = re.fullmatch(rb"(\d+)(?: [A-Z][^ ]*)* :[^/:]+", line)
                if not row or int(row.group(1)) <= last:
                    found.append(f"{place}: row {line!r} after UID {last}")
                    break
                last = int(row.group(1))
    return found


def append_command(mailbox, octets, flags):
    return ["APPEND", mailbox_argument(mailbox), list(flags), Literal(octets)]


__all__ = ["MAILBOXES", "FIRST", "Seen", "age_locks", "append_command", "copy_tree", "fill", "message", "problems_of_lists", "quote"]
