#!/usr/bin/env python3
"""100 clients at work at once, with deliveries from outside: at the end nothing is lost and nothing is doubled.

Each client knows what it made and removed (workers.py): each UID with its id must be there, no more and no less, in the
same process, after a restart, and on the disk. --connections adds clients in IDLE that must hear of every delivery; the
server's memory and descriptors must not grow while it works.
"""

import os
import selectors
import threading
import time

import stress_test  # first: it says where the others lie
from imapclient import ImapError, Response
from workers import Model, Worker, compare, deliver_from_outside, make_mailboxes, put_message, seen_by

CLIENTS = 100
USERS = 20            # five clients share each user's mailboxes
IDLE_USERS = 100      # share the idle connections


def files_on_disk(server):
    """How many message files there are in cur/ and new/ of every mailbox."""
    return sum(len(os.listdir(os.path.join(server.maildir(user), box, sub)))
               for user in server.users for box in ("", ".A", ".A.B") for sub in ("cur", "new"))


class Idlers:
    """Connections in IDLE beside the work, each user's mailbox shared by many; what they hear is counted."""

    def __init__(self, server, users, count):
        self.server, self.users, self.clients, self.exists = server, users[:count], [], {}
        self.delivered = dict.fromkeys(self.users, 0)
        self.failures = []
        for number in range(count):
            client = server.connect(users[number % len(users)], timeout=60)
            client.select("INBOX")
            self.clients.append((client, client.idle(), users[number % len(users)]))

    def listen(self, until):
        """One delivery a second to one of the users after the other; reads what all are told."""
        if not self.clients:
            return
        try:
            with selectors.DefaultSelector() as waiting:
                for entry in self.clients:
                    waiting.register(entry[0], selectors.EVENT_READ, entry)
                following = time.monotonic()
                while time.monotonic() < until or not self.all_heard():
                    if time.monotonic() < until and time.monotonic() >= following:
                        following = time.monotonic() + 1
                        self.deliver()
                    for key, _ in waiting.select(0.2):
                        self.hear(key.data[0])
                    if time.monotonic() > until + 60:
                        raise AssertionError("not every idle session was told of every delivery")
        except (ImapError, OSError, AssertionError) as error:
            self.failures.append(f"{type(error).__name__}: {error}")

    def hear(self, client):
        while True:
            response = client.read_response()
            if isinstance(response, Response) and response.kind == "EXISTS":
                self.exists[client] = response.number
            if not client._buffer:
                return

    def all_heard(self):
        return all(self.exists.get(client, 0) == self.delivered[user] for client, _, user in self.clients)

    def deliver(self):
        serial = sum(self.delivered.values())
        user = self.users[serial % len(self.users)]
        put_message(self.server, user, f"{int(time.time())}.M{serial}P{os.getpid()}.idle", b"Subject: wake up\n\nNow.\n")
        self.delivered[user] += 1

    def end(self):
        for client, tag, _ in self.clients:
            if client.done(tag).status != "OK":
                self.failures.append("IDLE did not end with OK")
            client.close()


class Growth:
    """Memory and descriptors of the server: what they were when all had settled, and what they are at the end."""

    MOST_FACTOR, MOST_MEGABYTES = 1.15, 24     # more than that beside the third of the time when it is first looked at

    def __init__(self, server):
        self.pid, self.figures = server.process.pid, []

    def look(self, when):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            fields = dict(line.split(":", 1) for line in file)
        resident = int(fields["VmRSS"].split()[0]) // 1024
        descriptors, _ = stress_test.descriptors_of(self.pid)
        threads = int(fields["Threads"])
        self.figures.append((resident, descriptors, threads))
        print(f"# {when}: {resident} MB, {descriptors} descriptors, {threads} threads", flush=True)
        return resident, descriptors

    def watch(self, begin, seconds, stop):
        for part in range(1, 6):
            if stop.wait(max(0, begin + seconds * part / 6 - time.monotonic())):
                return
            self.look(f"after {seconds * part // 6} s")


def connect_idlers(server, users, count):
    began = time.monotonic()
    idlers = Idlers(server, users, count)
    print(f"# {count} connections in IDLE after {time.monotonic() - began:.1f} s", flush=True)
    return idlers


def tests(counter, options, make_server, folder):
    allowed = stress_test.more_descriptors(options.connections + 4096)
    if allowed < options.connections + 1000:
        raise stress_test.Skipped(f"only {allowed} file descriptors are allowed here")
    model = Model()
    users, idle_users = [f"u{n:02}" for n in range(USERS)], [f"idle{n:02}" for n in range(IDLE_USERS)]
    settings = {"settings": {"imap.limit.perUserAndAddress": "0", "cache.memory": "8m"}} if not options.dovecot else {}
    server = make_server(folder, users=users + idle_users, **settings)
    with server:
        server.users = users
        make_mailboxes(server)
        idlers = connect_idlers(server, idle_users, options.connections)
        growth = Growth(server)
        _, descriptors = growth.look("before the work")
        begin = time.monotonic()
        until = begin + options.seconds
        workers = [Worker(server, model, n) for n in range(options.clients)]
        threads = [threading.Thread(target=w.run, args=(until,)) for w in workers]
        stop = threading.Event()
        others = [threading.Thread(target=deliver_from_outside, args=(server, model, until, stop)),
                  threading.Thread(target=idlers.listen, args=(until,)),
                  threading.Thread(target=growth.watch, args=(begin, options.seconds, stop))]
        for thread in [*others, *threads]:
            thread.start()
        for thread in threads:
            thread.join(options.seconds + 200)
        stop.set()
        for thread in others:
            thread.join(90)
        total = sum(model.operations.values())
        print(f"# {total} operations of {options.clients} clients in {options.seconds} s: "
              + ", ".join(f"{count} {name}" for name, count in sorted(model.operations.items())))
        counter.check("every client worked to its end", not model.failures and not any(t.is_alive() for t in threads),
                      "; ".join(model.failures[:5]))
        counter.check("every kind of operation was done",
                      {name for name, _ in Worker.OPERATIONS} <= set(model.operations), str(model.operations))
        check_growth(counter, growth, descriptors, options.growth)
        if options.connections:
            counter.check(f"{options.connections} idle connections heard of {sum(idlers.delivered.values())} deliveries",
                          not idlers.failures, "; ".join(idlers.failures[:5]))
            idlers.end()
            counter.check("and ended with OK", not idlers.failures, "; ".join(idlers.failures[:5]))
        found = seen_by(server)
        compare(counter, "at once", found, model)
        counter.equal("one file a message", files_on_disk(server), len(found))
        counter.check("the server lives", server.process.poll() is None)
    with server:
        compare(counter, "after a restart", seen_by(server), model)
    log = server.log_tail(1 << 22)
    counter.check("no internal error", not any(s in log for s in ("SERVERBUG", "Sanitizer", "runtime error:")), log[-3000:])


MOST_CACHE_FILES = 32


def check_growth(counter, growth, descriptors, is_memory_checked):
    """After the work there are as many descriptors as before; memory stays what it was a third into it."""
    end = time.monotonic() + 20
    while stress_test.descriptors_of(growth.pid)[0] > descriptors and time.monotonic() < end:
        time.sleep(0.1)
    resident, left = growth.look("after the work")
    counter.check(f"no descriptor is left over ({left})", left <= descriptors, f"{descriptors} before the work")
    cache = stress_test.descriptors_of(growth.pid)[1]
    counter.check(f"few cache files are open ({cache})", cache <= MOST_CACHE_FILES + 1)
    if is_memory_checked:
        warm = growth.figures[2][0]
        most = warm * growth.MOST_FACTOR + growth.MOST_MEGABYTES
        peak = max(figure[0] for figure in growth.figures[2:])
        counter.check(f"memory does not grow ({warm} MB, then {peak} MB at most)", peak <= most, f"{most:.0f} MB allowed")


def arguments(parser):
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--connections", type=int, default=0, help="so many more in IDLE meanwhile")
    parser.add_argument("--growth", action="store_true",
                        help="fail if memory grows: of minutes of work, not under a sanitizer, which keeps what is freed")


stress_test.main("work", tests, arguments)
