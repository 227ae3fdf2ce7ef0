"""What the tests of the authentication plugins share: a server whose users come from elsewhere, log-ins and their
answers, what is in the log, `maildock check`.

Each test is run as `NAME.py BUILD`, starts the real back end itself, on 127.0.0.1 or a socket of its own folder, and
ends it. A back end that is not installed is skipped.
"""

import concurrent.futures
import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))

import servers  # noqa: E402
from counting import Counter, Skipped, require  # noqa: E402,F401
from imapclient import ImapClient, ImapError, Literal  # noqa: E402

SECRET = "s3cret-of-anna"  # of most users
WRONG = "AUTHENTICATIONFAILED"
DOWN = "UNAVAILABLE"


class Server(servers.Maildock):
    """Maildock with the users of a plugin, and the user `local` of a passwd-file asked first."""

    def __init__(self, build, folder, plugin, settings, name="maildock"):
        self.name = name
        self.plugin = plugin
        super().__init__(build, folder, users=["local"], settings={
            "auth.plugins": f"passwdfile, {plugin}", "auth.penalty": "0", "auth.maxFailures": "1000",
            "imap.limit.perUserAndAddress": "0", **settings})

    def answer(self, user, password, timeout=60):
        """What a log-in is answered: "OK", or the response code of the NO."""
        client = ImapClient(servers.HOST, self.port, timeout=timeout)
        try:
            result = client.command("LOGIN", Literal(user.encode()), Literal(password.encode()))
            return "OK" if result.status == "OK" else result.code[0].decode() if result.code else result.status
        finally:
            client.close()

    def expect(self, user, password, wanted):
        got = self.answer(user, password)
        require(got == wanted, f"{user!r}: answered {got}, wanted {wanted}\n{self.log_tail()}")

    def deliver(self, user, password):
        """Signs in and appends a message; returns its mark."""
        mark = f"mark-{time.monotonic_ns()}"
        client = ImapClient(servers.HOST, self.port)
        client.login(user, password)
        client.append("INBOX", f"Subject: {mark}\r\n\r\n{mark}\r\n".encode())
        client.logout()
        return mark

    def log(self):
        return self.log_tail(1 << 22)

    def log_since(self, start):
        return self.log()[start:]

    def wait_for_answer(self, user, password, wanted, seconds=20):
        """Until the back end is noticed to be up again."""
        deadline = time.monotonic() + seconds
        while (got := self.answer(user, password)) != wanted:
            require(time.monotonic() < deadline, f"still {got} after {seconds} s\n{self.log_tail()}")
            time.sleep(0.1)  # the plugin makes one attempt a second

    def check(self, **changed):
        """The findings of `maildock check` with other settings; dots of keys are underscores here."""
        before = dict(self.settings)
        self.settings.update({key.replace("_", "."): value for key, value in changed.items()})
        try:
            self.configure()
            done = subprocess.run([self.binary, "check", f"--config={self.path('maildock.properties')}"],
                                  capture_output=True, text=True, timeout=120, check=False)
            return done.stdout + done.stderr
        finally:
            self.settings = before
            self.configure()


def contains(folder, mark):
    """Whether a message with this mark is below a folder."""
    for parent, _, files in os.walk(folder):
        for name in files:
            with open(os.path.join(parent, name), "rb") as file:
                if mark.encode() in file.read():
                    return True
    return False


def at_once(count, function):
    """Calls function(number) from `count` threads at once; returns what they return."""
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(function, range(count)))


def seconds(function, *arguments):
    begin = time.monotonic()
    function(*arguments)
    return time.monotonic() - begin


def median_seconds(times, function, *arguments):
    return sorted(seconds(function, *arguments) for _ in range(times))[times // 2]


def same_time(server, known, unknown, password="not it"):
    """An unknown user is answered after the same time as a known one with a wrong password."""
    for attempt in range(3):  # the machine may be busy with something else
        first = median_seconds(5, server.expect, known, password, WRONG)
        second = median_seconds(5, server.expect, unknown, password, WRONG)
        if 0.66 < first / second < 1.5:
            return
    raise AssertionError(f"known: {first:.3f} s, unknown: {second:.3f} s")


def tells_nothing(server, secrets):
    """No secret is in the log."""
    text = server.log()
    for secret in secrets:
        require(secret not in text, f"the log has {secret!r}")


def descriptors(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def resident_kilobytes(server):
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))


def hash_of(password, *options):
    """A hash of crypt(3), by openssl."""
    return subprocess.run(["openssl", "passwd", *(options or ("-6",)), "-stdin"], input=password, text=True, check=True,
                          capture_output=True).stdout.strip()


def end_process(process, seconds_allowed=20):
    """SIGTERM, then SIGKILL to what is left of the process and its children."""
    members = servers.process_tree(process.pid)
    process.terminate()
    try:
        process.wait(seconds_allowed)
    except subprocess.TimeoutExpired:
        pass
    for pid in members:
        if servers.is_alive(pid):
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                pass
    process.wait()


# -- a back end with start(), stop() and `process`, which knows the user `carl`; auth.*.timeout is 3 seconds, and two
#    connections are open at most

def signal_all(back_end, number):
    for pid in servers.process_tree(back_end.process.pid):
        os.kill(pid, number)


def restarted(server, back_end):
    """Nobody notices a restart between two log-ins."""
    server.expect("carl", SECRET, "OK")
    back_end.stop()
    back_end.start()
    server.expect("carl", SECRET, "OK")


def killed(server, back_end):
    signal_all(back_end, signal.SIGKILL)
    back_end.process.wait()
    require(seconds(server.expect, "carl", SECRET, DOWN) < 5, "too slow")
    server.expect("nobody", "x", DOWN)
    server.expect("local", server.password, "OK")
    before, open_before = resident_kilobytes(server), descriptors(server)
    end = time.monotonic() + 5
    while time.monotonic() < end:
        server.expect("carl", "wrong", DOWN)
    require(resident_kilobytes(server) < before + 8192, "memory grows while the back end is down")
    require(descriptors(server) <= open_before + 4, "descriptors are left open")
    back_end.start()
    server.wait_for_answer("carl", SECRET, "OK")
    server.expect("carl", "wrong", WRONG)


def hangs(server, back_end):
    """A back end that does not answer holds nobody up but those who ask it, and them not for long."""
    server.expect("carl", SECRET, "OK")
    signal_all(back_end, signal.SIGSTOP)
    try:
        took = seconds(server.expect, "carl", SECRET, DOWN)
        require(took < 3 + 2, f"answered after {took:.1f} s")
        server.expect("carl", SECRET, DOWN)
        took = seconds(at_once, 12, lambda _: server.expect("carl", SECRET, DOWN))
        require(took < 2, f"with all connections hanging, 12 answers took {took:.1f} s")
        require(seconds(server.expect, "local", server.password, "OK") < 1, "others wait")
    finally:
        signal_all(back_end, signal.SIGCONT)
    server.wait_for_answer("carl", SECRET, "OK")


def main(name, tests):
    """Runs tests(counter, build, folder) and ends with the counts."""
    build = sys.argv[1] if len(sys.argv) > 1 else "build"
    counter = Counter(sys.argv[2] if len(sys.argv) > 2 else None)
    try:
        with servers.WorkFolder(name) as folder:
            tests(counter, build, folder)
    except Skipped as reason:
        counter.skip(name, reason)
    except servers.ServerError as error:
        counter.fail("the server runs", error)
    sys.exit(counter.finish())


def ends_well(counter, server):
    """To be called while the server runs: it still does, and stops as it should."""
    counter.check(f"{server.name}: the server still runs", server.process.poll() is None, server.log_tail())
    server.stop()
    text = server.log()
    counter.check(f"{server.name}: the server ended well",
                  not any(sign in text for sign in ("Sanitizer", "runtime error:", "SERVERBUG", "terminate called")),
                  server.log_tail())
