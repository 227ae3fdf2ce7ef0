#!/usr/bin/env python3
"""curl over imap:// and imaps://: list, fetch, append, search, STORE."""

import os

from client_test import fill, main, marks, messages, require, run


class Curl:
    def __init__(self, server, tls):
        self.base = f"imaps://127.0.0.1:{server.tls_port}" if tls else f"imap://127.0.0.1:{server.port}"
        self.options = ["curl", "-sS", "-k", "--max-time", "60", "-u", f"{server.users[0]}:{server.password}"]

    def __call__(self, path, *options, ok=True):
        return run([*self.options, *options, f"{self.base}/{path}"], ok=ok)


def listing(curl):
    out = curl("").stdout
    require(b"INBOX" in out and b"&ZeVnLIqe-" in out, out)
    require(b"Archive/2019/Q4" in curl("", "-X", 'LIST "Archive" *').stdout, "LIST with a reference")


def fetching(curl, expected):
    for number in (1, 9, 20):
        octets = curl(f"INBOX;MAILINDEX={number}").stdout
        require(octets == expected["INBOX"][marks(octets)], f"message {number} has other octets")
    uid = curl("INBOX;UID=2;SECTION=HEADER").stdout
    require(uid.startswith(b"Return-Path:") and uid.endswith(b"\r\n\r\n"), uid[-80:])
    require(curl("M%26APw-ller%20%26-%20S%26APY-hne;MAILINDEX=1").stdout == expected["Müller & Söhne"]["m26"],
            "a name in UTF-7")
    require(curl("INBOX;MAILINDEX=1;PARTIAL=0.20", ok=False).returncode in (0, 3), "PARTIAL")
    require(curl("INBOX;MAILINDEX=999", ok=False).returncode == 78, "a message that is not there")
    require(curl("INBOX;UIDVALIDITY=1;UID=1", ok=False).returncode != 0, "another UIDVALIDITY")


def searching(curl):
    out = curl("INBOX?SUBJECT%20Rechnung").stdout
    require(out.strip() == b"* SEARCH 5 17", out)
    require(len(curl("INBOX?UNSEEN").stdout.split()) >= 2 + 5, "UNSEEN")


def appending(curl, folder, mark):
    path = os.path.join(folder, "upload.eml")
    octets = messages.wire(messages.message(100, mark=mark))
    with open(path, "wb") as file:
        file.write(octets)
    curl("leer", "-T", path)
    require(curl("leer;MAILINDEX=*").stdout == octets, "what was appended came back otherwise")


def storing(curl, number):
    out = curl("INBOX", "-X", f"STORE {number} +Flags \\Draft").stdout
    require(b"\\Draft" in out, out)
    require(b"\\Draft" in curl("INBOX", "-X", f"FETCH {number} FLAGS").stdout, "the flag is gone")


def wrong_password(server, tls):
    curl = Curl(server, tls)
    curl.options[-1] = f"{server.users[0]}:wrong"
    require(curl("", ok=False).returncode == 67, "not \"access denied\"")


def tests(counter, server, folder):
    expected = fill(server)
    for scheme, tls in (("imap", False), ("imaps", True)):
        curl = Curl(server, tls)
        counter.run(f"{scheme}: list", listing, curl)
        counter.run(f"{scheme}: fetch", fetching, curl, expected)
        counter.run(f"{scheme}: search", searching, curl)
        counter.run(f"{scheme}: append", appending, curl, folder, f"upload-{scheme}")
        counter.run(f"{scheme}: store", storing, curl, 3 + tls)
        counter.run(f"{scheme}: wrong password", wrong_password, server, tls)
    counter.run("STARTTLS", lambda: Curl(server, False)("", "--ssl-reqd"))


main("curl", tests)
