"""Rows about being connected: IDLE, memory, signing in, a mixture of everything."""

import os
import random
import ssl
import time

import client
import contestants
import corpus
import load
from measure import Meter, Row, Sample, median_ms, workload
from reading import THUNDERBIRD, seen_alone

HEARD_WITHIN = 40       # seconds: Dovecot without inotify looks every 30


@workload(idle_delivery=Row("ms", "round_trip", once=True), idle_flag_rename=Row("ms", "round_trip", once=True),
          idle_store=Row("ms", "round_trip", once=True))
def idle_latency(bench, server):
    """From the change until a client in IDLE has the line."""
    bench.fresh(server, bench.heavy)
    rng, cur = random.Random(3), os.path.join(server.maildir(), "cur")
    octets, names = bench.heavy.samples(1)[0], seen_alone(cur)
    with server.opened() as waiting, server.opened() as other:
        other.command("STORE 1:* -FLAGS.SILENT (\\Answered)")

        def delivery(number):
            return corpus.deliver(server.maildir(), server.account, octets, number)

        def flag_rename(number):
            began = time.perf_counter()
            os.rename(os.path.join(cur, names[number]), os.path.join(cur, names[number][:-1] + "FS"))
            return began

        def stored(number):
            began = time.perf_counter()
            other.command(f"STORE {number + 1} +FLAGS.SILENT (\\Answered)")
            return began

        for row, act, word in (("idle_delivery", delivery, b" EXISTS"), ("idle_flag_rename", flag_rename, b" FETCH "),
                               ("idle_store", stored, b" FETCH ")):
            if not bench.wants(row):
                continue
            samples = []
            for number in range(min(bench.scale.idle_samples, len(names))):
                waiting.command("NOOP")
                tag = waiting.idle()
                time.sleep(0.05 + rng.random() * 0.2)
                began = act(number)
                heard = waiting.wait_for(word, HEARD_WITHIN)
                waiting.done(tag)
                if heard is None:
                    raise client.BenchError(f"{row}: nothing heard within {HEARD_WITHIN} s")
                samples.append(heard - began)
            yield row, median_ms(samples, len(samples))


@workload(idle_memory_plain=Row("KiB", once=True), idle_memory_tls=Row("KiB", once=True))
def idle_memory(bench, server):
    """What a connection in IDLE costs: growth of the server's memory by --connections of a hundred users."""
    for row, tls in (("idle_memory_plain", False), ("idle_memory_tls", client.tls_context())):
        if not bench.wants(row):
            continue
        users = contestants.MANY_USERS
        server.stop()
        for user in users:
            server.fresh(bench.many, user, most=50)
        bench.settle()
        server.start()
        for user in users:
            server.opened(user).logout()
        time.sleep(1)
        before, idling = server.memory(), []
        try:
            for number in range(bench.scale.connections):
                session = server.opened(users[number % len(users)], tls)
                session.idle()
                idling.append(session)
            time.sleep(2)
            grown = (server.memory() - before) / len(idling)
        finally:
            for session in idling:
                session.close()
        yield row, Sample(grown / 1024, len(idling))


@workload(login_plain=Row("login/s", "connect", higher=True), login_plain_cpu=Row("ms cpu"),
          login_tls=Row("login/s", "connect_tls", higher=True), login_tls_cpu=Row("ms cpu"))
def login(bench, server):
    """connect, LOGIN, LOGOUT by eight clients; the rows _cpu: processor time of the server for each."""
    users, each = contestants.MANY_USERS, bench.scale.logins_each
    server.stop()
    for user in users:
        server.fresh(bench.many, user, most=10)
    bench.settle()
    server.start()
    for user in users[:10]:
        server.session(user).logout()
    for row, tls in (("login_plain", False), ("login_tls", True)):
        if not (bench.wants(row) or bench.wants(row + "_cpu")):
            continue

        def run(index, context):
            for number in range(each):
                server.session(users[(index * 13 + number) % len(users)], context).logout()
            return each

        with Meter(server) as meter:
            seconds, counts = load.parallel(8, lambda index, tls=tls: client.tls_context() if tls else False, run, 120)
            time.sleep(0.2)     # until the last processes have ended and their time is counted
        yield row, Sample(sum(counts) / seconds, sum(counts))
        yield row + "_cpu", Sample(meter.cpu / sum(counts) * 1000, sum(counts))


MIXTURE = {"select": 8, "headers": 15, "body": 25, "store": 20, "append": 7, "search": 8, "idle": 5, "noop": 12}
FLAGS = ("\\Flagged", "\\Answered", "\\Seen", "$Label1")
MIXED_CLIENTS, MIXED_USERS, MIXED_MESSAGES = 20, 10, 200


@workload(mixed=Row("cmd/s", higher=True), mixed_per_cpu=Row("cmd/cpu s", higher=True))
def mixed(bench, server):
    """20 clients of 10 users over 200 messages each, without pauses; what counts is commands for a second of the
    server's processor time, since the clients share the machine."""
    users = contestants.MANY_USERS[:MIXED_USERS]
    server.stop()
    for user in users:
        server.fresh(bench.many, user, most=MIXED_MESSAGES)
    bench.settle()
    server.start()
    octets = bench.many.samples(40, largest=50_000)
    least = min(MIXED_MESSAGES, bench.many.count)

    def run(index, session):
        rng = random.Random(1000 * index + bench.round)
        names, weights, done = list(MIXTURE), list(MIXTURE.values()), 0
        deadline = time.monotonic() + bench.scale.mixed_seconds
        while time.monotonic() < deadline:
            what, number = rng.choices(names, weights)[0], rng.randint(1, least)
            if what == "select":
                session.select()
            elif what == "headers":
                session.command(THUNDERBIRD.replace("UID fetch 1:*", f"FETCH {max(1, number - 30)}:{number}"))
            elif what == "body":
                session.command(f"FETCH {number} (UID BODY.PEEK[])")
            elif what == "store":
                session.command(f"STORE {number} {rng.choice('+-')}FLAGS ({rng.choice(FLAGS)})")
            elif what == "append":
                session.append("INBOX", rng.choice(octets))
            elif what == "search":
                session.command("SEARCH UNSEEN")
            elif what == "idle":
                session.done(session.idle())
            else:
                session.command("NOOP")
            done += 1
        session.logout()
        return done

    with Meter(server) as meter:
        seconds, counts = load.parallel(MIXED_CLIENTS, lambda index: server.opened(users[index % len(users)]), run,
                                        bench.scale.mixed_seconds + 60)
        time.sleep(0.2)
    yield "mixed", Sample(sum(counts) / seconds, None)
    yield "mixed_per_cpu", Sample(sum(counts) / max(meter.cpu, 0.01), None)
