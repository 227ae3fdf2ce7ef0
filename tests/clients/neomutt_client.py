#!/usr/bin/env python3
"""neomutt driven by pushed keys: reads, flags, copies, saves, deletes and searches over imaps://."""

import os

from client_test import encode_name, fill, main, messages, quote, require, run, state

CONFIG = """\
set ssl_force_tls = yes
set ssl_verify_host = no
set certificate_file = "{certificate}"
set imap_user = "{user}"
set imap_pass = "{password}"
set imap_authenticators = "{authenticator}"
set folder = "imaps://localhost:{port}/"
set spoolfile = "+INBOX"
set record = ""
set quit = yes
set delete = yes
set copy = no
set confirmappend = no
set confirmcreate = no
set move = no
set mark_old = no
set wait_key = no
set imap_idle = yes
set mail_check = 5
set timeout = 5
set charset = "utf-8"
set header_cache = ""
set tmpdir = "{folder}"
set use_envelope_from = no
set nm_default_url = ""
set auto_tag = no
set resolve = no
set sleep_time = 0
"""


class Neomutt:
    def __init__(self, server, folder, authenticator="plain"):
        self.folder = folder
        self.config = os.path.join(folder, f"neomuttrc-{authenticator}")
        self.environment = {"HOME": folder, "TERM": "vt100"}
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(port=server.tls_port, user=server.users[0], password=server.password,
                                     certificate=server.cert, folder=folder, authenticator=authenticator))

    def __call__(self, mailbox, keys):
        """Opens a mailbox, types the keys and leaves."""
        command = os.path.join(self.folder, "keys")
        with open(command, "w", encoding="utf-8") as file:
            file.write(f"push '{keys}'\n")
        line = f"stty rows 40 cols 120; exec neomutt -n -F {self.config} -e 'source {command}' -f '{mailbox}'"
        return run(["script", "-qec", line, "/dev/null"], env=self.environment, seconds=60).stdout


def reading(neomutt, folder, expected):
    out = os.path.join(folder, "saved")
    neomutt("+INBOX", f"<jump>2<enter><copy-message>{out}<enter><exit>")
    with open(out, "rb") as file:
        octets = file.read()
    require(octets.startswith(b"From "), octets[:60])
    require(b"X-Mark: m1\n" in octets, "not message 2")
    body = expected["INBOX"]["m1"].replace(b"\r\n", b"\n").split(b"\n\n", 1)[1]
    require(body.rstrip() in octets, "another body")


def flagging(neomutt, server):
    neomutt("+INBOX", "<jump>3<enter><flag-message><sync-mailbox><jump>4<enter><set-flag>r<sync-mailbox><exit>")
    inbox = state(server)["INBOX"]
    require("\\Flagged" in inbox["m2"], f"m2 {inbox['m2']}")
    require("\\Answered" in inbox["m3"], f"m3 {inbox['m3']}")


def copying(neomutt, server, number):
    neomutt("+INBOX", f"<jump>{number + 1}<enter><copy-message>=leer<enter><exit>")
    boxes = state(server)
    require(f"m{number}" in boxes["leer"] and f"m{number}" in boxes["INBOX"], "copy")


def moving(neomutt, server):
    neomutt("+INBOX", "<jump>6<enter><save-message>=leer<enter><sync-mailbox><exit>")
    boxes = state(server)
    require("m5" in boxes["leer"] and "m5" not in boxes["INBOX"], f"save: {sorted(boxes['INBOX'])}")


def pattern_delete(neomutt, server):
    neomutt("+INBOX", "<delete-pattern>~s Rechnung<enter><sync-mailbox><exit>")
    inbox = state(server)["INBOX"]
    require("m4" not in inbox and "m16" not in inbox, "what the pattern named is still there")
    require("m6" in inbox, "what it did not name is gone")


def server_search(neomutt, server):
    neomutt("+INBOX", "<tag-pattern>=b zzzunlikely<enter><tag-pattern>=h \"X-Mark: m9\"<enter>"
                      "<tag-prefix><flag-message><sync-mailbox><exit>")
    flagged = {m for m, flags in state(server)["INBOX"].items() if "\\Flagged" in flags}
    require("m9" in flagged, f"flagged: {sorted(flagged)}")


def non_ascii(neomutt, server):
    name = "Müller & Söhne"
    neomutt(f"+{name}", "<jump>1<enter><flag-message><sync-mailbox><exit>")
    box = state(server)[encode_name(name).decode()]
    require("\\Flagged" in box["m26"], f"{box}")


def sending_away(neomutt, folder, server):
    """An mbox file copied into a mailbox: APPEND by neomutt."""
    mbox = os.path.join(folder, "mbox")
    with open(mbox, "wb") as file:
        for number in range(3):
            file.write(b"From x@example.org Mon Sep 14 09:00:00 2020\n" + messages.message(500 + 12 * number, mark=f"u{number}")
                       + b"\n")
    with server.connect() as imap:
        imap.ok("CREATE", "uploaded")
    neomutt(mbox, "<tag-pattern>~A<enter><tag-prefix><copy-message>=uploaded<enter><exit>")
    require(set(state(server)["uploaded"]) == {"u0", "u1", "u2"}, "not all messages were appended")


def tests(counter, server, folder):
    expected = counter.run("fill over IMAP", fill, server)
    neomutt = Neomutt(server, folder)
    counter.run("read and copy to a file", reading, neomutt, folder, expected)
    counter.run("flag", flagging, neomutt, server)
    counter.run("copy", copying, neomutt, server, 4)
    counter.run("move", moving, neomutt, server)
    counter.run("delete by pattern", pattern_delete, neomutt, server)
    counter.run("search on the server", server_search, neomutt, server)
    counter.run("a non-ASCII mailbox", non_ascii, neomutt, server)
    counter.run("append", sending_away, neomutt, folder, server)
    counter.run("sign in by LOGIN", copying, Neomutt(server, folder, "login"), server, 0)


main("neomutt", tests)
