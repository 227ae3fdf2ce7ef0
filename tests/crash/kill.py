#!/usr/bin/env python3
"""kill -9 before, after and (writes) halfway through every file-changing call of each command that changes mail.

For each command the calls are first counted, then there is one run a point: a fresh small tree, the command, the kill,
a new server, and the promises: what was acknowledged is there once, what was not is there once or not at all, nothing
else is lost, doubled or has another UID, the UID lists are as Dovecot wants them, and the command can be repeated.
"""

import argparse
import os
import shutil
import sys
import threading
import traceback

from shim import COUNT, KILL_AFTER, KILL_BEFORE, KILL_HALFWAY, ShimmedMaildock, servers
from tree import Seen, age_locks, append_command, copy_tree, fill, message, problems_of_lists

from counting import Counter, Skipped, require
from imapclient import ImapError

HOW = {KILL_BEFORE: "before", KILL_AFTER: "after", KILL_HALFWAY: "halfway through"}
NEW = message("new", 3000)


def name_of(octets):
    return octets.split(b"<", 1)[1].split(b"@", 1)[0].decode()


class Command:
    """One command to be killed in: `select` first (or None), then `parts`."""

    select = None
    touched = ()   # mailboxes whose messages check() judges by itself

    def __init__(self, name, parts, is_watched=False):
        """is_watched: another session shows the mailbox, so that what goes from it stays readable in tmp/ for a while."""
        self.name, self.parts, self.is_watched = name + (", shown elsewhere" if is_watched else ""), parts, is_watched

    def check(self, before, after, reply):
        """Judges the state after a crash; reply is None if the command was not acknowledged."""
        raise NotImplementedError

    def repeated(self, before, after, result):
        """Judges the state after the command was given again."""
        raise NotImplementedError


class Append(Command):
    touched = ("Work",)

    def __init__(self, name, flags):
        super().__init__(name, append_command("Work", NEW, flags))
        self.flags = frozenset(flag.lower().encode() for flag in flags)

    def added(self, before, after):
        old = before.messages("Work")
        now = after.messages("Work")
        require(all(now.get(uid) == value for uid, value in old.items()), "Work: an old message changed")
        added = {uid: value for uid, value in now.items() if uid not in old}
        for content, flags in added.values():
            require(content == NEW, "the content of the new message is not what was sent")
            require(flags == self.flags, f"the new message has {flags}")
        require(all(uid >= before.boxes["Work"][1] for uid in added), "a UID below UIDNEXT was given")
        return added

    def check(self, before, after, reply):
        added = self.added(before, after)
        require(len(added) <= 1, f"the message is there {len(added)} times")
        if reply is not None:
            require(list(added) == [int(reply.code[2])], f"told UID {reply.code[2]}, there is {list(added)}")

    def repeated(self, before, after, result):
        require(result.status == "OK", f"repeated: {result!r}")
        require(int(result.code[2]) in self.added(before, after), "repeated: the message is not there")


class Copy(Command):
    select, touched = "INBOX", ("Work",)

    def __init__(self):
        super().__init__("COPY", ["UID", "COPY", "2:3", "Work"])

    def check(self, before, after, reply, times=1):
        old, now, source = before.messages("Work"), after.messages("Work"), before.messages("INBOX")
        require(all(now.get(uid) == value for uid, value in old.items()), "Work: an old message changed")
        added = [value for uid, value in now.items() if uid not in old]
        for uid in (2, 3):
            require(added.count(source[uid]) <= times, f"UID {uid} was copied more than once")
        require(all(value in (source[2], source[3]) for value in added), "Work: a copy that is none")
        if reply is not None:
            told = [int(text) for text in (b"%b" % reply.code[3]).replace(b":", b",").split(b",")]
            require([now.get(uid) for uid in told] == [source[2], source[3]], f"told {reply.code}, there is {list(now)}")

    def repeated(self, before, after, result):
        require(result.status == "OK", f"repeated: {result!r}")
        self.check(before, after, result, times=2)


class Move(Command):
    select, touched = "INBOX", ("INBOX", "Work")

    def __init__(self, is_watched=False):
        super().__init__("MOVE", ["UID", "MOVE", "2:3", "Work"], is_watched)

    def check(self, before, after, reply):
        source = before.messages("INBOX")
        for uid, value in source.items():
            places = after.find(value[0])
            if uid not in (2, 3):
                require(places == [("INBOX", uid)] and after.messages("INBOX")[uid] == value, f"INBOX: UID {uid} changed")
                continue
            require(len(places) == 1, f"UID {uid} is at {places}")
            box, now = places[0]
            require(box == "Work" or now == uid, f"UID {uid} is {places}")
            require(after.messages(box)[now] == value, f"UID {uid} has other flags")
            require(reply is None or box == "Work", f"UID {uid} was not moved")
        require(len(after.messages("Work")) + len(after.messages("INBOX")) ==
                len(before.messages("Work")) + len(source), "a message too many or too few")
        require(all(after.messages("Work").get(uid) == value for uid, value in before.messages("Work").items()),
                "Work: an old message changed")

    def repeated(self, before, after, result):
        require(result.status in ("OK", "NO"), f"repeated: {result!r}")
        self.check(before, after, result)


class Store(Command):
    select, touched = "INBOX", ("INBOX",)

    def __init__(self, name, parts, flags):
        super().__init__(name, ["UID", "STORE", "1:3", *parts])
        self.flags = frozenset(flags)

    def check(self, before, after, reply):
        old, now = before.messages("INBOX"), after.messages("INBOX")
        require(list(old) == list(now), f"INBOX: UIDs {list(now)}")
        for uid, (content, flags) in old.items():
            wanted = flags | self.flags if uid <= 3 else flags
            require(now[uid][0] == content, f"UID {uid} has other content")
            require(now[uid][1] in ([wanted] if reply is not None else [flags, wanted]), f"UID {uid} has {now[uid][1]}")

    def repeated(self, before, after, result):
        require(result.status == "OK", f"repeated: {result!r}")
        self.check(before, after, result)


class Expunge(Command):
    select, touched = "INBOX", ("INBOX",)

    def __init__(self, is_watched=False):
        super().__init__("EXPUNGE", ["EXPUNGE"], is_watched)

    def check(self, before, after, reply):
        old, now = before.messages("INBOX"), after.messages("INBOX")
        for uid, value in old.items():
            doomed = b"\\deleted" in value[1]
            require(now.get(uid) == value or (doomed and uid not in now), f"UID {uid} is {now.get(uid)}")
            require(reply is None or not doomed or uid not in now, f"UID {uid} is still there")
        require(not set(now) - set(old), "a message appeared")

    def repeated(self, before, after, result):
        require(result.status == "OK", f"repeated: {result!r}")
        self.check(before, after, result)


class Create(Command):
    def __init__(self):
        super().__init__("CREATE", ["CREATE", "Fresh/Deep"])

    def check(self, before, after, reply):
        more = set(after.boxes) - set(before.boxes)
        require(more <= {"Fresh", "Fresh/Deep"}, f"mailboxes {more}")
        require(reply is None or "Fresh/Deep" in more, "the mailbox is not there")
        require(not any(after.messages(box) for box in more), "a new mailbox with messages")

    def repeated(self, before, after, result):
        require(result.status == "OK" or result.code_is(b"ALREADYEXISTS"), f"repeated: {result!r}")
        self.check(before, after, result)


class Rename(Command):
    touched = ("Old", "Old/Sub")

    def __init__(self):
        super().__init__("RENAME", ["RENAME", "Old", "Ancient/Times"])

    def check(self, before, after, reply):
        for old, new in (("Old", "Ancient/Times"), ("Old/Sub", "Ancient/Times/Sub")):
            there = [name for name in (old, new) if after.messages(name)]
            require(len(there) == 1, f"the messages of {old} are in {there}")
            require(reply is None or there == [new], f"{old} was not renamed")
            box, was = after.boxes[there[0]], before.boxes[old]
            require(box[0] == was[0] and box[2] == was[2], f"{there[0]}: UIDVALIDITY, UIDs, content or flags changed")
        require(reply is None or not any(name.startswith("Old") for name in after.boxes), "the old name is still there")

    def repeated(self, before, after, result):
        done = result.code_is(b"NONEXISTENT") or result.code_is(b"ALREADYEXISTS")   # check() says if it was done
        require(result.status == "OK" or done, f"repeated: {result!r}")
        self.check(before, after, result)


class Delete(Command):
    touched = ("Gone",)

    def __init__(self):
        super().__init__("DELETE", ["DELETE", "Gone"])

    def check(self, before, after, reply):
        require(after.boxes.get("Gone", before.boxes["Gone"]) == before.boxes["Gone"], "Gone: half of it is there")
        require(reply is None or "Gone" not in after.boxes, "the mailbox is still there")

    def repeated(self, before, after, result):
        require(result.status == "OK" or result.code_is(b"NONEXISTENT"), f"repeated: {result!r}")
        self.check(before, after, result)


class Subscribe(Command):
    def __init__(self, name, parts, gone, come):
        super().__init__(name, parts)
        self.gone, self.come = set(gone), set(come)

    def check(self, before, after, reply):
        done = before.subscribed - self.gone | self.come
        require(after.subscribed in ([done] if reply is not None else [done, before.subscribed]),
                f"subscribed: {after.subscribed}")

    def repeated(self, before, after, result):
        require(result.status == "OK", f"repeated: {result!r}")
        self.check(before, after, result)


COMMANDS = [
    Append("APPEND", []), Append("APPEND with flags", ["\\Flagged", "$New"]), Copy(), Move(),
    Move(is_watched=True), Expunge(is_watched=True),
    Store("STORE", ["+FLAGS", "(\\Answered)"], [b"\\answered"]),
    Store("STORE of a new keyword", ["+FLAGS", "(Novel)"], [b"novel"]),
    Expunge(), Create(), Rename(), Delete(),
    Subscribe("SUBSCRIBE", ["SUBSCRIBE", "Old"], [], ["Old"]),
    Subscribe("UNSUBSCRIBE", ["UNSUBSCRIBE", "Work"], ["Work"], []),
]


def common_rules(command, before, after):
    for name, (validity, following, messages) in before.boxes.items():
        if name in after.boxes:
            require(after.boxes[name][0] == validity, f"{name}: another UIDVALIDITY")
            require(after.boxes[name][1] >= following, f"{name}: UIDNEXT went back")
        if name not in command.touched:
            require(name in after.boxes and after.boxes[name][2] == messages, f"{name}: changed")
    if not isinstance(command, Subscribe):
        require(after.subscribed == before.subscribed, f"subscribed: {after.subscribed}")


class Worker:
    """One server after the other, on two users in turn, so that one restart serves two points."""

    def __init__(self, build, folder, template, lock_age):
        self.template, self.lock_age = template, lock_age
        self.server = ShimmedMaildock(build, folder, users=("a", "b"))
        self.server.start()
        self.turn = 0

    def stop(self):
        self.server.shim.disarm()
        self.server.stop()

    def fresh_user(self):
        self.turn ^= 1
        user = self.server.users[self.turn]
        copy_tree(self.template, self.server.home(user))
        # It remembers what became of an earlier tree at this place, higher UIDs among it.
        shutil.rmtree(self.server.path("state/cache"), ignore_errors=True)
        return user

    def give(self, user, command, mode, target):
        """Gives the command under the shim; returns its reply or None."""
        clients = [self.server.connect(user, timeout=8) for _ in range(2 if command.is_watched else 1)]
        reply = None
        try:
            for client in clients:
                if command.select:
                    client.select(command.select)
            self.server.shim.arm(self.server.home(user), mode, target, record=mode == COUNT)
            try:
                reply = clients[0].command(*command.parts)
                for client in clients:
                    client.command("NOOP")
            except (ImapError, OSError):
                require(mode != COUNT, "the server died by itself")
        finally:
            for client in clients:
                client.close()
        return reply

    def seen(self, user):
        with self.server.connect(user, timeout=8) as client:
            return Seen(client)

    def restart(self):
        """A server that has not seen the trees that are about to be replaced."""
        self.server.kill()
        self.server.shim.disarm()
        self.server.start()

    def trace(self, command):
        """(state before, watched calls)"""
        self.restart()
        before = self.seen(self.fresh_user())
        user = self.fresh_user()
        reply = self.give(user, command, COUNT, 0)
        require(reply is not None and reply.status == "OK", f"{command.name}: {reply!r}")
        shim = self.server.shim
        shim.disarm()
        calls = [record for record in shim.records() if record.name != "send"]
        require(len(calls) == shim.count(), f"{len(calls)} records of {shim.count()} calls")
        after = self.seen(user)
        common_rules(command, before, after)
        command.check(before, after, reply)
        return before, calls

    def point(self, command, before, mode, number):
        """One kill. Returns whether the point was reached; raises where a promise is broken."""
        user = self.fresh_user()
        reply = self.give(user, command, mode, number)
        if not self.server.shim.reached():
            self.server.shim.disarm()
            return False
        self.server.process.wait(20)
        age_locks(self.server.home(user), self.lock_age)
        self.restart()
        if reply is not None and reply.status != "OK":
            raise AssertionError(f"answered {reply!r}")
        maildir = self.server.maildir(user)
        broken = problems_of_lists(maildir, may_be_torn=mode == KILL_HALFWAY)
        require(not broken, f"before the restart: {broken}")
        after = self.seen(user)
        common_rules(command, before, after)
        command.check(before, after, reply)
        with self.server.connect(user, timeout=8) as client:
            if command.select:
                client.select(command.select)
            again = client.command(*command.parts)
        final = self.seen(user)
        common_rules(command, before, final)
        command.repeated(before, final, again)
        broken = problems_of_lists(maildir)
        require(not broken, f"after the command was repeated: {broken}")
        return True


def run_points(workers, command, before, calls, counter):
    points = [(mode, number) for number in range(1, len(calls) + 1)
              for mode in (KILL_BEFORE, KILL_AFTER, KILL_HALFWAY)
              if mode != KILL_HALFWAY or calls[number - 1].name == "write"]
    lock, reached, todo = threading.Lock(), [], list(points)

    def work(worker):
        while True:
            with lock:
                if not todo:
                    return
                mode, number = todo.pop(0)
            name = f"{command.name}: killed {HOW[mode]} call {number}, {calls[number - 1].name} " \
                   f"{os.path.basename(calls[number - 1].other or calls[number - 1].path)}"
            try:
                if worker.point(command, before, mode, number):
                    with lock:
                        reached.append((mode, number))
                        counter.passed += 1
            except Exception as error:  # every broken point is a finding
                if not isinstance(error, AssertionError):
                    traceback.print_exc(file=sys.stdout)
                with lock:
                    reached.append((mode, number))
                    counter.fail(name, f"{type(error).__name__}: {error}")
                worker.restart()

    threads = [threading.Thread(target=work, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"# {command.name}: {len(calls)} calls, {len(points)} points, {len(reached)} reached", flush=True)
    counter.check(f"{command.name}: every point was reached", len(reached) == len(points) and calls,
                  f"{sorted(set(points) - set(reached))}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build")
    parser.add_argument("--only", help="commands whose name starts so")
    parser.add_argument("--parallel", type=int, default=2)
    parser.add_argument("--lock-age", type=int, default=10, help="seconds that a restart is said to take")
    options = parser.parse_args()
    counter = Counter()
    try:
        with servers.WorkFolder("kill") as folder:
            workers = []
            template = os.path.join(folder, "template")
            try:
                for number in range(options.parallel):
                    place = os.path.join(folder, str(number))
                    os.makedirs(place)
                    workers.append(Worker(options.build, place, template, options.lock_age))
                with workers[0].server.connect("a") as client:
                    fill(client)
                copy_tree(workers[0].server.home("a"), template)
                for command in COMMANDS:
                    if options.only and not command.name.startswith(options.only):
                        continue
                    traced = counter.run(f"{command.name}: traced", workers[0].trace, command)
                    if traced:
                        run_points(workers, command, *traced, counter)
            finally:
                for worker in workers:
                    worker.stop()
    except Skipped as reason:
        counter.skip("kill", reason)
    except Exception as error:  # the counts are printed whatever happens
        traceback.print_exc(file=sys.stdout)
        counter.fail("kill", error)
    sys.exit(counter.finish())


main()
