#!/usr/bin/env python3
"""offlineimap3 both ways, twice: everything arrives, a second run copies nothing, changes of both sides meet."""

import glob
import os
import re

from client_test import fill, main, marks, messages, require, run, state

CONFIG = """\
[general]
accounts = test
metadata = {folder}/offlineimap-metadata
ui = basic
fsync = False

[Account test]
localrepository = near
remoterepository = far

[Repository near]
type = Maildir
localfolders = {near}
sep = /
utf8foldernames = no

[Repository far]
type = IMAP
remotehost = localhost
remoteport = {port}
remoteuser = {user}
remotepass = {password}
ssl = yes
sslcacertfile = {certificate}
maxconnections = 3
folderfilter = lambda name: True
"""


class OfflineImap:
    def __init__(self, server, folder):
        self.near = os.path.join(folder, "offline")
        os.makedirs(self.near)
        self.config = os.path.join(folder, "offlineimaprc")
        self.environment = {"HOME": folder}
        with open(self.config, "w", encoding="ascii") as file:
            file.write(CONFIG.format(folder=folder, near=self.near, port=server.tls_port, user=server.users[0],
                                     password=server.password, certificate=server.cert))

    def sync(self):
        """Runs offlineimap; returns the lines that tell of a transfer."""
        done = run(["offlineimap", "-o", "-c", self.config], env=self.environment, seconds=300)
        text = (done.stdout + done.stderr).decode("utf-8", "replace")
        require("ERROR" not in text and "Traceback" not in text, text[-3000:])
        return [line for line in text.split("\n")
                if re.search(r"Copy message|Deleting|Adding flags|Removing flags|Creating folder", line)]

    def messages(self, mailbox):
        out = {}
        for path in glob.glob(os.path.join(glob.escape(os.path.join(self.near, mailbox)), "[cn][ue][rw]", "*")):
            with open(path, "rb") as file:
                octets = file.read()
            out[marks(octets)] = (path, octets)
        return out


def pull(client, expected):
    lines = client.sync()
    copied = [line for line in lines if "Copy message" in line]
    require(len(copied) == sum(len(box) for box in expected.values()), f"copied {len(copied)}")
    for name, folder in (("INBOX", "INBOX"), ("Archive/2019/Q4", "Archive/2019/Q4")):
        got = client.messages(folder)
        require(set(got) == set(expected[name]), f"{name}: {sorted(got)}")
        for mark, (_, octets) in got.items():
            # offlineimap writes messages anew by Python's email package, which adds empty lines between parts.
            require(octets.split() == expected[name][mark].split(), f"{name} {mark}: other octets")


def nothing(client):
    lines = client.sync()
    require(not lines, f"a run without changes did {lines[:5]}")


def both_ways(client, server):
    for number in range(200, 206):
        with open(os.path.join(client.near, "INBOX", "new", f"{number}.near"), "wb") as file:
            file.write(messages.message(number, mark=f"n{number}"))
    near = client.messages("INBOX")
    os.unlink(near["m2"][0])
    path = near["m4"][0]
    os.rename(path, path.replace("/new/", "/cur/").split(":2,")[0] + ":2,FRS")
    with server.connect() as imap:
        imap.append("INBOX", messages.wire(messages.message(300, mark="f300")), ["\\Flagged"])
        imap.select("INBOX")
        imap.ok("UID STORE 8 +FLAGS (\\Deleted)")
        imap.ok("EXPUNGE")
        imap.ok("UID STORE 7 +FLAGS (\\Answered)")
    client.sync()
    inbox = state(server)["INBOX"]
    require("m2" not in inbox and "m7" not in inbox, "an expunged message came back")
    require({f"n{n}" for n in range(200, 206)} <= set(inbox), "a near message was not pushed")
    require(inbox["m4"] == ["\\Answered", "\\Flagged", "\\Seen"], f"flags: {inbox['m4']}")
    near = client.messages("INBOX")
    require("f300" in near and "m7" not in near, "changes of the server did not arrive")
    require("R" in near["m6"][0].split(":2,")[1], "\\Answered did not arrive")
    require(set(near) == set(inbox), "the two sides differ")


def tests(counter, server, folder):
    expected = counter.run("fill over IMAP", fill, server)
    client = OfflineImap(server, folder)
    counter.run("first run pulls everything", pull, client, expected)
    counter.run("second run does nothing", nothing, client)
    counter.run("changes of both sides", both_ways, client, server)
    counter.run("again nothing", nothing, client)


main("offlineimap", tests)
