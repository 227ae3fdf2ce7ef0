#!/usr/bin/env python3
"""FETCH and SEARCH of many messages, for which other threads work ahead, answer what they answer message by message:
with and without a cache, many at once, while messages vanish and are renamed. Clients that fall silent or break off in
the middle hold up nobody else and leave no file open.

A FETCH or SEARCH of one message never works ahead; what it answers is what all others are compared with.
"""

import concurrent.futures
import itertools
import os
import random
import re
import select
import shutil
import socket
import sys
import threading
import time

import stress_test  # first: it says where the others lie
import messages
from imapclient import Literal, number_set
from stress_test import require

sys.path[:0] = [os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data")]

from variedmail import all_messages  # noqa: E402

HELD = 128 * 1024       # a message of up to so many octets is held in memory until its turn comes
SILENT = 10             # clients; each has some 130 messages waiting for it, so they use up the memory there is for it
SECONDS = 60            # for anything that may hang

ITEMS = [
    "BODY.PEEK[]",
    "BODY.PEEK[1]",
    "BODY.PEEK[]<0.65536>",
    "BODY.PEEK[]<1000.5000>",
    f"BODY.PEEK[]<{HELD - 100}.200>",
    "BODY.PEEK[HEADER]",
    "BODY.PEEK[TEXT]<7.300>",
    "BODY.PEEK[2.MIME]",
    "BODY.PEEK[1.HEADER.FIELDS (Subject)]",
    "BODY.PEEK[1.1] BODY.PEEK[2.HEADER] BODY.PEEK[2.TEXT]",
    "BINARY.PEEK[]",
    "BINARY.PEEK[1]",
    "BINARY.PEEK[2]<10.1000>",
    "BINARY.SIZE[1]",
    "BODY.PEEK[HEADER.FIELDS.NOT (Received)] BODY.PEEK[1]<0.100> BODY.PEEK[TEXT]<200000.70000> BODY.PEEK[2]",
    "UID FLAGS RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY.PEEK[HEADER.FIELDS (From To)] BODY.PEEK[1]",
    "UID INTERNALDATE RFC822.SIZE ENVELOPE BODY BODYSTRUCTURE",
    "RFC822.HEADER RFC822.TEXT",        # \Seen is not set: the mailbox is open for reading
]
# Parts of a command; those with a literal are in UTF-8.
PROGRAMS = [
    ["BODY offer"],
    ["TEXT offer"],
    ["TEXT \"quick brown\""],
    ["BODY nowhere-at-all"],
    ["NOT BODY offer"],
    ["NOT TEXT example"],
    ["BODY", Literal("Größe".encode())],
    ["NOT (OR TEXT", Literal("Übung".encode()), "BODY the)"],
    ["OR BODY please BODY attached BODY year"],
    ["OR (FLAGGED BODY please) (UNSEEN NOT TEXT regards)"],
    ["OR NOT BODY offer NOT TEXT regards"],
    ["OR FROM anna BODY quick"],
    ["FROM anna BODY kind"],
    ["TEXT schmidt SINCE 1-Jan-2021"],
    ["OR BEFORE 1-Jan-2021 TEXT regards"],
    ["UID 100:400,600:* BODY the"],
    ["50:150,300:650 NOT TEXT received"],
    ["KEYWORD $Work BODY the"],
    ["OR KEYWORD $Later BODY offer UNANSWERED"],
    [f"LARGER {HELD} BODY server"],
    ["OR SUBJECT minutes BODY team"],
    ["HEADER X-Mailer mutt NOT BODY kind"],
    ["BODY offer TEXT offer NOT BODY please"],
    ["BODY \"\" TEXT regards"],
]
PARTLY = [PROGRAMS[at] for at in (1, 6, 9, 11)]     # also asked of a server that knows nothing of the messages yet


def wire(content):
    """As IMAP sends it: RFC 3501 4.3.1 allows no NUL."""
    return re.sub(rb"\r?\n", b"\r\n", content).replace(b"\0", b"\x80")


def deliver(server, user, contents):
    """As other programs would have put them there, long ago or a moment ago."""
    maildir = server.maildir(user)
    for name in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(maildir, name))
    with open(os.path.join(maildir, "dovecot-keywords"), "wb") as file:
        file.write(b"0 $Work\n1 $Later\n")
    for number, content in enumerate(contents):
        name = f"{messages.EPOCH + number * 60000}.M{number}P1.ahead"
        if number % 4 == 0:
            name += f",S={len(content)}"
        letters = "".join(letter for letter, every in zip("DFRSTab", (11, 5, 4, 2, 13, 3, 7)) if number % every == 0)
        path = os.path.join(maildir, *(["new", name] if number % 9 == 4 else ["cur", f"{name}:2,{letters}"]))
        with open(path, "wb") as file:
            file.write(content)
        moment = messages.EPOCH + number * 60000
        os.utime(path, (moment, moment))
    server.give_mail_to_owner()


# - asking

def raw_answer(client, tag):
    """(the untagged responses, the tagged one without its tag), as they came."""
    lines = []
    while True:
        raw = client.read_raw()
        if raw.startswith(tag + b" "):
            return lines, raw[len(tag) + 1:]
        require(raw.startswith(b"* "), f"neither untagged nor {tag!r}: {raw[:100]!r}")
        lines.append(raw)


def ask(client, *parts):
    return raw_answer(client, client.start(*parts))


def ask_each(client, count, *parts):
    """The answers for each message alone; "{}" in the parts is its number. They are sent a hundred at a time."""
    for first in range(1, count + 1, 100):
        tags = [client.start(*[part if isinstance(part, Literal) else part.format(number) for part in parts])
                for number in range(first, min(first + 100, count + 1))]
        for tag in tags:
            yield raw_answer(client, tag)


def fetch_each(client, count, items):
    """What FETCH 1:* of these items has to answer."""
    lines, end = [], b""
    for more, status in ask_each(client, count, f"FETCH {{}} ({items})"):
        lines += more
        # One that could not be told decides.
        end = status if not end or not status.startswith(b"OK") else end
    return lines, end


def require_same(got, wanted, items):
    if got != wanted:
        raise AssertionError(f"({items}) {difference(got, wanted)}")


def difference(got, wanted):
    """Where two answers differ, for a person."""
    for number, (one, other) in enumerate(itertools.zip_longest(got[0], wanted[0], fillvalue=b"")):
        if one != other:
            at = len(os.path.commonprefix([one, other]))
            return (f"response {number + 1} of {len(got[0])} and {len(wanted[0])}, octet {at}: {one[:60]!r} ... "
                    f"{one[max(0, at - 40):at + 80]!r} instead of {other[max(0, at - 40):at + 80]!r}")
    return f"{got[1]!r} instead of {wanted[1]!r}"


def fetches_the_same(client, items, wanted):
    require_same(ask(client, f"FETCH 1:* ({items})"), wanted, items)


def numbers_of(answer):
    lines, end = answer
    require(end.startswith(b"OK") and len(lines) == 1 and lines[0].startswith(b"* SEARCH"), f"{lines} {end}")
    return [int(word) for word in lines[0].split()[2:]]


def search_parts(keys, *before, how="SEARCH"):
    charset = ["CHARSET UTF-8"] if any(isinstance(key, Literal) for key in keys) else []
    return [how, *charset, *before, *keys]


def search_each(client, count, keys):
    """The numbers that SEARCH has to find."""
    return [number for answer in ask_each(client, count, *search_parts(keys, "{}")) for number in numbers_of(answer)]


def searches_the_same(client, keys, wanted):
    got = numbers_of(ask(client, *search_parts(keys)))
    require(got == wanted, f"{sorted(set(got) ^ set(wanted))[:20]} differ, or the order: {got[:50]}")


def extended(client, keys, uids, wanted):
    """RETURN, and what is saved."""
    wanted_uids = [uids[number - 1] for number in wanted]

    def results(options):
        how = f"UID SEARCH RETURN ({options})"
        data = client.ok(*search_parts(keys, how=how)).of("ESEARCH")[0].data
        require(data[1] == b"UID", data)
        return dict(zip(data[2::2], data[3::2]))

    def saved():
        return [uids[number - 1] for number in numbers_of(ask(client, "SEARCH $"))]

    got = results("MIN MAX COUNT ALL SAVE")
    require(int(got[b"COUNT"]) == len(wanted), f"COUNT {got[b'COUNT']}, not {len(wanted)}")
    require(number_set(got[b"ALL"]) == wanted_uids if wanted else b"ALL" not in got, f"ALL {got.get(b'ALL')}")
    ends = [int(got[name]) for name in (b"MIN", b"MAX") if name in got]
    require(ends == wanted_uids[:1] + wanted_uids[-1:], f"MIN MAX {ends}")
    require(saved() == wanted_uids, "other messages were saved than found")
    got = results("SAVE MIN")
    require([int(got[b"MIN"])] == wanted_uids[:1] if wanted else not got, f"MIN {got}")
    require(saved() == wanted_uids[:1], "SAVE MIN saved others")


class Lab:
    def __init__(self, counter, server, count):
        self.counter, self.server, self.count = counter, server, count
        self.fetched, self.found, self.uids = {}, {}, []

    def restart(self, cold=True):
        if self.server.process:
            require(self.server.stop() == 0, "the exit status: " + self.server.log_tail())
        if cold:
            shutil.rmtree(self.server.path("state"))
        self.server.start()

    def reader(self, user="test"):
        client = self.server.connect(user, timeout=SECONDS)
        client.select("INBOX", "EXAMINE")
        return client

    def uids_of(self, client):
        return [int(word) for word in client.ok("UID SEARCH ALL").of("SEARCH")[0].data]

    def at_once(self, works):
        """Runs each in a thread of its own; what one raises is raised."""
        with concurrent.futures.ThreadPoolExecutor(len(works)) as pool:
            for done in [pool.submit(*work) for work in works]:
                done.result()


# - the same answers

def first_session(lab):
    """It alone is shown \\Recent, and \\Seen where it reads."""
    with lab.server.connect(timeout=SECONDS) as client:
        client.select("INBOX")
        items = "FLAGS BODY.PEEK[1]<0.2000>"
        whole = ask(client, f"FETCH 1:* ({items})")
        each = fetch_each(client, lab.count, items)
        require_same(whole, each, items)
        require(any(b"\\Recent" in line for line in whole[0]), "nothing is \\Recent")
        for keys in (["NEW TEXT the"], ["OR RECENT BODY offer SEEN"]):
            searches_the_same(client, keys, search_each(client, lab.count, keys))


def sets_seen(lab):
    with lab.server.connect(timeout=SECONDS) as client:
        client.select("INBOX")
        client.ok("STORE 1:* -FLAGS.SILENT (\\Seen)")
        each = fetch_each(client, lab.count, "BODY[1]")
        client.ok("STORE 1:* -FLAGS.SILENT (\\Seen)")
        whole = ask(client, "FETCH 1:* (BODY[1])")
        require_same(whole, each, "BODY[1]")
        require(all(b"\\Seen" in line.split(b"BODY[", 1)[0] for line in whole[0]), "a response without \\Seen")


def ask_all_singly(lab, contents):
    with lab.reader() as client:
        lab.uids = lab.uids_of(client)
        require(len(lab.uids) == lab.count, f"{len(lab.uids)} messages")
        for items in ITEMS:
            lab.fetched[items] = fetch_each(client, lab.count, items)
        for keys in PROGRAMS:
            lab.found[str(keys)] = search_each(client, lab.count, keys)
    whole = sorted(literal_of(line) for line in lab.fetched["BODY.PEEK[]"][0])
    require(whole == sorted(map(wire, contents)), "BODY.PEEK[] of single messages is not what was delivered")
    ends = {lab.fetched[items][1] for items in ITEMS}
    require(len(ends) == 2 and any(b"[UNKNOWN-CTE]" in end for end in ends), f"ends: {ends}")
    sizes = [len(found) for found in lab.found.values()]
    require(sum(0 < size < lab.count for size in sizes) > len(sizes) - 3, f"searches that choose nothing: {sizes}")
    print(f"# {sum(map(len, contents)) / 1e6:.1f} MB, the searches find {sizes}")


def literal_of(line):
    """What BODY[] of a FETCH response without other items is."""
    head, _, rest = line.partition(b"}\r\n")
    octets = int(head.rpartition(b"{")[2])
    return rest[:octets]


def the_same(lab, state):
    """Everything once, in one session."""
    with lab.reader() as client:
        for items in ITEMS:
            lab.counter.run(f"{state}, FETCH 1:* ({items})", fetches_the_same, client, items, lab.fetched[items])
        for keys in PROGRAMS:
            lab.counter.run(f"{state}, SEARCH {keys}", searches_the_same, client, keys, lab.found[str(keys)])


def the_same_extended(lab):
    with lab.reader() as client:
        for keys in PROGRAMS:
            extended(client, keys, lab.uids, lab.found[str(keys)])


def the_same_cold(lab):
    """Each is the first that the server is asked."""
    for items in ITEMS:
        lab.restart()
        with lab.reader() as client:
            lab.counter.run(f"cold, FETCH 1:* ({items})", fetches_the_same, client, items, lab.fetched[items])
    for keys in PARTLY:
        lab.restart()
        with lab.reader() as client:
            lab.counter.run(f"cold, SEARCH {keys}", searches_the_same, client, keys, lab.found[str(keys)])


def the_same_at_once(lab):
    """Four sessions, each in an order of its own, none of which finds anything known."""
    lab.restart()

    def session(number):
        order = random.Random(number)
        with lab.reader() as client:
            for items in order.sample(ITEMS, 6):
                fetches_the_same(client, items, lab.fetched[items])
            for keys in order.sample(PROGRAMS, 6):
                searches_the_same(client, keys, lab.found[str(keys)])

    lab.at_once([(session, number) for number in range(4)])


def otherwise_shown(lab, enabled=None):
    """Items that look different there; compared with what the same server answers message by message."""
    lab.restart()
    with lab.server.connect(timeout=SECONDS) as client:
        if enabled:
            client.ok(f"ENABLE {enabled}")
        client.select("INBOX", "EXAMINE")
        for items in (ITEMS[0], ITEMS[4], ITEMS[11], ITEMS[15]):
            whole = ask(client, f"FETCH 1:* ({items})")
            each = fetch_each(client, lab.count, items)
            require_same(whole, each, items)


# - while messages vanish

FETCH_HEAD = re.compile(rb"\* (\d+) FETCH \((?:UID (\d+) ?)?(?:FLAGS \([^)]*\) ?)?")


class Watcher:
    """A session that reads all the time, and knows which messages its mailbox shows."""

    ITEMS = ["BODY.PEEK[]", "BODY.PEEK[1] BODY.PEEK[HEADER.FIELDS (From To)]", "BODY.PEEK[]<1000.5000>",
             "RFC822.SIZE ENVELOPE BODYSTRUCTURE"]
    WORD = "offer"

    def __init__(self, lab, known, number):
        self.contents, self.found, self.number = *known, number
        self.client = lab.server.connect("torn", timeout=SECONDS)
        # One of them marks what it reads.
        self.client.select("INBOX", "SELECT" if number == 0 else "EXAMINE")
        self.view = lab.uids_of(self.client)
        self.answers, self.refusals = [], 0         # (UIDs that were told, is it a search)

    def take(self, line, may_expunge):
        """(UID, the rest) of a FETCH response; nothing if it is about flags alone, or no such response."""
        expunged, fetched = re.match(rb"\* (\d+) EXPUNGE$", line), FETCH_HEAD.match(line)
        if expunged:
            require(may_expunge, "EXPUNGE during FETCH or SEARCH")
            del self.view[int(expunged[1]) - 1]
        if not fetched or line[fetched.end():] == b")":
            return None
        require(self.view[int(fetched[1]) - 1] == int(fetched[2]), f"message {fetched[1]} has UID {fetched[2]}")
        return int(fetched[2]), line[fetched.end():]

    def fetch(self, items, by_uid):
        before = set(self.view)
        asked = items.replace(".PEEK", "") if self.number == 0 else items
        lines, end = ask(self.client, f"{'UID ' * by_uid}FETCH 1:* (UID {asked})")
        require(end.startswith((b"OK", b"NO [EXPUNGEISSUED]")), f"{items}: {end}")
        got = set()
        for uid, told in filter(None, (self.take(line, by_uid) for line in lines)):
            require(uid not in got, f"UID {uid} came twice")
            require(told == self.contents[items][uid], f"{items} of UID {uid}: {told[:200]}")
            got.add(uid)
        if end.startswith(b"OK"):
            require(got == before, f"{items}: OK, without UIDs {sorted(before - got)[:10]}")
        else:
            self.refusals += 1
        self.answers.append((got, False))

    def search(self):
        lines, end = ask(self.client, f"SEARCH TEXT {self.WORD}")
        for line in lines:
            self.take(line, False)
        numbers = numbers_of(([line for line in lines if line.startswith(b"* SEARCH")], end))
        require(numbers == sorted(numbers), "not in order")
        got = {self.view[number - 1] for number in numbers}
        require(got <= self.found, f"SEARCH finds UIDs {sorted(got - self.found)[:10]}")
        self.answers.append((got, True))

    def work(self, is_over):
        last = False
        for turn in itertools.count(self.number):
            self.fetch(self.ITEMS[turn % len(self.ITEMS)], turn % 3 == 0)
            if turn % 2:
                self.search()
            for line in ask(self.client, "NOOP")[0]:
                self.take(line, True)
            if last:
                break
            last = is_over.is_set()


def expunge(lab, uids, stop):
    with lab.server.connect("torn", timeout=SECONDS) as client:
        client.select("INBOX")
        for first in range(0, len(uids), 5):
            some = ",".join(map(str, uids[first:first + 5]))
            client.command(f"UID STORE {some} +FLAGS.SILENT (\\Deleted)")
            result = client.command(f"UID EXPUNGE {some}")
            require(result.status == "OK" or result.code_is(b"EXPUNGEISSUED"), repr(result))
            stop.wait(0.03)


def files_of(maildir):
    folders = [os.path.join(maildir, name) for name in ("cur", "new")]
    return [os.path.join(folder, name) for folder in folders for name in os.listdir(folder)]


def tear(lab, seed, stop):
    """Another program, which takes files away and gives others other flags."""
    chance = random.Random(seed)
    for turn in range(120):
        path = chance.choice(files_of(lab.server.maildir("torn")))
        base, _, letters = os.path.basename(path).partition(":2,")
        try:
            if turn % 3 == 0:
                os.unlink(path)
            else:
                letters = "".join(sorted(set(letters) ^ set(chance.choice(["F", "R", "S", "FS", "Fb"]))))
                os.rename(path, os.path.join(lab.server.maildir("torn"), "cur", f"{base}:2,{letters}"))
        except FileNotFoundError:
            pass        # the server was quicker
        stop.wait(0.01)


def contents_of(lab):
    """({items: {UID: what is told}}, the UIDs with Watcher.WORD in their text), message by message."""
    contents = {}
    with lab.reader("torn") as client:
        uids = lab.uids_of(client)
        for items in Watcher.ITEMS:
            heads = [(FETCH_HEAD.match(line), line) for line in fetch_each(client, len(uids), f"UID {items}")[0]]
            contents[items] = {int(head[2]): line[head.end():] for head, line in heads if head}
        found = {uids[number - 1] for number in search_each(client, len(uids), [f"TEXT {Watcher.WORD}"])}
    return contents, found


def vanishing(lab):
    known = contents_of(lab)
    lab.restart()
    initial = sorted(known[0]["BODY.PEEK[]"])
    *watchers, late = [Watcher(lab, known, number) for number in range(5)]
    is_over = threading.Event()

    def remove():
        try:
            lab.at_once([(expunge, lab, initial[::5], is_over), (tear, lab, 1, is_over), (tear, lab, 2, is_over)])
        finally:
            is_over.set()

    lab.at_once([(remove,), *[(watcher.work, is_over) for watcher in watchers]])
    late.work(is_over)      # to which all messages are there still
    require(late.refusals == 1, f"{late.refusals} of its answers are NO")
    watchers.append(late)
    with lab.reader("torn") as client:
        left = set(lab.uids_of(client))
    for watcher in watchers:
        require(set(watcher.view) == left, f"a session shows other UIDs in the end: {set(watcher.view) ^ left}")
        for got, is_search in watcher.answers:
            missing = (left & known[1] if is_search else left) - got
            require(not missing, f"UIDs {sorted(missing)[:10]} stayed, but an answer is without them")
        watcher.client.logout()
    require_closed(lab.server)
    files = len(files_of(lab.server.maildir("torn")))
    require(left < set(initial) and len(left) == files, f"{len(left)} messages in {files} files are left")
    answers, refusals = sum(len(w.answers) for w in watchers), sum(w.refusals for w in watchers)
    print(f"# {len(initial) - len(left)} messages vanished during {answers} answers, {refusals} of them NO")


# - silence

def open_files(server):
    """How many message files the server has open."""
    count = 0
    for name in os.listdir(f"/proc/{server.process.pid}/fd"):
        try:
            link = os.readlink(f"/proc/{server.process.pid}/fd/{name}")
        except OSError:
            continue        # closed meanwhile
        count += link.startswith(server.mail_root) and bool(re.search(r"/(cur|new)/[^/]+$", link))
    return count


def require_closed(server):
    """A server that nobody asks anything has no message file open; it may take a moment."""
    deadline = time.monotonic() + 15
    while open_files(server) and time.monotonic() < deadline:
        select.select([], [], [], 0.02)
    require(not open_files(server), f"{open_files(server)} message files are open")


def fall_silent(lab, number):
    """A client in the middle of a FETCH; what it asks for then is only done if it reads on."""
    client = lab.reader()
    client._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
    tag = client.start("FETCH 1:* (BODY.PEEK[])")
    lines = [client.read_raw() for _ in range(3)]
    return client, tag, lines, client.start(f"CREATE late{number}")


def created(client):
    return {response.data[-1] for response in client.ok('LIST "" "late*"').of("LIST")}


def silence(lab):
    with lab.reader() as other:
        require_closed(lab.server)
        silent = [fall_silent(lab, number) for number in range(SILENT)]
        wanted = {items: lab.fetched[items] for items in (ITEMS[0], ITEMS[1], ITEMS[15])}

        def work(number):
            with lab.reader() as client:
                for items in random.Random(number).sample(sorted(wanted), len(wanted)):
                    fetches_the_same(client, items, wanted[items])
                for keys in PROGRAMS[:3]:
                    searches_the_same(client, keys, lab.found[str(keys)])

        began = time.monotonic()
        lab.at_once([(work, number) for number in range(3)])
        print(f"# {SILENT} silent clients, {open_files(lab.server)} message files open; others need "
              f"{time.monotonic() - began:.1f} s")
        require(open_files(lab.server) < SILENT * 80, f"{open_files(lab.server)} message files are open")
        require(not created(other), "the silent clients got all they asked for: the test shows nothing")
        for client, *_ in silent[::2]:
            client.close()
        for client, tag, lines, second in silent[1::2]:
            more, end = raw_answer(client, tag)
            require_same((lines + more, end), wanted[ITEMS[0]], ITEMS[0])
            require(client.finish(second).status == "OK", "CREATE")
        require({b"late%d" % number for number in range(1, SILENT, 2)} <= created(other), "not all was created")
        require_closed(lab.server)
        for client, *_ in silent[1::2]:
            client.logout()


def break_off(lab, command):
    """Many at once, while the server knows nothing of the messages yet."""
    lab.restart()
    with lab.reader() as other:
        for number in range(SILENT):
            client = lab.reader()
            client.start(command)
            if number % 2:
                select.select([client], [], [], 0.05)
            client.close()
        fetches_the_same(other, ITEMS[1], lab.fetched[ITEMS[1]])
        require_closed(lab.server)


def stops_in_the_middle(lab):
    silent = [fall_silent(lab, number) for number in range(3)]
    searching = lab.reader()
    searching.start("SEARCH TEXT nowhere-at-all")
    began = time.monotonic()
    require(lab.server.stop(SECONDS) == 0, "the exit status")
    require(time.monotonic() - began < 20, f"stopping took {time.monotonic() - began:.1f} s")
    for client in [searching] + [client for client, *_ in silent]:
        client.close()


def tests(counter, options, make_server, folder):
    if options.dovecot:
        raise stress_test.Skipped("this is about how Maildock works ahead")
    stress_test.more_descriptors(1024)
    contents = all_messages(options.messages, HELD)
    server = make_server(folder, users=["test", "torn"], settings={"log.level": "warning", "shutdown.timeout": "3"})
    for user in server.users:
        deliver(server, user, contents)
    lab = Lab(counter, server, len(contents))
    lab.restart(cold=False)
    try:
        counter.run("the first session", first_session, lab)
        ask_all_singly(lab, contents)
        the_same(lab, "warm")
        counter.run("RETURN and SAVE", the_same_extended, lab)
        the_same_cold(lab)
        counter.run("four sessions at once, cold", the_same_at_once, lab)
        counter.run("IMAP4rev2 and UTF8=ACCEPT", otherwise_shown, lab, "IMAP4rev2 UTF8=ACCEPT")
        server.settings["imap.sevenBit"] = "true"
        counter.run("imap.sevenBit", otherwise_shown, lab)
        del server.settings["imap.sevenBit"]
        lab.restart()
        counter.run("messages vanish and are renamed", vanishing, lab)
        counter.run("clients fall silent", silence, lab)
        counter.run("clients break off a FETCH", break_off, lab, "FETCH 1:* (BODY.PEEK[])")
        counter.run("clients break off a SEARCH", break_off, lab, "SEARCH TEXT nowhere-at-all")
        counter.run("\\Seen is set and told", sets_seen, lab)
        counter.run("the server stops while clients are in the middle", stops_in_the_middle, lab)
    finally:
        server.stop()
    log = server.log_tail(1 << 22)
    counter.check("no internal error", not any(s in log for s in ("SERVERBUG", "unforeseen", "Sanitizer",
                                                                  "runtime error:")), log[-3000:])


stress_test.main("ahead", tests, lambda parser: parser.add_argument(
    "--messages", type=int, default=700, help="of each mailbox; more than the 512 that a SEARCH looks at together"))
