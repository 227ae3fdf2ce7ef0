#!/usr/bin/env python3
"""A mailbox on a disk without room for blocks, for inodes, or with a quota that is used up: what needs no room works, so that
it can be emptied, and what was delivered meanwhile is shown once there is room."""

import argparse
import errno
import os
import re
import sys
import time
import traceback

from shim import NO_ROOM, ShimmedMaildock, servers
from tree import message, problems_of_lists

from counting import Counter, Skipped, require
from faults import Mount, leave_free
from imapclient import Literal

DELIVERED = 150     # whose rows are more than a page of the UID list
EARLY = 6


class Blocks:
    """No blocks are free."""

    options = "size=8m"

    def __init__(self, server, mount):
        self.filler = os.path.join(mount.path, "filler")

    def fill(self):
        leave_free(self.filler, 0)

    def free(self):
        os.unlink(self.filler)


class Inodes:
    """No inodes are free."""

    options = "size=8m,nr_inodes=400"

    def __init__(self, server, mount):
        self.folder = os.path.join(mount.path, "fillers")
        os.makedirs(self.folder)

    def fill(self):
        try:
            for number in range(1 << 16):
                os.close(os.open(os.path.join(self.folder, str(number)), os.O_CREAT | os.O_WRONLY, 0o600))
        except OSError as error:
            require(error.errno == errno.ENOSPC, f"filling fails with {error}")

    def free(self):
        for name in os.listdir(self.folder):
            os.unlink(os.path.join(self.folder, name))


class Quota:
    """EDQUOT for all that needs room, also for a name in tmp/."""

    options = "size=8m"

    def __init__(self, server, mount):
        self.server = server

    def fill(self):
        self.server.shim.arm(self.server.mail_root, NO_ROOM, error=errno.EDQUOT)

    def free(self):
        self.server.shim.disarm()


def put(folder, sub, name):
    for part in ("", "cur", "new", "tmp"):
        os.makedirs(os.path.join(folder, part), exist_ok=True)
    with open(os.path.join(folder, sub, name), "wb") as file:
        file.write(b"Subject: here\n\nText.\n")


def files_of(folder):
    return {name for sub in ("cur", "new") for name in os.listdir(os.path.join(folder, sub))}


def wait_until(condition, seconds, what):
    end = time.monotonic() + seconds
    while not condition():
        require(time.monotonic() < end, f"not within {seconds} s: {what}")
        time.sleep(0.02)


def exists(result):
    return result.of("EXISTS")[-1].number


def expunged(result):
    return len(result.of("EXPUNGE"))


def begin(server, disk):
    """Some messages, one mailbox that nobody opened, deliveries that have no UIDs yet; then the disk is full."""
    with server.connect(timeout=20) as client:
        client.ok("CREATE", "Out")
        for number in range(EARLY):
            client.append("INBOX", message(f"early {number}"))
    put(os.path.join(server.maildir(), ".Fresh"), "cur", "1600000000.M1P1.agent:2,S")
    put(os.path.join(server.maildir(), ".Fresh"), "new", "1600000001.M1P1.agent")
    for number in range(DELIVERED):
        put(server.maildir(), "new", f"1600000000.M{number}P1.agent")
    servers.give_to_owner(server.mail_root)
    disk.fill()


def without_room(server, other):
    """All that must work; `other` has the INBOX selected since before."""
    home = server.maildir()
    before = len(files_of(home))
    with server.connect(timeout=20) as client:
        status = client.ok("STATUS", "INBOX", "(MESSAGES UIDNEXT)").of("STATUS")[0].data[1]
        require(int(status[1]) == EARLY and int(status[3]) == EARLY + 1, f"STATUS tells {status}")
        examined = client.select("INBOX", "EXAMINE")
        require(exists(examined) == EARLY and examined.code_is(b"READ-ONLY"), f"EXAMINE: {examined!r}")
        selected = client.select("INBOX")
        require(exists(selected) == EARLY and selected.code_is(b"READ-WRITE"), f"SELECT: {selected!r}")
        bodies = client.ok("FETCH 1:* (BODY.PEEK[])").fetched()
        require(len(bodies) == EARLY and all(b"early" in each["BODY[]"] for each in bodies.values()), "FETCH")
        # What is new must wait; nothing else is taken.
        refused = client.command("APPEND", "INBOX", Literal(message("refused")))
        require(refused.code_is(b"OVERQUOTA"), f"APPEND: {refused!r}")
        told = client.ok("STORE 1:2 +FLAGS (\\Deleted)").fetched()
        require(len(told) == 2, f"STORE tells {told}")
        require(expunged(client.ok("EXPUNGE")) == 2, "EXPUNGE says OK, and tells of no message")
        require(len(files_of(home)) == before - 2, "EXPUNGE says OK, and the files are there")


def without_room_too(server, other):
    """The open session, after some room may have been made."""
    home = server.maildir()
    require(expunged(other.ok("NOOP")) == 2, "another session is not told")
    other.ok("UID STORE 3:5 +FLAGS (\\Deleted)")
    before = len(files_of(home))
    require(expunged(other.ok("UID EXPUNGE 3")) == 1 and len(files_of(home)) == before - 1, "UID EXPUNGE")
    moved = other.command("UID MOVE 4 Out")
    require(moved.status == "OK" or moved.code_is(b"OVERQUOTA"), f"MOVE: {moved!r}")
    out = len(files_of(os.path.join(home, ".Out")))
    require(out == (1 if moved.status == "OK" else 0), f"after MOVE ({moved.status}) there are {out} messages")
    before = len(files_of(home))
    other.ok("CLOSE")
    require(len(files_of(home)) == before - (1 if moved.status == "OK" else 2), "CLOSE removes nothing")


def never_opened(server):
    """Returns its UIDVALIDITY."""
    with server.connect(timeout=20) as client:
        status = client.ok("STATUS", "Fresh", "(MESSAGES)").of("STATUS")[0].data[1]
        require(int(status[1]) == 2, f"STATUS tells {status}")
        selected = client.select("Fresh")
        require(selected.code_is(b"READ-ONLY") and exists(selected) == 2, f"SELECT of a mailbox never opened: {selected!r}")
        fetched = client.ok("FETCH 1:2 (UID BODY.PEEK[])").fetched()
        require([int(fetched[number]["UID"]) for number in (1, 2)] == [1, 2], f"UIDs are {fetched}")
        require(client.command("STORE 1 +FLAGS (\\Deleted)").code_is(b"READ-ONLY"), "STORE without UIDs on disk")
        return selected.code_value(b"UIDVALIDITY")


def with_room_again(server, validity):
    with server.connect(timeout=20) as client:
        wait_until(lambda: exists(client.select("INBOX")) >= DELIVERED, 30, "what was delivered is seen")
        wait_until(lambda: client.select("Fresh").code_is(b"READ-WRITE"), 30, "the mailbox never opened can be written")
        selected = client.select("Fresh")
        require(selected.code_value(b"UIDVALIDITY") == validity, "another UIDVALIDITY than was told")
        client.append("INBOX", message("late"))
    broken = problems_of_lists(server.maildir())
    require(not broken, f"UID lists: {broken}")


def full(build, folder, kind):
    with Mount(os.path.join(folder, "mail"), kind.options) as mount, ShimmedMaildock(build, folder) as server:
        disk = kind(server, mount)
        begin(server, disk)
        # Opened before anybody made room. The other one is opened first, so that what the first removes it still shows.
        with server.connect(timeout=20) as other:
            require(exists(other.select("INBOX")) == EARLY, "SELECT shows what has no UID")
            validity = never_opened(server)
            without_room(server, other)
            without_room_too(server, other)
        log = server.log_tail(1 << 20)
        require(len(re.findall("new messages of .* can't get UIDs", log)) >= 1, "the log does not say why mail waits")
        require(len(re.findall("Fresh was never opened before, and its UIDs can't be written", log)) == 1, "nor of the other one")
        disk.free()
        with_room_again(server, validity)


def idle_meanwhile(build, folder):
    """A session in IDLE hears of what waits once there is room, without a word of its own."""
    with Mount(os.path.join(folder, "mail"), Blocks.options) as mount, \
            ShimmedMaildock(build, folder, settings={"mailbox.pollInterval": "1"}) as server:
        disk = Blocks(server, mount)
        begin(server, disk)
        with server.connect(timeout=20) as client:
            client.select("INBOX")
            tag = client.idle()
            disk.free()
            client.wait_for(lambda r: r.kind == "EXISTS" and r.number == EARLY + DELIVERED, 20)
            client.done(tag)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build")
    options = parser.parse_args()
    counter = Counter()
    try:
        with servers.WorkFolder("fulldisk") as folder:
            for name, test, arguments in (("blocks", full, [Blocks]), ("inodes", full, [Inodes]), ("quota", full, [Quota]),
                                          ("idle", idle_meanwhile, [])):
                place = os.path.join(folder, name)
                os.makedirs(place)
                counter.run(name, test, options.build, place, *arguments)
    except Skipped as reason:
        counter.skip("fulldisk", reason)
    except Exception as error:  # the counts are printed whatever happens
        traceback.print_exc(file=sys.stdout)
        counter.fail("fulldisk", error)
    sys.exit(counter.finish())


main()
