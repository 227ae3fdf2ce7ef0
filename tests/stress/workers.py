"""Clients at work on shared mailboxes, and the model of what must exist afterwards; work.py and together.py play it.

Every message carries an id, and every instance of it (mailbox, UID) has one owner, the client that made it. Only the
owner moves or expunges it; anybody copies, flags, searches and reads it. So APPENDUID and COPYUID (RFC 4315) say
exactly what must exist at the end. While they work, the clients check their own view: sequence numbers change only by
EXPUNGE, never inside FETCH, STORE and SEARCH (RFC 3501 7.4.1), and a UID keeps its content.
"""

import collections
import os
import random
import threading
import time

from counting import require
from imapclient import CommandFailed, ImapError, number_set, quote

MAILBOXES = ["INBOX", "A", "A/B"]
MOST_OWNED = 40       # by one client in one mailbox


def mark_in(octets):
    """The id in a message, whose first header field it is."""
    return octets.split(b":", 1)[1].split(b"\r\n")[0].strip().decode()


def names_by_uid(server, user, mailbox, uids):
    """{uid: name of the file in cur/}, of those that one listing of the folder has (it may miss a file that is renamed)."""
    folder = server.maildir(user) + {"INBOX": "", "A": "/.A", "A/B": "/.A.B"}[mailbox]
    names = {name.partition(":2,")[0]: name for name in os.listdir(folder + "/cur")}
    bases = {}
    with open(folder + "/dovecot-uidlist", encoding="utf-8") as file:
        next(file, None)
        for row in file:
            uid, _, rest = row.partition(" ")
            if row.endswith("\n") and int(uid) in uids:      # the last may be half a row, that is being written
                bases[int(uid)] = rest[rest.index(":") + 1:].rstrip("\n").partition(":2,")[0]
    return {uid: names[base] for uid, base in bases.items() if base in names}


def make_mailboxes(server):
    for user in server.users:
        with server.connect(user) as imap:
            for name in MAILBOXES[1:]:
                imap.ok("CREATE", name)


class Model:
    """What must exist: {(user, mailbox, uid): id}, and the ids that an outside agent delivered."""

    def __init__(self):
        self.lock = threading.Lock()
        self.alive, self.delivered, self.flagged = {}, {}, {}
        self.shown, self.recent = {}, {}        # by (user, mailbox, uid): the id it had; the selection that has \Recent
        self.waves = {}                         # ((user, mailbox, uid), keyword): was it set, or removed, last
        # Whose answer a crash cut off: {id: (user, mailbox)} of appends, {(user, mailbox, uid): id} of expunges.
        self.maybe_made, self.maybe_gone = {}, {}
        self.operations, self.failures, self.history = {}, [], {}
        self.places = set()                     # (user, mailbox, id) wherever a message ever was, or is about to be
        # {(user, mailbox, id): must it be there} of what another server says that it gave a new UID.
        self.renumbered = {}

    def note(self, mark, *event):
        """For the report: the last that happened to a message, in order."""
        self.history.setdefault(mark, collections.deque(maxlen=40)).append((round(time.monotonic() % 1000, 3), *event))

    def add(self, user, mailbox, uid, mark):
        with self.lock:
            key = (user, mailbox, uid)
            if key in self.alive:
                self.failures.append(f"UID given twice: {key} for {self.alive[key]} and {mark}")
            self.alive[key] = mark
            self.places.add((user, mailbox, mark))
            self.note(mark, "made", *key)

    def remove(self, user, mailbox, uid):
        with self.lock:
            self.flagged.pop((user, mailbox, uid), None)
            self.note(self.alive[(user, mailbox, uid)], "removed", user, mailbox, uid)
            return self.alive.pop((user, mailbox, uid))

    def doubt(self, user, doing):
        """The command that a client was at when its server died may have been done, or not."""
        what, mailbox, *rest = doing
        with self.lock:
            if what == "append":
                self.maybe_made[rest[0]] = (user, mailbox)
                return
            for uid in rest[0]:
                key = (user, mailbox, uid)
                if what == "expunge" and key in self.alive:
                    self.flagged.pop(key, None)
                    self.maybe_gone[key] = self.alive.pop(key)
                elif what == "store":
                    self.flagged.pop(key, None)
                elif what == "wave":
                    self.waves.pop((key, rest[1]), None)

    def renumber(self, user, mailbox, uid):
        """The message is to be there under some UID, unless it was removed under the old one; flags are not certain."""
        key = (user, mailbox, uid)
        with self.lock:
            mark = self.alive.get(key) or self.shown.get(key)
            if mark:
                self.renumbered[(user, mailbox, mark)] = self.alive.pop(key, None) is not None
            self.flagged.pop(key, None)
            self.waves = {k: v for k, v in self.waves.items() if k[0] != key}

    def show(self, user, mailbox, uid, mark):
        """A client was shown this content: never another under the same UID."""
        with self.lock:
            known = self.shown.setdefault((user, mailbox, uid), mark)
        require(known == mark, f"{mailbox}: UID {uid} of {user} was {known} and is {mark}")

    def claim(self, user, mailbox, uid, selection):
        """A client was told \\Recent: no other may be (RFC 3501 2.3.2)."""
        with self.lock:
            known = self.recent.setdefault((user, mailbox, uid), selection)
        require(known == selection, f"{mailbox}: UID {uid} of {user} is \\Recent for {known} and {selection}")

    def count(self, operation):
        with self.lock:
            self.operations[operation] = self.operations.get(operation, 0) + 1


class Worker:
    """One client. It keeps its view of the selected mailbox as a list of UIDs by sequence number."""

    def __init__(self, server, model, number, user=None):
        self.server, self.model, self.number = server, model, number
        self.user = user or server.users[number % len(server.users)]
        self.selections = 0
        self.doing = None      # what can't be told to be done or not if the server dies now; see Model.doubt()
        self.random = random.Random(number)
        self.owned = {mailbox: [] for mailbox in MAILBOXES}
        self.serial = 0
        self.imap = None
        self.mailbox, self.view = None, []

    # - the view

    def command(self, *parts, quiet=False):
        """A command whose untagged responses are taken into the view; NO is an answer, BAD is a failure."""
        result = self.imap.command(*parts)
        for response in result.untagged:
            if response.kind == "EXPUNGE":
                require(not quiet, f"EXPUNGE inside {parts[0]} (RFC 3501 7.4.1)")
                require(1 <= response.number <= len(self.view), f"EXPUNGE {response.number} of {len(self.view)}")
                del self.view[response.number - 1]
            elif response.kind == "EXISTS":
                require(response.number >= len(self.view), f"EXISTS {response.number}, had {len(self.view)}")
                self.view += [None] * (response.number - len(self.view))
            elif response.kind == "FETCH":
                self.note_fetch(response)
        require(result.status != "BAD", f"{parts!r}: BAD {result.text}")
        # Dovecot calls it so too when somebody else holds a lock that it did not wait for.
        if result.status == "NO" and self.server.name != "dovecot":
            require(not result.code_is(b"SERVERBUG"), f"{parts!r}: {result.text}")
        return result

    def note_fetch(self, response):
        require(1 <= response.number <= len(self.view), f"FETCH {response.number} of {len(self.view)}")
        items = {name.upper(): value for name, value in zip(response.data[::2], response.data[1::2])}
        known = self.view[response.number - 1]
        if b"UID" in items:
            uid = int(items[b"UID"])
            require(known in (None, uid), f"sequence number {response.number} was UID {known}, now {uid}")
            self.view[response.number - 1] = known = uid
        if known is None:
            return
        # Dovecot gives \\Recent of messages too whose move into cur/ another program was quicker with.
        if b"\\Recent" in items.get(b"FLAGS", []) and self.server.name != "dovecot":
            self.model.claim(self.user, self.mailbox, known, (self.server.name, self.number, self.selections))
        for name, value in items.items():
            if name.startswith(b"BODY[") and value:
                self.model.show(self.user, self.mailbox, known, mark_in(value))

    def select(self, mailbox):
        self.view, self.mailbox = [], mailbox
        self.selections += 1
        result = self.imap.ok("SELECT", quote(mailbox))
        exists = [r.number for r in result.of("EXISTS")]
        require(exists, "SELECT without EXISTS")
        self.view = [None] * exists[-1]
        if self.view:
            self.command("FETCH 1:* (UID FLAGS)", quiet=True)
            self.require_known(exists[-1])

    def require_known(self, count):
        """The first `count` messages have been told with their UIDs; what came since has not."""
        known = self.view[:count]
        require(None not in known, "FETCH 1:* left messages out")
        require(known == sorted(set(known)), "UIDs do not ascend")

    # - operations; each returns what it did to the model

    def append(self):
        self.serial += 1
        mark = f"c{self.number}.{self.serial}"
        mailbox = self.random.choice(MAILBOXES)
        size = 200_000 if self.random.random() < 0.01 else self.random.randint(10, 4000)
        octets = f"X-Mark: {mark}\r\nSubject: work {self.serial}\r\n\r\n".encode() + b"x" * size + b"\r\n"
        self.doing = ("append", mailbox, mark)
        uid = self.take_append(self.imap.append(mailbox, octets, ["\\Seen"] * self.random.randint(0, 1)))
        self.model.add(self.user, mailbox, uid, mark)
        self.owned[mailbox].append(uid)

    def take_append(self, result):
        for response in result.untagged:     # an APPEND into the selected mailbox announces it
            if response.kind == "EXISTS":
                self.view += [None] * (response.number - len(self.view))
            elif response.kind == "EXPUNGE":
                del self.view[response.number - 1]
        require(result.code_is(b"APPENDUID"), f"no APPENDUID: {result!r}")
        return int(result.code[2])

    def some_owned(self, most=4):
        owned = self.owned[self.mailbox]
        return self.random.sample(owned, min(len(owned), self.random.randint(1, most)))

    def copied(self, result, target):
        """[(source uid, target uid)] of a COPYUID; the copies are ours."""
        codes = [s for s in [result] + [r.status for r in result.untagged if r.status] if s.code_is(b"COPYUID")]
        if not codes:
            return []
        source, made = number_set(codes[0].code[2]), number_set(codes[0].code[3])
        require(len(source) == len(made) == len(set(made)), f"COPYUID {codes[0].code}")
        if source != sorted(source) or made != sorted(made):
            self.model.count("COPYUID out of order")
        self.owned[target] += made
        return list(zip(source, made))

    def may_put(self, marks, target):
        """Whether messages with these ids may be copied or moved to a mailbox."""
        return True

    def copy(self):
        known = [uid for uid in self.view if uid]
        if not known:
            return
        uids = self.random.sample(known, min(len(known), 3))
        target = self.random.choice(MAILBOXES)
        names = self.marks_of(uids)
        if not self.may_put(names.values(), target):
            return
        result = self.command("UID COPY", ",".join(map(str, uids)), quote(target))
        for source, made in self.copied(result, target):
            require(source in names, f"COPY of UID {source}, whose content FETCH did not have")
            self.model.add(self.user, target, made, names[source])

    def marks_of(self, uids):
        result = self.command(f"UID FETCH {','.join(map(str, uids))} (BODY.PEEK[HEADER.FIELDS (X-Mark)])")
        out = {}
        for response in result.of("FETCH"):     # one by one: an EXPUNGE between them shifts the numbers
            items = dict(zip(response.data[::2], response.data[1::2]))
            body = next((v for k, v in items.items() if k.startswith(b"BODY[") and v), None)
            if body:
                out[int(items[b"UID"])] = mark_in(body)
        return out

    def move(self):
        uids = self.some_owned()
        target = self.random.choice(MAILBOXES)
        if not uids or target == self.mailbox:
            return
        source = self.mailbox
        if not self.may_put([self.model.alive[(self.user, source, uid)] for uid in uids], target):
            return
        result = self.command("UID MOVE", ",".join(map(str, uids)), quote(target))
        moved = self.copied(result, target)
        require(result.status == "OK" and {s for s, _ in moved} == set(uids),
                f"MOVE of {sorted(uids)}, which only this client may remove: {result!r} {moved}")
        for old, new in moved:
            self.owned[source].remove(old)
            self.model.add(self.user, target, new, self.model.remove(self.user, source, old))
        require(not set(uids) & set(self.view), "a moved message is still shown")

    def store(self):
        uids = self.some_owned()
        if not uids:
            return
        wanted = self.random.choice("+-") == "+"
        self.doing = ("store", self.mailbox, uids)
        result = self.command("UID STORE", ",".join(map(str, uids)), ("+" if wanted else "-") + "FLAGS (\\Flagged)")
        names = names_by_uid(self.server, self.user, self.mailbox, uids)
        undone = {uid: names[uid] for uid in uids if uid in names and ("F" in names[uid].partition(":2,")[2]) != wanted}
        if self.server.name != "dovecot":
            require(result.status == "OK", f"STORE in messages that only this client may remove: {result!r}")
            require(not undone, f"OK of STORE before it is done: {undone}")
        elif result.status != "OK" or undone:
            print(f"# Dovecot answered {result!r} to STORE of {uids} in {self.mailbox} and left {undone}", flush=True)
        with self.model.lock:
            for uid in uids:
                key = (self.user, self.mailbox, uid)
                self.model.note(self.model.alive[key], "flagged" if wanted else "not flagged", *key, self.server.name)
                if result.status == "OK" and uid not in undone:
                    self.model.flagged[key] = wanted
                else:
                    self.model.flagged.pop(key, None)

    def store_by_number(self):
        if self.view:
            low = self.random.randint(1, len(self.view))
            self.command(f"STORE {low}:{min(len(self.view), low + 5)}",
                         self.random.choice(["+FLAGS", "-FLAGS.SILENT"]), "(\\Seen)", quiet=True)

    def expunge(self):
        uids = self.some_owned(2)
        if not uids:
            return
        those = ",".join(map(str, uids))
        self.doing = ("expunge", self.mailbox, uids)
        require(self.command(f"UID STORE {those} +FLAGS.SILENT (\\Deleted)").status == "OK", "STORE \\Deleted")
        require(self.command("UID EXPUNGE", those).status == "OK", "UID EXPUNGE")
        require(not set(uids) & set(self.view), "an expunged message is still shown")
        for uid in uids:
            self.owned[self.mailbox].remove(uid)
            self.model.remove(self.user, self.mailbox, uid)

    def search(self):
        result = self.command("SEARCH", self.random.choice(["UNSEEN", "FLAGGED", "SUBJECT work", "LARGER 2000",
                                                            "HEADER X-Mark c1", "NOT DELETED"]), quiet=True)
        for response in result.of("SEARCH"):
            require(all(1 <= int(n) <= len(self.view) for n in response.data), "SEARCH names what is not there")

    def read(self):
        if not self.view:
            return
        number = self.random.randint(1, len(self.view))
        result = self.command(f"FETCH {number} (UID FLAGS RFC822.SIZE BODY.PEEK[])", quiet=True)
        for items in result.fetched().values():
            body = items.get("BODY[]")
            if body:
                require(len(body) == int(items["RFC822.SIZE"]), "RFC822.SIZE is not the length of BODY[]")

    def noop(self):
        self.command("NOOP")
        unknown = [at + 1 for at, uid in enumerate(self.view) if uid is None]
        if unknown:
            self.command(f"FETCH {unknown[0]}:* (UID FLAGS)", quiet=True)

    def idle(self):
        tag = self.imap.idle()
        result = self.imap.done(tag)
        for response in result.untagged:
            if response.kind == "EXPUNGE":
                del self.view[response.number - 1]
            elif response.kind == "EXISTS":
                self.view += [None] * (response.number - len(self.view))

    def other_mailbox(self):
        self.select(self.random.choice(MAILBOXES))

    def reconnect(self):
        if self.random.random() < 0.3:
            self.imap.close()     # as a client that just goes away
        else:
            self.imap.logout()
        self.connect()

    def connect(self):
        self.imap = self.server.connect(self.user, tls=self.random.random() < 0.3, timeout=120)
        self.select(self.random.choice(MAILBOXES))

    OPERATIONS = [("append", 8), ("copy", 4), ("move", 4), ("store", 5), ("store_by_number", 3), ("expunge", 4),
                  ("search", 3), ("read", 6), ("noop", 6), ("idle", 2), ("other_mailbox", 3), ("reconnect", 1)]

    def run(self, until):
        names = [name for name, weight in self.OPERATIONS for _ in range(weight)]
        operation = "connect"
        try:
            self.connect()
            while time.monotonic() < until and not self.model.failures:
                operation = self.random.choice(names)
                if operation in ("append", "copy", "move") and len(self.owned[self.mailbox]) > MOST_OWNED:
                    operation = "expunge"       # mailboxes that grow without end would tell nothing of the server
                getattr(self, operation)()
                self.doing = None
                self.model.count(operation)
            operation = "logout"
            self.imap.logout()
        except (ImapError, CommandFailed, AssertionError, OSError, KeyError, IndexError, ValueError) as error:
            with self.model.lock:
                self.model.failures.append(f"client {self.number} in {operation} ({self.user} {self.mailbox}): "
                                           f"{type(error).__name__}: {error}")


def put_message(server, user, name, octets):
    """As a delivery agent does: written to tmp/, renamed into new/."""
    maildir = server.maildir(user)
    path = os.path.join(maildir, "tmp", name)
    with open(path, "wb") as file:
        file.write(octets)
    if os.geteuid() == 0:
        os.chown(path, server.uid, server.gid)
    os.rename(path, os.path.join(maildir, "new", name))


def deliver_from_outside(server, model, until, stop):
    """A delivery agent that knows nothing of the server: tmp/, then a rename into new/."""
    serial = 0
    while time.monotonic() < until and not stop.wait(0.05):
        serial += 1
        user, mark = server.users[serial % len(server.users)], f"mta.{serial}"
        put_message(server, user, f"{int(time.time())}.M{serial}P{os.getpid()}.mta",
                    f"X-Mark: {mark}\nSubject: delivered\n\nText.\n".encode())
        with model.lock:
            model.delivered.setdefault(user, set()).add(mark)


def seen_by(server):
    """{(user, mailbox, uid): (id, flags in lower case)} as a fresh session is told."""
    out = {}
    for user in server.users:
        with server.connect(user, timeout=120) as imap:
            for mailbox in MAILBOXES:
                imap.select(mailbox)
                fetched = imap.ok("UID FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (X-Mark)])").fetched()
                for items in fetched.values():
                    body = next(v for k, v in items.items() if k.startswith("BODY["))
                    flags = frozenset(flag.lower() for flag in items["FLAGS"]) - {b"\\recent"}
                    out[(user, mailbox, int(items["UID"]))] = (mark_in(body), flags)
    return out


def validities(server):
    """{(user, mailbox): UIDVALIDITY}"""
    out = {}
    for user in server.users:
        with server.connect(user, timeout=120) as imap:
            for mailbox in MAILBOXES:
                out[(user, mailbox)] = int(imap.ok("STATUS", mailbox, "(UIDVALIDITY)").of("STATUS")[0].data[1][1])
    return out


def compare(counter, when, found, model):
    """Nothing lost, nothing doubled, every UID with its content."""
    marks = {key: mark for key, (mark, _) in found.items()}
    lost = {k: m for k, m in model.alive.items() if k not in marks}
    counter.check(f"{when}: nothing is lost ({len(model.alive)} instances)", not lost, f"{len(lost)}: {sample(lost)}")
    other = {k: m for k, m in model.alive.items() if k in marks and marks[k] != m}
    counter.check(f"{when}: every UID has its content", not other, f"{len(other)}: {sample(other)}")
    more = {k: m for k, m in marks.items() if k not in model.alive and not (k[1] == "INBOX" and m.startswith("mta."))
            and model.maybe_made.get(m) != k[:2] and model.maybe_gone.get(k) != m and (*k[:2], m) not in model.renumbered}
    elsewhere = {(*key[:2], mark) for key, mark in marks.items() if key not in model.alive}
    missing = [each for each, must_be_there in model.renumbered.items() if must_be_there and each not in elsewhere]
    counter.check(f"{when}: what got a new UID is there ({len(model.renumbered)})", not missing, str(missing[:5]))
    doubtful = [m for k, m in marks.items() if k not in model.alive and model.maybe_made.get(m) == k[:2]]
    counter.check(f"{when}: nothing is there twice", len(doubtful) == len(set(doubtful)), str(doubtful))
    counter.check(f"{when}: nothing is there that should not be", not more, f"{len(more)}: {sample(more)}")
    for key, mark in [*lost.items(), *other.items(), *more.items()][:5]:
        print(f"#   {key}: {mark}: {model.history.get(mark)}")
    wrong = []
    for user, wanted in model.delivered.items():
        got = [m for (u, box, uid), m in marks.items()
               if u == user and box == "INBOX" and m.startswith("mta.") and (u, box, uid) not in model.alive]
        if sorted(got) != sorted(wanted):
            wrong.append((user, sorted(set(wanted) ^ set(got))[:3], len(got) - len(set(got))))
    counter.check(f"{when}: every delivery is there once", not wrong, str(wrong[:5]))
    flags = {k: v for k, v in model.flagged.items() if k in found and (b"\\flagged" in found[k][1]) != v}
    for key in flags:
        print(f"#   {key}: {sorted(found[key][1])}: {model.history.get(model.alive.get(key))}")
    counter.check(f"{when}: flags are as last set ({len(model.flagged)})", not flags, f"{len(flags)}: {sample(flags)}")
    waves = {(*k, word): v for (k, word), v in model.waves.items() if k in found and (word in found[k][1]) != v}
    counter.check(f"{when}: so are those that many set at once ({len(model.waves)})", not waves,
                  f"{len(waves)}: {sample(waves)}")


def sample(table):
    return str(dict(list(table.items())[:5]))
