#!/usr/bin/env python3
"""Waiting for a lock file is a state of a command, never of a thread.

A living process holds the UID list's lock of one mailbox. Fifty sessions need it, each for something else; meanwhile a
witness is served as if there were nothing. When the lock goes, all fifty finish, and each message is there once. When
it does not go, they are refused with NO [INUSE] after the time-out, and nothing of what they wanted is half done. A MOVE
of thousands that has come halfway when another takes the lock tells what it moved, and the same MOVE again moves the rest.
"""

import multiprocessing
import os
import queue
import select
import socket
import time

import stress_test  # first: it says where the others lie
import servers
from hostile import witness
from imapclient import Literal, number_set
from stress_test import require

SESSIONS = 50
HELD_SECONDS = 4
TIMEOUT_SECONDS = 30
MOST_SECONDS = 0.05   # for a step of the witness
MESSAGE = b"Subject: waits\r\n\r\nbody\r\n"
WHERE = "Busy"


class Lock:
    """dovecot-uidlist.lock as a program on this host that lives makes it."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "dovecot-uidlist.lock")

    def __enter__(self):
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        os.write(descriptor, f"{os.getpid()}:{socket.gethostname()}".encode())
        os.close(descriptor)
        return self

    def __exit__(self, *exc):
        os.unlink(self.path)


def deliver(server, folder, number):
    """From outside: a message that has no UID yet."""
    name = f"{1700000000 + number}.M1P{os.getpid()}Q{number}.locked"
    path = os.path.join(folder, "tmp", name)
    with open(path, "wb") as file:
        file.write(b"Subject: unlisted\n\nbody\n")
    if os.geteuid() == 0:
        os.chown(path, server.uid, server.gid)
    os.rename(path, os.path.join(folder, "new", name))


def begin(server, number, word="new"):
    """A session that is about to need the lock: the client and what it will send."""
    client = server.connect("victim", timeout=120)
    kind = number % 5
    if kind == 0:
        return client, ("APPEND", WHERE, Literal(MESSAGE))
    if kind == 1:
        client.select("INBOX")
        return client, ("COPY", "1:2", WHERE)
    if kind == 2:
        client.select(WHERE)
        return client, ("STORE", "1:2", "+FLAGS", [f"{word}{number}"])
    if kind == 3:
        return client, ("SELECT", WHERE)
    client.select("INBOX")
    return client, ("MOVE", str(number), WHERE)


def files_in(folder):
    return sorted(name for part in ("cur", "new", "tmp") for name in os.listdir(os.path.join(folder, part)))


def contents(folder, name):
    try:
        with open(os.path.join(folder, name), "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def prepare(server):
    with server.connect("victim") as client:
        client.ok("CREATE", WHERE)
        for _ in range(SESSIONS + 2):
            client.append("INBOX", MESSAGE)
        for _ in range(3):
            client.append(WHERE, MESSAGE)
        client.select(WHERE)


def watch_others(server, counter, slack, what, during):
    context = multiprocessing.get_context("fork")
    slowest, peak = context.Value("d", 0.0), context.Value("i", 0)
    errors, stop = context.Queue(), context.Event()
    watcher = context.Process(target=witness, args=(server.port, server.process.pid, slowest, peak, errors, stop))
    watcher.start()
    try:
        during()
    finally:
        stop.set()
        watcher.join(60)
    try:
        told = errors.get(timeout=0.1)
    except queue.Empty:
        told = None
    print(f"# {what}: the witness waited {slowest.value * 1e3:.1f} ms at most")
    counter.check(f"{what}: others are served within {MOST_SECONDS * slack * 1e3:.0f} ms",
                  0 < slowest.value < MOST_SECONDS * slack and told is None, f"{slowest.value * 1e3:.1f} ms, {told}")


def all_wait_then_finish(server, counter, slack):
    folder = os.path.join(server.maildir("victim"), "." + WHERE)
    sessions = [begin(server, number) for number in range(SESSIONS)]
    results = []

    def hold_and_let_go():
        with Lock(folder):
            deliver(server, folder, 1)
            tags = [client.start(*command) for client, command in sessions]
            time_over = time.monotonic() + HELD_SECONDS
            answered = []
            while time.monotonic() < time_over and not answered:
                answered = select.select([client.fileno() for client, _ in sessions], [], [], 0.2)[0]
            counter.check("nobody who needs the lock is answered while it is held", not answered)
        let_go = time.monotonic()
        for (client, _), tag in zip(sessions, tags):
            results.append(client.finish(tag))
        seconds = time.monotonic() - let_go
        print(f"# {SESSIONS} sessions finished {seconds:.2f} s after the lock went")
        counter.check("all finish soon after", seconds < 5 * slack, f"{seconds:.1f} s")

    watch_others(server, counter, slack, "fifty sessions wait", hold_and_let_go)
    refused = [repr(result) for result in results if result.status != "OK"]
    counter.check("all are done", len(results) == SESSIONS and not refused, "; ".join(refused[:5]))
    each = SESSIONS // 5
    with server.connect("victim") as client:
        client.select(WHERE)
        uids = [uid for response in client.ok("UID SEARCH ALL").of("SEARCH") for uid in response.data]
        counter.equal("each message is there once", len(uids), 3 + 1 + each + 2 * each + each)
        counter.equal("with a UID of its own", len(set(uids)), len(uids))
        marked = [response.data for response in client.ok("FETCH", "1:2", "FLAGS").of("FETCH")]
        wanted = {f"new{number}" for number in range(2, SESSIONS, 5)}
        counter.check("every keyword is there", all(word.encode() in repr(flags).encode() for flags in marked
                                                    for word in wanted), repr(marked))
        client.select("INBOX")
    counter.equal("nothing is left in tmp/", os.listdir(os.path.join(folder, "tmp")), [])
    for client, _ in sessions:
        client.logout()


def news_come_later(server, counter):
    """An IDLE that can't look for news because of a lock is told when it can."""
    folder = os.path.join(server.maildir("victim"), "." + WHERE)
    with server.connect("victim") as client:
        client.select(WHERE)
        tag = client.idle()
        with Lock(folder):
            deliver(server, folder, 2)
            readable = select.select([client.fileno()], [], [], 1)[0]
            require(not readable, "news of a message without UID")
        client.wait_for(lambda response: response.kind == "EXISTS", 20)
        counter.equal("IDLE is told of the message when the lock went", client.done(tag).status, "OK")


def refused_after_the_timeout(server, counter, slack):
    folder, inbox = os.path.join(server.maildir("victim"), "." + WHERE), server.maildir("victim")
    sessions = [begin(server, number, "late") for number in range(5)]
    deliver(server, folder, 3)

    def state():
        return (files_in(folder), files_in(inbox), contents(folder, "dovecot-uidlist"),
                contents(folder, "dovecot-keywords"), contents(inbox, "dovecot-uidlist"))

    before, after, results, times = state(), [], [], []

    def hold():
        with Lock(folder):
            began = time.monotonic()
            tags = [client.start(*command) for client, command in sessions]
            for (client, _), tag in zip(sessions, tags):
                results.append(client.finish(tag))
                times.append(time.monotonic() - began)
            after.append(state())

    watch_others(server, counter, slack, "a lock that stays", hold)
    print("# " + ", ".join(f"{command[0]} {seconds:.1f} s" for (_, command), seconds in zip(sessions, times)))
    for (client, command), result in zip(sessions, results):
        counter.check(f"{command[0]} is refused with NO [INUSE]", result.status == "NO" and result.code_is(b"INUSE"),
                      repr(result))
    counter.check("after the time-out, and not much later",
                  all(TIMEOUT_SECONDS - 1 < seconds < TIMEOUT_SECONDS + 5 * slack for seconds in times), repr(times))
    counter.equal("nothing is half done", after, [before])
    for client, _ in sessions:
        client.logout()


class CutMove:
    """A MOVE that another program stops halfway, by taking the lock of its target between two of its batches."""

    MESSAGES = 4000

    def __init__(self, server):
        self.server = server
        with server.connect("victim") as client:
            client.ok("CREATE", "Many")
        self.source = os.path.join(server.maildir("victim"), ".Many")
        for number in range(self.MESSAGES):
            path = os.path.join(self.source, "cur", f"{1600000000 + number}.M1P1Q{number}.locked:2,S")
            with open(path, "wb") as file:
                file.write(b"Subject: mark %d\n\nbody\n" % number)
            if os.geteuid() == 0:
                os.chown(path, server.uid, server.gid)
        self.client = server.connect("victim", timeout=120)

    def begin(self):
        for attempt in range(5):
            self.target = f"Cut{attempt}"
            with self.server.connect("victim") as client:
                client.ok("CREATE", self.target)
            folder = os.path.join(self.server.maildir("victim"), "." + self.target)
            self.client.select("Many")
            self.uids = self.client.ok("UID SEARCH ALL").of("SEARCH")[0].data
            self.tag = self.client.start("UID", "MOVE", "1:*", self.target)
            deadline = time.monotonic() + 30
            while not os.listdir(os.path.join(folder, "cur")):
                require(time.monotonic() < deadline, "nothing is moved")
            self.lock = Lock(folder)
            while time.monotonic() < deadline:
                try:
                    self.lock.__enter__()
                    break
                except FileExistsError:
                    pass
            if os.listdir(os.path.join(self.source, "cur")):
                return
            # It was quicker, and is done: once more, the other way round.
            self.lock.__exit__()
            self.client.finish(self.tag)
            self.client.select(self.target)
            self.client.ok("UID", "MOVE", "1:*", "Many")
        raise AssertionError("the MOVE could not be stopped halfway")

    def marks(self, mailbox):
        """{UID: number of the message}"""
        self.client.select(mailbox)
        return {int(dict(zip(data[::2], data[1::2]))[b"UID"]): int(data[-1].split()[-1])
                for data in (response.data for response in
                             self.client.command("UID", "FETCH", "1:*", "BODY.PEEK[HEADER.FIELDS (SUBJECT)]").of("FETCH"))}

    def end(self, counter):
        result = self.client.finish(self.tag)
        counter.check("a MOVE stopped halfway is refused with NO [INUSE]",
                      result.status == "NO" and result.code_is(b"INUSE"),
                      f"{result.status} {result.code}")
        told = [response.status.code for response in result.of("OK") if response.status.code_is(b"COPYUID")]
        counter.equal("COPYUID comes once", len(told), 1)
        source, target = (number_set(text) for text in told[0][2:])
        print(f"# {len(source)} of {self.MESSAGES} were moved before the lock was taken")
        uids = [int(uid) for uid in self.uids]
        expunged = [uids.pop(response.number - 1) for response in result.of("EXPUNGE")]
        counter.check("COPYUID names those that EXPUNGE tells to be gone", expunged and sorted(expunged) == sorted(source),
                      f"{len(expunged)} and {len(source)}")
        self.lock.__exit__()
        left, there = self.marks("Many"), self.marks(self.target)
        counter.equal("the others are where they were", sorted(left), uids)
        counter.equal("those that were moved are in the target, under the UIDs that were told", sorted(there),
                      sorted(target))
        counter.equal("each message is in one of the two", sorted([*left.values(), *there.values()]),
                      list(range(self.MESSAGES)))
        self.client.select("Many")
        self.client.ok("UID", "MOVE", "1:*", self.target)
        counter.equal("the same MOVE again moves the rest, and each is there once",
                      sorted(self.marks(self.target).values()), list(range(self.MESSAGES)))
        self.client.logout()


def tests(counter, options, make_server, folder):
    server = make_server(folder, users=["victim", "witness"], settings={"imap.limit.perUserAndAddress": "0"})
    with server:
        with server.connect("witness") as client:
            for _ in range(10):
                client.append("INBOX", MESSAGE)
        prepare(server)
        counter.run("all_wait_then_finish", all_wait_then_finish, server, counter, options.slack)
        counter.run("news_come_later", news_come_later, server, counter)
        cut = CutMove(server)
        counter.run("move_is_stopped", cut.begin)
        counter.run("refused_after_the_timeout", refused_after_the_timeout, server, counter, options.slack)
        counter.run("move_goes_on", cut.end, counter)
        counter.check("the server lives", server.process.poll() is None)


def arguments(parser):
    parser.add_argument("--slack", type=int, default=1, help="times may be so many times as large")


if __name__ == "__main__":
    stress_test.main("locked", tests, arguments)
