#!/usr/bin/env python3
"""The recipe of docs/beside-dovecot.md, with the lines that stand there: Maildock serves IMAP, Dovecot does delivery with
Sieve, POP3, ManageSieve and the passwords of SMTP, over one tree at the same time.

Usage: beside_dovecot.py BUILD
"""

import base64
import glob
import os
import poplib
import re
import select
import smtplib
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "lib"), HERE]

import servers  # noqa: E402
from counting import Counter, Skipped, require  # noqa: E402

FILTER = """require ["fileinto", "mailbox", "imap4flags"];
if header :contains "subject" "invoice" { fileinto :create "Bills"; stop; }
if header :contains "subject" "urgent" { addflag "\\\\Flagged"; keep; }
"""


def block(name):
    """The lines between <!-- name --> and <!-- end --> of the document."""
    with open(os.path.join(ROOT, "docs", "beside-dovecot.md"), encoding="utf-8") as file:
        found = re.search(rf"<!-- {name} -->\n(.*?)<!-- end -->", file.read(), re.DOTALL)
    require(found, f"the document has no block {name}")
    return "\n".join(line[4:] for line in found.group(1).splitlines())


class DovecotWithoutImap(servers.Dovecot):
    delimiter = "."

    def __init__(self, folder, **rest):
        if not glob.glob("/usr/lib/dovecot/lmtp") or not glob.glob("/usr/lib/dovecot/modules/*sieve_plugin.so"):
            raise Skipped("dovecot-lmtpd, dovecot-pop3d, dovecot-sieve and dovecot-managesieved are not installed")
        super().__init__(folder, delimiter=".", **rest)
        self.sieve_port = 0

    def configure(self):
        self.sieve_port = servers.free_ports(1)[0]
        owner = f"user = {self.owner}\n    mode = 0666"
        self.settings = f"""{block("dovecot")}
service lmtp {{
  unix_listener {self.path("lmtp")} {{
    {owner}
  }}
}}
service auth {{
  unix_listener {self.path("auth")} {{
    {owner}
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {self.port}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service managesieve-login {{
  inet_listener sieve {{
    port = {self.sieve_port}
  }}
}}
plugin {{
  sieve = ~/filter.sieve
}}
lda_mailbox_autocreate = yes
postmaster_address = postmaster@example.org
"""
        super().configure()

    def wait_ready(self, deadline):
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                poplib.POP3("127.0.0.1", self.port, timeout=5).quit()
                return
            except OSError:
                select.select([], [], [], 0.02)
        raise servers.ServerError(f"no POP3\n{self.log_tail()}")

    def deliver(self, subject):
        with smtplib.LMTP(self.path("lmtp")) as lmtp:
            lmtp.sendmail("sender@example.org", [self.users[0]],
                          f"From: sender@example.org\r\nSubject: {subject}\r\n\r\nText\r\n")


def maildock_settings(dovecot):
    """What the document says, with the places of this test."""
    keys = dict(re.split(r"\s*=\s*", line, maxsplit=1) for line in block("maildock").splitlines()
                if line and not line.startswith("#"))
    places = {"server.user": dovecot.owner if os.geteuid() == 0 else "", "auth.passwdfile.path": dovecot.path("passwd"),
              "mail.location": os.path.join(dovecot.mail_root, "%n", "Maildir")}
    require(set(places) <= set(keys), keys)
    for key in ("tls.certificate", "tls.key", "state.path"):
        keys.pop(key)
    return {**keys, **places}


def exists(imap, mailbox):
    """Messages of a mailbox as it is selected."""
    return imap.select(mailbox).of("EXISTS")[-1].number


def delivered(dovecot, maildock):
    """LMTP and Sieve: IDLE hears of it, the mailbox that a filter made is there, flags are set."""
    with maildock.connect() as imap:
        before = exists(imap, "INBOX")
        tag = imap.idle()
        dovecot.deliver("urgent")
        imap.wait_for(lambda response: response.kind == "EXISTS" and response.number == before + 1, 20)
        imap.done(tag)
        flags = imap.ok(f"FETCH {before + 1} (FLAGS)").fetched()[before + 1]["FLAGS"]
        require(b"\\Flagged" in flags, flags)
        dovecot.deliver("invoice 7")
        require(exists(imap, "Bills") == 1, "the filter's mailbox")


def by_pop3(dovecot, maildock):
    """What a client appends is there by POP3; what POP3 removes is told to an IMAP session."""
    with maildock.connect() as imap:
        imap.append("INBOX", b"Subject: by IMAP\r\n\r\nText\r\n")
        count = exists(imap, "INBOX")
        pop = poplib.POP3("127.0.0.1", dovecot.port, timeout=20)
        pop.user(dovecot.users[0])
        pop.pass_(dovecot.password)
        require(pop.stat()[0] == count, (pop.stat(), count))
        require(b"Subject: by IMAP" in pop.retr(count)[1], "the message")
        pop.dele(count)
        tag = imap.idle()
        pop.quit()
        imap.wait_for(lambda response: response.kind == "EXPUNGE" and response.number == count, 20)
        imap.done(tag)


def by_doveadm(dovecot, maildock):
    """doveadm sees and changes what Maildock's sessions see."""
    def doveadm(*arguments):
        done = subprocess.run(["doveadm", "-c", dovecot.path("dovecot.conf"), *arguments], capture_output=True, text=True,
                              timeout=60, check=False)
        require(done.returncode == 0, f"{arguments}: {done}")
        return done.stdout

    user = dovecot.users[0]
    with maildock.connect() as imap:
        count = exists(imap, "INBOX")
        uid = int(imap.ok("FETCH 1 (UID)").fetched()[1]["UID"])
        status = doveadm("mailbox", "status", "-u", user, "messages uidnext", "INBOX")
        require(f"messages={count}" in status, status)
        doveadm("flags", "add", "-u", user, "\\Answered", "mailbox", "INBOX", "uid", str(uid))
        flags = imap.ok("FETCH 1 (FLAGS)").fetched()[1]["FLAGS"]
        require(b"\\Answered" in flags, flags)
        doveadm("expunge", "-u", user, "mailbox", "INBOX", "uid", str(uid))
        require(imap.ok("NOOP").of("EXPUNGE")[0].number == 1, "no EXPUNGE")


def passwords_for_smtp(dovecot, _):
    """The socket that Postfix asks (Dovecot's authentication protocol 1.2)."""
    def answer(password):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(20)
            connection.connect(dovecot.path("auth"))
            with connection.makefile("rwb") as stream:
                stream.write(f"VERSION\t1\t2\nCPID\t{os.getpid()}\n".encode())
                stream.flush()
                while stream.readline().rstrip() != b"DONE":
                    pass
                secret = base64.b64encode(f"\0{dovecot.users[0]}\0{password}".encode()).decode()
                stream.write(f"AUTH\t1\tPLAIN\tservice=smtp\tsecured\tresp={secret}\n".encode())
                stream.flush()
                return stream.readline().split(b"\t")[0]

    require(answer(dovecot.password) == b"OK", "the right password")
    require(answer("wrong") == b"FAIL", "a wrong password")


def sieve_is_served(dovecot, _):
    """ManageSieve greets (RFC 5804 1.7)."""
    with socket.create_connection(("127.0.0.1", dovecot.sieve_port), timeout=20) as connection:
        require(connection.recv(100).startswith(b'"IMPLEMENTATION"'), "no greeting")


def recipe(counter, build, folder):
    dovecot = DovecotWithoutImap(folder)
    with open(os.path.join(dovecot.home(), "filter.sieve"), "w", encoding="ascii") as file:
        file.write(FILTER)
    dovecot.give_mail_to_owner()
    os.makedirs(os.path.join(dovecot.maildir(), "cur"))
    for name in ("new", "tmp"):
        os.makedirs(os.path.join(dovecot.maildir(), name))
    dovecot.give_mail_to_owner()
    maildock = servers.Maildock(build, folder, delimiter=".", mail_root=dovecot.mail_root)
    with dovecot:
        maildock.settings = maildock_settings(dovecot)
        with maildock:
            for test in (delivered, by_pop3, by_doveadm, passwords_for_smtp, sieve_is_served):
                counter.run(test.__doc__, test, dovecot, maildock)


def main():
    counter = Counter()
    build = sys.argv[1]
    with servers.WorkFolder("beside") as folder:
        counter.run("the recipe", recipe, counter, build, folder)
    sys.exit(counter.finish())


if __name__ == "__main__":
    main()
