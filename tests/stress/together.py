#!/usr/bin/env python3
"""Two Maildocks and a Dovecot serve the same tree at the same time, while other programs deliver into it and rename.

The clients are those of work.py, a third of them on each server, and all of them share the mailboxes: what one server
acknowledged must be there once in the eyes of all three, with its content, under one UID (but for those that Dovecot
says it gave a new one); UIDVALIDITY and flags must be the same for all. Besides, every client sets and removes a keyword of its own on messages that all of them flag at once:
each message must end up with what each client did last. One Maildock is killed again and again meanwhile. Of the
Maildocks' sessions one is given \\Recent of a message.
"""

import os
import random
import re
import threading
import time

import stress_test  # first: it says where the others lie
import servers
from imapclient import CommandFailed, ImapError
from workers import (MAILBOXES, Model, Worker, compare, deliver_from_outside, make_mailboxes, sample, seen_by,
                     validities)

USERS = ["anna", "otto"]
BOARD = 4        # messages of each mailbox that everybody flags and nobody removes


class SecondMaildock(servers.Maildock):
    """The one that is killed (SIGKILL) and started again, in the middle of everything."""

    name = "maildock2"
    lives, is_up = 1, True

    def crash(self):
        self.is_up = False      # first, so that no client wonders
        self.process.kill()
        self.process.wait()
        self._log.close()
        self.start()
        self.lives += 1
        self.is_up = True


class Sharer(Worker):
    """A client that also flags the messages of the board."""

    OPERATIONS = [*Worker.OPERATIONS, ("wave", 6)]

    def wave(self):
        word = f"w{self.number}"
        uids = self.random.sample(range(1, BOARD + 1), self.random.randint(1, BOARD))
        sign = self.random.choice("+-")
        self.doing = ("wave", self.mailbox, uids, word.encode())
        result = self.command("UID STORE", ",".join(map(str, uids)), f"{sign}FLAGS{self.random.choice(['', '.SILENT'])}",
                              f"({word})")
        stress_test.require(result.status == "OK", f"STORE of {word}: {result!r}")
        with self.model.lock:
            self.doing = None
            for uid in uids:
                self.model.waves[((self.user, self.mailbox, uid), word.encode())] = sign == "+"


class DovecotsSharer(Sharer):
    """A client of Dovecot. It brings no message back to where it was: Dovecot 2.3 copies and moves under the old base name
    once the list has forgotten that, and another of its processes, which still remembers it, then gives the message a new
    UID after its COPYUID was told ("Expunged message reappeared"; two Dovecot processes alone do so)."""

    def may_put(self, marks, target):
        with self.model.lock:
            wanted = {(self.user, target, mark) for mark in marks}
            if wanted & self.model.places:
                return False
            self.model.places |= wanted
            return True


class Survivor(Sharer):
    """A client of the server that crashes: it connects again. What it was at is done, or not; all before must hold. (It
    copies and moves nothing: which of several copies is whose would be no client's to tell.)"""

    OPERATIONS = [each for each in Sharer.OPERATIONS if each[0] not in ("copy", "move")]

    def run(self, until):
        names, life = [name for name, weight in self.OPERATIONS for _ in range(weight)], 0
        operation = "connect"
        while time.monotonic() < until and not self.model.failures:
            try:
                if life != self.server.lives:
                    operation, life = "connect", self.server.lives
                    self.connect()
                operation = self.random.choice(names)
                if operation == "append" and len(self.owned[self.mailbox]) > 40:
                    operation = "expunge"
                self.doing = None
                getattr(self, operation)()
                self.model.count(operation)
            except (ImapError, OSError) as error:
                if isinstance(error, CommandFailed) or (self.server.is_up and life == self.server.lives):
                    return self.fail(operation, error)
                self.after_crash()
                life = 0
            except (AssertionError, KeyError, IndexError, ValueError) as error:
                return self.fail(operation, error)

    def fail(self, operation, error):
        with self.model.lock:
            self.model.failures.append(f"client {self.number} in {operation} ({self.user} {self.mailbox}): "
                                       f"{type(error).__name__}: {error}")

    def after_crash(self):
        if self.doing:
            self.model.doubt(self.user, self.doing)
            if self.doing[0] == "expunge":
                self.owned[self.doing[1]] = [uid for uid in self.owned[self.doing[1]] if uid not in self.doing[2]]
        self.doing = None
        time.sleep(0.05)     # until it serves again


def crash_again_and_again(server, seconds, times, stop, done):
    for _ in range(times):
        if stop.wait(seconds / (times + 1)):
            return
        server.crash()
        done[0] += 1


def rename_from_outside(maildirs, until, stop, renamed):
    """A program that answers by renaming: takes R to files of cur/ and away again, whatever else their names say."""
    choose = random.Random(1)
    while time.monotonic() < until and not stop.wait(0.02):
        cur = os.path.join(choose.choice(maildirs), "cur")
        names = os.listdir(cur)
        if not names:
            continue
        name = choose.choice(names)
        base, _, letters = name.partition(":2,")
        new = "".join(sorted(set(letters) ^ {"R"}, key=lambda letter: (letter.islower(), letter)))
        try:
            os.rename(os.path.join(cur, name), os.path.join(cur, f"{base}:2,{new}"))
            renamed[0] += 1
        except FileNotFoundError:
            pass       # somebody was quicker


def fill_board(server, model):
    for user in USERS:
        with server.connect(user) as imap:
            for mailbox in MAILBOXES:
                for number in range(1, BOARD + 1):
                    mark = f"board.{number}"
                    result = imap.append(mailbox, f"X-Mark: {mark}\r\n\r\nFlag me.\r\n".encode())
                    model.add(user, mailbox, int(result.code[2]), mark)


def load(all_servers, model, options):
    """Everything at once until the time is over; returns (threads that hang, renames, crashes)."""
    first, until, stop, renamed, crashes = all_servers[0], time.monotonic() + options.seconds, threading.Event(), [0], [0]
    kinds = [Sharer, Survivor, DovecotsSharer]
    workers = [kinds[n % 3](all_servers[n % 3], model, n, USERS[n // 3 % len(USERS)])
               for n in range(options.clients)]
    threads = [threading.Thread(target=worker.run, args=(until,)) for worker in workers]
    maildirs = [os.path.join(first.maildir(user), sub) for user in USERS for sub in ("", ".A", ".A.B")]
    others = [threading.Thread(target=deliver_from_outside, args=(first, model, until, stop)),
              threading.Thread(target=rename_from_outside, args=(maildirs, until, stop, renamed)),
              threading.Thread(target=crash_again_and_again,
                               args=(all_servers[1], options.seconds, options.crashes, stop, crashes))]
    for thread in others + threads:
        thread.start()
    for thread in threads:
        thread.join(options.seconds + 100)
    stop.set()
    for thread in others:
        thread.join(30)
    return sum(thread.is_alive() for thread in threads), renamed[0], crashes[0]


def take_renumbered(server, model):
    """What Dovecot says itself that it gave a new UID. It seems to drop rows of messages that one listing missed, since
    another program renamed the file meanwhile, when it writes the list anew; another of its processes finds the file."""
    pattern = re.compile(r"Maildir (\S+): Expunged message reappeared, giving a new UID \(old uid=(\d+),")
    for path, uid in pattern.findall(server.log_tail(1 << 24)):
        for user in USERS:
            folder = os.path.relpath(path, server.maildir(user))
            if not folder.startswith(".."):
                mailbox = "INBOX" if folder == "." else folder[1:].replace(".", "/")
                print(f"# Dovecot gave UID {uid} of {user}'s {mailbox} a new UID")
                model.renumber(user, mailbox, int(uid))


def same_for_all(counter, found, validity):
    names = list(found)
    for other in names[1:]:
        differing = {key: (found[names[0]].get(key), found[other].get(key))
                     for key in found[names[0]].keys() | found[other].keys()
                     if found[names[0]].get(key) != found[other].get(key)}
        counter.check(f"{names[0]} and {other} show the same UIDs, contents and flags", not differing,
                      f"{len(differing)}: {sample(differing)}")
        counter.equal(f"{names[0]} and {other} have the same UIDVALIDITY", validity[other], validity[names[0]])


def tests(counter, options, make_server, folder):
    if options.dovecot:
        raise stress_test.Skipped("it needs two Maildocks")
    model = Model()
    rest = {"mail_root": os.path.join(folder, "mail"), "users": USERS}
    quiet = {"log.level": "warning", "imap.limit.perUserAndAddress": "0"}
    one = servers.Maildock(options.build, folder, settings=quiet, **rest)
    two = SecondMaildock(options.build, folder, settings=quiet, **rest)
    dovecot = servers.Dovecot(folder, **rest)
    with one, two, dovecot:
        make_mailboxes(one)
        fill_board(one, model)
        hanging, renames, crashes = load([one, two, dovecot], model, options)
        print(f"# {sum(model.operations.values())} operations of {options.clients} clients in {options.seconds} s: "
              + ", ".join(f"{count} {name}" for name, count in sorted(model.operations.items())))
        print(f"# {sum(map(len, model.delivered.values()))} deliveries and {renames} renames by other programs, "
              f"{crashes} crashes of {two.name}, which cut off {len(model.maybe_made)} APPENDs and "
              f"{len(model.maybe_gone)} messages' EXPUNGE")
        counter.check(f"{two.name} crashed", crashes or not options.crashes)
        counter.check("every client worked to its end", not model.failures and not hanging,
                      f"{hanging} hang; " + "; ".join(model.failures[:5]))
        counter.check("every kind of operation was done", {name for name, _ in Sharer.OPERATIONS} <= set(model.operations))
        counter.check(f"\\Recent was given to one session each ({len(model.recent)})", model.recent)
        time.sleep(2.1)     # Dovecot goes by directory times of whole seconds
        take_renumbered(dovecot, model)
        found, validity = {}, {}
        for server in (one, two, dovecot):
            found[server.name], validity[server.name] = seen_by(server), validities(server)
            compare(counter, server.name, found[server.name], model)
        same_for_all(counter, found, validity)
        counter.check("all three servers live", all(each.process.poll() is None for each in (one, two, dovecot)))
    with one:
        again = seen_by(one)
        counter.check("after a restart all is the same", again == found[one.name],
                      sample({k: v for k, v in again.items() if found[one.name].get(k) != v}))
    for server in (one, two):
        log = server.log_tail(1 << 22)
        print(f"# {server.name} {'goes by directory times' if 'cannot watch' in log else 'watches by inotify'}")
        counter.check(f"{server.name}: no internal error",
                      not any(s in log for s in ("SERVERBUG", "unforeseen", "Sanitizer", "runtime error:")), log[-3000:])
    # It can't watch a lock in the moment between its creation by root and its getting an owner, and says so each time.
    complaints = [line for line in dovecot.log_tail(1 << 22).split("\n")
                  if any(word in line for word in ("Error:", "Panic:", "Fatal:")) and "inotify" not in line]
    counter.check("Dovecot has nothing to complain of", not complaints, "\n".join(complaints[:10]))


def arguments(parser):
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--clients", type=int, default=24)
    parser.add_argument("--crashes", type=int, default=4, help="so often one of the Maildocks is killed")


stress_test.main("together", tests, arguments)
