#!/usr/bin/env python3
"""mbsync both ways: first run pulls and pushes everything, a second run transfers nothing, changes of both sides meet."""

import glob
import os
import re

from client_test import fill, main, marks, messages, require, run, state

CONFIG = """\
IMAPAccount test
Host localhost
Port {port}
User {user}
Pass {password}
SSLType IMAPS
CertificateFile {certificate}
Timeout 60

IMAPStore far
Account test

MaildirStore near
Path {near}/
Inbox {near}/INBOX
SubFolders Verbatim

Channel test
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
SyncState *
CopyArrivalDate yes
"""


class Mbsync:
    def __init__(self, server, folder):
        self.near = os.path.join(folder, "near")
        os.makedirs(self.near)
        self.config = os.path.join(folder, "mbsyncrc")
        with open(self.config, "w", encoding="ascii") as file:
            file.write(CONFIG.format(port=server.tls_port, user=server.users[0], password=server.password,
                                     certificate=server.cert, near=self.near))

    def sync(self):
        """Runs mbsync; returns (far, near), each {"+": added, "*": flags changed, "#": expunged}."""
        out = run(["script", "-qec", f"mbsync -c {self.config} test", "/dev/null"], seconds=300).stdout.decode()
        counts = re.findall(r"^(Far|Near):|\s([+*#~])(\d+)", out, re.MULTILINE)
        totals = re.findall(r"F: \+(\d+)/\d+ \*(\d+)/\d+ #(\d+)/\d+\s+N: \+(\d+)/\d+ \*(\d+)/\d+ #(\d+)/\d+", out)
        require(totals, f"no totals ({counts}) in: {out[-600:]}")
        last = [int(n) for n in totals[-1]]
        return last[:3], last[3:]

    def messages(self, mailbox):
        """{mark: (path, octets)} on the near side."""
        out = {}
        for path in glob.glob(os.path.join(glob.escape(os.path.join(self.near, mailbox)), "[cn][ue][rw]", "*")):
            with open(path, "rb") as file:
                octets = file.read()
            out[marks(octets)] = (path, octets)
        return out


def pull(mbsync, expected):
    far, near = mbsync.sync()
    require(far == [0, 0, 0], f"the first run changed the server: {far}")
    require(near[0] == sum(len(box) for box in expected.values()), f"pulled {near}")
    got = mbsync.messages("INBOX")
    require(set(got) == set(expected["INBOX"]), "other messages than the server has")
    for mark, (_, octets) in got.items():
        pulled = re.sub(rb"(?m)^X-TUID: .*\r?\n", b"", octets)
        require(messages.wire(pulled) == expected["INBOX"][mark], f"{mark}: other octets")


def nothing(mbsync):
    require(mbsync.sync() == ([0, 0, 0], [0, 0, 0]), "a run without changes transferred something")


def both_ways(mbsync, server):
    for number in range(200, 210):
        with open(os.path.join(mbsync.near, "INBOX", "new", f"{number}.near"), "wb") as file:
            file.write(messages.message(number, mark=f"n{number}"))
    gone = mbsync.messages("INBOX")["m2"][0]
    os.unlink(gone)
    flagged = mbsync.messages("INBOX")["m4"][0]
    os.rename(flagged, re.sub(r"/new/", "/cur/", re.sub(r":2,.*", "", flagged)) + ":2,FRS")
    with server.connect() as imap:
        imap.append("INBOX", messages.wire(messages.message(300, mark="f300")), ["\\Flagged"])
        imap.select("INBOX")
        imap.ok("UID STORE 7 +FLAGS (\\Answered)")
        imap.ok("UID STORE 8 +FLAGS (\\Deleted)")
        imap.ok("EXPUNGE")
    far, near = mbsync.sync()
    require(far[0] == 10 and near[0] == 1, f"added far {far}, near {near}")
    inbox = state(server)["INBOX"]
    require("m2" not in inbox and "m7" not in inbox, "an expunged message came back")
    require("n205" in inbox, "a near message was not pushed")
    require(inbox["m4"] == ["\\Answered", "\\Flagged", "\\Seen"], f"flags: {inbox['m4']}")
    near_inbox = mbsync.messages("INBOX")
    require("f300" in near_inbox and "m7" not in near_inbox, "changes of the server did not arrive")
    require("R" in near_inbox["m6"][0].split(":2,")[1], "\\Answered did not arrive")
    require(set(near_inbox) == set(inbox), "the two sides differ")


def new_mailbox(mbsync, server):
    box = os.path.join(mbsync.near, "Neu &- Alt")
    for sub in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(box, sub))
    with open(os.path.join(box, "new", "1.near"), "wb") as file:
        file.write(messages.message(400, mark="n400"))
    far, _ = mbsync.sync()
    require(far[0] == 1, f"pushed {far}")
    require(any("Neu" in name and "n400" in box for name, box in state(server).items()), "the mailbox was not made")


def tests(counter, server, folder):
    expected = counter.run("fill over IMAP", fill, server)
    mbsync = Mbsync(server, folder)
    counter.run("first run pulls everything", pull, mbsync, expected)
    counter.run("second run transfers nothing", nothing, mbsync)
    counter.run("changes of both sides", both_ways, mbsync, server)
    counter.run("again nothing", nothing, mbsync)
    counter.run("a mailbox made near", new_mailbox, mbsync, server)
    counter.run("and nothing once more", nothing, mbsync)


main("mbsync", tests)
