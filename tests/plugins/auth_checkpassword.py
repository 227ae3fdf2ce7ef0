#!/usr/bin/env python3
"""auth-checkpassword with a checkpassword program of the test's own, which does what the user's name says."""

import os
import sys
import time

from plugin_test import (DOWN, SECRET, WRONG, Server, at_once, contains, descriptors, ends_well, main, require, seconds,
                         servers, tells_nothing)

PROGRAM = """\
#!%(python)s -IS
import os, sys, time
data = os.read(3, 1024)
os.close(3)
user, password, timestamp, rest = data.split(b"\\0")
user, password = user.decode(), password.decode()
with open("%(folder)s/calls", "a") as calls:
    calls.write(f"{user} {len(data)} {sorted(os.listdir('/proc/self/fd'), key=int)} {timestamp.decode()}\\n")
if user == "wrong":
    sys.exit(1)
if user == "misused":
    sys.exit(2)
if user == "unknown":
    sys.exit(3)
if user == "temporary":
    sys.exit(111)
if user == "odd":
    sys.exit(42)
if user == "lies":
    sys.exit(0)
if user == "crash":
    os.kill(os.getpid(), 11)
if user == "hang":
    if os.fork() == 0:
        os.setsid()
    time.sleep(988)
if user == "leaves":
    if os.fork() == 0:
        time.sleep(988)
if user == "floods":
    os.environ["EXTRA"] = "big"
    os.environ["big"] = "x" * 100000
if password != "%(secret)s":
    sys.exit(1)
os.environ["USER"] = user.lower()
if user == "climbs":
    os.environ["USER"] = "../other"
if user == "elsewhere":
    os.environ["HOME"] = "%(folder)s"
    os.environ["EXTRA"] = "userdb_mail allow_nets userdb_quota_rule"
    os.environ["userdb_mail"] = "maildir:~/elsewhere/Maildir"
    os.environ["allow_nets"] = "127.0.0.0/8"
if user == "barred":
    os.environ["EXTRA"] = "nologin"
    os.environ["nologin"] = "y"
os.execv(sys.argv[1], sys.argv[1:])
"""


def calls(folder):
    with open(os.path.join(folder, "calls"), encoding="utf-8") as file:
        return file.read().splitlines()


def sleepers():
    """What the program started, and its own process when it hangs."""
    return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if "checkpassword-of-the-test" in line(pid)]


def line(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""


def wait_until(condition, what, limit=20):
    deadline = time.monotonic() + limit
    while not condition():
        require(time.monotonic() < deadline, what)
        time.sleep(0.02)  # the state of other processes


def outcomes(server):
    server.expect("anna", SECRET, "OK")
    server.expect("anna", "other", WRONG)
    server.expect("wrong", SECRET, WRONG)
    server.expect("unknown", SECRET, WRONG)
    server.expect("barred", SECRET, WRONG)
    for user in ("misused", "temporary", "odd", "lies", "crash", "floods", "climbs"):
        server.expect(user, SECRET, DOWN)
    for reason in ("misused", "temporary problem", "status 42", "without running", "signal 11", "nologin is set",
                   "the program says no", "no plugin knows the user", "can't be used"):
        require(reason in server.log(), f"the log does not tell {reason!r}\n{server.log_tail()}")


def interface(server, folder):
    """At most 512 octets, three parts, descriptor 3 alone (4 is for the reply), nothing else of the server's."""
    server.expect("anna", SECRET, "OK")
    user, length, rest = calls(folder)[-1].split(" ", 2)
    open_ones, timestamp = rest.rsplit(" ", 1)
    require(user == "anna" and int(length) == len(user) + len(SECRET) + len(timestamp) + 3, calls(folder)[-1])
    require(abs(int(timestamp) - time.time()) < 60, timestamp)
    # 3 is closed by then: its number is that of the list of calls or of the folder of descriptors.
    require(eval(open_ones) in (["0", "1", "2", "3", "4", "5"], ["0", "1", "2", "4", "3", "5"]), open_ones)
    before = len(calls(folder))
    server.expect("anna", "x" * 600, WRONG)
    server.expect("anna", "", WRONG)
    for name in ("", "../anna", "a\x01", "x" * 300):
        server.expect(name, SECRET, WRONG)
    require(len(calls(folder)) == before, "the program was run for nothing")


def places(server, folder):
    require(contains(f"{folder}/elsewhere/Maildir", server.deliver("elsewhere", SECRET)), "EXTRA does not count")
    require(contains(server.maildir("anna"), server.deliver("ANNA", SECRET)), "USER does not count")


def many(server):
    before = descriptors(server)
    answers = at_once(24, lambda n: server.answer("anna", SECRET if n % 2 else "wrong"))
    require(answers == [WRONG, "OK"] * 12, answers)
    wait_until(lambda: descriptors(server) <= before + 2, "descriptors are left open")


def leaves_something(server):
    """What a program leaves running does not hold up the answer."""
    require(seconds(server.expect, "leaves", SECRET, "OK") < 2, "waited for what the program left running")
    wait_until(lambda: not sleepers(), "what the program started lives on")


def hangs(server):
    most = 0

    def one(number):
        nonlocal most
        if number:
            return server.expect("hang", SECRET, DOWN)
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            children = [pid for pid in servers.process_tree(server.process.pid)[1:] if "checkpassword-of" in line(pid)]
            most = max(most, len(children))
            time.sleep(0.02)
        return None

    took = seconds(at_once, 7, one)
    require(took < 12, f"answered after {took:.1f} s")
    require(0 < most <= 4, f"{most} processes at once, each program being two")
    require(seconds(server.expect, "local", server.password, "OK") < 1, "others wait")
    require("did not end in time" in server.log() and "hang" in server.log(), server.log_tail())
    wait_until(lambda: not sleepers(), "what the program started lives on")
    server.expect("anna", SECRET, "OK")


def program_goes_away(server, program):
    os.rename(program, program + ".away")
    server.expect("anna", SECRET, DOWN)
    os.rename(program + ".away", program)
    server.expect("anna", SECRET, "OK")


def findings(server, folder):
    require("0 errors" in server.check() and "auth.checkpassword" not in server.check(), server.check())
    for text, value in (("is not set", ""), ("is no program", "/nonexistent/x"), ("is no program", f"{folder}/calls"),
                        ("is no program", "/tmp")):
        out = server.check(auth_checkpassword_program=value)
        require("auth.checkpassword.program" in out and text in out, f"wanted {text}; got {out}")


def tests(counter, build, folder):
    program = os.path.join(folder, "checkpassword-of-the-test")
    with open(program, "w", encoding="utf-8") as file:
        file.write(PROGRAM % {"python": sys.executable, "folder": folder, "secret": SECRET})
    os.chmod(program, 0o755)
    settings = {"auth.checkpassword.program": program, "auth.checkpassword.timeout": "3",
                "auth.checkpassword.processes": "2"}
    server = Server(build, folder, "checkpassword", settings).start()
    try:
        counter.run("outcomes", outcomes, server)
        counter.run("interface", interface, server, folder)
        counter.run("places", places, server, folder)
        counter.run("many at once", many, server)
        counter.run("leaves something running", leaves_something, server)
        counter.run("hangs", hangs, server)
        counter.run("the program goes away", program_goes_away, server, program)
        counter.run("no secret in the log", tells_nothing, server, [SECRET])
    finally:
        ends_well(counter, server)
    counter.run("maildock check", findings, server, folder)


main("auth-checkpassword", tests)
