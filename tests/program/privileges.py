#!/usr/bin/env python3
"""Started as root, the server keeps of root's rights only what it needs, and the kernel keeps users apart.

Usage: privileges.py BUILD_FOLDER. Needs root: otherwise status 77. Ends with the line "N passed, M failed".
"""

import concurrent.futures
import os
import pwd
import signal
import socket
import subprocess
import sys
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib")]

import servers  # noqa: E402
from counting import Counter, require  # noqa: E402

PATIENCE = 30
USERS = {"anna": 61001, "ben": 61002}  # of the system, without an entry in /etc/passwd: a plugin tells their ids
SETUID_SETGID = (1 << 7) | (1 << 6)
MESSAGE = b"Subject: secret of %s\r\n\r\nFor nobody else.\r\n"


class Server(servers.Maildock):
    """Trees of users of the system, each its owner's alone; the server becomes another user."""

    def __init__(self, build, folder, run_as, **rest):
        super().__init__(build, folder, users=tuple(USERS), **rest)
        self.run_as = pwd.getpwnam(run_as)
        self.settings["server.user"] = run_as
        # As an administrator would: readable by the server, by nobody else.
        for path in (self.cert, self.key):
            os.chown(path, 0, self.run_as.pw_gid)
            os.chmod(path, 0o640)
        os.chmod(folder, 0o755)

    def configure(self):
        super().configure()
        lines = "".join(f"{user}:{{PLAIN}}secret:{uid}:{uid}::{self.home(user)}::\n" for user, uid in USERS.items())
        lines += f"thief:{{PLAIN}}secret:{USERS['ben']}:{USERS['ben']}::::userdb_mail={self.maildir('anna')}\n"
        lines += f"root:{{PLAIN}}secret:0:0::::userdb_mail={self.maildir('anna')}\nnobody:{{PLAIN}}secret\n"
        self.write("users", lines, mode=0o640)
        os.chown(self.path("users"), 0, self.run_as.pw_gid)
        self.write("log", "")
        os.chown(self.path("log"), self.run_as.pw_uid, self.run_as.pw_gid)

    def status_of_threads(self):
        """The lines of /proc/PID/task/*/status, a dictionary a thread."""
        found = []
        for thread in os.listdir(f"/proc/{self.process.pid}/task"):
            with open(f"/proc/{self.process.pid}/task/{thread}/status", encoding="ascii") as file:
                found.append(dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line))
        return found


def own_trees(server):
    for user, uid in USERS.items():
        os.makedirs(server.home(user), exist_ok=True)
        os.chown(server.home(user), uid, uid)
        os.chmod(server.home(user), 0o700)


def rights_are_given_up(server, capabilities):
    def is_quiet(status):
        return status["Uid"].split() == [str(server.run_as.pw_uid)] * 4
    deadline = time.monotonic() + PATIENCE
    while not all(is_quiet(status) for status in server.status_of_threads()):
        require(time.monotonic() < deadline, [s["Uid"] for s in server.status_of_threads()])
        time.sleep(0.02)
    for status in server.status_of_threads():
        require(status["Gid"].split() == [str(server.run_as.pw_gid)] * 4, status["Gid"])
        require("0" not in status["Groups"].split(), "the group root stays")
        for name in ("CapEff", "CapPrm"):
            require(int(status[name], 16) == capabilities, f"{name} {status[name]}")
        require(int(status["CapInh"], 16) == 0 and int(status["CapAmb"], 16) == 0, "capabilities are handed on")


def appended(server, user):
    with server.connect(user) as client:
        client.append("INBOX", MESSAGE % user.encode())
        client.ok("CREATE", "Box")
        client.append("Box", MESSAGE % user.encode())
        client.select("INBOX")
        client.ok("STORE 1 +FLAGS (\\Seen)")


def all_files_are_their_owners(server):
    for user, uid in USERS.items():
        for parent, folders, files in os.walk(server.home(user)):
            for name in folders + files:
                status = os.lstat(os.path.join(parent, name))
                require((status.st_uid, status.st_gid) == (uid, uid), f"{parent}/{name}: {status.st_uid}")


def link_leads_nowhere(server):
    """What ben puts into his tree leads no further than ben may go."""
    os.symlink(server.maildir("anna"), os.path.join(server.maildir("ben"), ".Stolen"))
    box = os.path.join(server.maildir("ben"), ".Box", "cur")
    secret = os.path.join(server.maildir("anna"), "cur", os.listdir(os.path.join(server.maildir("anna"), "cur"))[0])
    os.symlink(secret, os.path.join(box, "9999.link:2,"))
    with server.connect("ben") as client:
        require(client.command("SELECT", "Stolen").status == "NO", "ben opens anna's mailbox")
        client.select("Box")
        for number in range(1, 9):
            said = client.command(f"FETCH {number} BODY.PEEK[]")
            require(b"secret of anna" not in repr(said.untagged).encode(), "ben reads anna's message by a link")
            if said.status == "BAD":
                break
    os.remove(os.path.join(box, "9999.link:2,"))
    os.remove(os.path.join(server.maildir("ben"), ".Stolen"))


def wrong_location(server):
    """An account whose mail is somebody else's, while that one has it open, and while not."""
    def try_it():
        with server.connect(login=False) as thief:
            said = thief.command("LOGIN", "thief", "secret")
            require(said.status == "NO" or thief.command("SELECT", "INBOX").status == "NO", "the thief is in")
    try_it()
    with server.connect("anna") as anna:
        anna.select("INBOX")
        try_it()
        anna.ok("NOOP")


def restart(server):
    """With the owners as they were: stopping gives all mail to one account."""
    owners = {}
    for parent, folders, files in os.walk(server.mail_root):
        for path in [parent] + [os.path.join(parent, name) for name in folders + files]:
            status = os.lstat(path)
            owners[path] = (status.st_uid, status.st_gid)
    server.stop()
    for path, (uid, gid) in owners.items():
        if os.path.lexists(path):
            os.lchown(path, uid, gid)
    server.start()


SHOWN = "(ENVELOPE BODYSTRUCTURE BODY.PEEK[HEADER.FIELDS (SUBJECT)])"


def facts_stay_with_their_reader(server):
    """A folder that two users of the system may list, with files that one of them may read: what that one was shown
    is not shown to the other, not from memory and not from the cache on disk."""
    anna, parts = server.maildir("anna"), [server.home("anna"), server.maildir("anna")]
    parts += [os.path.join(anna, name) for name in ("cur", "new", "tmp")]

    def secret_is_kept(when):
        with server.connect(login=False) as guest:
            require(guest.command("LOGIN", "thief", "secret").status == "OK", f"{when}: the guest may not look")
            guest.select("INBOX", "EXAMINE")
            said = guest.command("FETCH 1", SHOWN)
            require(said.status == "NO" and said.code_is(b"NOPERM"), f"{when}: {said!r}")
            require(b"secret" not in repr(said.untagged).encode(), f"{when}: {said.untagged!r}")
            for keys in ("SUBJECT secret", "TEXT secret", "FROM example", "HEADER Subject secret"):
                found = guest.ok("SEARCH", keys).of("SEARCH")[0].data
                require(not found, f"{when}: SEARCH {keys} finds {found!r}")
        with server.connect("anna") as client:
            client.select("INBOX")
            require(b"secret" in repr(client.ok("FETCH 1", SHOWN).untagged).encode(), f"{when}: anna sees nothing")

    with server.connect("anna") as client:
        client.select("INBOX")
        client.ok("FETCH 1", SHOWN)
        client.ok("SEARCH SUBJECT secret")
    for part in parts:
        os.chmod(part, 0o755)
    os.chmod(os.path.join(anna, "dovecot-uidlist"), 0o644)
    for name in os.listdir(os.path.join(anna, "cur")):
        os.chmod(os.path.join(anna, "cur", name), 0o600)
    try:
        secret_is_kept("while it runs")
        restart(server)
        secret_is_kept("after a restart")
    finally:
        for part in parts:
            os.chmod(part, 0o700)


def put_messages(server, mailbox, count):
    """Messages that nobody has read; their files, in the order of their numbers."""
    folder = os.path.join(server.maildir("anna"), "." + mailbox)
    for part in ("", "cur", "new", "tmp"):
        os.makedirs(os.path.join(folder, part), exist_ok=True)
        os.chown(os.path.join(folder, part), server.run_as.pw_uid, server.run_as.pw_gid)
    paths = [os.path.join(folder, "cur", f"{1_600_000_000 + number}.M1P1.host:2,") for number in range(1, count + 1)]
    for number, path in enumerate(paths, 1):
        with open(path, "wb") as file:
            file.write(b"Subject: good %d\n\ntext %d\n" % (number, number))
        os.chown(path, server.run_as.pw_uid, server.run_as.pw_gid)
    return paths


def unreadable_messages(server):
    """Of messages that a restore left to root the rest is served, in any order of good and bad."""
    count = 80      # enough for threads to work ahead
    for turn, bad in enumerate(({1}, {6}, {3, 4}, {1, 3, 5}, {2, 4, 6}, set(range(1, count + 1)))):
        mailbox = f"Restored{turn}"
        paths = put_messages(server, mailbox, count)
        good = set(range(1, count + 1)) - bad
        for number in bad:
            os.chown(paths[number - 1], 0, 0)
            os.chmod(paths[number - 1], 0o600)
        with server.connect("anna") as client:
            size = client.ok("STATUS", mailbox, "(SIZE)").of("STATUS")[0]
            octets = sum(os.stat(path).st_size + (3 if number in good else 0) for number, path in enumerate(paths, 1))
            require(str(octets) in repr(size), f"{size!r}, not {octets}, of {bad}")
            client.select(mailbox)
            for items in ("(BODY.PEEK[])", "(ENVELOPE)", "(RFC822.SIZE)", "(BODY[])"):
                said = client.command("FETCH 1:*", items)
                require(set(said.fetched()) == good, f"{items} without {bad}: {said.fetched().keys()}")
                require(said.status == "NO" and said.code_is(b"NOPERM") and f"Message {min(bad)} " in said.text,
                        f"{items} without {bad}: {said!r}")
            for keys, wanted in (("TEXT text", good), ("NOT TEXT text", bad), ("SUBJECT good", good),
                                 ("NOT SUBJECT good", bad), ("OR BODY text ALL", good | bad), ("UNSEEN", bad),
                                 ("SINCE 1-Jan-2020", good | bad), ("LARGER 1", good | bad)):
                found = {int(number) for number in client.ok("SEARCH", keys).of("SEARCH")[0].data}
                require(found == wanted, f"SEARCH {keys} without {bad}: {found}")
            client.ok(f"STORE {min(bad)} +FLAGS.SILENT (\\Deleted)")
            require(len(client.ok("EXPUNGE").of("EXPUNGE")) == 1, f"it can't be removed, of {bad}")
    first = os.path.basename(paths[0])
    lines = [line for line in server.log_tail(1 << 22).splitlines() if mailbox in line and first in line]
    require(len(lines) == 1, f"{len(lines)} lines of one file: {lines}")
    for words in ("belongs to user root (0)", "mode is 0600", f"read as user {server.run_as.pw_name}", "chown"):
        require(words in lines[0], f"no {words!r} in {lines[0]}")


def pipelined(server):
    """Commands right behind LOGIN already have the user's rights."""
    with socket.create_connection((servers.HOST, server.port), timeout=PATIENCE) as plain:
        plain.sendall(b"a LOGIN anna secret\r\nb SELECT INBOX\r\nc APPEND INBOX {5+}\r\nA: b\n\r\nd LOGOUT\r\n")
        answer = b""
        while piece := plain.recv(65536):
            answer += piece
    require(all(b"\r\n" + tag + b" OK" in answer for tag in (b"a", b"b", b"c", b"d")), answer)


def crowd(server):
    """Many sessions of both users at once, on all threads: nobody sees or leaves anything of another's."""
    def work(number):
        user = list(USERS)[number % 2]
        with server.connect(user) as client:
            for turn in range(12):
                client.append("INBOX", MESSAGE % user.encode())
                client.select("INBOX")
                for items in client.ok("UID FETCH 1:* BODY.PEEK[HEADER]").fetched().values():
                    for other in USERS:
                        require(other == user or f"secret of {other}".encode() not in repr(items).encode(),
                                f"{user} sees {other}'s mail")
                client.ok(f"COPY {turn + 1} Box")
        return True
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        require(all(pool.map(work, range(8))), "a session failed")


def delivery_is_heard_of(server):
    """The watch is set up with the user's rights."""
    with server.connect("anna") as client:
        client.select("INBOX")
        tag = client.idle()
        folder = server.maildir("anna")
        path = os.path.join(folder, "tmp", "1700000000.delivered.here")
        with open(path, "wb") as file:
            file.write(b"Subject: new\n\nNew.\n")
        os.chown(path, USERS["anna"], USERS["anna"])
        os.rename(path, os.path.join(folder, "new", "1700000000.delivered.here"))
        client.wait_for(lambda response: response.kind == "EXISTS", PATIENCE)
        client.done(tag)
    with open(server.path("log"), encoding="utf-8", errors="replace") as file:
        require("cannot watch" not in file.read(), "the folder was not watched")


def await_log(server, path, text):
    deadline = time.monotonic() + PATIENCE
    while True:
        with open(path, encoding="utf-8", errors="replace") as file:
            log = file.read()
        if text in log:
            return
        require(time.monotonic() < deadline, f"no {text!r} in {log[-1500:]}")
        time.sleep(0.02)


def no_rights_no_mail(server):
    for user in ("root", "nobody"):
        with server.connect(login=False) as client:
            require(client.command("LOGIN", user, "secret").status == "NO", f"{user} is let in")
    await_log(server, server.path("log"), "no plugin tells the user's uid and gid")
    await_log(server, server.path("log"), "as root, or as nobody")


def reload_and_log(server):
    """Key and log file are opened again without root's rights."""
    log = server.path("log")
    os.rename(log, log + ".1")
    folder = os.path.dirname(log)
    os.chown(folder, server.run_as.pw_uid, server.run_as.pw_gid)
    server.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + PATIENCE
    while not os.path.exists(log):
        require(time.monotonic() < deadline, "the log file is not made anew")
        time.sleep(0.02)
    await_log(server, log, ": reloaded ")
    os.chmod(server.key, 0o600)  # root's alone
    server.process.send_signal(signal.SIGHUP)
    await_log(server, log, "not reloaded: the old configuration stays in force")
    await_log(server, log, "tls.key: Cannot read the key")
    with server.connect("anna", tls=True) as client:
        client.ok("NOOP")
    os.chmod(server.key, 0o640)


def low_port():
    for port in range(1023, 600, -1):
        with socket.socket() as one:
            try:
                one.bind((servers.HOST, port))
                return port
            except OSError:
                continue
    return None


def warned_of_a_key_for_root(build, folder):
    """The port below 1024 is bound and the key read as root; that a reload will fail is said at once."""
    server = Server(build, folder, "nobody", settings={"mail.accessAs": "account"})
    own_trees(server)
    os.chmod(server.key, 0o600)
    port = low_port()
    server.settings["imap.proxy.listen"] = f"{servers.HOST}:{port}"
    server.settings["imap.proxy.trusted"] = "local"
    with server:
        require("as user nobody a reload will fail" in server.log_tail(100000), server.log_tail())
        with server.connect("anna", tls=True) as client:
            client.ok("NOOP")
        with socket.create_connection((servers.HOST, port), timeout=PATIENCE) as low:
            low.sendall(b"PROXY UNKNOWN\r\n")
            require(low.recv(100).startswith(b"* OK"), "no greeting at the low port")


def tests(counter, build, folder):
    server = Server(build, os.path.join(folder, "users"), "nobody", settings={"mail.accessAs": "account"})
    server.settings["log.path"] = server.path("log")
    os.chmod(server.mail_root, 0o755)
    own_trees(server)
    with server:
        counter.run("each thread has two capabilities and no more", rights_are_given_up, server, SETUID_SETGID)
        for user in USERS:
            counter.run(f"{user} works", appended, server, user)
        counter.run("links lead nowhere", link_leads_nowhere, server)
        counter.run("another's location leads nowhere", wrong_location, server)
        counter.run("no rights, no mail", no_rights_no_mail, server)
        counter.run("commands behind LOGIN", pipelined, server)
        counter.run("many sessions at once", crowd, server)
        counter.run("facts stay with who may read", facts_stay_with_their_reader, server)
        counter.run("deliveries are heard of", delivery_is_heard_of, server)
        counter.run("every file is its owner's", all_files_are_their_owners, server)
        counter.run("and the rights are as before", rights_are_given_up, server, SETUID_SETGID)
        counter.run("reload, and the log file", reload_and_log, server)
    counter.run("a port below 1024, a key for root alone", warned_of_a_key_for_root, build,
                os.path.join(folder, "root"))

    server = Server(build, os.path.join(folder, "virtual"), "mail", settings={})
    with server:
        counter.run("virtual users: no capability is left", rights_are_given_up, server, 0)
        for user in USERS:
            counter.run(f"{user}, a virtual user, works", appended, server, user)
        counter.run("messages that can't be read", unreadable_messages, server)
        for parent, folders, files in os.walk(server.mail_root):
            for name in folders + files:
                if ".M1P1.host" not in name and os.lstat(os.path.join(parent, name)).st_uid != server.run_as.pw_uid:
                    counter.fail("all mail is the server's user's", f"{parent}/{name}")
    done = subprocess.run([server.binary, "check", "--config=" + server.path("maildock.properties")],
                          capture_output=True, text=True, timeout=PATIENCE, check=False)
    counter.check("maildock check takes it", done.returncode == 0, done.stdout)
    server.settings["server.user"] = "no-such-user"
    server.configure()
    done = subprocess.run([server.binary, "check", "--config=" + server.path("maildock.properties")],
                          capture_output=True, text=True, timeout=PATIENCE, check=False)
    counter.check("a user that is none is an error", done.returncode == 1 and "server.user: there is no user" in
                  done.stdout, done.stdout)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: privileges.py BUILD_FOLDER")
    if os.geteuid() != 0:
        print("# needs root")
        sys.exit(77)
    counter = Counter()
    with servers.WorkFolder("privileges") as folder:
        tests(counter, os.path.abspath(sys.argv[1]), folder)
    sys.exit(counter.finish())


if __name__ == "__main__":
    main()
