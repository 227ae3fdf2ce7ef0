#!/usr/bin/env python3
"""Many connections in IDLE hold no thread each, hear of deliveries, and leave the server quick for others."""

import os
import time

import stress_test
from stress_test import require

MOST_THREADS = 40
USERS = 100


def open_idle(server, number):
    client = server.connect(f"u{number % USERS:03}", timeout=60)
    client.select("INBOX")
    return client, client.idle()


def deliver(server, user, text):
    """As a delivery agent does: written to tmp/, renamed into new/."""
    maildir = server.maildir(user)
    name = f"{time.time():.6f}.P{os.getpid()}.stress"
    path = os.path.join(maildir, "tmp", name)
    with open(path, "wb") as file:
        file.write(text)
    if os.geteuid() == 0:
        os.chown(path, server.uid, server.gid)
    os.rename(path, os.path.join(maildir, "new", name))


def all_hear(clients, user_number):
    """Every IDLE session of that user is told of one more message."""
    for client, _ in clients[user_number::USERS]:
        client.wait_for(lambda r: r.kind == "EXISTS", 60)


def noop_times(server, count):
    with server.connect("u000") as client:
        times = []
        for _ in range(count):
            began = time.perf_counter()
            client.ok("NOOP")
            times.append(time.perf_counter() - began)
        return sorted(times)


def tests(counter, options, make_server, folder):
    allowed = stress_test.more_descriptors(options.connections + 500)
    if allowed < options.connections + 200:
        raise stress_test.Skipped(f"only {allowed} file descriptors are allowed here")
    users = [f"u{n:03}" for n in range(USERS)]
    with make_server(folder, users=users) as server:
        began = time.monotonic()
        clients = [open_idle(server, n) for n in range(options.connections)]
        print(f"# {options.connections} connections in IDLE after {time.monotonic() - began:.1f} s")
        counter.check(f"{options.connections} connections are in IDLE", len(clients) == options.connections)
        if not options.dovecot:
            threads = server.threads()
            counter.check(f"fewer than {MOST_THREADS} threads ({threads})", threads < MOST_THREADS)
        times = noop_times(server, 200)
        print(f"# NOOP meanwhile: median {times[100] * 1e3:.2f} ms, slowest {times[-1] * 1e3:.1f} ms")
        for user in (0, 7, USERS - 1):
            deliver(server, users[user], b"Subject: wake up\n\nNow.\n")
            counter.run(f"a delivery wakes the sessions of {users[user]}", all_hear, clients, user)
        with server.connect(users[3]) as client:
            client.append("INBOX", b"Subject: appended\r\n\r\nNow.\r\n")
        counter.run("an APPEND wakes the sessions of its user", all_hear, clients, 3)
        counter.run("every session ends IDLE with OK", lambda: [require(c.done(tag).status == "OK", "not OK")
                                                                for c, tag in clients])
        again = [c.idle() for c, _ in clients[:50]]
        require(len(again) == 50, "IDLE again")
        for client, _ in clients[50:]:
            client.close()
        counter.run("a session lives on after the others broke off", lambda: clients[0][0].done(again[0]))
        if not options.dovecot:
            threads = server.threads()
            counter.check(f"and still fewer than {MOST_THREADS} threads ({threads})", threads < MOST_THREADS)
        for client, _ in clients[:50]:
            client.close()
    counter.check("the server stopped on SIGTERM", server.process is None)


stress_test.main("idle", tests, lambda parser: parser.add_argument("--connections", type=int, default=1000))
