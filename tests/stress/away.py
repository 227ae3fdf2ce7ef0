#!/usr/bin/env python3
"""What can't be looked at is not gone: while a folder, a file beside it or the whole tree is away, may not be read, or a
disk fails, sessions keep what they show; afterwards the same messages are there. What is really gone ends them with BYE.
"""

import errno
import os
import shutil
import subprocess
import time

import stress_test  # first: it says where the others lie
import servers
from imapclient import Literal
from stress_test import require

PATIENCE = 30
MESSAGES = 3
TRANSIENT = (b"UNAVAILABLE", b"NOPERM")


class Tree(servers.Maildock):
    """A server with a mailbox A and an INBOX of three messages each, whose calls can be made to fail."""

    def __init__(self, build, folder, watch="on", as_account=False, **rest):
        settings = {"mailbox.watch": watch, "mailbox.pollInterval": "1", **rest.pop("settings", {})}
        if as_account:
            settings.update({"mail.accessAs": "account", "server.user": "nobody"})
        super().__init__(build, folder, settings=settings, **rest)
        self.as_account = as_account
        self.fault = os.path.join(folder, "fault")
        self.shim = os.path.join(self.build, "tests", "stress", "adverse_shim.so")
        if not as_account and not os.path.exists(self.shim):
            raise stress_test.Skipped(f"{self.shim} is not built here (sanitizers want to be the first library)")

    def configure(self):
        super().configure()
        if self.as_account:                     # the server itself is nobody in particular
            for path in (self.path("users"), self.key, self.cert, self.path("state")):
                shutil.chown(path, "nobody")

    def environment(self):
        rest = {} if self.as_account else {"LD_PRELOAD": self.shim, "ADVERSE_FAULT": self.fault}
        return {**os.environ, **rest}

    def fail(self, number, path):
        with open(self.fault + ".new", "w", encoding="utf-8") as file:
            file.write(f"{number} {path}")
        os.rename(self.fault + ".new", self.fault)

    def recover(self):
        os.unlink(self.fault)

    def place(self, name="A", part=""):
        return os.path.join(self.maildir(), "." + name if name else "", part).rstrip("/")

    def fill(self):
        with self.connect() as client:
            client.ok("CREATE A")
            client.ok("SUBSCRIBE A")
            for name in ("INBOX", "A"):
                for number in range(MESSAGES):
                    client.append(name, f"Subject: {number}\r\n\r\nText.\r\n".encode(), flags=("$Work",))

    def log_lines(self, text):
        return [line for line in self.log_tail(1 << 20).split("\n") if text in line]


class Watcher:
    """A session that shows a mailbox, and must not be told that a message went."""

    def __init__(self, server, name):
        self.name, self.client = name, server.connect()
        self.validity = self.client.select(name).code_value(b"UIDVALIDITY")
        self.uids = self.all_uids()
        require(len(self.uids) == MESSAGES, f"{name} has {self.uids}")

    def all_uids(self):
        result = self.client.ok("FETCH 1:* (UID FLAGS)")
        return [(int(items["UID"]), b"$Work" in items["FLAGS"]) for _, items in sorted(result.fetched().items())]

    def keeps(self, result):
        require(not result.of("EXPUNGE") and not result.of("EXISTS"), f"{self.name} is told {result.untagged}")
        return result

    def is_refused(self, command="NOOP"):
        result = self.keeps(self.client.command(command))
        require(result.status == "NO" and any(result.code_is(code) for code in TRANSIENT),
                f"{command} in {self.name}: {result.status} {result.text}")

    def is_back(self):
        self.keeps(self.client.ok("NOOP"))
        require(self.all_uids() == self.uids, f"{self.name} has {self.all_uids()}, it had {self.uids}")
        again = self.client.select(self.name)
        require(again.code_value(b"UIDVALIDITY") == self.validity, f"{self.name}: another UIDVALIDITY")
        require(self.all_uids() == self.uids, f"{self.name} has {self.all_uids()} when selected again")
        body = self.client.ok("FETCH 1 BODY.PEEK[]").fetched()[1]["BODY[]"]
        require(b"Subject: 0" in body, f"{self.name}: {body}")

    def ends(self):
        """The next command is the last one; nothing is told as removed."""
        end = time.monotonic() + PATIENCE
        while True:
            result = self.keeps(self.client.command("NOOP"))
            if result.status == "OK" and not any(result.code_is(code) for code in TRANSIENT):
                break
            require(time.monotonic() < end, f"{self.name} does not end: {result.status} {result.text}")
            time.sleep(0.1)
        require(self.client.read_response().kind == "BYE", "no BYE")
        self.client.close()


class Sleeper:
    """The same in IDLE."""

    def __init__(self, server, name):
        self.watcher = Watcher(server, name)
        self.tag = self.watcher.client.idle()

    def is_back(self):
        self.watcher.keeps(self.watcher.client.done(self.tag))
        self.watcher.is_back()

    def ends(self):
        told = []

        def is_bye(response):
            told.append(response.kind)
            return response.kind == "BYE"

        self.watcher.client.wait_for(is_bye, PATIENCE)
        require("EXPUNGE" not in told, f"in IDLE it is told {told}")
        self.watcher.client.close()


def is_unavailable(client, *command):
    result = client.command(*command)
    require(result.status == "NO" and any(result.code_is(code) for code in TRANSIENT),
            f"{command}: {result.status} {result.text} {result.untagged}")


def nothing_of_the_tree_is_told(server, client):
    """What another session hears while the root is away."""
    for command in ('LIST "" *', 'LSUB "" *', "STATUS A (MESSAGES)", "SELECT A", "EXAMINE INBOX", "CREATE New",
                    "DELETE A", "RENAME A B", "SUBSCRIBE A"):
        is_unavailable(client, command)
    client.send(b"x APPEND A {6}\r\n")
    tag, status = client.read_response()
    require(status.status == "NO" and status.code_is(b"UNAVAILABLE"), f"APPEND: {tag} {status}")
    with server.connect(login=False) as stranger:
        is_unavailable(stranger, "LOGIN", server.users[0], server.password)


def root_away(build, folder, watch):
    server = Tree(build, folder, watch)
    with server:
        server.fill()
        shown, inbox, sleepers = Watcher(server, "A"), Watcher(server, "INBOX"), [Sleeper(server, "A"), Sleeper(server, "INBOX")]
        with server.connect() as other:
            home, away = server.home(), server.home() + ".away"
            for place, gone in ((server.maildir(), server.maildir() + ".away"), (home, away)):
                os.rename(place, gone)
                for _ in range(3):
                    shown.is_refused()
                    inbox.is_refused()
                shown.is_refused("UID STORE 1 +FLAGS (\\Seen)")
                shown.is_refused("FETCH 1 BODY.PEEK[TEXT]")
                nothing_of_the_tree_is_told(server, other)
                time.sleep(2.2)        # a second look, some time later, proves no more
                shown.is_refused("CHECK")
                inbox.is_refused()
                require(not os.path.exists(place), "a new tree was made in the place of the one that is away")
                os.rename(gone, place)
                for each in (shown, inbox):
                    each.is_back()
            require({"INBOX", "A"} == {r.data[2].decode() for r in other.ok('LIST "" *').of("LIST")}, "LIST afterwards")
        for each in sleepers:
            each.is_back()
        lines = server.log_lines(f"cannot look at the mailbox {server.place()}:")
        require(1 <= len(lines) <= 8, f"of three looks each, and more, the log has {len(lines)} lines: {lines}")
        require("put it back" in lines[0], f"no cure in {lines[0]}")
        require(server.log_lines(f"{server.place()} can be looked at again"), "the log does not say that it is over")


def another_root(build, folder, watch):
    server = Tree(build, folder, watch)
    with server:
        server.fill()
        inbox, folder_of_it = Watcher(server, "INBOX"), Watcher(server, "A")
        away = server.maildir() + ".away"
        os.rename(server.maildir(), away)
        for part in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(server.maildir(), part))
        servers.give_to_owner(server.mail_root)
        inbox.ends()
        folder_of_it.is_refused()
        shutil.rmtree(server.maildir())
        os.rename(away, server.maildir())
        folder_of_it.is_back()
        Watcher(server, "INBOX").is_back()


def cleaned_away(build, folder, watch):
    """find -empty -delete takes new/ and tmp/ of each mailbox; of an empty one cur/ too."""
    server = Tree(build, folder, watch)
    with server, server.connect() as other:
        server.fill()
        other.ok("CREATE Empty")
        empty = server.connect()
        empty.select("Empty")
        sleeper = Sleeper(server, "A")
        for turn in range(2):
            shown = Watcher(server, "A")
            subprocess.run(["find", server.place(), "-mindepth", "1", "-type", "d", "-empty", "-delete"], check=True)
            require(not os.path.exists(server.place("A", "new")), "find removed nothing")
            shown.is_back()
            if turn == 0:
                require(other.append("A", b"Subject: more\r\n\r\nText.\r\n").status == "OK", "APPEND")
                sleeper.watcher.client.wait_for(lambda r: r.kind == "EXISTS", PATIENCE)
                sleeper.watcher.client.done(sleeper.tag)
                for each in (shown.client, sleeper.watcher.client):
                    each.ok("UID STORE 4 +FLAGS (\\Deleted)")
                    each.ok("EXPUNGE")
                sleeper.tag = sleeper.watcher.client.idle()
            else:
                end = time.monotonic() + PATIENCE
                while not os.path.exists(server.place("A", "new")):
                    require(time.monotonic() < end, "new/ is not made again")
                    shown.keeps(shown.client.ok("NOOP"))
                    time.sleep(0.1)
            shown.client.close()
        sleeper.is_back()
        subprocess.run(["find", server.place("Empty"), "-mindepth", "1", "-type", "d", "-empty", "-delete"], check=True)
        end = time.monotonic() + PATIENCE
        while empty.command("NOOP").status != "OK":
            require(time.monotonic() < end, "cur/ of an empty mailbox is not made again")
            time.sleep(0.1)
        other.append("Empty", b"Subject: first\r\n\r\nText.\r\n")
        require(empty.ok("NOOP").of("EXISTS")[-1].number == 1, "the mailbox works no more")


def part_away(build, folder, watch, part):
    server = Tree(build, folder, watch)
    with server, server.connect() as other:
        server.fill()
        shown, sleeper = Watcher(server, "A"), Sleeper(server, "A")
        place = server.place("A", part)
        os.rename(place, place + ".away")
        for _ in range(2):
            shown.is_refused()
            time.sleep(2.2)
        is_unavailable(other, "SELECT A")
        os.rename(place + ".away", place)
        shown.is_back()
        sleeper.is_back()


def no_permission(build, folder, watch):
    if os.geteuid() != 0:
        raise stress_test.Skipped("needs root, to start a server with less rights")
    server = Tree(build, folder, watch, as_account=True)
    with server, server.connect() as other:
        server.fill()
        for path in (server.place(), server.place("A", "cur"), server.maildir()):
            shown, sleeper = Watcher(server, "A"), Sleeper(server, "A")
            mode = os.stat(path).st_mode & 0o7777
            os.chmod(path, 0)
            if path.endswith("/cur"):
                shown.is_refused("FETCH 1 BODY.PEEK[]")
            else:
                shown.is_refused()
                is_unavailable(other, "SELECT A")
            listing = other.command('LIST "" *')
            names = {r.data[2].decode() for r in listing.of("LIST")}
            require(listing.status == "NO" or "A" in names, f"chmod 000 {path}: LIST has {names}")
            require(path == server.maildir() or "A" in names, f"chmod 000 {path}: LIST has {names}")
            os.chmod(path, mode)
            shown.is_back()
            sleeper.is_back()


def failing_calls(build, folder, watch):
    server = Tree(build, folder, watch)
    with server, server.connect() as other:
        server.fill()
        for number in (errno.EIO, errno.ESTALE, errno.EACCES, errno.EMFILE, errno.ENOMEM):
            for path in (server.place(), server.maildir()):
                shown, sleeper = Watcher(server, "A"), Sleeper(server, "A")
                server.fail(number, path)
                for _ in range(2):
                    shown.is_refused()
                is_unavailable(other, "SELECT A")
                is_unavailable(other, "STATUS A (MESSAGES)")
                listing = other.command('LIST "" *')
                names = {r.data[2].decode() for r in listing.of("LIST")}
                require(listing.status == "NO" or "A" in names, f"{number} {path}: LIST has {names}")
                server.recover()
                shown.is_back()
                sleeper.is_back()
                shown.client.close()
                sleeper.watcher.client.close()


def failing_files(build, folder):
    """Small files beside the mail that can't be read: of a server that has to, since it was started anew."""
    server = Tree(build, folder, settings={"cache.maxSize": "0"})
    with server:
        server.fill()
        kept = Watcher(server, "A")
    for number in (errno.EIO, errno.EACCES):
        for name, command in (("dovecot-uidlist", "SELECT A"), ("dovecot-keywords", "SELECT A")):
            path = server.place("A", name)
            before = open(path, "rb").read()
            with server, server.connect() as client:
                server.fail(number, path)
                is_unavailable(client, command)
                client.command("APPEND A ($Other)", Literal(b"Subject: no\r\n\r\nText.\r\n"))
                server.recover()
                require(open(path, "rb").read() == before, f"{number}: {name} was written anew")
                again = Watcher(server, "A")
                require((again.uids, again.validity) == (kept.uids, kept.validity), f"{number} {name}: {again.uids}")
        path = os.path.join(server.maildir(), "subscriptions")
        before = open(path, "rb").read()
        with server, server.connect() as client:
            server.fail(number, path)
            is_unavailable(client, 'LSUB "" *')
            is_unavailable(client, 'LIST (SUBSCRIBED) "" *')
            is_unavailable(client, "SUBSCRIBE INBOX")
            server.recover()
            require(open(path, "rb").read() == before, f"{number}: the subscriptions were written anew")
            require(len(client.ok('LSUB "" *').of("LSUB")) == 1, "the subscription is lost")


def failing_roles(build, folder):
    """The file of special uses can't be read: nobody is told that mailboxes have none, nor is another made for one."""
    server = Tree(build, folder, settings={"mailbox.autocreate": "Sent"})
    with server:
        with server.connect() as client:
            client.ok("DELETE Sent")
            client.ok("CREATE Outgoing (USE (\\Sent))")
        path = os.path.join(server.maildir(), "maildock-special-use")
        before = open(path, "rb").read()
        for number in (errno.EIO, errno.EACCES):
            server.fail(number, path)
            with server.connect() as client:              # a role is not worth a log-in
                for command in ('LIST "" *', 'LIST (SPECIAL-USE) "" *', "SELECT Sent", "CREATE Archiv (USE (\\Archive))"):
                    is_unavailable(client, command)
                client.select("Outgoing")
                server.recover()
                roles = {r.data[2]: b"\\Sent" in r.data[0] for r in client.ok('LIST "" *').of("LIST")}
                require(roles == {b"INBOX": False, b"Outgoing": True}, f"{number}: {roles}")
            require(open(path, "rb").read() == before, f"{number}: the special uses were written anew")
        require(server.log_lines("maildock-special-use"), "the log says nothing of it")


def failing_takeover(build, folder):
    server = Tree(build, folder)
    name = "1600000000.M1P1.host"
    for part in ("cur", "new", "tmp"):
        os.makedirs(server.place("A", part))
    with open(server.place("A", f"cur/{name}:2,"), "wb") as file:
        file.write(b"Subject: 0\n\nText.\n")
    with open(server.place("A", "courierimapuiddb"), "w", encoding="ascii") as file:
        file.write(f"1 1234567 99\n77 {name}\n")
    for part in ("cur", "new", "tmp"):
        os.makedirs(server.place("", part), exist_ok=True)
    servers.give_to_owner(server.mail_root)
    with server, server.connect() as client:
        for number in (errno.EIO, errno.EACCES):
            for path in ("courierimapuiddb", "dovecot-uidlist"):
                server.fail(number, server.place("A", path))
                is_unavailable(client, "SELECT A")
                server.recover()
                require(not os.path.exists(server.place("A", "dovecot-uidlist")), "new UIDs were given")
        validity = int(client.select("A").code_value(b"UIDVALIDITY"))
        require(validity == 1234567, f"UIDVALIDITY {validity} is not Courier's")
        require([int(i["UID"]) for i in client.ok("FETCH 1:* UID").fetched().values()] == [77], "another UID than Courier's")


def really_gone(build, folder, watch):
    server = Tree(build, folder, watch)
    with server:
        server.fill()
        with server.connect() as other:
            for name, end in (("Removed", lambda: shutil.rmtree(server.place("Removed"))),
                              ("Deleted", lambda: other.ok("DELETE Deleted")),
                              ("Renamed", lambda: other.ok("RENAME Renamed Otherwise")),
                              ("Replaced", lambda: replace(server))):
                other.ok("CREATE", name)
                shown, sleeper = server.connect(), server.connect()
                shown.select(name)
                sleeper.select(name)
                sleeper.idle()
                end()
                patience = time.monotonic() + PATIENCE
                while (result := shown.command("NOOP")).code_is(b"UNAVAILABLE"):
                    require(time.monotonic() < patience, f"{name}: no end")
                    time.sleep(0.1)
                require(shown.read_response().kind == "BYE", f"{name}: {result.status} {result.text}, and no BYE")
                if name not in ("Replaced",) or watch == "off":      # a rename above is told by nobody
                    sleeper.wait_for(lambda r: r.kind == "BYE", PATIENCE)
                shown.close()
                sleeper.close()
            own = server.connect()
            own.ok("CREATE Own")
            own.select("Own")
            own.ok("DELETE Own")
            own.ok("NOOP")
            require(own.command("FETCH 1 UID").status == "BAD", "a mailbox that the client deleted stays selected")
            own.ok("CREATE Mine")
            own.select("Mine")
            own.ok("RENAME Mine Yours")
            require(own.read_response().kind == "BYE", "no BYE of a mailbox that the client itself renamed")


def replace(server):
    os.rename(server.place("Replaced"), server.place("Before"))
    for part in ("cur", "new", "tmp"):
        os.makedirs(server.place("Replaced", part))
    servers.give_to_owner(server.mail_root)


def inferiors_stay(build, folder):
    """Layout fs: a mailbox whose superior is deleted is not gone with it."""
    server = Tree(build, folder, layout="fs", settings={"mailbox.deleteWithChildren": "true"})
    with server, server.connect() as client, server.connect() as other:
        client.ok("CREATE Up")
        client.ok("CREATE Up/Down")
        client.append("Up/Down", b"Subject: x\r\n\r\nText.\r\n")
        client.select("Up/Down")
        if other.command("DELETE Up").status == "OK":
            require(not client.ok("NOOP").of("EXPUNGE"), "the inferior's message is told to be gone")
            require(len(client.ok("FETCH 1 UID").fetched()) == 1, "the inferior is gone")


def tests(counter, options, make_server, folder):
    if options.dovecot:
        raise stress_test.Skipped("it looks at the server's own log, and makes its calls fail")
    cases = [("files that can't be read", failing_files), ("special uses that can't be read", failing_roles),
             ("a take-over that can't be read", failing_takeover),
             ("an inferior of a deleted mailbox", inferiors_stay)]
    for watch in ("on", "off"):
        how = "watched" if watch == "on" else "polled"
        cases += [(f"the root is away, {how}", root_away, watch),
                  (f"another root is there, {how}", another_root, watch),
                  (f"empty directories are cleaned away, {how}", cleaned_away, watch),
                  (f"cur/ is away, {how}", part_away, watch, "cur"),
                  (f"no permission, {how}", no_permission, watch),
                  (f"failing calls, {how}", failing_calls, watch),
                  (f"really gone, {how}", really_gone, watch)]
    for number, (name, test, *arguments) in enumerate(cases):
        place = os.path.join(folder, str(number))
        os.makedirs(place)
        if not options.only or options.only in name:
            counter.run(name, test, options.build, place, *arguments)


if __name__ == "__main__":
    stress_test.main("away", tests, lambda parser: parser.add_argument("--only", help="cases with this in the name"))
