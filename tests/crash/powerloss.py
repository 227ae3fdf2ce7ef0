#!/usr/bin/env python3
"""A power cut after every file operation of a session: the tree as a disk that kept only synced data might show it.

The shim records each operation with its octets, and what was sent to the client. For each moment the tree is built anew:
a file has what it had at its last fsync, an entry is in a directory if that directory was synced since ("strict");
everything that was done ("kind"); and random mixtures. A server then serves these trees, one user each, and what a
client had been told before the cut must hold: appended, copied and moved messages are there under the UID told, a UID
never shows other content, UIDVALIDITY stays. A rename counts as one step, lasting once one of its directories is synced.
"""

import argparse
import os
import random
import re
import sys
import traceback

from shim import COUNT, ShimmedMaildock, servers
from tree import Seen, age_locks, fill, message, problems_of_lists

from counting import Counter, Skipped, require

USERS = 4000
YOUNG = message("young")


class Node:
    """A file (data is bytes) or a directory (data is None)."""

    def __init__(self, data=None, is_lock=False):
        self.data = data
        self.entries = {}       # of a directory: name -> Node, as running programs see it
        self.kept = data        # of a file: as of its last sync
        self.is_lock = is_lock


class Change:
    """Entries that change in one step: [(directory, name, node or None)]."""

    def __init__(self, entries):
        self.entries, self.lasts = entries, False


class Disk:
    """Replays records; builds what a power cut at this moment may leave."""

    def __init__(self, folder):
        self.folder, self.inodes, self.changes = folder, {}, []
        self.base = {}
        self.root = self._read(folder)

    def _read(self, path):
        if os.path.isdir(path):
            node = Node()
            node.entries = {name: self._read(os.path.join(path, name)) for name in os.listdir(path)}
            self.base[node] = dict(node.entries)
        else:
            with open(path, "rb") as file:
                node = Node(file.read())
        self.inodes[os.lstat(path).st_ino] = node
        return node

    def forget(self, path):
        """The content of a file that another program wrote a moment ago: no disk has it yet."""
        self.inodes[os.lstat(path).st_ino].kept = b""

    def _place(self, path):
        """(directory, name)"""
        *folders, name = os.path.relpath(path, self.folder).split("/")
        node = self.root
        for folder in folders:
            node = node.entries[folder]
        return node, name

    def _change(self, *entries):
        for directory, name, node in entries:
            if node is None:
                directory.entries.pop(name, None)
            else:
                directory.entries[name] = node
        self.changes.append(Change(entries))

    def apply(self, record):
        if record.result < 0:
            return
        getattr(self, "_" + record.name, lambda _: None)(record)

    def _create(self, record):
        if record.result == 1:
            self.inodes[record.inode] = Node(b"", record.path.endswith(".lock"))
            self._change((*self._place(record.path), self.inodes[record.inode]))
        elif record.offset == 1:
            self.inodes[record.inode].data = b""

    def _mkdir(self, record):
        self.inodes[record.inode] = Node()
        self._change((*self._place(record.path), self.inodes[record.inode]))

    def _write(self, record):
        node = self.inodes[record.inode]
        node.data = node.data[:record.offset].ljust(record.offset, b"\0") + record.data + \
            node.data[record.offset + len(record.data):]

    def _truncate(self, record):
        node = self.inodes[record.inode]
        node.data = node.data[:record.offset].ljust(record.offset, b"\0")

    def _fsync(self, record):
        node = self.inodes[record.inode]
        if node.data is not None:
            node.kept = node.data
            return
        for change in self.changes:
            change.lasts = change.lasts or any(directory is node for directory, _, _ in change.entries)

    def _syncfs(self, _):
        for node in self.inodes.values():
            node.kept = node.data
        for change in self.changes:
            change.lasts = True

    def _link(self, record):
        directory, name = self._place(record.path)
        self._change((*self._place(record.other), directory.entries[name]))

    def _rename(self, record):
        source, name = self._place(record.path)
        node = source.entries[name]
        self._change((source, name, None), (*self._place(record.other), node))

    def _unlink(self, record):
        self._change((*self._place(record.path), None))

    def build(self, target, keeps_change, kept_data):
        """Writes the tree; keeps_change(): whether a change lasts that need not, kept_data(node): a file's octets."""
        entries = {node: dict(names) for node, names in self.base.items()}
        stopped = set()     # the changes of one directory last in their order, as journals see to
        for change in self.changes:
            places = {directory for directory, _, _ in change.entries}
            if not change.lasts and (places & stopped or not keeps_change()):
                stopped |= places
            else:
                for directory, name, node in change.entries:
                    names = entries.setdefault(directory, {})
                    if node is None:
                        names.pop(name, None)
                    else:
                        names[name] = node
        written = {}

        def write(node, path):
            if node.data is None:
                os.makedirs(path, exist_ok=True)
                for name, child in entries.get(node, {}).items():
                    write(child, os.path.join(path, name))
            elif node in written:
                os.link(written[node], path)
            else:
                with open(path, "wb") as file:
                    file.write(kept_data(node))
                written[node] = path

        write(self.root, target)
        servers.give_to_owner(target)


def half(node, choose):
    """Somewhere between what was synced and what was written."""
    if node.data == node.kept or choose.random() < 0.5:
        return node.kept
    if node.is_lock:            # a dozen octets, written once: a disk has all of them or none
        return node.data
    if not node.data.startswith(node.kept):
        return choose.choice([node.kept, node.data])
    return node.data[:choose.randint(len(node.kept), len(node.data))]


class Told:
    """What the client knows after each tagged OK: contents by (mailbox, UID), UIDVALIDITYs, flags given by APPEND."""

    def __init__(self):
        self.must, self.ever, self.validity, self.flags = {}, {}, {}, {}

    def copy(self):
        other = Told()
        for name in vars(other):
            setattr(other, name, dict(getattr(self, name)))
        return other


def deliver_unsynced(server, user):
    """As a delivery agent that syncs nothing; returns the paths: more than are synced one by one."""
    paths = []
    for number in range(11):
        paths.append(os.path.join(server.maildir(user), "cur", f"16000000{10 + number}.M1P1.agent:2,"))
        with open(paths[-1], "wb") as file:
            file.write(YOUNG.replace(b"\r\n", b"\n"))
        servers.give_to_owner(paths[-1])
    return paths


def run_session(client, told):
    """The work that is recorded; yields nothing, returns [(tag, what the client knows from then on)]."""
    steps = []

    def done(result):
        require(result.status == "OK", f"{result!r}")
        steps.append((b"t%d" % client._number, told.copy()))

    def append(box, content, flags=()):
        result = client.append(box, content, flags)
        told.must[box, int(result.code[2])] = told.ever[box, int(result.code[2])] = content
        told.validity[box] = int(result.code[1])
        told.flags[box, int(result.code[2])] = {flag.lower().encode() for flag in flags}
        done(result)

    def transfer(command, uids, box):
        result = client.ok("UID", command, uids, box)
        code = next(s.code for s in [result] + [r.status for r in result.untagged if r.status]
                    if s.code and s.code[0] == b"COPYUID")
        sets = []
        for text in code[2:4]:
            low, _, high = text.partition(b":")
            sets.append(range(int(low), int(high or low) + 1))
        for old, new in zip(*sets):
            told.must[box, new] = told.ever[box, new] = told.ever.get(("INBOX", old), YOUNG)
            if command == "MOVE":
                told.must.pop(("INBOX", old), None)
        done(result)

    append("INBOX", message("n1"))
    append("Work", message("n2", 300000), ["\\Seen", "$Fresh"])
    client.select("INBOX")
    transfer("COPY", "1:3", "Work")
    transfer("COPY", "6", "Work")       # young content is synced before a copy of it is acknowledged
    os.sync()                           # so that there is little else to be written: all at once is quicker then
    transfer("COPY", "7:16", "Work")
    transfer("MOVE", "2:3", "Work")
    done(client.ok("UID", "STORE", "1", "+FLAGS", "(\\Answered Later)"))
    told.must.pop(("INBOX", 4)), told.must.pop(("INBOX", 5))
    done(client.ok("EXPUNGE"))
    client.ok("CREATE", "Made/Here")
    append("Made/Here", message("n3"))
    transfer("COPY", "1", "Made/Here")
    transfer("MOVE", "17", "Made/Here")
    append("INBOX", message("n4"))
    return steps


def check(seen, told, going):
    """`going`: what may be gone already by the command that was under way at the cut."""
    for (box, uid), content in told.must.items():
        if (box, uid) in going:
            places = seen.find(content)
            require((box, uid) in places or places or going[box, uid], f"{box}: UID {uid} is nowhere")
            continue
        require(uid in seen.messages(box), f"{box}: UID {uid} is lost")
        require(seen.messages(box)[uid][0] == content, f"{box}: UID {uid} has other content")
    for (box, uid), content in told.ever.items():
        require(seen.messages(box).get(uid, (content,))[0] == content, f"{box}: UID {uid} shows other content")
    for (box, uid), flags in told.flags.items():
        if (box, uid) in told.must and (box, uid) not in going:
            require(seen.messages(box)[uid][1] == flags, f"{box}: UID {uid} has {seen.messages(box)[uid][1]}")
    for box, validity in told.validity.items():
        require(box in seen.boxes and seen.boxes[box][0] == validity, f"{box}: another UIDVALIDITY")


def tests(counter, options, folder):
    server = ShimmedMaildock(options.build, folder, users=[f"u{number}" for number in range(USERS)])
    with server:
        first = server.users[0]
        with server.connect(first) as client:
            fill(client)
            outside = deliver_unsynced(server, first)
            start = Seen(client)
        initial = Told()
        for box, (validity, _, messages) in start.boxes.items():
            initial.validity[box] = validity
            for uid, (content, _) in messages.items():
                if content != YOUNG:        # whether that one lasts was for its agent to see to
                    initial.must[box, uid] = initial.ever[box, uid] = content
        disk = Disk(server.home(first))
        for path in outside:
            disk.forget(path)
        server.shim.arm(server.home(first), COUNT, record=True)
        with server.connect(first) as client:
            steps = dict(run_session(client, initial.copy()))
        server.shim.disarm()
        records = server.shim.records()
        require(steps and len(records) > 50, f"{len(records)} records")
        print(f"# syncs of a whole file system: {sum(record.name == 'syncfs' for record in records)}")
        ways, used, told = ["strict", "kind"] + list(range(options.seeds)), 0, initial
        known = list(steps.values())
        reached = 0
        for at, record in enumerate(records):
            if record.name == "send":
                for tag in re.findall(rb"(?:^|\r\n)(t\d+) OK", record.data):
                    if tag in steps:
                        told, reached = steps[tag], reached + 1
            else:
                disk.apply(record)
            following = known[reached] if reached < len(known) else told
            going = {key: key == ("INBOX", 4) or key == ("INBOX", 5) for key in told.must if key not in following.must}
            for way in ways:
                used += 1
                user = server.users[used]
                choose = random.Random(f"{at} {way}")
                keeps = {"strict": lambda: False, "kind": lambda: True}.get(way, lambda: choose.random() < 0.5)
                data = {"strict": lambda node: node.kept, "kind": lambda node: node.data}.get(
                    way, lambda node: half(node, choose))
                disk.build(server.home(user), keeps, data)
                age_locks(server.home(user), options.lock_age)
                try:
                    with server.connect(user, timeout=10) as client:
                        check(Seen(client), told, going)
                        client.append("INBOX", message("later"))
                        client.append("Work", message("later"))
                        check(Seen(client), told, going)
                    broken = problems_of_lists(server.maildir(user))
                    require(not broken, f"UID lists: {broken}")
                    counter.passed += 1
                except Exception as error:  # every broken moment is a finding
                    counter.fail(f"cut after operation {at}, {record!r}, {way}", f"{type(error).__name__}: {error}")
        print(f"# {len(records)} operations, {used} trees, {len(steps)} acknowledgements")
        counter.check("every acknowledgement was seen by the shim", reached == len(steps), f"{reached} of {len(steps)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build")
    parser.add_argument("--seeds", type=int, default=2, help="random mixtures a moment")
    parser.add_argument("--lock-age", type=int, default=10,
                        help="seconds that a restart is said to take")
    options = parser.parse_args()
    counter = Counter()
    try:
        with servers.WorkFolder("power") as folder:
            tests(counter, options, folder)
    except Skipped as reason:
        counter.skip("power loss", reason)
    except Exception as error:  # the counts are printed whatever happens
        traceback.print_exc(file=sys.stdout)
        counter.fail("power loss", error)
    sys.exit(counter.finish())


main()
