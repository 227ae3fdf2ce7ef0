#!/usr/bin/env python3
"""No password stays in the server's memory once its command is answered, whatever way it came and whether it was right.

Usage: wiping.py BUILD_FOLDER. Ends with the line "N passed, M failed". Needs to read /proc/PID/mem.
"""

import base64
import hashlib
import os
import random
import ssl
import string
import subprocess
import sys
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib")]

import servers  # noqa: E402
from counting import require  # noqa: E402
from scram import Connection, b64, context  # noqa: E402

WINDOW = 10     # octets of a password that are enough to be one
TLS = {"plain": None, "TLS 1.2": ssl.TLSVersion.TLSv1_2, "TLS 1.3": ssl.TLSVersion.TLSv1_3}


def memory(pid):
    """All writable mappings of a process."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
        lines = [line.split() for line in file]
    pieces = []
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as file:
        for fields in lines:
            if not fields[1].startswith("rw") or fields[-1] == "[vvar]":
                continue
            begin, end = (int(number, 16) for number in fields[0].split("-"))
            file.seek(begin)
            left = end - begin
            while left > 0:
                try:
                    piece = file.read(left)
                except OSError:     # unmapped meanwhile, or a guard page
                    break
                if not piece:
                    break
                pieces.append(piece)
                left -= len(piece)
    return pieces


def windows(text):
    middle = (len(text) - WINDOW) // 2
    return {text[:WINDOW], text[middle:middle + WINDOW], text[-WINDOW:]}


def needles(user, password):
    """Pieces of the password as text and as base64, alone and in the answer of PLAIN."""
    found = windows(password)
    found |= windows(b64(password.encode()).rstrip("="))
    before = len(f"\0{user}\0")
    found |= windows(b64(f"\0{user}\0{password}".encode())[(before + 2) // 3 * 4:].rstrip("="))
    return {each.encode() for each in found}


def stays(server, words):
    """How often each of them is found."""
    pieces = memory(server.process.pid)
    counts = {word: sum(piece.count(word) for piece in pieces) for word in words}
    return {word: count for word, count in counts.items() if count}


def salted(password):
    salt = os.urandom(8)
    return "{SSHA256}" + base64.b64encode(hashlib.sha256(password.encode() + salt).digest() + salt).decode()


def crypted(password):
    done = subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=password, capture_output=True, text=True,
                          check=True)
    return "{SHA512-CRYPT}" + done.stdout.strip()


def derived(password):
    salt = "saltsaltsaltsalt"
    return "{PBKDF2}$1$" + f"{salt}$1000$" + hashlib.pbkdf2_hmac("sha1", password.encode(), salt.encode(), 1000).hex()


# --- The ways a password comes; each returns the tagged line

def quoted(one, user, password):
    return one.command(f'LOGIN {user} "{password}"')[0]


def atom_with_more_behind(one, user, password):
    one.send(f"a LOGIN {user} {password}\r\nb NOOP")
    answer = one.answer()
    require(one.answer().startswith("b OK"), "NOOP")
    return answer


def literal(one, user, password):
    one.send(f"a LOGIN {user} {{{len(password)}}}")
    require(one.answer().startswith("+"), "no continuation")
    one.send(password)
    return one.answer()


def literal_unasked(one, user, password):
    one.send(f"a LOGIN {user} {{{len(password)}+}}\r\n{password}")
    return one.answer()


def in_bits(one, user, password):
    """Octet by octet: what is gathered grows."""
    for octet in f'a LOGIN {user} "{password}"':
        one.socket.sendall(octet.encode())
    one.send("")
    return one.answer()


def plain_at_once(one, user, password):
    return one.authenticate("PLAIN", f"\0{user}\0{password}".encode())


def plain_asked(one, user, password):
    return one.authenticate("PLAIN", f"\0{user}\0{password}".encode(), initial=False)


def mechanism_login(one, user, password):
    return one.authenticate("LOGIN", user.encode(), password.encode(), initial=False)


WAYS = (quoted, atom_with_more_behind, literal, literal_unasked, in_bits, plain_at_once, plain_asked, mechanism_login)


# --- Commands with a password that are none; each returns the line that refuses it

def unended(one, user, password):
    return one.command(f'LOGIN {user} "{password}')[0]


def too_much(one, user, password):
    return one.command(f"LOGIN {user} {password} {password}")[0]


def no_base64(one, user, password):
    return one.authenticate("PLAIN", initial=False) and one.command(f"{password}!")[0]


def too_long(one, user, password):
    one.send("a LOGIN " + user * 20000 + " " + password)
    return one.answer()


def literal_too_long(one, user, password):
    one.send(f"a LOGIN {user} {{{70000}}}")
    refused = one.answer()
    require(refused.startswith("a NO"), refused)
    return one.command(f"LOGIN {user} {password} {{70000}}")[0]


FAULTY = (unended, too_much, no_base64, too_long, literal_too_long)


class Server(servers.Maildock):
    """Users with passwords of their own, of which only hashes are stored."""

    def environment(self):
        return {**super().environment(), "LD_BIND_NOW": "1"}     # as etc/maildock.service has it

    def configure(self):
        super().configure()
        self.write("users", "".join(f"{user}:{field}:{self.uid}:{self.gid}::{self.home(user)}::\n"
                                    for user, field in self.fields.items()), mode=0o600)


def serving(build, folder, passwords, **settings):
    server = Server(build, folder, users=tuple(passwords), settings={
        "auth.cache": "60", "auth.penalty": "0", "imap.limit.badCommands": "0", "log.level": "debug", **settings})
    made = (salted, crypted, derived)
    server.fields = {user: made[i % len(made)](password) for i, (user, password) in enumerate(passwords.items())}
    return server


def random_password(length):
    return "".join(random.choices(string.ascii_letters + string.digits, k=length))


def passwords_for(count):
    """Short ones too: a std::string holds them inside itself."""
    return {f"user{i}": random_password(14 if i % 2 else 40) for i in range(count)}


def check(server, kind, one, user, password, way, wanted):
    answer = way(one, user, password)
    require(any(answer.startswith(each) for each in wanted), f"{way.__name__}: {answer}")
    left = stays(server, needles(user, password))
    require(not left, f"{way.__name__}, {kind}, answered {answer[:4]}: {password} stays: {left}")


def no_password_stays(server, kind, user, right, way):
    """Right and wrong; the connection stays open until the memory has been read."""
    port, tls = (server.tls_port, context(TLS[kind])) if TLS[kind] else (server.port, None)
    with Connection(port, tls) as one:
        check(server, kind, one, user, random_password(40), way, ["a NO"])
        check(server, kind, one, user, random_password(14), way, ["a NO"])
        check(server, kind, one, user, right, way, ["a OK"])
        # The look itself: what a session has to know is there.
        require(stays(server, {user.encode()}), "the memory can't be read")
    with Connection(port, tls) as one:  # found in auth.cache
        check(server, kind, one, user, right, way, ["a OK"])


def no_faulty_command_stays(build, folder):
    passwords = passwords_for(1)
    with serving(build, folder, passwords) as server:
        for way in FAULTY:
            with Connection(server.port) as one:
                check(server, "faulty", one, "user0", random_password(28), way, ["a NO", "a BAD"])


def none_is_kept_that_may_not_come(build, folder):
    """Passwords sent without TLS where they are not taken."""
    with serving(build, folder, passwords_for(1), **{"auth.plaintextWithoutTls": "false"}) as server:
        for way in (quoted, literal, literal_unasked, plain_at_once):
            with Connection(server.port) as one:
                check(server, "refused", one, "user0", random_password(28), way, ["a NO [PRIVACYREQUIRED]"])


def gone_in_the_middle(build, folder):
    """The client goes before its command is whole."""
    password = random_password(28)
    with serving(build, folder, passwords_for(1)) as server:
        with Connection(server.port) as one:
            one.send("a NOOP")
            one.answer()
            one.socket.sendall(f"b LOGIN user0 {password}".encode())
        with Connection(server.port) as one:
            one.command("NOOP")
            deadline = time.monotonic() + 20     # the server's end of that connection comes when it comes
            while (left := stays(server, needles("user0", password))) and time.monotonic() < deadline:
                one.command("NOOP")
            require(not left, f"stays: {left}")


def nothing_stays_of_any_way(counter, build):
    passwords = passwords_for(len(WAYS))
    for kind in TLS:
        with servers.WorkFolder("wiping") as folder, serving(build, folder, passwords) as server:
            for (user, right), way in zip(passwords.items(), WAYS):
                counter.run(f"{way.__name__}, {kind}", no_password_stays, server, kind, user, right, way)


if __name__ == "__main__":
    sys.exit(servers.run_cases("wiping", __doc__, (
        no_faulty_command_stays, none_is_kept_that_may_not_come, gone_in_the_middle), nothing_stays_of_any_way))
