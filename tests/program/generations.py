#!/usr/bin/env python3
"""Reloads: what a SIGHUP has replaced is freed when the last who used it lets go. And what the log says how loudly.

Usage: generations.py BUILD_FOLDER. Ends with the line "N passed, M failed".
"""

import contextlib
import os
import re
import signal
import socket
import sqlite3
import sys
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib")]

import servers  # noqa: E402
from counting import require  # noqa: E402

PATIENCE = 60
RELOADS = 50
HOST = "127.0.0.1"


def wait_until(is_so, what):
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        require(time.monotonic() < deadline, what() if callable(what) else what)
        time.sleep(0.02)


def log_of(server):
    with open(server.path("stderr.log"), encoding="utf-8") as file:
        return file.read()


def with_database(build, folder, **settings):
    """Two plugins, of which sql has threads and connections of its own."""
    server = servers.Maildock(build, folder, users=("anna",), settings={
        "auth.plugins": "passwdfile, sql", "auth.sql.database": "sqlite", "auth.chain": "first-success",
        "auth.sql.connection": server_file(folder), "auth.sql.connections": "2", "auth.cache": "0",
        "auth.sql.passwordQuery": "SELECT password FROM users WHERE name = %u", **settings})
    with contextlib.closing(sqlite3.connect(server_file(folder))) as database:
        database.execute("CREATE TABLE users (name text, password text)")
        database.execute("INSERT INTO users VALUES ('ben', '{PLAIN}secret')")
        database.commit()
    os.chmod(server_file(folder), 0o644)
    return server


def server_file(folder):
    return os.path.join(folder, "users.db")


def reload(server):
    told = log_of(server).count("maildock: reloaded")
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: log_of(server).count("maildock: reloaded") > told, "no reload")


class Cost:
    """Threads, descriptors and memory (KiB) of the server."""

    def __init__(self, server):
        self.threads = server.threads()
        self.descriptors = len(os.listdir(f"/proc/{server.process.pid}/fd"))
        with open(f"/proc/{server.process.pid}/status", encoding="ascii") as file:
            self.memory = int(next(line.split()[1] for line in file if line.startswith("VmRSS:")))

    @staticmethod
    def can_tell_memory(server):
        """AddressSanitizer keeps what is freed for a while."""
        with open(f"/proc/{server.process.pid}/maps", encoding="utf-8") as file:
            return "libasan" not in file.read()

    def __repr__(self):
        return f"{self.threads} threads, {self.descriptors} descriptors, {self.memory} KiB"


def nothing_grows(build, folder):
    """Sessions are open, begin and end meanwhile; one is in the middle of a sign-in over every reload."""
    server = with_database(build, folder)
    with server, server.connect("anna") as staying:
        def round_of_use():
            with socket.create_connection((HOST, server.port)) as halfway, server.connect("ben"):
                with halfway.makefile("rb") as lines:
                    require(lines.readline().startswith(b"* OK"), "no greeting")
                    halfway.sendall(b"a AUTHENTICATE PLAIN\r\n")
                    require(lines.readline().startswith(b"+"), "no challenge")
                    reload(server)
                    # The plugins that the exchange began with answer it: user ben, password secret.
                    halfway.sendall(b"AGJlbgBzZWNyZXQ=\r\n")
                    require(lines.readline().startswith(b"a OK"), "the exchange did not outlive the reload")
            staying.ok("NOOP")
        for _ in range(5):
            round_of_use()
        before = Cost(server)
        for _ in range(RELOADS):
            round_of_use()

        def is_as_before():
            now = Cost(server)
            return now.threads <= before.threads and now.descriptors <= before.descriptors + 1
        wait_until(is_as_before, lambda: f"{before}, after {RELOADS} reloads {Cost(server)}")
        # A generation of these plugins is 100 KiB and more; what malloc keeps in pieces is less.
        grown = Cost(server).memory - before.memory
        require(grown < RELOADS * 80 or not Cost.can_tell_memory(server), f"{before}, after {RELOADS} reloads {Cost(server)}")
        print(f"# {before}, after {RELOADS} reloads {Cost(server)}")
        require(server.connect("ben").ok("NOOP").status == "OK", "ben")


def levels(build, folder):
    """What an admin has to see is a warning or an error; what clients do is not."""
    server = servers.Maildock(build, folder, users=("anna", "ben"), settings={
        "log.level": "warning", "auth.plaintextWithoutTls": "false", "auth.penalty": "0", "mail.create": "false"})
    for user in server.users:
        os.makedirs(server.home(user), exist_ok=True)
    for part in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(server.maildir("anna"), part))
    server.give_mail_to_owner()
    with server:
        with server.connect(login=False) as client:
            require(client.command("LOGIN", "anna", "secret").code_is(b"PRIVACYREQUIRED"), "no TLS")
        with server.connect(login=False, tls=True) as client:
            require(client.command("LOGIN", "anna", "wrong").status == "NO", "wrong")
            require(client.command("LOGIN", "ben", "secret").code_is(b"UNAVAILABLE"), "ben has no tree")
            client.ok("LOGIN", "anna", "secret")
            os.rename(server.path("users"), server.path("users.away"))
            with server.connect(login=False, tls=True) as second:
                require(second.command("LOGIN", "anna", "secret").code_is(b"UNAVAILABLE"), "no users file")
            os.rename(server.path("users.away"), server.path("users"))
            os.rename(server.maildir("anna"), server.maildir("anna") + ".away")
            require(client.command("CREATE", "Box").status == "NO", "CREATE")
            os.rename(server.maildir("anna") + ".away", server.maildir("anna"))
        said = log_of(server)
    for level, text in (("Warning", "log-in of anna refused (passwords are taken under TLS alone)"),
                        ("Warning", "log-in of anna failed (passwdfile: wrong password)"),
                        ("Error", "log-in of ben: cannot open the mail: there is no mail tree"),
                        ("Error", "log-in of anna: temporary failure ("), ("Error", "CREATE: the root of the mail can't be looked at")):
        require(re.search(rf"^\S+ \S+ {level} imapd: session \d+ user \S+ peer \S+: {re.escape(text)}", said, re.M),
                f"not at level {level}: {text}\n{said}")
    require("logged in" not in said, said)


def lines_of_the_start(build, folder):
    """Each has its time, and the warnings of a file come once, at the start and at a reload."""
    server = servers.Maildock(build, folder, users=("anna",))
    usual = server.configure

    def configure():
        usual()
        with open(server.path("users"), "a", encoding="utf-8") as file:
            file.write("carl:{NONSENSE}x\n")
    server.configure = configure
    with server:
        lines = [line for line in log_of(server).splitlines() if line != "maildock ready"]
        require(all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} ", line) for line in lines), "\n".join(lines))
        require(log_of(server).count("the user carl can't sign in") == 1, log_of(server))
        reload(server)
        require(log_of(server).count("the user carl can't sign in") == 2, log_of(server))
        # A file that changed later is told as well.
        with open(server.path("users"), "a", encoding="utf-8") as file:
            file.write("dora:{NONSENSE}x\n")
        with server.connect("anna"):
            pass
        require(log_of(server).count("the user dora can't sign in") == 1, log_of(server))


def priorities_for_the_journal(build, folder):
    """Where standard error is a stream of the journal's."""
    class Journalled(servers.Maildock):
        variable = True

        def environment(self):
            status = os.stat(self.path("stderr.log"))
            inode = status.st_ino + (0 if self.variable else 1)
            return {**os.environ, "JOURNAL_STREAM": f"{status.st_dev}:{inode}"}
    server = Journalled(build, folder, users=("anna",), settings={"auth.penalty": "0"})
    with server:
        with server.connect(login=False) as client:
            client.command("LOGIN", "anna", "wrong")
        said = log_of(server)
        require(re.search(r"^<6>\d{4}-.* Information maildock: started with", said, re.M), said)
        require(re.search(r"^<4>\d{4}-.* Warning imapd: session .* failed \(", said, re.M), said)
    os.remove(server.path("stderr.log"))
    server.variable = False
    with server:
        require("<6>" not in log_of(server), "another stream is taken for the journal")


def fail2ban(build, folder):
    """The filter finds failed log-ins, and takes nobody for a guesser who was refused for another reason."""
    filter_file = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "etc",
                               "fail2ban", "filter.d", "maildock.conf")
    with open(filter_file, encoding="utf-8") as file:
        pattern = next(line.split("=", 1)[1].strip() for line in file if line.startswith("failregex"))
    pattern = re.compile(pattern.replace("<ADDR>", r"(?P<address>[0-9a-f.:]+)"))
    server = servers.Maildock(build, folder, users=("anna",),
                              settings={"auth.penalty": "0", "auth.plaintextWithoutTls": "false"})
    with server:
        with server.connect(login=False) as client:
            client.command("LOGIN", "anna", "secret")
        with server.connect(login=False, tls=True) as client:
            client.command("LOGIN", "anna", "wrong")
            client.ok("LOGIN", "anna", "secret")
        lines = log_of(server).splitlines()
    # fail2ban takes the time off a line first.
    found = [line for line in lines if pattern.search(re.sub(r"^\S+ \S+ ", "", line))]
    require(len(found) == 1 and "wrong password" in found[0], found or lines)


if __name__ == "__main__":
    sys.exit(servers.run_cases("generations", __doc__, (
        nothing_grows, levels, lines_of_the_start, priorities_for_the_journal, fail2ban)))
