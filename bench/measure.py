"""What a row is: its unit, which way is better, its floor; and what the workloads have in their hands."""

import os
import statistics
import time
from dataclasses import dataclass

import client
import contestants


@dataclass
class Row:
    unit: str
    floor: str = ""             # of floor.py
    higher: bool = False        # is better
    once: bool = False          # measured in the first round alone, since it is slow or hardly varies


@dataclass
class Sample:
    value: float
    answer: object              # must be the same from both servers, in every round
    cpu: float = 0.0            # seconds of the server
    own: float = 0.0            # share of the time in which the client itself used a processor
    text: str = ""              # instead of the number


@dataclass
class Workload:
    rows: dict
    run: object
    name: str = ""


WORKLOADS = []
AGED_AFTER = 190.0      # seconds: longer than any server mistrusts that a file is on disk


def workload(**rows):
    """Registers a function(bench, server) that yields (row, Sample) for these rows, which share its preparations."""
    def keep(function):
        WORKLOADS.append(Workload(rows, function, function.__name__))
        return function
    return keep


def all_rows():
    return {name: row for one in WORKLOADS for name, row in one.rows.items()}


@dataclass
class Bench:
    """The options and the corpora, and how a workload brings a server into the state that its row is about."""

    many: object                # Corpus of --messages
    heavy: object               # Corpus of a tenth of that
    scale: object               # numbers of repetitions: Scale
    wanted: set
    page_cache_cold: bool = False
    settles: bool = True        # false at small scale: nothing waits for the disk or for age
    aged_from: float = 0.0      # when the trees of AGED_USERS were made
    round: int = 0

    def wants(self, row):
        return row in self.wanted

    def fresh(self, server, source, **others):
        """The server started over a tree that it has never seen."""
        server.stop()
        server.fresh(source, **others)
        self.settle()
        server.start()

    def cold(self, server, user=None):
        """The server started again without what it derived from the messages."""
        server.stop()
        server.drop_caches(user)
        self.settle()
        if self.page_cache_cold:
            with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
                file.write("3\n")
        server.start()

    def make_aged(self, competitors):
        """The trees whose messages must have lain a while, made at the beginning of a round."""
        for server in competitors:
            for user in contestants.AGED_USERS:
                server.fresh(self.heavy, user, linked=False)
        self.settle()
        self.aged_from = time.monotonic()

    def wait_until_aged(self):
        if self.settles:
            time.sleep(max(0.0, self.aged_from + AGED_AFTER - time.monotonic()))

    def settle(self):
        """Writes out what copying the tree left to be written: it is not the server's to pay for."""
        if self.settles:
            os.sync()


@dataclass
class Scale:
    """How often things are done."""

    selects: int = 500
    several: int = 5            # small things whose median is taken
    appends: int = 300          # one by one
    appends_each: int = 100     # by each of eight clients
    stores: int = 2000          # one by one
    idle_samples: int = 40
    connections: int = 1000
    logins_each: int = 100      # by each of eight clients
    mixed_seconds: float = 15.0


QUICK = Scale(selects=50, several=3, appends=40, appends_each=10, stores=200, idle_samples=4, connections=50,
              logins_each=10, mixed_seconds=3.0)
TINY = Scale(selects=5, several=2, appends=5, appends_each=3, stores=20, idle_samples=2, connections=20,
             logins_each=5, mixed_seconds=1.0)


class Meter:
    """The time, the server's processor time and the client's own share of a with block."""

    def __init__(self, server):
        self._server = server

    def __enter__(self):
        self._cpu, self._own = self._server.cpu_seconds(), time.process_time()
        self._began = time.perf_counter()
        return self

    def __exit__(self, *failed):
        self.seconds = time.perf_counter() - self._began
        self.own = (time.process_time() - self._own) / max(self.seconds, 1e-9)
        if not failed[0]:
            self.cpu = self._server.cpu_seconds() - self._cpu

    def sample(self, value, answer):
        return Sample(value, answer, self.cpu, self.own)

    def milliseconds(self, answer):
        return self.sample(self.seconds * 1000, answer)

    def rate(self, amount, answer):
        return self.sample(amount / self.seconds, answer)


def median_ms(seconds, answer):
    """A Sample of the median of several times."""
    return Sample(statistics.median(seconds) * 1000, answer)


def same(values, what):
    """The one value that all have."""
    if len(set(values)) != 1:
        raise client.BenchError(f"{what} changed: {sorted(set(values))}")
    return values[0]
