"""One run of the model checker: a short program of commands and outside changes, played against a server and against
an in-memory model of RFC 3501; the first answer that the model does not allow raises AssertionError.

A step is (session, operation, number): all choices of a step come from its number and the state that it finds, so that
a program stays playable when steps are left out of it. One command at a time, each awaited; only sessions in IDLE hear
of things meanwhile, and are read when they leave it.
"""

import os
import random

from counting import require
from imapclient import Literal, number_set, quote
from modelstate import Message, Session

SYSTEM = {"\\Answered": "R", "\\Flagged": "F", "\\Deleted": "T", "\\Seen": "S", "\\Draft": "D"}
LETTERS = {letter: flag for flag, letter in SYSTEM.items()}
POOL = list(SYSTEM) + ["\\Deleted", "$Work", "Later"]
ITEMS = "(UID FLAGS BODY.PEEK[HEADER.FIELDS (X-Mark)])"
OPERATIONS = {"append": 5, "store": 8, "fetch": 7, "search": 4, "copy": 3, "move": 3, "expunge": 4, "uid_expunge": 2,
              "noop": 5, "close": 1, "select": 2, "examine": 1, "status": 2, "idle": 3, "deliver": 4, "rename": 3,
              "unlink": 2, "new_to_cur": 2}


def program(seed):
    """(how many sessions, the steps) of a seed."""
    chance = random.Random(seed)
    sessions = chance.randint(1, 4)
    names = chance.choices(list(OPERATIONS), list(OPERATIONS.values()), k=chance.randint(8, 36))
    return sessions, [(chance.randrange(sessions), name, chance.getrandbits(32)) for name in names]


class Run:
    def __init__(self, clients, boxes, give, note):
        self.sessions = [Session(client, number + 1) for number, client in enumerate(clients)]
        self.boxes, self.give, self.note = boxes, give, note     # note(text): for the transcript
        self.selections = self.files = 0

    def play(self, steps):
        for session, name, number in steps:
            self.step(self.sessions[session], name, random.Random(number))
        self.converge()

    def step(self, session, name, chance):
        operation = getattr(self, "do_" + name)
        if name in ("deliver", "rename", "unlink", "new_to_cur"):
            return operation(chance)
        if session.idle_tag:
            self.end_idle(session)
        if name in ("append", "status", "select", "examine"):
            return operation(session, chance)
        if not session.box:
            return self.do_select(session, chance)
        if name not in ("noop", "idle"):
            self.resolve(session)
            if name not in ("close", "expunge", "search") and not session.view:
                return None
        return operation(session, chance)

    # - what is told

    def command(self, session, *parts, may_expunge=True, removes=None):
        return self.take(session, session.client.command(*parts), parts, may_expunge, removes)

    def take(self, session, result, parts, may_expunge=True, removes=None):
        """Takes the untagged responses into the view. `removes`: what this command itself may remove."""
        what = parts[0].decode() if isinstance(parts[0], bytes) else parts[0]
        result.touched, result.removed, result.contents = set(), set(), {}
        require(result.status != "BAD", f"{what}: BAD {result.text}")
        require(not result.code_is(b"SERVERBUG"), f"{what}: {result.status} [SERVERBUG] {result.text}")
        for response in result.untagged:
            if response.kind == "EXPUNGE":
                require(may_expunge, f"EXPUNGE inside {what} (RFC 3501 7.4.1)")
                self.take_expunge(session, response.number, result, removes, what)
            elif response.kind == "EXISTS":
                require(response.number >= len(session.view),
                        f"{what}: EXISTS {response.number} after {len(session.view)} without EXPUNGE")
                session.view += [None] * (response.number - len(session.view))
            elif response.kind == "FETCH":
                self.take_fetch(session, response, result, what)
            require(response.kind != "BYE", f"{what}: BYE {response.status}")
        for message in session.box.alive if session.box else []:
            message.before = None
        for uid in result.touched:
            message = session.box.by_uid.get(uid)
            if message and not message.fate and uid in session.told:
                require(session.told[uid] == message.flags,
                        f"{what}: UID {uid} is told with {sorted(session.told[uid])}, has {sorted(message.flags)}")
        return result

    def take_expunge(self, session, number, result, removes, what):
        require(1 <= number <= len(session.view), f"{what}: EXPUNGE {number} of {len(session.view)}")
        uid = session.view.pop(number - 1)
        session.told.pop(uid, None)
        if uid is None:
            lost = any(message.fate == "outside" for message in session.box.gone)
            require(removes is None or lost, f"{what}: EXPUNGE of a message that the session was never told of")
            return
        result.removed.add(uid)
        message = session.box.by_uid.get(uid)
        if message and not message.fate:
            require(removes is not None and removes(message), f"{what}: EXPUNGE of UID {uid}, which nobody removed")
            session.box.remove(message, "imap")

    def take_fetch(self, session, response, result, what):
        number, data = response.number, response.data
        require(1 <= number <= len(session.view), f"{what}: FETCH {number} of {len(session.view)}")
        items = {data[at].decode().upper(): data[at + 1] for at in range(0, len(data) - 1, 2)}
        uid = session.view[number - 1]
        if "UID" in items:
            told = int(items["UID"])
            require(uid in (None, told), f"{what}: number {number} was UID {uid}, is {told}")
            uid = session.view[number - 1] = told
            around = [u for u in session.view if u is not None]
            require(around == sorted(set(around)), f"{what}: UIDs do not ascend: {around}")
        for name, value in items.items():
            if name.startswith("BODY[") and value and b"X-Mark: " in value:
                mark = value.split(b"X-Mark: ", 1)[1].split(b"\r\n")[0].decode()
                result.contents[uid] = mark
                if uid is not None:
                    session.box.note(uid, mark)
        if "FLAGS" in items and uid is not None:
            flags = {flag.decode() for flag in items["FLAGS"]}
            self.note_recent(session, uid, "\\Recent" in flags)
            session.told[uid] = frozenset(flags - {"\\Recent"})
            result.touched.add(uid)

    def note_recent(self, session, uid, is_recent):
        message = session.box.by_uid.get(uid)
        if message and is_recent and not session.read_only:
            message.recent_in.add(session.selection)
            require(len(message.recent_in) == 1, f"UID {uid} is \\Recent in two sessions")

    def resolve(self, session):
        """Asks for what the client was not told yet of messages that it knows to exist."""
        for _ in range(5):                  # FETCH itself may tell of more
            if None not in session.view:
                return
            first = session.view.index(None) + 1
            self.command(session, f"FETCH {first}:* {ITEMS}", may_expunge=False)

    # - choices

    def some(self, session, chance, most=3):
        """(the set as text, is it by UID, the UIDs) of some messages of the view."""
        indexes = sorted(chance.sample(range(len(session.view)), min(len(session.view), chance.randint(1, most))))
        uids = [session.view[index] for index in indexes]
        by_uid = chance.random() < 0.5 and None not in uids
        return ",".join(str(u) for u in (uids if by_uid else [i + 1 for i in indexes])), by_uid, uids

    def living(self, session, uids):
        found = [session.box.by_uid.get(uid) for uid in uids]
        return [message for message in found if message and not message.fate]

    # - commands

    def do_append(self, session, chance):
        box, flags = chance.choice(self.boxes), set(chance.sample(POOL, chance.randint(0, 2)))
        mark = self.new_mark()
        text = f"X-Mark: {mark}\r\n\r\n{'x' * chance.randint(0, 90)}\r\n".encode()
        parts = ["APPEND", quote(box.name)] + ([sorted(flags)] if flags else []) + [Literal(text)]
        result = session.client.command(*parts)
        require(result.status == "OK" and result.code_is(b"APPENDUID"), f"APPEND: {result!r}")
        box.add(Message(mark, flags, int(result.code[2])))
        self.take(session, result, ["APPEND"])

    def do_store(self, session, chance):
        text, by_uid, uids = self.some(session, chance)
        mode, silent = chance.choice(["", "+", "-"]), chance.random() < 0.4
        named = frozenset(chance.sample(POOL, chance.randint(0 if mode == "" else 1, 3)))
        apply = {"": lambda f: named, "+": lambda f: f | named, "-": lambda f: f - named}[mode]
        stale = [m for m in self.living(session, uids) if m.before is not None]
        if any(apply(m.before) == m.before for m in stale):
            return                          # nothing to do, as far as the server knows: as if done before the rename
        living = self.living(session, uids)
        if not session.read_only:
            for message in living:
                message.flags = apply(message.flags)
        verb, item = "UID STORE" if by_uid else "STORE", mode + ("FLAGS.SILENT" if silent else "FLAGS")
        result = self.command(session, f"{verb} {text} {item} ({' '.join(sorted(named))})", may_expunge=by_uid)
        if session.read_only:
            return require(result.status == "NO", "STORE in a read-only mailbox is not refused")
        require(result.status == "OK" or len(living) < len(uids), f"STORE: NO {result.text}")
        for message in living:
            if not silent:
                require(message.uid in result.touched, f"STORE tells nothing of UID {message.uid}")
            elif message.uid not in result.touched and message.uid in session.told:
                session.told[message.uid] = apply(session.told[message.uid])

    def do_fetch(self, session, chance):
        text, by_uid, uids = self.some(session, chance, 5)
        items = chance.choice(["(FLAGS)", ITEMS, "(BODY.PEEK[])", "(BODY[])", "(UID INTERNALDATE RFC822.SIZE)"])
        wanted = [session.box.by_uid[uid] for uid in uids if uid in session.box.by_uid]
        if items == "(BODY[])" and not session.read_only:
            for message in self.living(session, uids):
                message.flags |= {"\\Seen"}
        fates = {message.uid: message.fate for message in wanted}
        result = self.command(session, f"{'UID ' if by_uid else ''}FETCH {text} {items}", may_expunge=by_uid)
        lost = len(wanted) < len(uids) or "outside" in fates.values()
        require(result.status == "OK" or lost, f"FETCH: NO {result.text}")
        if items.startswith("(BODY") and not lost:
            for message in wanted:
                require(result.contents.get(message.uid) == message.mark,
                        f"FETCH: the content of UID {message.uid} ({fates[message.uid] or 'alive'}) is missing")

    def do_search(self, session, chance):
        flag = chance.choice(POOL)
        word = flag[1:].upper() if flag.startswith("\\") else f"KEYWORD {flag}"
        by_uid = chance.random() < 0.5
        before = [(uid, session.told.get(uid)) for uid in session.view]
        unsure = {message.uid for message in session.box.alive if message.before is not None}
        result = self.command(session, f"{'UID ' if by_uid else ''}SEARCH {word}", may_expunge=by_uid)
        require(result.status == "OK", f"SEARCH: {result!r}")
        hits = {int(number) for response in result.of("SEARCH") for number in response.data or []}
        for index, (uid, told) in enumerate(before):
            message = session.box.by_uid.get(uid)
            if message and not message.fate and told == message.flags and uid not in unsure:
                require(((uid if by_uid else index + 1) in hits) == (flag in message.flags),
                        f"SEARCH {word}: UID {uid} with {sorted(message.flags)} is wrong")

    def do_copy(self, session, chance):
        text, by_uid, uids = self.some(session, chance)
        target = chance.choice(self.boxes)
        living = self.living(session, uids)
        result = session.client.command(f"{'UID ' if by_uid else ''}COPY {text}", quote(target.name))
        if result.status == "OK":
            require(len(living) == len(uids), "COPY of removed messages is OK (RFC 2180 4.4.1)")
            self.add_copies(session, result, target)
        self.take(session, result, ["COPY"])
        require(result.status == "OK" or len(living) < len(uids), f"COPY: NO {result.text}")

    def add_copies(self, session, result, target):
        """Adds what COPYUID tells to the target; returns the messages that were copied."""
        code = next((s.code for s in [result] + [r.status for r in result.untagged if r.status]
                     if s.code_is(b"COPYUID")), None)
        if not code:
            return []
        sources, copies = number_set(code[2]), number_set(code[3])
        require(len(sources) == len(copies), f"COPYUID: {code}")
        for source, copy in zip(sources, copies):
            require(source in session.box.by_uid, f"COPYUID names the unknown UID {source}")
            original = session.box.by_uid[source]
            target.add(Message(original.mark, original.flags, copy))
        return [session.box.by_uid[uid] for uid in sources]

    def do_move(self, session, chance):
        text, by_uid, uids = self.some(session, chance)
        target = chance.choice(self.boxes)
        living = self.living(session, uids)
        result = session.client.command(f"{'UID ' if by_uid else ''}MOVE {text}", quote(target.name))
        if session.read_only:
            require(result.status == "NO", "MOVE out of a read-only mailbox is not refused")
            return self.take(session, result, ["MOVE"])
        moved = self.add_copies(session, result, target)
        # In any order: one that another program renamed meanwhile may come last (RFC 4315 3: the sets correspond).
        as_sorted = sorted(moved, key=lambda each: each.uid)
        require(sorted(living, key=lambda each: each.uid) == as_sorted or
                (len(living) < len(uids) and set(moved) <= set(living)),
                f"MOVE {text} moved {[m.uid for m in moved]}")
        self.take(session, result, ["MOVE"], removes=lambda message: message in moved)
        require(result.status == "OK" or len(living) < len(uids), f"MOVE: NO {result.text}")
        require(all(message.fate for message in moved), "MOVE left messages where they were")
        return None

    def do_expunge(self, session, chance):
        due = [m for m in self.living(session, session.view) if "\\Deleted" in m.flags & session.told.get(m.uid, set())]
        result = self.command(session, "EXPUNGE", removes=lambda message: "\\Deleted" in message.flags)
        self.check_expunged(session, result, due)

    def do_uid_expunge(self, session, chance):
        text, _, uids = self.some(session, chance)
        if None in uids:
            return
        due = [m for m in self.living(session, uids) if "\\Deleted" in m.flags & session.told.get(m.uid, set())]
        result = self.command(session, f"UID EXPUNGE {','.join(map(str, uids))}",
                              removes=lambda message: "\\Deleted" in message.flags and message.uid in uids)
        self.check_expunged(session, result, due)

    def check_expunged(self, session, result, due):
        if session.read_only:
            return require(result.status == "NO", "EXPUNGE in a read-only mailbox is not refused")
        require(result.status == "OK", f"EXPUNGE: {result!r}")
        require(all(message.fate for message in due), f"EXPUNGE leaves UIDs {[m.uid for m in due if not m.fate]}")

    def do_noop(self, session, chance):
        result = self.command(session, "NOOP")
        require(result.status == "OK", f"NOOP: {result!r}")
        self.check_told(session, "NOOP")

    def check_told(self, session, what):
        """Nothing is left to tell: the view is the mailbox."""
        require(len(session.view) == len(session.box.alive),
                f"after {what} the view has {len(session.view)} messages, the mailbox {len(session.box.alive)}")
        for uid in session.view:
            message = session.box.by_uid.get(uid)
            if message:
                require(not message.fate, f"after {what} the view has UID {uid}, which is gone")
                told = session.told.get(uid)
                require(told in (None, message.flags), f"after {what} the client believes UID {uid} to have "
                        f"{sorted(told or [])}, it has {sorted(message.flags)}")

    def do_close(self, session, chance):
        self.do_noop(session, chance)       # what the session knows to be deleted is then what is deleted
        self.resolve(session)
        require(session.client.command("CLOSE").status == "OK", "CLOSE is not OK")
        if not session.read_only:
            for message in [m for m in session.box.alive if "\\Deleted" in m.flags]:
                session.box.remove(message, "imap")
        session.leave()

    def do_select(self, session, chance, how="SELECT"):
        if session.box:
            self.resolve(session)
        session.leave()
        box = chance.choice(self.boxes)
        result = session.client.command(how, quote(box.name))
        require(result.status == "OK", f"{how}: {result!r}")
        exists = result.of("EXISTS")[-1].number
        require(exists == len(box.alive), f"{how}: {exists} EXISTS, the mailbox has {len(box.alive)}")
        box.next_uid(int(result.code_value(b"UIDNEXT")), int(result.code_value(b"UIDVALIDITY")))
        self.selections += 1
        session.begin(box, how == "EXAMINE", exists, self.selections)
        self.resolve(session)

    def do_examine(self, session, chance):
        self.do_select(session, chance, "EXAMINE")

    def do_status(self, session, chance):
        box = chance.choice(self.boxes)
        result = self.command(session, "STATUS", quote(box.name), "(MESSAGES UIDNEXT UIDVALIDITY UNSEEN)")
        require(result.status == "OK", f"STATUS: {result!r}")
        data = result.of("STATUS")[-1].data[1]
        value = {data[at].upper(): int(data[at + 1]) for at in range(0, len(data), 2)}
        unseen = sum("\\Seen" not in message.flags for message in box.alive)
        require((value[b"MESSAGES"], value[b"UNSEEN"]) == (len(box.alive), unseen),
                f"STATUS {box.name}: {value}, the mailbox has {len(box.alive)} and {unseen} unseen")
        box.next_uid(value[b"UIDNEXT"], value[b"UIDVALIDITY"])

    def do_idle(self, session, chance):
        session.idle_tag = session.client.idle()

    def end_idle(self, session):
        tag, session.idle_tag = session.idle_tag, None
        result = self.take(session, session.client.done(tag), ["IDLE"])
        require(result.status == "OK", f"DONE: {result!r}")

    # - other programs

    def new_mark(self):
        self.files += 1
        return f"m{self.files}"

    def do_deliver(self, chance):
        box, mark = chance.choice(self.boxes), self.new_mark()
        name, flags = f"{1700000000 + self.files}.M{self.files}P{os.getpid()}.outside", set()
        path = os.path.join(box.directory, "tmp", name)
        with open(path, "wb") as file:
            file.write(f"X-Mark: {mark}\n\nDelivered.\n".encode())
        self.give(path)
        folder = "new"
        if chance.random() < 0.3:
            folder, flags = "cur", set(chance.sample(sorted(SYSTEM), chance.randint(0, 2)))
            name += ":2," + "".join(sorted(SYSTEM[flag] for flag in flags))
        box.add(Message(mark, flags))
        box.alive[-1].in_new = folder == "new"
        os.rename(path, os.path.join(box.directory, folder, name))
        self.note(f"deliver {box.name}/{folder}/{name}")

    def files_of(self, box):
        """[(folder, name, message)] of the files whose message can be told by its mark."""
        out = []
        for folder in ("new", "cur"):
            for name in os.listdir(os.path.join(box.directory, folder)):
                try:
                    with open(os.path.join(box.directory, folder, name), "rb") as file:
                        mark = file.readline().strip().split(b" ")[-1].decode()
                except FileNotFoundError:
                    continue
                messages = [message for message in box.alive if message.mark == mark]
                if len(messages) == 1:
                    out.append((folder, name, messages[0]))
        return sorted(out, key=lambda entry: entry[2].mark)

    def outside(self, chance, change):
        """Does change(box, folder, name, message) to some file; a session in IDLE may move it at the same moment."""
        box, at = chance.choice(self.boxes), chance.random()
        for _ in range(5):
            files = self.files_of(box)
            if not files:
                return
            try:
                return change(box, *files[int(at * len(files))])
            except FileNotFoundError:
                continue

    def do_rename(self, chance):
        flags = set(chance.sample(sorted(SYSTEM), chance.randint(0, 3)))

        def change(box, folder, name, message):
            base, _, letters = name.partition(":2,")
            letters = sorted({c for c in letters if c not in LETTERS} | {SYSTEM[flag] for flag in flags})
            renamed = base + ":2," + "".join(letters)
            os.rename(os.path.join(box.directory, folder, name), os.path.join(box.directory, "cur", renamed))
            self.note(f"rename {box.name}/{folder}/{name} to cur/{renamed}")
            message.in_new, message.before = False, message.flags if message.before is None else message.before
            message.flags = frozenset(flags | {flag for flag in message.flags if flag not in SYSTEM})

        self.outside(chance, change)

    def do_unlink(self, chance):
        def change(box, folder, name, message):
            os.unlink(os.path.join(box.directory, folder, name))
            self.note(f"unlink {box.name}/{folder}/{name}")
            box.remove(message, "outside")

        self.outside(chance, change)

    def do_new_to_cur(self, chance):
        def change(box, folder, name, message):
            if folder == "new":
                os.rename(os.path.join(box.directory, folder, name),
                          os.path.join(box.directory, "cur", name if ":2," in name else name + ":2,"))
                message.in_new = False
                self.note(f"move {box.name}/{folder}/{name} to cur/")

        self.outside(chance, change)

    # - the end

    def converge(self):
        """Every session is told all, all of them see the same, and the disk says so too."""
        for session in self.sessions:
            if session.idle_tag:
                self.end_idle(session)
            if session.box:
                self.do_noop(session, None)
                self.resolve(session)
                if session.view:
                    require(self.command(session, f"FETCH 1:* {ITEMS}", may_expunge=False).status == "OK", "last FETCH")
                self.check_told(session, "the last NOOP")
                require(set(session.view) == {m.uid for m in session.box.alive}, "a session misses messages")
        for box in self.boxes:
            self.check_disk(box)
            if any(s.box is box and not s.read_only for s in self.sessions):
                for message in box.alive:
                    require(len(message.recent_in) == 1 or not message.in_new,
                            f"UID {message.uid} was \\Recent in {len(message.recent_in)} sessions")

    def check_disk(self, box):
        found = []
        for folder in ("new", "cur"):
            for name in os.listdir(os.path.join(box.directory, folder)):
                with open(os.path.join(box.directory, folder, name), "rb") as file:
                    mark = file.readline().strip().split(b" ")[-1].decode()
                letters = name.partition(":2,")[2]
                found.append((mark, "".join(sorted(letter for letter in letters if letter in LETTERS))))
        wanted = [(m.mark, "".join(sorted(SYSTEM[flag] for flag in m.flags if flag in SYSTEM))) for m in box.alive]
        require(sorted(found) == sorted(wanted), f"{box.name} on disk: {sorted(found)}, wanted {sorted(wanted)}")
