"""What bench/growth measures: servers while something grows. A part yields (server, size, {row: [values]}).

The Maildirs are made of hard links to a few small messages, and pass from one server to the next, cleared of what the
first one wrote beside the messages.
"""

import contextlib
import os
import shutil
import signal
import time
from dataclasses import dataclass, field

import client
import contestants
import corpus
import servers

MOST_LINKS = 60_000         # of one file; ext4 takes 65,000
OWN_FILES = ("cur", "new", "tmp")
SAVED_AFTER = 3.0           # seconds in which Maildock writes down what it knows of a mailbox
SETTLED_AFTER = 1.0         # seconds until memory is looked at
REPEATED_FOR = 10.0         # seconds, after which nothing is done once more
NOOPS = 200
TOLD_WITHIN = 40.0          # seconds; Dovecot without inotify looks every 30
MESSAGES_EACH = 10          # of a user with connections in IDLE
MOST_SECONDS = 600          # for one measurement
MIB = float(1 << 20)


@dataclass
class Part:
    title: str
    grows: str                  # what the sizes count
    sizes: list
    rows: dict                  # {row: (description, unit)}
    run: object                 # function(bench, server, sizes)
    tiny: list
    most: dict = field(default_factory=dict)    # {server: the largest size that it is asked for}


class TooLong(Exception):
    """Raised by the alarm that bounds a measurement."""


@dataclass
class Bench:
    folder: str                 # for the Maildir that is handed on
    owner: tuple
    settles: bool               # false at small scale
    several: int                # things are done so often for a median, unless they take long
    users: list                 # of the connections
    failures: list = field(default_factory=list)

    def settle(self):
        if self.settles:
            os.sync()

    def repeated(self, action):
        """What it returns: several times, or once if that takes long."""
        began, values = time.monotonic(), []
        while not values or len(values) < self.several and time.monotonic() - began < REPEATED_FOR:
            values.append(action())
        return values

    def bounded(self, server, size, measure):
        """What measure() yields with the server started; it may fail without keeping others from being measured."""
        self.settle()
        signal.alarm(MOST_SECONDS)
        try:
            try:
                server.start()
                yield from measure()
            finally:
                server.stop()
        except (client.BenchError, servers.ServerError, OSError, AssertionError, ValueError, TooLong) as error:
            server.kill()
            reason = " ".join(str(error).split())[:300]
            self.failures.append(f"{server.name}, {size:,}: {type(error).__name__}: {reason}; {server.log_tail(300)}")
        finally:
            signal.alarm(0)


PARTS = {}


def part(name, **what):
    def keep(function):
        PARTS[name] = Part(run=function, **what)
        return function
    return keep


def milliseconds(reply):
    return reply.seconds * 1000


def expect(found, wanted, what):
    if found != wanted:
        raise client.BenchError(f"{found} {what} instead of {wanted}")


def memory(server):
    time.sleep(SETTLED_AFTER)
    return server.memory() / MIB


# - mail

def octets_of(number):
    lines = [b"Received: from mx1.example.org by mail.example.org; Thu, 26 Nov 2026 12:00:00 +0000",
             b"From: Sender <sender@example.org>", b"To: bench@example.com", b"Subject: Small message %d" % number,
             b"Date: Thu, 26 Nov 2026 12:00:00 +0000", b"Message-ID: <growth-%d@example.org>" % number,
             b"MIME-Version: 1.0", b"Content-Type: text/plain; charset=us-ascii", b"", b"A line of text.", b""]
    return b"\n".join(lines)


def link_messages(seeds, maildir, count, first=0):
    """`count` messages in cur/, a quarter of them unseen: names of their own, and a file for thousands of names."""
    folder = os.open(os.path.join(maildir, "cur"), os.O_RDONLY)
    try:
        for number in range(first, first + count):
            seed, size = seeds(number)
            name = f"{1_700_000_000 + number}.M{number % 1_000_000}P1.growth,S={size}:2,{'S' if number % 4 else ''}"
            os.link(seed, name, dst_dir_fd=folder)
    finally:
        os.close(folder)


class Seeds:
    """The files behind the names."""

    def __init__(self, folder, owner):
        self.folder, self.owner, self._made = folder, owner, {}

    def __call__(self, number):
        which = number // MOST_LINKS
        if which not in self._made:
            path, octets = os.path.join(self.folder, f"seed-{which}"), octets_of(which)
            with open(path, "xb") as file:
                file.write(octets)
            os.chown(path, *self.owner)
            self._made[which] = path, len(octets)
        return self._made[which]


class Handed:
    """One Maildir, made once, that each server has for a while."""

    def __init__(self, bench, messages, folders=0):
        self.path = os.path.join(bench.folder, "handed")
        place = os.path.join(bench.folder, "seeds")
        os.mkdir(place)
        seeds = Seeds(place, bench.owner)
        corpus.make_maildir(self.path, bench.owner)
        link_messages(seeds, self.path, messages)
        for number in range(folders):
            folder = os.path.join(self.path, f".Folder{number:05d}")
            corpus.make_maildir(folder, bench.owner)
            link_messages(seeds, folder, 1, messages + number)
        self._seeds = place

    @contextlib.contextmanager
    def given_to(self, server):
        maildir = server.maildir()
        server.drop_caches()
        shutil.rmtree(maildir, ignore_errors=True)
        os.rename(self.path, maildir)
        try:
            yield
        finally:
            os.rename(maildir, self.path)
            server.drop_caches()
            self.clear()

    def clear(self):
        """Takes away what a server wrote, and what was delivered."""
        for entry in list(os.scandir(self.path)):
            if entry.name.startswith(".") and entry.is_dir():
                for other in set(os.listdir(entry.path)) - set(OWN_FILES):
                    os.unlink(os.path.join(entry.path, other))
            elif entry.name not in OWN_FILES:
                os.unlink(entry.path)
        for sub in ("cur", "new"):
            for name in os.listdir(os.path.join(self.path, sub)):
                if ".bench" in name:
                    os.unlink(os.path.join(self.path, sub, name))

    def remove(self):
        for path in (self.path, self._seeds):
            shutil.rmtree(path, ignore_errors=True)


def asked(name, competitors, size):
    """Those of which a part wants to know this size."""
    return [server for server in competitors if size <= PARTS[name].most.get(server.name, size)]


def in_turns(bench, name, competitors, size, measure, **what):
    """What a part yields, for a Maildir of this size, which is removed afterwards."""
    handed = Handed(bench, **what)
    try:
        for server in asked(name, competitors, size):
            with handed.given_to(server):
                yield from bench.bounded(server, size, lambda: [(server.name, size, measure(bench, server, size))])
    finally:
        handed.remove()


# - the parts: generators of (server, size, {row: [values]})

def select_ms(server, count):
    with server.session() as session:
        seconds, found = session.select()
    expect(found, count, "messages")
    return seconds * 1000


def opened_after_restart(server, count):
    """(milliseconds of SELECT, MiB with the mailbox open)"""
    server.stop()
    server.start()
    with server.session() as session:
        seconds, found = session.select()
        expect(found, count, "messages")
        return seconds * 1000, memory(server)


def delivered_ms(server, before, number):
    """SELECT after the delivery number `number` since there were `before` messages."""
    corpus.deliver(server.maildir(), server.account, octets_of(number), number)
    return select_ms(server, before + number)


def measure_messages(bench, server, count):
    found = {}
    with server.session() as session:
        seconds, exists = session.select()
        expect(exists, count, "messages")
        found["select_first"] = [seconds * 1000]
        replies = bench.repeated(lambda: session.command("UID FETCH 1:* FLAGS"))
        expect(replies[-1].data.count(b" FETCH ("), count, "FETCH responses")
        found["flags"] = [milliseconds(reply) for reply in replies]
        found["memory"] = [memory(server)]
    found["select_later"] = bench.repeated(lambda: select_ms(server, count))
    found["select_after_delivery"] = [delivered_ms(server, count, number) for number in range(1, bench.several + 1)]
    if server.name == "maildock":
        time.sleep(SAVED_AFTER)
    count += bench.several
    restarts = bench.repeated(lambda: opened_after_restart(server, count))
    found["select_after_restart"] = [ms for ms, _ in restarts]
    found["memory_after_restart"] = [mib for _, mib in restarts]
    found["select_restart_delivery"] = [delivered_ms(server, count, 1)]
    return found


@part("messages", title="Messages in one mailbox", grows="messages in the mailbox",
      sizes=[1_000, 10_000, 100_000, 1_000_000], tiny=[10, 100],
      rows={"select_first": ("SELECT, the first ever", "ms"),
            "select_after_restart": ("SELECT after a restart", "ms"),
            "select_after_delivery": ("SELECT after a delivery", "ms"),
            "select_restart_delivery": ("SELECT after the first delivery since a restart", "ms"),
            "select_later": ("SELECT, nothing new", "ms"),
            "flags": ("UID FETCH 1:* FLAGS", "ms"),
            "memory": ("memory after that FETCH", "MiB"),
            "memory_after_restart": ("memory, open after a restart", "MiB")})
def messages(bench, competitors, sizes):
    client.buffer.grow(max(4 << 20, 60 * max(sizes)))   # the flags of all
    for size in sizes:
        yield from in_turns(bench, "messages", competitors, size, measure_messages, messages=size)


LIST, LIST_STATUS = 'LIST "" *', 'LIST "" * RETURN (STATUS (MESSAGES UNSEEN))'


def listed(session, command, word, count):
    reply = session.command(command)
    expect((b"\r\n" + reply.data).count(b"\r\n* " + word + b" "), count, f"{word.decode()} responses")
    return milliseconds(reply)


def measure_mailboxes(bench, server, count):
    found = {}
    with server.session() as session:
        found["list_first"] = [listed(session, LIST, b"LIST", count + 1)]               # and INBOX
        found["list"] = bench.repeated(lambda: listed(session, LIST, b"LIST", count + 1))
        found["status_first"] = [listed(session, LIST_STATUS, b"STATUS", count + 1)]
        found["status_second"] = bench.repeated(lambda: listed(session, LIST_STATUS, b"STATUS", count + 1))
        found["memory"] = [memory(server)]
    return found


@part("mailboxes", title="Mailboxes of one user", grows="mailboxes of the user",
      sizes=[10, 100, 1_000, 10_000], tiny=[3, 10], most={"dovecot": 1_000},     # its first LIST takes minutes
      rows={"list_first": ('LIST "" *, the first ever', "ms"),
            "list": ('LIST "" *, again', "ms"),
            "status_first": ("LIST with STATUS, the first ever", "ms"),
            "status_second": ("LIST with STATUS, again", "ms"),
            "memory": ("memory after that", "MiB")})
def mailboxes(bench, competitors, sizes):
    for size in sizes:
        yield from in_turns(bench, "mailboxes", competitors, size, measure_mailboxes, messages=1, folders=size)


def told_ms(server, user, waiting, number):
    """From a delivery until a client in IDLE has the line."""
    time.sleep(0.05)
    began = corpus.deliver(server.maildir(user), server.account, octets_of(number), number)
    heard = waiting.wait_for(b" EXISTS", TOLD_WITHIN)
    if heard is None:
        raise client.BenchError(f"nothing heard within {TOLD_WITHIN:.0f} s")
    return (heard - began) * 1000


def measure_connections(bench, server, sizes):
    """One server, to which more and more connect. The memory is its growth, for each connection."""
    users, idling, number = bench.users, [], 0
    with server.session() as other:
        other.select()
        for user in users:
            server.opened(user).logout()
        before = memory(server)
        try:
            for size in sizes:
                while len(idling) < size:
                    session = server.opened(users[len(idling) % len(users)])
                    session.idle()
                    idling.append(session)
                grown = memory(server) - before
                noops = [milliseconds(other.command("NOOP")) for _ in range(NOOPS)]
                told = []
                for number in range(number + 1, number + 1 + 3 * bench.several):
                    told.append(told_ms(server, users[0], idling[0], number))
                yield server.name, size, {"memory": [grown * 1024 / size], "noop": noops, "told": told}
        finally:
            for session in idling:
                session.close()


@part("connections", title="Connections in IDLE", grows="connections in IDLE",
      sizes=[1, 10, 100, 1_000, 10_000], tiny=[1, 5], most={"dovecot": 1_000},    # a process for each
      rows={"noop": ("NOOP of another session", "ms"),
            "told": ("delivery until one is told", "ms"),
            "memory": ("memory for each", "KiB")})
def connections(bench, competitors, sizes):
    place = os.path.join(bench.folder, "seeds")
    os.mkdir(place)
    seeds, users = Seeds(place, bench.owner), [contestants.USER, *bench.users]
    for server in competitors:
        reachable = [size for size in sizes if asked("connections", [server], size)]
        for user in users:
            server.fresh(None, user)
            link_messages(seeds, server.maildir(user), MESSAGES_EACH)
        yield from bench.bounded(server, max(reachable), lambda: measure_connections(bench, server, reachable))
        for user in users:
            shutil.rmtree(server.maildir(user), ignore_errors=True)
    shutil.rmtree(place, ignore_errors=True)
