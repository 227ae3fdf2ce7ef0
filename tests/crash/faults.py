#!/usr/bin/env python3
"""Errors at every call of APPEND and COPY, a full disk, a read-only tree: a clear NO, nothing half-done, and the server
serves on."""

import argparse
import errno
import os
import subprocess
import sys
import traceback

from shim import COUNT, FAIL, FAIL_FROM_HERE, ShimmedMaildock, servers
from tree import Seen, age_locks, append_command, copy_tree, fill, message, problems_of_lists

from counting import Counter, Skipped, require
from imapclient import Literal

USERS = 1500
NEW = message("new", 3000)
ERRORS = {"create": ["EMFILE", "ENOSPC", "EIO", "EACCES"], "open": ["EMFILE", "EIO"], "write": ["ENOSPC", "EIO"],
          "mkdir": ["ENOSPC"], "link": ["ENOSPC", "EIO"], "rename": ["ENOSPC", "EIO"]}
CODES = {"ENOSPC": [b"OVERQUOTA"], "EACCES": [b"NOPERM"], "EROFS": [b"NOPERM"],
         "EIO": [b"SERVERBUG", b"UNAVAILABLE"], "EMFILE": [b"SERVERBUG", b"UNAVAILABLE", b"LIMIT"]}
COMMANDS = {
    "APPEND": append_command("Work", NEW, []),
    "APPEND with flags": append_command("Work", NEW, ["\\Seen", "$New"]),
    "COPY": ["UID", "COPY", "2:3", "Work"],
}


def give(server, user, parts, mode, **how):
    with server.connect(user, timeout=8) as client:
        client.select("INBOX")
        server.shim.arm(server.home(user), mode, **how)
        try:
            return client.command(*parts)
        finally:
            server.shim.disarm()


def seen(server, user):
    with server.connect(user, timeout=8) as client:
        return Seen(client)


def messages_of(state):
    return {box: (validity, messages) for box, (validity, _, messages) in state.boxes.items()}


def one_fault(server, user, command, before, mode, target, error, lock_age):
    parts = COMMANDS[command]
    maildir = server.maildir(user)
    log = os.path.getsize(server.path("stderr.log"))
    reply = give(server, user, parts, mode, target=target, error=getattr(errno, error), reads=True)
    age_locks(server.home(user), lock_age)   # one that could not be removed
    after = seen(server, user)
    if reply.status == "OK":
        require(len(after.messages("Work")) > len(before.messages("Work")), "OK, and nothing is there")
    else:
        require(reply.status == "NO" and reply.code and reply.code[0] in CODES[error], f"answered {reply!r}")
        require(messages_of(after) == messages_of(before), "NO, and something changed")
        with open(server.path("stderr.log"), encoding="utf-8", errors="replace") as file:
            file.seek(log)
            require(os.strerror(getattr(errno, error)) in file.read(), "the log does not name the error")
    require(give(server, user, parts, COUNT).status == "OK", "the command fails without the fault too")
    more = len(seen(server, user).messages("Work")) - len(after.messages("Work"))
    require(more == (2 if command == "COPY" else 1), f"{more} messages more after the command was repeated")
    broken = problems_of_lists(maildir)
    require(not broken, f"UID lists: {broken}")


def injected(counter, build, folder, lock_age):
    server = ShimmedMaildock(build, folder, users=[f"u{number}" for number in range(USERS)])
    template, used = os.path.join(folder, "template"), 1
    with server:
        with server.connect("u0") as client:
            fill(client)
        before = seen(server, "u0")
        copy_tree(server.home("u0"), template)
        for command, parts in COMMANDS.items():
            user = server.users[used]
            used += 1
            copy_tree(template, server.home(user))
            give(server, user, parts, COUNT, reads=True, record=True)
            calls = [record for record in server.shim.records() if record.name != "send"]
            points = 0
            for number, call in enumerate(calls, 1):
                for error in ERRORS.get(call.name, ["EIO"]):
                    for mode in (FAIL, FAIL_FROM_HERE) if error in ("ENOSPC", "EIO") else (FAIL,):
                        user = server.users[used]
                        used += 1
                        copy_tree(template, server.home(user))
                        points += 1
                        try:
                            one_fault(server, user, command, before, mode, number, error, lock_age)
                            counter.passed += 1
                        except Exception as problem:  # every point is a finding of its own
                            counter.fail(f"{command}: {error} {'at' if mode == FAIL else 'from'} call {number}, "
                                         f"{call.name} {os.path.basename(call.other or call.path)}",
                                         f"{type(problem).__name__}: {problem}")
            print(f"# {command}: {len(calls)} calls, {points} faults", flush=True)
            counter.check(f"{command}: calls were seen", len(calls) > 5)


class Mount:
    """A small file system at `path`; Skipped where it can't be had."""

    def __init__(self, path, options):
        self.path = path
        os.makedirs(path, exist_ok=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"{options},mode=755", "none", path],
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise Skipped(f"no tmpfs can be mounted here: {done.stderr.strip()}")

    def remount(self, how):
        subprocess.run(["mount", "-o", f"remount,{how}", self.path], check=True, capture_output=True)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        subprocess.run(["umount", "-l", self.path], check=False, capture_output=True)


def leave_free(path, octets):
    with open(path, "wb") as file:
        space = os.statvfs(os.path.dirname(path))
        try:
            file.write(bytes(max(0, space.f_bavail * space.f_frsize - octets)))
        except OSError:
            pass


def full_disk(build, folder):
    with Mount(os.path.join(folder, "mail"), "size=4m") as mount, ShimmedMaildock(build, folder) as server:
        filler = os.path.join(mount.path, "filler")
        with server.connect(timeout=8) as client:
            fill(client)
        refused = 0
        for pages in range(8):
            before = seen(server, "test")
            leave_free(filler, pages * 4096)
            with server.connect(timeout=8) as client:
                client.select("INBOX")
                reply = client.command("APPEND", "Work", Literal(NEW))
                copied = client.command("UID", "COPY", "1", "Old")
                require(client.command("UID", "FETCH", "1", "BODY.PEEK[]").status == "OK", "no FETCH on a full disk")
            for answer in (reply, copied):
                require(answer.status == "OK" or answer.code_is(b"OVERQUOTA"), f"{pages} pages free: {answer!r}")
            refused += reply.status == "NO"
            after = seen(server, "test")
            for box, answer in (("Work", reply), ("Old", copied)):
                more = len(after.messages(box)) - len(before.messages(box))
                require(more == (answer.status == "OK"), f"{pages} pages free: {box} has {more} more, {answer!r}")
            os.unlink(filler)
        require(refused, "the disk was never full")
        leave_free(filler, 0)
        with server.connect(timeout=8) as client:
            client.select("INBOX")
            require(client.command("EXPUNGE").status == "OK", "no EXPUNGE on a full disk")
        os.unlink(filler)
        with server.connect(timeout=8) as client:
            client.append("Work", NEW)
        broken = problems_of_lists(server.maildir())
        require(not broken, f"UID lists: {broken}")


def read_only_tree(build, folder):
    with Mount(os.path.join(folder, "mail"), "size=4m") as mount, ShimmedMaildock(build, folder) as server:
        with server.connect() as client:
            fill(client)
        before = seen(server, "test")
        mount.remount("ro")
        try:
            with server.connect(timeout=8) as client:
                client.select("INBOX")
                for parts in (["APPEND", "Work", Literal(NEW)], ["UID", "COPY", "1", "Work"], ["UID", "MOVE", "1", "Work"],
                              ["UID", "STORE", "1", "+FLAGS", "(\\Seen)"], ["EXPUNGE"], ["CREATE", "Other"],
                              ["RENAME", "Old", "Older"], ["DELETE", "Gone"], ["SUBSCRIBE", "Old"]):
                    reply = client.command(*parts)
                    require(reply.status == "NO" and (reply.code_is(b"NOPERM") or reply.code_is(b"READ-ONLY")),
                            f"{parts[:3]}: {reply!r}")
                    client.ok("NOOP")
            after = seen(server, "test")
            require(after.boxes == before.boxes and after.subscribed == before.subscribed, "something changed")
        finally:
            mount.remount("rw")
        with server.connect(timeout=8) as client:
            client.append("Work", NEW)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build")
    parser.add_argument("--lock-age", type=int, default=10, help="how old a lock left over by a fault is made to look")
    options = parser.parse_args()
    counter = Counter()
    try:
        with servers.WorkFolder("faults") as folder:
            for name, test in (("full", full_disk), ("readonly", read_only_tree)):
                place = os.path.join(folder, name)
                os.makedirs(place)
                counter.run(name, test, options.build, place)
            injected(counter, options.build, folder, options.lock_age)
    except Skipped as reason:
        counter.skip("faults", reason)
    except Exception as error:  # the counts are printed whatever happens
        traceback.print_exc(file=sys.stdout)
        counter.fail("faults", error)
    sys.exit(counter.finish())


if __name__ == "__main__":
    main()
