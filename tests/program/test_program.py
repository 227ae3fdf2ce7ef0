#!/usr/bin/env python3
"""The program as an administrator meets it: start, stop, reload, check, and libraries that are not right.

Usage: test_program.py BUILD_FOLDER. Ends with the line "N passed, M failed".
"""
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build")
PROGRAM = os.path.join(BUILD, "bin", "maildock")
DEADLINE = 20


class Running:
    """The program in the foreground, with its standard error read line by line."""

    def __init__(self, arguments, **options):
        self.process = subprocess.Popen([PROGRAM, *arguments], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                        **options)
        self.lines = []
        self.position = 0
        self.rest = b""

    def wait_for(self, text):
        """Goes on to the next line that holds `text` and returns it; fails at the deadline or at the end."""
        end = time.monotonic() + DEADLINE
        while True:
            while self.position < len(self.lines):
                self.position += 1
                if text in self.lines[self.position - 1]:
                    return self.lines[self.position - 1]
            readable, _, _ = select.select([self.process.stderr], [], [], max(0, end - time.monotonic()))
            octets = os.read(self.process.stderr.fileno(), 65536) if readable else b""
            if not octets:
                raise AssertionError("no line with %r in:\n%s" % (text, "\n".join(self.lines)))
            *whole, self.rest = (self.rest + octets).split(b"\n")
            self.lines += [line.decode(errors="replace") for line in whole]

    def send(self, number):
        self.process.send_signal(number)

    def end(self, number=signal.SIGTERM):
        """Stops the program, returns its status; what it said last is in `lines`."""
        self.process.send_signal(number)
        _, rest = self.process.communicate(timeout=DEADLINE)
        self.lines += (self.rest + rest).decode(errors="replace").splitlines()
        return self.process.returncode

    def abandon(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


class Fixture(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="program-")
        self.addCleanup(shutil.rmtree, self.folder)
        # The libraries of the tests, and the plugins as built.
        os.makedirs(self.path("lib"))
        shutil.copytree(os.path.join(BUILD, "tests", "program", "lib", "modules"), self.path("lib", "modules"))
        os.symlink(os.path.join(BUILD, "lib", "maildock", "plugins"), self.path("lib", "plugins"))
        self.write("users", "joe:{PLAIN}secret\n")
        os.chmod(self.path("users"), 0o600)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def configure(self, *lines, modules="recording"):
        """Four lines that every configuration here has, then `lines` from line 5 on."""
        return self.write("maildock.properties", "\n".join(
            ["modules = " + modules, "library.path = lib", "auth.passwdfile.path = users", "test.record = record",
             *lines, ""]))

    def record(self):
        with open(self.path("record"), encoding="utf-8") as file:
            return file.read().splitlines()

    def start(self, config, **options):
        program = Running(["--config=" + config], **options)
        self.addCleanup(program.abandon)
        return program

    def run_program(self, *arguments):
        return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=DEADLINE, check=False)

    def check(self, *lines, modules="recording"):
        """Runs `maildock check`; returns the status and the findings without the folder."""
        config = self.configure(*lines, modules=modules)
        answer = self.run_program("check", "--config=" + config)
        self.assertEqual(answer.stderr, "")
        return answer.returncode, answer.stdout.replace(self.folder + "/", "").splitlines()


class CommandLine(Fixture):
    def test_version_and_help(self):
        version = self.run_program("--version")
        self.assertEqual(version.returncode, 0)
        self.assertRegex(version.stdout, r"^maildock \d+\.\d+\.\d+ ")
        self.assertIn("--config=FILE", self.run_program("--help").stdout)

    def test_mistakes_are_told(self):
        for arguments, text in ((["serve"], "no command `serve`"), (["--conf=x"], "no option --conf=x"),
                                (["--config"], "needs a file"), (["--config="], "needs a file"),
                                (["check", "check"], "one command too many"), (["--daemon"], "no option --daemon"),
                                (["--keys"], "belongs to the command check"), (["auth"], "one form: auth test USER"),
                                (["auth", "test"], "needs a user"), (["check", "--password"], "belongs to the command auth"),
                                (["check", "--token"], "belongs to the command auth"),
                                (["check", "--scheme=X"], "belongs to the command passwd"),
                                (["check", "--set", "x"], "belongs to the command passwd"),
                                (["passwd", "--set", "x"], "--set needs a user"),
                                (["passwd", "a", "b"], "one command too many")):
            answer = self.run_program(*arguments)
            self.assertEqual(answer.returncode, 64, arguments)
            self.assertIn(text, answer.stderr)
            self.assertEqual(len(answer.stderr.splitlines()), 1, answer.stderr)

    def test_keys_are_listed(self):
        answer = self.run_program("check", "--keys", "--config=" + self.configure("no.such.key = 1"))
        self.assertEqual((answer.returncode, answer.stderr), (0, ""))
        keys = {line.split("\t")[0]: line.split("\t")[1:] for line in answer.stdout.splitlines()}
        self.assertEqual(keys["shutdown.timeout"][:2], ["seconds 0..600", "10"])
        self.assertEqual(keys["log.times"][:2], ["choice local|UTC", "local"])
        self.assertIn("auth.passwdfile.path", keys)
        self.assertIn("test.limit", keys)
        self.assertTrue(all(len(rest) == 3 and rest[2] for rest in keys.values()), keys)

    def test_keys_of_a_library_that_is_missing(self):
        answer = self.run_program("check", "--keys", "--config=" + self.configure(modules="none"))
        self.assertEqual(answer.returncode, 1)
        self.assertIn("none.so", answer.stdout)

    def test_a_missing_configuration(self):
        answer = self.run_program("--config=" + self.path("none"))
        self.assertEqual(answer.returncode, 78)
        self.assertIn("none: can't be read: No such file", answer.stderr)
        self.assertNotIn("library", answer.stderr)


class Serving(Fixture):
    def test_ready_and_sigterm(self):
        program = self.start(self.configure())
        self.assertEqual(program.wait_for("maildock ready"), "maildock ready")
        self.assertEqual(program.end(), 0)
        self.assertEqual(self.record(), ["start limit=7 auth= passwdfile", "stop 10"])

    def test_sigint_stops_too(self):
        program = self.start(self.configure("shutdown.timeout = 3s"))
        program.wait_for("maildock ready")
        self.assertEqual(program.end(signal.SIGINT), 0)
        self.assertEqual(self.record()[-1], "stop 3")

    def test_signals_that_the_parent_ignores_work(self):
        def ignore():
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
        program = self.start(self.configure(), preexec_fn=ignore)
        program.wait_for("maildock ready")
        program.send(signal.SIGHUP)
        program.wait_for(": reloaded ")
        self.assertEqual(program.end(), 0)

    def test_sighup_takes_new_settings(self):
        program = self.start(self.configure())
        program.wait_for("maildock ready")
        self.configure("test.limit = 8")
        program.send(signal.SIGHUP)
        program.wait_for(": reloaded ")
        self.assertEqual(self.record()[-1], "reload limit=8 auth= passwdfile")
        self.assertEqual(program.end(), 0)

    def test_a_bad_reload_leaves_the_old_in_force(self):
        program = self.start(self.configure())
        program.wait_for("maildock ready")
        for line, text in (("test.limit = 101", ":5: test.limit: must be at most 100"),
                           ("test.limt = 1", "did you mean `test.limit`?"),
                           ("test.fails = reload", "told to fail at reload"),
                           ("test.fails = check", "fails every check"),
                           ("auth.plugins = none", "there is no library")):
            self.configure(line)
            program.send(signal.SIGHUP)
            program.wait_for(text)
            program.wait_for("the old configuration stays in force")
        self.configure()
        os.remove(self.path("users"))
        program.send(signal.SIGHUP)
        program.wait_for("users can't be read")
        program.wait_for("the old configuration stays in force")
        self.write("users", "joe:{PLAIN}secret\n")
        program.send(signal.SIGHUP)
        program.wait_for(": reloaded ")
        self.assertEqual([line.split()[0] for line in self.record()], ["start", "reload"])
        self.assertEqual(program.end(), 0)

    def test_other_modules_wait_for_a_restart(self):
        program = self.start(self.configure())
        program.wait_for("maildock ready")
        self.configure(modules="recording, throwing")
        program.send(signal.SIGHUP)
        program.wait_for("loaded at the next start")
        program.wait_for(": reloaded ")
        self.assertEqual(program.end(), 0)

    def test_a_module_that_can_not_start(self):
        program = self.start(self.configure("test.fails = start"))
        program.wait_for("the module recording can't start: told to fail at start")
        program.process.wait(DEADLINE)
        self.assertEqual(program.process.returncode, 69)
        self.assertFalse(any("ready" in line for line in program.lines))

    def test_errors_in_the_configuration_prevent_the_start(self):
        program = self.start(self.configure("test.limit = x"))
        program.wait_for(":5: test.limit: `x` is not a number")
        program.process.wait(DEADLINE)
        self.assertEqual(program.process.returncode, 78)
        self.assertFalse(os.path.exists(self.path("record")))

    def test_an_event_is_one_line(self):
        program = self.start(self.configure())
        program.wait_for("maildock ready")
        program.end()
        self.assertTrue(any(r"event start\x0D\x0Aforged" in line for line in program.lines), program.lines)

    def test_the_log_file_is_opened_again(self):
        program = self.start(self.configure("log.path = log", "log.level = debug", "log.format = %p|%t"))
        program.wait_for("maildock ready")
        os.rename(self.path("log"), self.path("log.1"))
        program.send(signal.SIGHUP)
        self.wait_until(lambda: os.path.exists(self.path("log")) and "|reloaded " in open(self.path("log")).read())
        self.assertEqual(program.end(), 0)
        with open(self.path("log.1"), encoding="utf-8") as first:
            self.assertIn("Information|started with ", first.read())
        with open(self.path("log"), encoding="utf-8") as second:
            self.assertIn("Information|stopped\n", second.read())
        self.assertEqual(os.stat(self.path("log")).st_mode & 0o077, 0)

    def wait_until(self, condition):
        end = time.monotonic() + DEADLINE
        while not condition():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)

    def test_the_file_limit_is_raised(self):
        import resource
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        program = self.start(self.configure(),
                             preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard)))
        program.wait_for("maildock ready")
        with open("/proc/%d/limits" % program.process.pid, encoding="ascii") as limits:
            line = next(line for line in limits if line.startswith("Max open files"))
        self.assertEqual(line.split()[3], line.split()[4])
        self.assertEqual(program.end(), 0)

    def test_a_service_manager_is_told(self):
        import socket
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(listener.close)
        listener.bind(self.path("notify"))
        listener.settimeout(DEADLINE)
        program = self.start(self.configure(), env=dict(os.environ, NOTIFY_SOCKET=self.path("notify")))
        self.assertEqual(listener.recv(100), b"READY=1")
        before = time.monotonic_ns() // 1000
        program.send(signal.SIGHUP)
        state, since = listener.recv(100).split(b"\n")
        self.assertEqual(state, b"RELOADING=1")
        self.assertTrue(since.startswith(b"MONOTONIC_USEC="))
        self.assertTrue(before <= int(since.split(b"=")[1]) <= time.monotonic_ns() // 1000)
        self.assertEqual(listener.recv(100), b"READY=1")
        self.assertEqual(program.end(), 0)
        self.assertEqual(listener.recv(100), b"STOPPING=1")

    def test_the_unit_is_one(self):
        analyze = shutil.which("systemd-analyze")
        if not analyze:
            self.skipTest("systemd is not installed")
        root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        with open(os.path.join(root, "etc", "maildock.service"), encoding="ascii") as file:
            unit = file.read()
        self.assertEqual(unit.count("ExecStart=/usr/bin/maildock "), 1)
        self.write("maildock.service", unit.replace("ExecStart=/usr/bin/maildock ", f"ExecStart={PROGRAM} "))
        done = subprocess.run([analyze, "verify", self.path("maildock.service")], capture_output=True, text=True,
                              timeout=60, check=False)
        # It names a unit's lines that it does not know, and is content all the same.
        self.assertEqual((done.returncode, [line for line in done.stderr.splitlines() if "maildock" in line]), (0, []))


class Check(Fixture):
    def test_nothing_wrong(self):
        self.assertEqual(self.check("test.family.any = yes", "test.delay = 2h   # a comment"),
                         (0, ["maildock.properties: 0 errors, 0 warnings"]))

    def test_unknown_keys_are_errors_with_a_suggestion(self):
        status, lines = self.check("# comment", "test.lisen = x", "log.levle = debug", "test.famly.x = yes", "zzz = 1")
        self.assertEqual(status, 1)
        self.assertEqual(lines, [
            "maildock.properties:6: unknown key `test.lisen`; did you mean `test.listen`?",
            "maildock.properties:7: unknown key `log.levle`; did you mean `log.level`?",
            "maildock.properties:8: unknown key `test.famly.x`; did you mean `test.family.x`?",
            "maildock.properties:9: unknown key `zzz`",
            "maildock.properties: 4 errors, 0 warnings"])

    def test_values_of_the_wrong_kind(self):
        status, lines = self.check("test.limit = 0", "test.delay = soon", "test.listen = here",
                                   "test.fails = sometimes", "test.family.x = maybe", "log.level = loud")
        self.assertEqual(status, 1)
        self.assertEqual([line.split(":")[1:3] for line in lines[:-1]],
                         [["5", " test.limit"], ["6", " test.delay"], ["7", " test.listen"], ["8", " test.fails"],
                          ["9", " test.family.x"], ["10", " log.level"]])

    def test_keys_set_twice_and_lines_that_are_none(self):
        status, lines = self.check("test.limit = 1", "not a setting", "test.limit = 2")
        self.assertEqual(status, 1)
        self.assertIn("maildock.properties:7: `test.limit` is set twice, in line 5 and in line 7", lines)
        self.assertTrue(any(line.startswith("maildock.properties:6: ") for line in lines))

    def test_modules_and_plugins_are_asked(self):
        os.remove(self.path("users"))
        status, lines = self.check("test.fails = check")
        self.assertEqual(status, 1)
        self.assertIn("maildock.properties:5: test.fails: this value fails every check", lines)
        self.assertIn("maildock.properties:3: auth.passwdfile.path: users can't be read: No such file or directory",
                      lines)

    def test_an_unused_plugin_may_keep_its_lines(self):
        status, lines = self.check("auth.plugins =")
        self.assertEqual(status, 0)
        self.assertIn("maildock.properties:3: warning: auth.passwdfile.path: is not used: auth.plugins does not name "
                      "passwdfile", lines)

    def test_what_changes_what_clients_see(self):
        status, lines = self.check("size.plugin = size-stored")
        self.assertEqual(status, 0)
        self.assertEqual(lines[-1], "maildock.properties: 0 errors, 1 warning")
        self.assertTrue(lines[0].startswith("maildock.properties:5: warning: size.plugin: stored sizes are too small"))

    def test_profiles(self):
        self.write("profiles/mine.properties", "test.limit = 9\ntest.limt = 3\nprofile = other\n")
        status, lines = self.check("profile = mine")
        self.assertEqual(status, 1)
        self.assertIn("profiles/mine.properties:2: unknown key `test.limt`; did you mean `test.limit`?", lines)
        self.assertIn("profiles/mine.properties:3: profile: a profile can't name another profile", lines)
        self.write("profiles/mine.properties", "test.limit = 9\ntest.delay = 1\n")
        program = self.start(self.configure("profile = mine", "test.limit = 4"))
        program.wait_for("maildock ready")
        self.assertEqual(program.end(), 0)
        self.assertEqual(self.record()[0], "start limit=4 auth= passwdfile")
        for name in ("none", "../mine"):
            status, lines = self.check("profile = " + name)
            self.assertEqual(status, 1)
            self.assertTrue(lines[0].startswith("maildock.properties:5: profile: "), lines)

    def test_certificate_and_key(self):
        for name in ("a", "b"):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                            "-days", "100", "-subj", "/CN=test", "-keyout", self.path(name + ".key"), "-out",
                            self.path(name + ".pem")], check=True, capture_output=True, timeout=DEADLINE)
            os.chmod(self.path(name + ".key"), 0o600)
        self.assertEqual(self.check("tls.certificate = a.pem", "tls.key = a.key")[0], 0)
        for lines, text in ((("tls.certificate = a.pem", "tls.key = b.key"),
                             ":6: tls.key: b.key is not the key of the certificate a.pem"),
                            (("tls.certificate = none.pem", "tls.key = a.key"), ":5: tls.certificate: none.pem can't"),
                            (("tls.certificate = a.pem",), ": tls.key: a certificate is named, but no private key"),
                            (("tls.certificate = a.key", "tls.key = a.pem"), ":5: tls.certificate: a.key holds no")):
            status, found = self.check(*lines)
            self.assertEqual(status, 1)
            self.assertTrue(any(text in line for line in found), found)

    def test_the_log_folder(self):
        status, lines = self.check("log.path = none/log")
        self.assertEqual((status, lines[0]), (1, "maildock.properties:5: log.path: there is no folder none"))


class Libraries(Fixture):
    def refused(self, module, text):
        status, lines = self.check(modules=module)
        self.assertEqual(status, 1)
        self.assertTrue(lines[0].startswith("maildock.properties:1: modules: ") and text in lines[0], lines)
        program = self.run_program("--config=" + self.path("maildock.properties"))
        self.assertEqual(program.returncode, 78)
        self.assertIn(text, program.stderr.replace(self.folder + "/", ""))

    def test_missing(self):
        self.refused("none", "there is no library lib/modules/none.so; there are: ")
        self.refused("recordin", "; did you mean `recording`?")

    def test_a_name_is_no_path(self):
        self.refused("../modules/recording", "is not the name of a module")

    def test_not_a_library(self):
        self.write("lib/modules/text.so", "this is no library at all, only some text\n" * 100)
        self.refused("text", "lib/modules/text.so is broken: it is not an ELF file")
        self.write("lib/modules/empty.so", "")
        self.refused("empty", "is broken")
        os.mkdir(self.path("lib/modules/folder.so"))
        self.refused("folder", "is not a regular file")

    def test_a_program(self):
        shutil.copy("/proc/self/exe", self.path("lib/modules/program.so"))
        status, lines = self.check(modules="program")
        self.assertEqual(status, 1)
        self.assertIn("lib/modules/program.so", lines[0])

    def test_cut_short(self):
        for length in (10, 100, 5000):
            shutil.copy(self.path("lib/modules/recording.so"), self.path("lib/modules/cut.so"))
            os.truncate(self.path("lib/modules/cut.so"), length)
            self.refused("cut", "is broken")

    def test_a_stranger(self):
        self.refused("stranger", "is not one of Maildock's")

    def test_another_version(self):
        self.refused("otherversion", "was built for interface version 5, and this program has version 4")

    def test_another_kind(self):
        self.refused("otherkind", 'is of kind "size", and "module" is wanted here')

    def test_another_manifest(self):
        self.refused("liar", "Manifest class mismatch")

    def test_a_missing_symbol(self):
        self.refused("unresolved", "maildockTestSymbolThatNobodyHas")

    def test_a_module_that_can_not_be_made(self):
        self.refused("throwing", "can't be used: born broken")

    def test_plugins(self):
        status, lines = self.check("auth.plugins = none", "size.plugin = size-none")
        self.assertEqual(status, 1)
        self.assertTrue(lines[0].startswith("maildock.properties:5: auth.plugins: there is no library "
                                            "lib/plugins/auth-none.so; there are: "), lines)
        self.assertIn("maildock.properties:6: size.plugin: there is no library lib/plugins/size-none.so; there are: "
                      "size-mime, size-stored", lines)
        self.assertEqual(self.check("size.plugin = size-stored")[0], 0)
        status, lines = self.check("size.plugin = auth-passwdfile")
        self.assertIn("`auth-passwdfile` is no size plugin", lines[0])


def main():
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
    result = unittest.TextTestRunner(verbosity=1).run(suite)
    failed = len(result.failures) + len(result.errors)
    print("%d passed, %d failed" % (result.testsRun - failed, failed), flush=True)
    return 0 if failed == 0 and result.testsRun > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
