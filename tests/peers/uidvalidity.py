#!/usr/bin/env python3
"""Maildock and Dovecot over one tree: no UIDVALIDITY comes again, whoever gives it, and each waits for the other's lock.

Usage: uidvalidity.py BUILD
"""

import glob
import os
import select
import socket
import sys
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "lib")]

import servers  # noqa: E402
from counting import Counter, Skipped, require  # noqa: E402
from imapclient import Literal  # noqa: E402

ROUNDS = 6
AT_ONCE = 25          # folders that each makes while the other does
MESSAGE = b"Subject: x\r\n\r\nbody\r\n"


def make_again(server, name):
    """Removes the mailbox if it is there, makes it anew, with a message; its UIDVALIDITY."""
    with server.connect() as imap:
        imap.command("DELETE", name)
        made = imap.command("CREATE", name)
        # Dovecot, looking for the highest number, makes the cur/ that a directory lacks at that moment.
        require(made.status == "OK" or made.code_is(b"ALREADYEXISTS"), repr(made))
        imap.append(name, MESSAGE)
        return validity_of(imap.select(name))


def validity_of(selected):
    return int(selected.code_value(b"UIDVALIDITY"))


def numbers_in(root):
    """What the file says, and what the names beside it say."""
    with open(os.path.join(root, "dovecot-uidvalidity"), "rb") as file:
        written = int(file.read(), 16)
    return written, [int(path.rsplit(".", 1)[1], 16) for path in glob.glob(os.path.join(root, "dovecot-uidvalidity.*"))]


def in_turns(counter, servers_in_turn, root, layout):
    given = []
    for turn in range(ROUNDS):
        server = servers_in_turn[turn % 2]
        with server:
            given.append(make_again(server, "Again"))
            given.append(make_again(server, "Again"))
        written, beside = numbers_in(root)
        counter.check(f"{layout}: after {server.name} both files say the same", beside == [written], f"{written} {beside}")
        counter.check(f"{layout}: nothing that was given is above", given[-1] <= written, f"{given[-1]} {written}")
    counter.check(f"{layout}: each is above those before", all(a < b for a, b in zip(given, given[1:])), repr(given))


def at_once(counter, first, second, layout):
    given, failures = [], []

    def work(server):
        try:
            for number in range(AT_ONCE):
                given.append((make_again(server, f"{server.name}{number}"), f"{server.name}{number}"))
        except Exception as error:  # told by the check below
            failures.append(repr(error))

    with first, second:
        threads = [threading.Thread(target=work, args=(server,)) for server in (first, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
    values = [value for value, _ in given]
    counter.check(f"{layout}: both at once work to the end", not failures and len(given) == 2 * AT_ONCE, "; ".join(failures))
    counter.equal(f"{layout}: {len(values)} of both at once are all different", len(set(values)), len(values))


class Lock:
    """As Maildock makes it: by O_EXCL, the process and the host in it."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "dovecot-uidlist.lock")

    def __enter__(self):
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        os.write(descriptor, f"{os.getpid()}:{socket.gethostname()}".encode())
        os.close(descriptor)
        return self

    def __exit__(self, *exc):
        os.unlink(self.path)


def waits_for_our_lock(server):
    """Dovecot takes the lock of a living process of this host for one, however old its file looks."""
    folder = server.maildir()
    with server, server.connect() as imap:
        with Lock(folder) as lock:
            os.utime(lock.path, (time.time() - 600,) * 2)
            tag = imap.start("APPEND", "INBOX", Literal(MESSAGE))
            require(not select.select([imap.fileno()], [], [], 4)[0], "answered while we had the lock")
        result = imap.finish(tag)
        require(result.status == "OK", repr(result))


def play(counter, options_build, layout):
    with servers.WorkFolder("uidvalidity") as folder:
        dovecot = servers.Dovecot(folder, layout=layout)
        ours = servers.Maildock(options_build, folder, layout=layout, mail_root=dovecot.mail_root)
        in_turns(counter, (dovecot, ours), dovecot.maildir(), layout)
        at_once(counter, dovecot, ours, layout)
        counter.run(f"{layout}: Dovecot waits for our lock", waits_for_our_lock, dovecot)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    counter = Counter()
    for layout in ("maildir++", "fs"):
        try:
            play(counter, sys.argv[1], layout)
        except Skipped as reason:
            counter.skip(layout, reason)
        except Exception as error:  # the other layout goes on
            traceback.print_exc(file=sys.stdout)
            counter.fail(layout, error)
    sys.exit(counter.finish())


if __name__ == "__main__":
    main()
