#!/usr/bin/env python3
"""The cache files of a real server are deleted, cut, overwritten and exchanged, while it is down and while it works; their
disk is full; the server is killed again and again. Every answer stays what a server without a cache gives.

The place and kind of each damage come from a seed, which is printed; --seed repeats them.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import threading
import time
import traceback

from shim import servers   # first: it says where the others lie
from tree import MAILBOXES, Seen, copy_tree, fill, message

from counting import Counter, Skipped, require
from imapclient import ImapError

DERIVED = ("(UID INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY.PEEK[HEADER.FIELDS (From Subject Message-ID)] "
           "BODY.PEEK[1])")
SEARCHES = ["SUBJECT o", "SINCE 1-Jan-2020", "SENTSINCE 1-Jan-2020", "LARGER 500", "BODY is", "UNSEEN", "KEYWORD $Work"]
MORE = 700      # messages of the large mailbox: more than a chunk of records and a block of facts has
SAVED_SECONDS = 8


class Lab:
    def __init__(self, counter, build, folder, seed):
        self.counter, self.build, self.folder = counter, build, folder
        self.chance = random.Random(seed)
        self.server = servers.Maildock(build, folder, settings={"log.level": "warning"})

    def cache_files(self, server=None):
        found = []
        for parent, _, files in os.walk((server or self.server).path("state")):
            found += [os.path.join(parent, name) for name in files if name.endswith(".mailbox")]
        return sorted(found)

    def answers(self):
        """All that clients may ask of all mailboxes, by a server that is started for it."""
        with self.server, self.server.connect() as client:
            return answers_of(client)

    def without_cache(self):
        shutil.rmtree(self.server.path("state"))
        return self.answers()


def answers_of(client):
    seen = Seen(client)
    derived, searched = {}, {}
    for box in seen.boxes:
        client.select(box, "EXAMINE")
        derived[box] = {int(items["UID"]): items for items in client.ok("UID FETCH 1:*", DERIVED).fetched().values()}
        searched[box] = {each: client.ok("UID SEARCH", each).of("SEARCH")[0].data for each in SEARCHES}
    return seen.boxes, derived, searched


def differing(got, wanted):
    """Where two answers differ, for a person."""
    for what, one, other in zip(("messages", "derived", "searches"), got, wanted):
        for box in one.keys() | other.keys():
            if one.get(box) != other.get(box):
                return f"{what} of {box}: {str(one.get(box))[:300]} instead of {str(other.get(box))[:300]}"
    return ""


# - damages: each takes the file's path and changes it

def delete(path, chance, others):
    os.unlink(path)


def cut(path, chance, others):
    os.truncate(path, chance.randrange(os.path.getsize(path)))


def flip(path, chance, others):
    with open(path, "r+b") as file:
        for _ in range(chance.randint(1, 40)):
            at = chance.randrange(os.path.getsize(path))
            file.seek(at)
            octet = file.read(1)[0] ^ (1 << chance.randrange(8))
            file.seek(at)
            file.write(bytes([octet]))


def overwrite(path, chance, others):
    size = os.path.getsize(path)
    at = chance.randrange(size)
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(chance.choice([b"\0", b"\xff", b"x"]) * chance.randint(1, size - at))


def append(path, chance, others):
    with open(path, "ab") as file:
        file.write(chance.randbytes(chance.randint(1, 5000)))


def repeat_end(path, chance, others):
    """The last root stands there once more, behind rubbish."""
    with open(path, "r+b") as file:
        octets = file.read()
        file.write(octets[-chance.randint(32, len(octets)):])


def exchange(path, chance, others):
    shutil.copyfile(chance.choice([other for other in others if other != path]), path)


def folder_in_its_place(path, chance, others):
    os.unlink(path)
    os.mkdir(path)


def link_elsewhere(path, chance, others):
    os.unlink(path)
    os.symlink("/dev/zero", path)


WHILE_DOWN = [delete, cut, cut, flip, flip, overwrite, overwrite, append, repeat_end, exchange, folder_in_its_place,
              link_elsewhere]
AT_WORK = [delete, cut, flip, overwrite, append]


def wait_until_saved(lab, server):
    deadline = time.monotonic() + SAVED_SECONDS
    while time.monotonic() < deadline and len(lab.cache_files(server)) < len(MAILBOXES):
        time.sleep(0.1)


def make_tree(lab):
    with lab.server, lab.server.connect() as client:
        fill(client)
        client.ok("CREATE", "Large")
    # Many small ones, as another program would have put them there.
    cur = os.path.join(lab.server.maildir(), ".Large", "cur")
    for number in range(MORE):
        with open(os.path.join(cur, f"{1600000000 + number}.M{number}P1.large:2,{'S' * (number % 2)}"), "wb") as file:
            file.write(message(f"large{number}", 40 * (number % 9)))
    servers.give_to_owner(lab.server.mail_root)


def damaged_while_down(lab, rounds):
    wanted = lab.without_cache()
    with lab.server, lab.server.connect() as client:
        answers_of(client)
        wait_until_saved(lab, lab.server)
    files = lab.cache_files()
    lab.counter.check(f"there is a cache file of each mailbox ({len(files)})", len(files) > len(MAILBOXES), str(files))
    whole = lab.server.path("whole")
    copy_tree(lab.server.path("state"), whole)
    lab.counter.check("what the cache tells is what a server without one tells", lab.answers() == wanted)
    for number in range(rounds):
        copy_tree(whole, lab.server.path("state"))
        damage = WHILE_DOWN[number % len(WHILE_DOWN)]
        for path in files:
            if lab.chance.random() < 0.7:
                damage(path, lab.chance, files)
        try:
            got = lab.answers()
        except (ImapError, servers.ServerError, OSError) as error:
            lab.counter.fail(f"{damage.__name__} ({number})", error)
            continue
        lab.counter.check(f"{damage.__name__} ({number})", got == wanted, differing(got, wanted))


class Work:
    """A client that changes the mailboxes and remembers what it was answered; what a kill cut off is in doubt."""

    def __init__(self, lab):
        self.lab, self.chance, self.serial = lab, random.Random(lab.chance.random()), 0
        self.made = {}       # content: (mailbox, UID)
        self.flagged = {}    # (mailbox, UID): is it \\Flagged

    def run(self, client, until):
        """Until then, or the server is gone; raises AssertionError."""
        try:
            while time.monotonic() < until:
                self.step(client)
            return True
        except (ImapError, OSError):
            return False

    def step(self, client):
        box = self.chance.choice(["INBOX", "Work", "Large"])
        client.select(box)
        what = self.chance.random()
        if what < 0.4 or box == "Large":
            self.serial += 1
            content = message(f"n{self.serial}", self.chance.choice([0, 3000]))
            result = client.append(box, content, [])
            self.made[content] = (box, int(result.code[2]))
        if what > 0.3:
            uids = [uid for place, uid in self.made.values() if place == box]
            if uids:
                uid, sign = self.chance.choice(uids), self.chance.choice("+-")
                self.flagged.pop((box, uid), None)
                client.ok(f"UID STORE {uid} {sign}FLAGS (\\Flagged)")
                self.flagged[(box, uid)] = sign == "+"
        first = self.chance.randint(1, MORE)
        client.ok(f"UID FETCH {first}:{first + 60}", DERIVED)

    def check(self, seen):
        boxes = seen[0]
        for content, (box, uid) in self.made.items():
            require(boxes[box][2].get(uid, (None,))[0] == content, f"{box}: UID {uid} is not what was appended")
        for (box, uid), is_set in self.flagged.items():
            require((b"\\flagged" in boxes[box][2][uid][1]) == is_set, f"{box}: \\Flagged of UID {uid}")


def judge(lab, name, work):
    """What the server tells with whatever is left of its cache, and what it tells without."""
    got = lab.answers()
    wanted = lab.without_cache()
    lab.counter.check(f"{name}: with and without the cache the answers are the same", got == wanted,
                      differing(got, wanted))
    work.check(got)


def damaged_at_work(lab, seconds):
    work, stop, done = Work(lab), threading.Event(), [0]

    def vandal():
        chance = random.Random(lab.chance.random())
        while not stop.wait(0.02):
            files = lab.cache_files()
            if files:
                try:
                    chance.choice(AT_WORK)(chance.choice(files), chance, files)
                    done[0] += 1
                except (OSError, ValueError):
                    pass     # the server was quicker, or the file is empty
    thread = threading.Thread(target=vandal)
    with lab.server, lab.server.connect() as client:
        thread.start()
        try:
            worked = work.run(client, time.monotonic() + seconds)
        finally:
            stop.set()
            thread.join()
        during = answers_of(client)
    lab.counter.check(f"the server works on while its files are damaged ({done[0]} times, {work.serial} APPENDs)",
                      worked and done[0] > 5)
    work.check(during)
    judge(lab, "damaged at work", work)


def killed_at_work(lab, times):
    work = Work(lab)
    for number in range(times):
        lab.server.start()
        client = lab.server.connect()
        timer = threading.Timer(lab.chance.choice([0.05, 0.4, 1.2, 1.4, 2.5]), lab.server.process.kill)
        timer.start()
        work.run(client, time.monotonic() + 20)
        client.close()
        timer.join()
        lab.server.kill()
        if number % 4 == 3:
            work.check(lab.answers())
    lab.counter.check(f"{times} kills, {work.serial} APPENDs, {len(lab.cache_files())} cache files", work.serial > times)
    judge(lab, f"after {times} kills", work)


def full_disk(lab):
    if os.geteuid() != 0:
        raise Skipped("only root may mount a small disk")
    state = lab.server.path("state")
    shutil.rmtree(state)
    os.makedirs(state)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96k", "none", state], capture_output=True, check=False)
    if mounted.returncode != 0:
        raise Skipped("no mount here")
    work = Work(lab)
    try:
        with lab.server, lab.server.connect() as client:
            worked = work.run(client, time.monotonic() + 5)
            during = answers_of(client)
        log = lab.server.log_tail(1 << 20)
        lab.counter.check(f"the server works on with a full cache disk ({work.serial} APPENDs)", worked and work.serial > 10)
        lines = [line for line in log.split("\n") if "No space left" in line]
        lab.counter.check("it says so, and not again and again", 1 <= len(lines) <= 2, "\n".join(lines[:5]))
        work.check(during)
        got = lab.answers()
        lab.counter.check("so it does after a restart", got[0] == during[0], differing(got, during))
    finally:
        subprocess.run(["umount", state], check=True)
    judge(lab, "full disk", work)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--rounds", type=int, default=48, help="of damage while the server is down")
    parser.add_argument("--kills", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=6, help="of damage while it works")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else int.from_bytes(os.urandom(4), "big")
    print(f"# seed {seed}", flush=True)
    counter = Counter()
    try:
        with servers.WorkFolder("cache") as folder:
            lab = Lab(counter, options.build, folder, seed)
            make_tree(lab)
            damaged_while_down(lab, options.rounds)
            counter.run("damaged at work", damaged_at_work, lab, options.seconds)
            counter.run("killed at work", killed_at_work, lab, options.kills)
            counter.run("full disk", full_disk, lab)
            log = lab.server.log_tail(1 << 22)
            counter.check("no internal error", not any(s in log for s in ("SERVERBUG", "unforeseen", "Sanitizer",
                                                                          "runtime error:")), log[-3000:])
    except Exception as error:  # the counts are printed whatever happens
        traceback.print_exc(file=sys.stdout)
        counter.fail("cache", error)
    sys.exit(counter.finish())


main()
