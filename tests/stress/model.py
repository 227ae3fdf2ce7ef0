#!/usr/bin/env python3
"""A model checker: random commands of one to four sessions, and changes by other programs, against a model of RFC 3501.

Each run is a short program from a seed, in two fresh mailboxes of one running server. A run that fails is shrunk: steps
are left out while it still fails; what is left is printed as a transcript. Repeat one with --seed.
"""

import os
import re
import tempfile
import time

import stress_test  # first: it says where the others lie
from imapclient import ImapError
from modelrun import Run, program
from modelstate import Box

SHRINK_RUNS = 250
USERS = 40


class Lab:
    """Plays programs on one server: its connections, and fresh mailboxes for each run."""

    def __init__(self, server):
        self.server, self.clients, self.user = server, [], None
        self.played, self.transcript = 0, []

    def connect(self, count, user):
        """Connections serve many runs; a fault ends them all."""
        if user != self.user:
            self.drop()
            self.user = user
        while len(self.clients) < count:
            number = len(self.clients) + 1
            self.clients.append(self.server.connect(
                user, timeout=20, trace=lambda octets, number=number: self.transcript.append((number, octets))))
        return self.clients[:count]

    def drop(self):
        for client in self.clients:
            client.close()
        self.clients = []

    def give(self, path):
        if os.geteuid() == 0:
            os.chown(path, self.server.uid, self.server.gid)

    def note(self, text):
        self.transcript.append(("another program:", text.encode()))

    def play(self, sessions, steps):
        """None, or why the run failed."""
        self.played += 1
        # A user's tree stays small: its runs clean up, and users take turns.
        clients = self.connect(sessions, self.server.users[self.played // 50 % USERS])
        names = [f"a{self.played}", f"b{self.played}"]
        try:
            for name in names:
                clients[0].ok("CREATE", name)
            self.transcript.clear()
            boxes = [Box(name, os.path.join(self.server.maildir(self.user), "." + name)) for name in names]
            run = Run(clients, boxes, self.give, self.note)
            run.play(steps)
            self.transcript.clear()
            for session in run.sessions:
                if session.box:
                    session.client.ok("UNSELECT")
            for name in names:
                clients[0].ok("DELETE", name)
        except (AssertionError, ImapError, OSError) as error:
            self.drop()
            return f"{type(error).__name__}: {error}"
        return None


def kind(why):
    """What is wrong, without numbers, names and flags: shrinking must not slip to another fault."""
    return re.sub(r"\[.*?\]|\d+|\(.*?\)", "", why).rsplit(": ", 1)[-1]


def shrink(lab, sessions, steps, why):
    """Leaves out ever smaller stretches of steps while the run still fails: (the steps, why, the transcript)."""
    transcript, tries, size = list(lab.transcript), 0, max(1, len(steps) // 2)
    while tries < SHRINK_RUNS:
        at, smaller = 0, False
        while at < len(steps) and tries < SHRINK_RUNS:
            candidate = steps[:at] + steps[at + size:]
            tries += 1
            failure = lab.play(sessions, candidate) if candidate else None
            if failure and kind(failure) == kind(why):
                steps, why, transcript, smaller = candidate, failure, list(lab.transcript), True
            else:
                at += size
        if size == 1 and not smaller:
            break
        size = max(1, size // 2)
    return steps, why, transcript


def show(seed, steps, why, transcript):
    print(f"# seed {seed}, shrunk to {len(steps)} steps: {' '.join(f'{s + 1}:{name}' for s, name, _ in steps)}")
    for number, octets in transcript[-400:]:
        print(f"#   {number} {octets.decode('utf-8', 'replace').rstrip()}"[:300])
    print(f"# {why}", flush=True)


def tests(counter, options, make_server, folder):
    runs, failed = 0, 0
    first = int.from_bytes(os.urandom(4), "big") if options.seed is None else options.seed
    wanted = options.runs or (1 if options.seconds is None and options.seed is not None else 1 << 31)
    deadline = time.monotonic() + (options.seconds or 60)
    print(f"# seeds from {first}", flush=True)
    with make_server(folder, users=[f"u{n}" for n in range(USERS)], settings={"log.level": "warning"}) as server:
        lab, steps_played = Lab(server), 0
        while runs < wanted and failed < options.failures and (options.runs or time.monotonic() < deadline):
            seed = first + runs
            sessions, steps = program(seed)
            runs += 1
            steps_played += len(steps)
            why = lab.play(sessions, steps)
            if why:
                failed += 1
                show(seed, *shrink(lab, sessions, steps, why))
                counter.fail(f"seed {seed}", why)
        lab.drop()
        counter.check(f"{runs} runs, {steps_played} steps agree with the model", not failed, f"{failed} do not")
    counter.check("the server stopped on SIGTERM", server.process is None)


def arguments(parser):
    parser.add_argument("--seed", type=int, help="the first seed; alone: that run (else one of chance)")
    parser.add_argument("--runs", type=int, help="how many runs, whatever time they take")
    parser.add_argument("--seconds", type=float, help="for so long")
    parser.add_argument("--failures", type=int, default=1, help="stop after so many")


if os.path.isdir("/dev/shm"):
    tempfile.tempdir = "/dev/shm"   # the model is about what is told, not about the disk
stress_test.main("model", tests, arguments)
