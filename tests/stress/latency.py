#!/usr/bin/env python3
"""How soon an IDLE client hears of what happens in its mailbox, and whether 200 of them hear of all, in order."""

import os
import re
import selectors
import time

import stress_test
from stress_test import require

SAMPLES = 200
LISTENERS = 200
STORM = 200
MOST_MEDIAN = 0.005
MOST_P99 = 0.050


class Agent:
    """Another program at work on one Maildir."""

    def __init__(self, server):
        self.server, self.maildir, self.count = server, server.maildir(), 0

    def prepare(self):
        """A message, written to tmp/, ready for the rename into new/."""
        self.count += 1
        name = f"{1700000000 + self.count}.P{os.getpid()}Q{self.count}.latency"
        path = os.path.join(self.maildir, "tmp", name)
        with open(path, "wb") as file:
            file.write(f"X-Mark: d{self.count}\n\nNow.\n".encode())
        if os.geteuid() == 0:
            os.chown(path, self.server.uid, self.server.gid)
        return path, os.path.join(self.maildir, "new", name)


def report(counter, slack, name, times):
    times.sort()
    median, late = times[len(times) // 2], times[len(times) * 99 // 100]
    print(f"# {name}: p50 {median * 1e3:.2f} ms, p99 {late * 1e3:.2f} ms, slowest {times[-1] * 1e3:.2f} ms")
    counter.check(f"{name}: {len(times)} samples, the median under {MOST_MEDIAN * slack * 1e3:.0f} ms, 99 of 100 under "
                  f"{MOST_P99 * slack * 1e3:.0f} ms",
                  len(times) == SAMPLES and median < MOST_MEDIAN * slack and late < MOST_P99 * slack,
                  f"{median * 1e3:.1f} ms, {late * 1e3:.1f} ms")


def measure(listener, act, wanted):
    """The times from just before act(n) to the news that is wanted."""
    times = []
    for number in range(SAMPLES):
        begin = time.perf_counter()
        began = act(number) or begin
        listener.wait_for(wanted, 20)
        times.append(time.perf_counter() - began)
    return times


def is_flags_of(number, letter):
    flag = {"F": b"\\Flagged", "A": b"\\Answered", "": None}[letter]

    def wanted(response):
        if response.kind != "FETCH" or response.number != number:
            return False
        flags = response.data[[item.upper() for item in response.data[::2]].index(b"FLAGS") * 2 + 1]
        return flag in flags if flag else not {b"\\Flagged", b"\\Answered"} & set(flags)

    return wanted


def one_listener(counter, slack, server):
    agent = Agent(server)
    listener = server.connect()
    listener.select("INBOX")
    tag = listener.idle()

    def deliver(_):
        source, target = agent.prepare()
        began = time.perf_counter()
        os.rename(source, target)
        return began

    report(counter, slack, "a delivery into new/", measure(listener, deliver, lambda r: r.kind == "EXISTS"))
    listener.done(tag)
    listener.ok("NOOP")
    tag = listener.idle()
    cur = os.path.join(agent.maildir, "cur")
    base = next(name for name in sorted(os.listdir(cur))).partition(":2,")[0]
    state = {"name": next(name for name in os.listdir(cur) if name.startswith(base)), "letter": ""}
    with server.connect() as other:
        other.select("INBOX")
        number = len(os.listdir(cur))
        marks = other.ok("FETCH 1:* (BODY.PEEK[HEADER.FIELDS (X-Mark)])").fetched()
        with open(os.path.join(cur, state["name"]), "rb") as file:
            mark = file.readline().strip()
        seq = next(n for n, items in marks.items() if any(mark in v for v in items.values() if isinstance(v, bytes)))

        def rename(_):
            state["letter"] = "" if state["letter"] else "F"
            name = f"{base}:2,{state['letter']}"
            began = time.perf_counter()
            os.rename(os.path.join(cur, state["name"]), os.path.join(cur, name))
            state["name"] = name
            return began

        report(counter, slack, "flags changed by a rename",
               measure(listener, rename, lambda r: is_flags_of(seq, state["letter"])(r)))
        sign = {"now": "-"}
        last = number if number != seq else number - 1

        def store():
            sign["now"] = "-" if sign["now"] == "+" else "+"
            return other.start(f"STORE {last} {sign['now']}FLAGS.SILENT (\\Answered)")

        def finish_store(response):
            return is_flags_of(last, "A" if sign["now"] == "+" else "")(response)

        times = []
        for _ in range(SAMPLES):
            began = time.perf_counter()
            tag_of_store = store()
            listener.wait_for(finish_store, 20)
            times.append(time.perf_counter() - began)
            other.finish(tag_of_store)
        report(counter, slack, "STORE by another session", times)
    listener.done(tag)
    listener.logout()


class Hearer:
    """One of many in IDLE: reads what has come, and checks the order of it."""

    def __init__(self, client, size):
        self.client, self.size, self.expunged = client, size, 0
        self.rest, self.steps = b"", 0

    def read(self):
        octets = self.client._socket.recv(262144)
        require(octets, "the server closed a connection in IDLE")
        *lines, self.rest = (self.rest + octets).split(b"\r\n")
        for line in lines:
            match = re.match(rb"\* (\d+) (EXISTS|EXPUNGE)$", line)
            if not match:
                continue
            number, self.steps = int(match.group(1)), self.steps + 1
            if match.group(2) == b"EXISTS":
                require(number >= self.size, f"EXISTS {number} after {self.size}")
                self.size = number
            else:
                require(1 <= number <= self.size, f"EXPUNGE {number} of {self.size}")
                self.size -= 1
                self.expunged += 1


def hear(hearers, finished, deadline):
    """Reads from all until all have finished; returns the seconds."""
    began, left = time.monotonic(), {h for h in hearers if not finished(h)}
    with selectors.DefaultSelector() as waiting:
        for hearer in hearers:
            waiting.register(hearer.client, selectors.EVENT_READ, hearer)
        while left:
            rest = began + deadline - time.monotonic()
            require(rest > 0, f"{len(left)} of {len(hearers)} sessions were not told all within {deadline} s: "
                    f"sizes {sorted({h.size for h in left})}, expunged {sorted({h.expunged for h in left})}")
            for key, _ in waiting.select(rest):
                key.data.read()
                if finished(key.data):
                    left.discard(key.data)
    return time.monotonic() - began


def storm(counter, server):
    agent = Agent(server)
    agent.count = 1000
    with server.connect() as worker:
        worker.select("INBOX")
        before = len(worker.ok("UID SEARCH ALL").of("SEARCH")[0].data or [])
        clients, tags, hearers = [], [], []
        for _ in range(LISTENERS):
            client = server.connect()
            client.select("INBOX")
            tags.append(client.idle())
            clients.append(client)
            hearers.append(Hearer(client, before))
        ready = [agent.prepare() for _ in range(STORM)]
        for source, target in ready:
            os.rename(source, target)
        seconds = hear(hearers, lambda h: h.size == before + STORM, 60)
        counter.ok(f"{LISTENERS} sessions heard of {STORM} deliveries, in order, within {seconds:.2f} s")
        worker.ok("NOOP")
        worker.ok("STORE 1:* +FLAGS.SILENT (\\Deleted)")
        tag = worker.start("EXPUNGE")
        gone = before + STORM
        seconds = hear(hearers, lambda h: h.size == 0 and h.expunged == gone, 60)
        worker.finish(tag)
        counter.ok(f"{LISTENERS} sessions heard of {gone} EXPUNGEs within {seconds:.2f} s")
        for client, tag in zip(clients, tags):
            require(client.done(tag).status == "OK", "IDLE did not end with OK")
        source, target = agent.prepare()
        os.rename(source, target)
        uids = set()
        for client in clients:
            client.ok("NOOP")
            uids.add(tuple(int(item[b"UID".decode()]) for item in client.ok("FETCH 1:* (UID)").fetched().values()))
            client.close()
        counter.check("and all see the same afterwards", len(uids) == 1 and len(next(iter(uids))) == 1, str(uids))


def tests(counter, options, make_server, folder):
    stress_test.more_descriptors(LISTENERS + 200)
    settings = {} if options.dovecot else {"settings": {"imap.limit.perUserAndAddress": "0", "log.level": "warning"}}
    with make_server(folder, **settings) as server:
        one_listener(counter, options.slack, server)
        storm(counter, server)
    counter.check("the server stopped on SIGTERM", server.process is None)


def arguments(parser):
    parser.add_argument("--slack", type=int, default=1, help="times may be so many times as long")


stress_test.main("latency", tests, arguments)
