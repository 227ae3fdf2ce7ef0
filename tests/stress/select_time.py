#!/usr/bin/env python3
"""SELECT of 100,000 messages: the first time beside Dovecot's, the second in under 10 ms, then after one delivery; after a
restart in under 20 ms, from the cache, and as after the delivery without it. A long SEARCH tells how far it is.
"""

import os
import shutil
import time

import stress_test

MOST_SECOND_MS = 10.0
MOST_RESTARTED_MS = 20.0
REPEATS = 7


def write_tree(maildir, count):
    for sub in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(maildir, sub))
    for number in range(count):
        octets = b"Subject: message %d\nFrom: a@example.org\n\nText of message %d.\n" % (number, number)
        name = f"{1600000000 + number}.M{number}P1.big,S={len(octets)}:2,{'S' if number % 4 else ''}"
        with open(os.path.join(maildir, "cur", name), "wb", buffering=0) as file:
            file.write(octets)


def select_ms(server, count):
    """One SELECT in a session of its own, in milliseconds."""
    with server.connect(timeout=300) as imap:
        began = time.perf_counter()
        result = imap.select("INBOX")
        took = (time.perf_counter() - began) * 1000
        if result.of("EXISTS")[-1].number != count:
            raise AssertionError(f"{result.of('EXISTS')[-1].number} messages instead of {count}")
    return took


def measure(server, count):
    """(first, best of the later ones, after one delivery)."""
    with server:
        first = select_ms(server, count)
        later = min(select_ms(server, count) for _ in range(REPEATS))
        path = os.path.join(server.maildir(), "tmp", "1700000000.M1P1.late")
        with open(path, "wb") as file:
            file.write(b"Subject: late\n\nText.\n")
        if os.geteuid() == 0:
            os.chown(path, server.uid, server.gid)
        os.rename(path, os.path.join(server.maildir(), "new", os.path.basename(path)))
        delivered = select_ms(server, count + 1)
    return first, later, delivered


def measure_restarts(server, count):
    """The best of some, each the first SELECT of a server that was just started."""
    times = []
    for _ in range(3):
        with server:
            times.append(select_ms(server, count))
    return min(times)


def check_progress(counter, server):
    """A SEARCH through the text of every message, which takes some seconds, says how far it is (RFC 9585)."""
    with server, server.connect(timeout=300) as imap:
        imap.select("INBOX")
        began = time.perf_counter()
        result = imap.ok("SEARCH BODY nowhere")
        took = time.perf_counter() - began
        told = [r.status for r in result.untagged if r.status and r.status.code_is(b"INPROGRESS")]
        counter.check(f"a SEARCH of {took:.1f} s tells its progress ({len(told)} times)",
                      took < 1.2 or 1 <= len(told) <= took + 1, repr(told[:3]))
        for status in told:
            tag, done, goal = status.code[1]
            counter.check(f"{done.decode()} of {goal.decode()} messages", 0 < int(done) <= int(goal), repr(tag))


def tests(counter, options, make_server, folder):
    source = os.path.join(folder, "source")
    write_tree(source, options.messages)
    found = {}
    makers = {"Dovecot": lambda f: stress_test.servers.Dovecot(f, fsync="optimized")}
    if not options.dovecot:
        makers["Maildock"] = lambda f: make_server(f, settings={"imap.progressInterval": "1"})
    for name, make in makers.items():
        place = os.path.join(folder, name)
        os.makedirs(place)
        try:
            server = make(place)
        except stress_test.Skipped as reason:
            print(f"# {name}: {reason}")
            continue
        shutil.copytree(source, server.maildir(), copy_function=os.link)   # neither server writes into a message
        stress_test.servers.give_to_owner(server.mail_root)
        found[name] = measure(server, options.messages)
        if name == "Maildock":
            restarted = measure_restarts(server, options.messages + 1)
            print(f"# after a restart {restarted:.2f} ms")
            counter.check(f"SELECT after a restart takes less than {MOST_RESTARTED_MS} ms",
                          restarted < MOST_RESTARTED_MS, f"{restarted:.2f} ms")
            check_progress(counter, server)
        print("# SELECT of %d messages, %s: first %.1f ms, later %.2f ms, after one delivery %.2f ms" %
              (options.messages, name, *found[name]), flush=True)
    counter.check("SELECT answers with every message", bool(found))
    if "Maildock" in found:
        later = found["Maildock"][1]
        counter.check(f"the second SELECT takes less than {MOST_SECOND_MS} ms", later < MOST_SECOND_MS, f"{later:.2f} ms")


stress_test.main("select", tests, lambda p: p.add_argument("--messages", type=int, default=100_000))
