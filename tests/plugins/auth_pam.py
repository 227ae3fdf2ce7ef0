#!/usr/bin/env python3
"""auth-pam over Linux-PAM with services of the test's own, in a folder of its own: the system's are left alone.

pam_matrix (package libpam-wrapper) has users and passwords in a file; Linux-PAM's own modules deny, wait, speak and hang.
What needs root is tested as root: a server that has given up its rights, and pam_unix over a shadow file that is this
test's own, in a mount namespace.
"""

import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time

from plugin_test import (DOWN, SECRET, WRONG, Server, Skipped, at_once, descriptors, ends_well, hash_of, main, require,
                         seconds, servers, tells_nothing)


class Services:
    """The folder of PAM services."""

    def __init__(self, folder):
        found = glob.glob("/usr/lib/*/pam_wrapper/pam_matrix.so")
        if not found:
            raise Skipped("libpam-wrapper is not installed")
        self.folder = os.path.join(folder, "pam.d")
        os.makedirs(self.folder)
        self.place, self.module = folder, found[0]
        self.write("plain", "auth MATRIX", "account MATRIX")
        self.write("slow", "auth optional pam_faildelay.so delay=20000000", "auth MATRIX",
                   "account MATRIX")
        with open(os.path.join(folder, "notice"), "w", encoding="ascii") as file:
            file.write("Your password will expire in 3 days\n")
        with open(os.path.join(folder, "from"), "w", encoding="ascii") as file:
            file.write("asked from %H\n")
        for name, origins in (("here", "127.0.0.1"), ("elsewhere", "192.0.2.1")):
            with open(os.path.join(folder, f"access-{name}"), "w", encoding="ascii") as file:
                file.write(f"+:ALL:{origins}\n-:ALL:ALL\n")
            self.write(name, "auth MATRIX", "account MATRIX",
                       f"account required pam_access.so nodefgroup accessfile={folder}/access-{name}",
                       f"account optional pam_echo.so file={folder}/from")
        self.write("unix", "auth required pam_unix.so", "account required pam_unix.so")
        self.write("talks", "auth MATRIX", "account MATRIX",
                   f"account optional pam_echo.so file={folder}/notice")
        self.write("expired", "auth MATRIX", "account required pam_debug.so acct=new_authtok_reqd")
        self.write("barred", "auth MATRIX", "account required pam_debug.so acct=acct_expired")
        self.write("waits", "auth required pam_exec.so quiet /bin/sleep 987", "auth MATRIX",
                   "account MATRIX")
        self.write("permits", "auth required pam_permit.so", "account required pam_permit.so")
        self.write("denies", "auth required pam_deny.so", "account required pam_deny.so")
        self.write("unknown", "auth required pam_debug.so auth=user_unknown", "account required pam_permit.so")
        self.write("away", "auth required pam_debug.so auth=authinfo_unavail", "account required pam_permit.so")
        self.write("broken", "auth required /nonexistent/pam_none.so", "account required pam_permit.so")

    def write(self, name, *lines):
        """MATRIX stands for pam_matrix with users of this service."""
        users = os.path.join(self.place, f"users-{name}")
        with open(users, "w", encoding="utf-8") as file:
            file.writelines(f"{user}:{SECRET}:{name}\n" for user in ("anna", "games", "jörg"))
        lines = [line.replace("MATRIX", f"required {self.module} passdb={users}") for line in lines]
        with open(os.path.join(self.folder, name), "w", encoding="ascii") as file:
            file.write("#%PAM-1.0\n" + "\n".join(lines) + "\n")

    def settings(self, service, **more):
        return {"auth.pam.service": service, "auth.pam.folder": self.folder, "auth.pam.timeout": "3",
                "auth.pam.processes": "2", **more}


def children(server):
    """Processes that answer a question, and what they started, as [pid, command line]."""
    return [one for one in helpers(server) if " serve " not in one[1]]


def helpers(server):
    """The same, and the helper that starts them."""
    found = []
    for pid in servers.process_tree(server.process.pid)[1:]:
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                found.append([pid, file.read().replace(b"\0", b" ").decode().strip()])
        except OSError:
            pass
    return found


def sleepers():
    """Processes of pam_exec that are left anywhere."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                if file.read() == b"/bin/sleep\0" b"987\0":
                    found.append(int(name))
        except OSError:
            pass
    return found


def parent_of(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return int(file.read().rsplit(")", 1)[1].split()[1])
    except OSError:
        return None


def wait_until(condition, what, limit=20):
    deadline = time.monotonic() + limit
    while not condition():
        require(time.monotonic() < deadline, what)
        time.sleep(0.02)  # the state of another process


def outcomes(server):
    server.expect("anna", SECRET, "OK")
    server.expect("games", SECRET, "OK")
    server.expect("jörg", SECRET, "OK")
    server.expect("anna", "wrong", WRONG)
    server.expect("anna", "", WRONG)
    server.expect("anna", "x" * 8000, WRONG)
    server.expect("anna", SECRET + "x", WRONG)
    server.expect("nobody-here", SECRET, WRONG)
    for name in ("anna\x01", "../anna", "..", "x" * 5000, "anna:x", "%s%n", "'", "-anna"):
        server.expect(name, SECRET, WRONG)
    wait_until(lambda: not children(server), "a process that answered lives on")


def many(server):
    before = descriptors(server)
    answers = at_once(24, lambda n: server.answer("anna", SECRET if n % 2 else "wrong"))
    require(answers == [WRONG, "OK"] * 12, answers)
    wait_until(lambda: descriptors(server) <= before + 2, "descriptors are left open")
    wait_until(lambda: not children(server), "a process that answered lives on")


def no_delay(server):
    """Linux-PAM would sleep for 20 seconds after a failure."""
    took = seconds(at_once, 8, lambda _: server.expect("anna", "wrong", WRONG))
    require(took < 5, f"8 failures took {took:.1f} s")


def says(reason, answer, user="anna"):
    def test(server):
        server.expect(user, SECRET, answer)
        require(reason in server.log(), server.log_tail())
    return test


def hangs(server):
    """A module that waits holds up those who ask it, not for long, and nobody else."""
    most = 0

    def look(_):
        nonlocal most
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            # pam_exec's own child looks like them until it is another program.
            parents = [pid for pid, line in helpers(server) if " serve " in line]
            most = max(most, sum(parent_of(pid) in parents for pid, line in children(server)))
            time.sleep(0.02)

    def one(number):
        if number == 0:
            look(number)
        else:
            server.expect("anna", SECRET, DOWN)

    took = seconds(at_once, 7, one)
    require(took < 12, f"answered after {took:.1f} s")
    require(0 < most <= 2, f"{most} helpers at once")
    require(seconds(server.expect, "local", server.password, "OK") < 1, "others wait")
    require("no answer in time" in server.log() and "at once wait for PAM" in server.log(), server.log_tail())
    wait_until(lambda: not sleepers() and not children(server), "what the module started lives on")


def helper_dies(server):
    """A module that crashes takes its helper with it, and nothing else."""
    def one(number):
        if number == 0:
            wait_until(lambda: any("auth-pam-helper" in line for _, line in children(server)), "no helper")
            for pid, line in children(server):
                if "auth-pam-helper" in line:
                    os.kill(pid, signal.SIGSEGV)
        else:
            took = seconds(server.expect, "anna", SECRET, DOWN)
            require(took < 2.5, f"answered after {took:.1f} s")

    at_once(2, one)
    require("ended without an answer, signal 11" in server.log(), server.log_tail())
    end_sleepers()  # pam_exec's child has a session of its own and lost its parent


def end_sleepers():
    for pid in sleepers():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not sleepers(), "what the module started lives on")


def killed_server(build, folder, services):
    """Helpers end even if the server is killed in the middle."""
    server = Server(build, folder, "pam", services.settings("waits"), name="killed").start()
    try:
        client = servers.ImapClient(servers.HOST, server.port)
        client.start("LOGIN", "anna", SECRET)
        wait_until(sleepers, "the module was not asked")
        left = [pid for pid, _ in helpers(server)]
        require(len(left) >= 3, left)
        os.kill(server.process.pid, signal.SIGKILL)
        client.close()
        wait_until(lambda: not any(servers.is_alive(pid) for pid in left), "a helper lives on", 5)
        require(not sleepers(), "what the module started lives on")
    finally:
        server.kill()


def helper_is_replaced(server):
    """The helper itself ends: the next question starts it anew, as long as it would have the same rights."""
    kill_helper(server)
    server.expect("anna", SECRET, "OK")
    require("is started anew" in server.log(), server.log_tail())


def kill_helper(server):
    (helper,) = [pid for pid, line in helpers(server) if " serve " in line]
    os.kill(helper, signal.SIGKILL)
    wait_until(lambda: helper not in [pid for pid, _ in helpers(server)] or not servers.is_alive(helper), "it lives on")


def hostile_server(build, services):
    """The helper as a server sees it that somebody has taken over: it takes whole questions, and nothing else."""
    def field(text):
        return len(text).to_bytes(2, "big") + text

    def request(*fields):
        body = b"".join(field(one) for one in fields)
        return len(body).to_bytes(4, "big") + body

    control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    program = os.path.join(build, "lib/maildock/plugins/auth-pam-helper")
    helper = os.posix_spawn(program, [program, "serve", "plain", services.folder], os.environ,
                            file_actions=[(os.POSIX_SPAWN_DUP2, theirs.fileno(), 3)])
    theirs.close()

    def ask(octets, opening=b"\0\x03", sockets=1):
        pairs = [socket.socketpair() for _ in range(max(sockets, 1))]
        socket.send_fds(control, [opening], [theirs.fileno() for _, theirs in pairs[:sockets]])
        for _, theirs in pairs:
            theirs.close()
        ours = pairs[0][0]
        ours.settimeout(20)
        answer = b""
        try:
            if octets:
                ours.sendall(octets)
            while part := ours.recv(4096):
                answer += part
        except (BrokenPipeError, ConnectionResetError):
            pass
        for ours, _ in pairs:
            ours.close()
        return answer

    def outcome(answer):
        return answer[6:7]  # behind both lengths

    right = request(b"verify", b"anna", SECRET.encode(), b"127.0.0.1")
    try:
        require(outcome(ask(right)) == b"0", ask(right))
        refused = {
            "no kind": request(b"", b"anna", SECRET.encode(), b""),
            "another kind": request(b"change", b"anna", SECRET.encode(), b""),
            "a path as name": request(b"verify", b"../anna", SECRET.encode(), b""),
            "NUL in the name": request(b"verify", b"anna\0x", SECRET.encode(), b""),
            "no password": request(b"verify", b"anna", b"", b""),
            "a lookup with password": request(b"lookup", b"anna", b"x", b""),
            "a field too few": request(b"verify", b"anna", SECRET.encode()),
            "a field too many": request(b"verify", b"anna", SECRET.encode(), b"", b"permits"),
            "an odd address": request(b"verify", b"anna", SECRET.encode(), b"a b"),
            "a long message": b"\xff\xff\xff\xff" + b"x" * 100000,
            "a field beyond the end": b"\0\0\0\x04\xff\xffab"}
        for what, octets in refused.items():
            answer = ask(octets)
            require(outcome(answer) == b"4" and b"status 2" in answer, f"{what}: {answer}")
        began = time.monotonic()
        require(b"no answer in time" in ask(right[:-1], opening=b"\0\x01") and time.monotonic() - began < 5, "half")
        for what, arguments in {"no socket": {"sockets": 0}, "many sockets": {"sockets": 3}, "one octet":
                                {"opening": b"\0"}, "more octets": {"opening": b"\0\x03" + b"x" * 5000}}.items():
            if what == "no socket":
                socket.send_fds(control, [b"\0\x03"], [])
            else:
                require(ask(b"", **arguments) == b"", what)
            require(outcome(ask(right)) == b"0", f"after {what}")
        control.close()
        wait_until(lambda: not servers.is_alive(helper), "the helper outlives the server", 5)
    finally:
        control.close()
        if servers.is_alive(helper):
            os.kill(helper, signal.SIGKILL)
        require(os.waitpid(helper, 0)[1] == 0, "the helper did not end well")


class LesserServer(Server):
    """Started as root, becomes the user `mail`; what is its is readable by that user."""

    def __init__(self, build, folder, settings, name):
        super().__init__(build, folder, "pam", {"server.user": "mail", **settings}, name=name)
        os.chmod(folder, 0o755)
        self.gid = pwd.getpwnam("mail").pw_gid
        for path in (self.cert, self.key):
            os.chown(path, 0, self.gid)
            os.chmod(path, 0o640)

    def configure(self):
        super().configure()
        for name in ("users", "maildock.properties"):
            os.chown(self.path(name), 0, self.gid)
            os.chmod(self.path(name), 0o640)

    def reload(self, wanted):
        start = len(self.log())
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: wanted in self.log_since(start), f"no {wanted!r} in the log\n{self.log_tail()}")


def uids(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(line.split()[1:] for line in file if line.startswith("Uid:"))


def as_root(counter, build, folder, services):
    """The server gives up root's rights; PAM keeps them."""
    users = os.path.join(folder, "users-plain")
    os.chmod(users, 0o600)  # as /etc/shadow: root's alone
    server = LesserServer(build, folder, services.settings("plain"), "lesser")

    def rights_are_apart(server):
        (helper,) = [pid for pid, line in helpers(server) if " serve " in line]
        require(uids(helper) == ["0"] * 4, uids(helper))
        mail = str(pwd.getpwnam("mail").pw_uid)
        require(uids(server.process.pid) == [mail] * 4, uids(server.process.pid))
        require("PAM is asked by root" in server.log(), server.log_tail())

    def stays_over_reloads(server):
        server.reload("reloaded ")
        outcomes(server)
        rights_are_apart(server)
        server.settings["auth.pam.service"] = "permits"
        server.configure()
        server.reload("to change them, restart it")
        server.expect("anna", "wrong", WRONG)
        server.settings["auth.pam.service"] = "plain"
        server.configure()

    def is_not_replaced_with_less(server):
        kill_helper(server)
        server.expect("anna", SECRET, DOWN)
        require("only a restart of the server" in server.log(), server.log_tail())

    server.start()
    try:
        for test in (outcomes, rights_are_apart, stays_over_reloads, many, is_not_replaced_with_less):
            counter.run(f"as root: {test.__name__}", test, server)
        counter.run("as root: no secret in the log", tells_nothing, server, [SECRET])
    finally:
        ends_well(counter, server)


class ShadowServer(LesserServer):
    """With /etc/passwd and /etc/shadow of the test's own, for it and its helper alone."""

    def command(self):
        script = ('mount --bind "$1/passwd" /etc/passwd && mount --bind "$1/shadow" /etc/shadow && shift && exec "$@"')
        return ["unshare", "--mount", "/bin/sh", "-c", script, "sh", os.path.dirname(self.path("passwd"))] + \
            super().command()


def shadow(build, folder, services):
    """pam_unix, with a user of the system: hash, expired account and locked password are in /etc/shadow."""
    if not shutil.which("unshare") or subprocess.run(["unshare", "--mount", "true"], check=False,
                                                     capture_output=True).returncode != 0:
        raise Skipped("no mount namespaces")
    server = ShadowServer(build, folder, services.settings("unix"), "shadow")
    for name, mode, lines in (
            ("passwd", 0o644, [f"{user}:x:{uid}:{uid}::/home/{user}:/usr/sbin/nologin"
                               for user, uid in (("md-anna", 61001), ("md-old", 61002), ("md-locked", 61003))]),
            ("shadow", 0o600, [f"md-anna:{hash_of(SECRET)}:19000:0:99999:7:::",
                               f"md-old:{hash_of(SECRET)}:19000:0:99999:7::19001:",
                               f"md-locked:!{hash_of(SECRET)}:19000:0:99999:7:::"])):
        with open(f"/etc/{name}", encoding="utf-8") as file:
            server.write(name, file.read() + "\n".join(lines) + "\n", mode=mode)
    server.start()
    try:
        server.expect("md-anna", SECRET, "OK")
        server.expect("md-anna", "wrong", WRONG)
        server.expect("md-old", SECRET, WRONG)
        server.expect("md-locked", SECRET, WRONG)
        server.expect("md-nobody", SECRET, WRONG)
        require("account has expired" in server.log(), server.log_tail())
    finally:
        server.stop()


def findings(build, folder, services):
    server = Server(build, folder, "pam", services.settings("plain"), name="checked")
    require("0 errors" in server.check() and "auth.pam" not in server.check(), server.check())
    for key, text, changed in (
            ("auth.pam.folder", "there is no file", {"auth_pam_service": "absent"}),
            ("auth.pam.service", "no name of a PAM service", {"auth_pam_service": "../x"}),
            ("auth.pam.service", "/etc/pam.d/other", {"auth_pam_service": "no-such-service", "auth_pam_folder": ""}),
            ("auth.pam.processes", "at least", {"auth_pam_processes": "0"})):
        out = server.check(**changed)
        require(key in out and text in out, f"wanted {key}: {text}; got {out}")


def if_root(counter, name, test, *arguments):
    if os.geteuid() == 0:
        counter.run(name, test, *arguments)
    else:
        counter.skip(name, "needs root")


def tests(counter, build, folder):
    services = Services(folder)

    def service(name, *tests_of_it, **more):
        server = Server(build, folder, "pam", services.settings(name, **more), name=f"service-{name}").start()
        try:
            for test in tests_of_it:
                counter.run(f"{name}: {test.__name__}", test, server)
            counter.run(f"{name}: no secret in the log", tells_nothing, server, [SECRET])
        finally:
            ends_well(counter, server)

    service("plain", outcomes, many, helper_is_replaced)
    service("slow", no_delay)
    service("talks", says("PAM says: Your password will expire in 3 days", "OK"))
    service("here", says("PAM says: asked from 127.0.0.1", "OK", "games"))
    service("elsewhere", says("pam_acct_mgmt: Permission denied", WRONG, "games"))
    service("expired", says("Authentication token is no longer valid; new one required", WRONG))
    service("barred", says("expired", WRONG))
    service("permits", says("logged in", "OK"))
    service("denies", says("Authentication failure", WRONG))
    service("unknown", says("no plugin knows the user", WRONG))
    service("away", says("pam_authenticate", DOWN))
    service("broken", says("pam: pam_authenticate: Module is unknown", DOWN))
    service("waits", hangs, helper_dies)
    counter.run("a hostile server", hostile_server, build, services)
    if os.geteuid() == 0:
        as_root(counter, build, folder, services)
    if_root(counter, "pam_unix and /etc/shadow", shadow, build, folder, services)
    counter.run("killed server", killed_server, build, folder, services)
    counter.run("maildock check", findings, build, folder, services)


main("auth-pam", tests)
