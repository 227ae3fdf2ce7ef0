#!/usr/bin/env python3
"""Signing in: every mechanism with a client of its own, chains of plugins, what guessing costs, a reload.

Usage: signin_client.py BUILD_FOLDER [NAME]
"""

import base64
import concurrent.futures
import hashlib
import os
import pty
import select
import shutil
import signal
import ssl
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))

from counting import Counter, Skipped  # noqa: E402
from scram import Connection, Scram, b64, context  # noqa: E402
from servers import REPOSITORY, Maildock, WorkFolder  # noqa: E402


def require(condition, what):
    if not condition:
        raise AssertionError(what)


def stored(password, hash_name="sha256", iterations=4096):
    """A {SCRAM-...} field as doveadm pw makes it."""
    salt = os.urandom(16)
    exchange = Scram("", password, hash_name)
    salted = hashlib.pbkdf2_hmac(hash_name, password.encode(), salt, iterations)
    key = hashlib.new(hash_name, exchange.hmac(salted, "Client Key")).digest()
    scheme = "SCRAM-SHA-256" if hash_name == "sha256" else "SCRAM-SHA-1"
    return f"{{{scheme}}}{iterations},{b64(salt)},{b64(key)},{b64(exchange.hmac(salted, 'Server Key'))}"


class SignInServer(Maildock):
    """Users as the test says: {name: password field}."""

    fields = None

    def configure(self):
        super().configure()
        if self.fields:
            self.write_users()

    def write_users(self):
        self.write("users.new", "".join(f"{user}:{field}:{self.uid}:{self.gid}::{self.home(user)}::\n"
                                        for user, field in self.fields.items()), mode=0o600)
        os.rename(self.path("users.new"), self.path("users"))

    def log(self):
        with open(self.path("stderr.log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait_log(self, text, count=1):
        end = time.monotonic() + 20
        while self.log().count(text) < count:
            require(time.monotonic() < end, f"no {text!r} in the log:\n{self.log()[-2000:]}")
            time.sleep(0.02)

    def reload(self, count=1):
        self.process.send_signal(signal.SIGHUP)
        self.wait_log("reloaded ", count)


def serving(build, folder, name, fields=None, settings=None):
    users = tuple((fields or {"anna": ""}).keys())
    server = SignInServer(build, os.path.join(folder, name), users=users,
                          settings={"auth.penalty": "0", **(settings or {})})
    server.fields = fields
    return server     # for `with`, which starts and stops it


def plain(user, password, acting=""):
    return f"{acting}\0{user}\0{password}".encode()


BINDING = {"auth.mechanisms": "SCRAM-SHA-256-PLUS, SCRAM-SHA-256, PLAIN, LOGIN"}


def scram_unbound(build, folder):
    """A form that many clients take and can't serve is offered only where it is named; then "y" is no lie either."""
    with serving(build, folder, "unbound", {"anna": stored("pencil")}) as server:
        for version in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2):
            with Connection(server.tls_port, context(version)) as one:
                require(one.mechanisms() == ["SCRAM-SHA-256", "PLAIN", "LOGIN"], one.mechanisms())
                line = one.scram("SCRAM-SHA-256", Scram("anna", "pencil", flag="y"))
                require(line.startswith("a OK"), line)


MUTT = """\
set ssl_force_tls = yes
set ssl_use_tlsv1_3 = {tls13}
set certificate_file = "{certificate}"
set imap_user = "anna"
set imap_pass = "pencil"
set folder = "imaps://localhost:{port}/"
set spoolfile = "+INBOX"
set quit = yes
set tmpdir = "{folder}"
set sleep_time = 0
"""


def mutt(build, folder):
    """mutt takes the first mechanism of GNU SASL's that is offered, but gives it no channel binding."""
    for binary in ("mutt", "script"):
        if not shutil.which(binary):
            raise Skipped(f"{binary} is not installed")
    with serving(build, folder, "mutt", {"anna": stored("pencil")}) as server:
        for tls13, version in (("yes", "TLSv1.3"), ("no", "TLSv1.2")):
            config = os.path.join(folder, f"muttrc-{version}")
            with open(config, "w", encoding="utf-8") as file:
                file.write(MUTT.format(tls13=tls13, certificate=server.cert, port=server.tls_port, folder=folder))
            command = f"stty rows 40 cols 120; exec mutt -n -F {config} -e 'push <exit>' -f +INBOX"
            done = subprocess.run(["script", "-qec", command, "/dev/null"], stdin=subprocess.DEVNULL,
                                  env={**os.environ, "HOME": folder, "TERM": "vt100"}, capture_output=True, text=True,
                                  timeout=60, check=False)
            require("ailed" not in done.stdout and "rror" not in done.stdout, done.stdout[-1500:])
            server.wait_log(f"logged in (SCRAM-SHA-256, {version})")


def scram_forms(build, folder):
    fields = {"anna": stored("pencil"), "bea": "{PLAIN}pén,cil=", "carl,x=y": "{PLAIN}pencil"}
    with serving(build, folder, "scram", fields, BINDING) as server:
        tls13, tls12 = context(ssl.TLSVersion.TLSv1_3), context(ssl.TLSVersion.TLSv1_2)
        with Connection(server.tls_port, tls13) as one:
            require(one.mechanisms() == ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN"], one.mechanisms())
            line = one.scram("SCRAM-SHA-256", Scram("anna", "pencil"))
            require(line.startswith("a OK"), line)
            require(one.command("SELECT INBOX")[0].startswith("a OK"), "no mail")
        with Connection(server.port) as one:
            require(one.mechanisms()[0] == "SCRAM-SHA-256", one.mechanisms())
            line = one.scram("SCRAM-SHA-256", Scram("bea", "pén,cil="), initial=False)
            require(line.startswith("a OK"), line)
        with Connection(server.port) as one:
            require(one.scram("SCRAM-SHA-256", Scram("carl,x=y", "pencil")).startswith("a OK"), "name with , and =")
        with Connection(server.port) as one:
            line = one.scram("SCRAM-SHA-256", Scram("anna", "pencils"))
            require(line.startswith("a NO [AUTHENTICATIONFAILED]"), line)
            line = one.scram("SCRAM-SHA-256", Scram("anna", "pencil", authorization="bea"))
            require(line.startswith("a NO [AUTHENTICATIONFAILED]"), line)
            require(one.scram("SCRAM-SHA-256", Scram("anna", "pencil", authorization="anna")).startswith("a OK"), "a=")
        with Connection(server.tls_port, tls12) as one:
            bound = ("tls-unique", one.socket.get_channel_binding("tls-unique"))
            line = one.scram("SCRAM-SHA-256-PLUS", Scram("anna", "pencil", binding=bound))
            require(line.startswith("a OK"), line)
        for binding in (("tls-unique", b"x" * 12), ("tls-exporter", b"x" * 32), ("tls-made-up", b"x")):
            with Connection(server.tls_port, tls12) as one:
                line = one.scram("SCRAM-SHA-256-PLUS", Scram("anna", "pencil", binding=binding))
                require(line.startswith("a NO"), f"{binding}: {line}")
        # RFC 5802 6: a client that believes the server has no channel binding was lied to on the way.
        with Connection(server.tls_port, tls13) as one:
            line = one.scram("SCRAM-SHA-256", Scram("anna", "pencil", flag="y"))
            require(line.startswith("a NO"), line)
        with Connection(server.port) as one:
            require(one.scram("SCRAM-SHA-256", Scram("anna", "pencil", flag="y")).startswith("a OK"), "y without TLS")


def scram_pipelined(build, folder):
    """An answer sent before it was asked for is taken when it is."""
    with serving(build, folder, "pipelined", {"anna": "{PLAIN}pencil"}) as server, Connection(server.port) as one:
        name, password = b64(b"anna"), b64(b"pencil")
        one.socket.sendall(f"a AUTHENTICATE LOGIN\r\n{name}\r\n{password}\r\n".encode())
        require(one.answer().startswith("+ "), "user")
        require(one.answer().startswith("+ "), "password")
        require(one.answer().startswith("a OK"), "pipelined LOGIN")


def gnu_sasl(build, folder):
    """GNU SASL's own client, over GnuTLS: tls-exporter under TLS 1.3."""
    if not shutil.which("gsasl"):
        raise Skipped("the package gsasl is not installed")
    with serving(build, folder, "gsasl", {"anna": stored("pencil")}, BINDING) as server:
        for mechanism in ("SCRAM-SHA-256-PLUS", "PLAIN"):
            command = ["gsasl", "--client", "--imap", f"--connect=127.0.0.1:{server.port}", f"--mechanism={mechanism}",
                       "--authentication-id=anna", "--password=pencil",
                       f"--x509-ca-file={server.cert}", "--quality-of-protection=qop-auth", "--no-client-first"]
            done = subprocess.run(command, input="", capture_output=True, text=True, timeout=60, check=False)
            require(done.returncode == 0, f"{mechanism}: {done.stdout}{done.stderr}")
            server.wait_log(f"logged in ({mechanism}, TLSv1.3)")


def unknown_users(build, folder):
    """RFC 5802 9: a user who does not exist gets a salt of his own, the same each time and after a restart."""
    settings = {"auth.mechanisms": "SCRAM-SHA-256, PLAIN"}
    fields = {"anna": stored("pencil"), "hash": "{SHA512-CRYPT}$6$a$x"}

    def salt_of(server, user):
        exchange = Scram(user, "guess")
        with Connection(server.port) as one:
            line = one.scram("SCRAM-SHA-256", exchange)
            require(line.startswith("a NO [AUTHENTICATIONFAILED]"), line)
        return exchange.salt, exchange.iterations

    with serving(build, folder, "unknown", fields, settings) as server:
        salts = {user: salt_of(server, user) for user in ("anna", "nobody", "noone", "hash")}
        require(len(set(salts.values())) == 4, "salts are not a user's own")
        require({(len(salt), count) for salt, count in salts.values()} == {(16, 4096)}, f"shapes differ: {salts}")
        require(all(salt_of(server, user) == told for user, told in salts.items()), "salts change")
        server.stop()
        server.start()
        require(all(salt_of(server, user) == told for user, told in salts.items()), "salts change with a restart")


def what_is_offered(build, folder):
    crypt = "{SHA512-CRYPT}" + subprocess.run(["openssl", "passwd", "-6", "pencil"], capture_output=True, text=True,
                                              check=True).stdout.strip()
    with serving(build, folder, "offered", {"anna": stored("pencil"), "ben": crypt},
                 {"auth.plaintextWithoutTls": "false"}) as server:
        # Not all have keys: a client that prefers SCRAM could not sign ben in.
        with Connection(server.port) as one:
            require(one.mechanisms() == [], one.mechanisms())
            require(one.authenticate("PLAIN", plain("anna", "x")).startswith("a NO [PRIVACYREQUIRED]"), "PLAIN in clear")
        with Connection(server.tls_port, context()) as one:
            require(one.mechanisms() == ["PLAIN", "LOGIN"], one.mechanisms())
        # The file changes, and with it what can be served.
        server.fields = {"anna": stored("pencil")}
        server.write_users()
        with Connection(server.tls_port, context()) as one:
            require(one.authenticate("PLAIN", plain("anna", "pencil")).startswith("a OK"), "PLAIN")
        with Connection(server.port) as one:
            require(one.mechanisms() == ["SCRAM-SHA-256"], one.mechanisms())
            require(one.scram("SCRAM-SHA-256", Scram("anna", "pencil")).startswith("a OK"), "SCRAM in the clear")
    with serving(build, folder, "named", {"anna": stored("pencil"), "ben": crypt},
                 {"auth.mechanisms": "scram-sha-256, cram-md5, gssapi"}) as server:
        with Connection(server.port) as one:
            require(one.mechanisms() == ["SCRAM-SHA-256", "CRAM-MD5"], one.mechanisms())
            require(one.authenticate("GSSAPI", b"").startswith("a NO [CANNOT]"), "GSSAPI")
        require("auth.mechanisms names GSSAPI" in server.log(), "no warning")


def cram_md5(build, folder):
    import hmac
    with serving(build, folder, "cram", {"anna": "{PLAIN}pencil"}, {"auth.mechanisms": "CRAM-MD5"}) as server:
        for user, password, wanted in (("anna", "pencil", "a OK"), ("anna", "x", "a NO [AUTH"), ("nobody", "x", "a NO [AUTH")):
            with Connection(server.port) as one:
                one.send("a AUTHENTICATE CRAM-MD5")
                challenge = base64.b64decode(one.answer()[2:])
                one.send(b64(f"{user} {hmac.new(password.encode(), challenge, 'md5').hexdigest()}".encode()))
                line = one.answer()
                require(line.startswith(wanted), f"{user}: {line}")


def names(build, folder):
    """RFC 4013: the same name written otherwise; names that are none."""
    with serving(build, folder, "names", {"anna": "{PLAIN}pencil", "zoë": "{PLAIN}pencil"}) as server:
        for typed in ("zoë", "zoe\u0308", "z\u00adoë"):
            with Connection(server.port) as one:
                line = one.authenticate("PLAIN", plain(typed, "pencil"))
                require(line.startswith("a OK"), f"{typed!r}: {line}")
        for typed in ("an\u200ena", "a\u0007nna", "\u0627\u0031a", ""):
            with Connection(server.port) as one:
                line = one.authenticate("PLAIN", plain(typed, "pencil"))
                require(line.startswith(("a NO [AUTHENTICATIONFAILED]", "a BAD")), f"{typed!r}: {line}")
        with Connection(server.port) as one:
            for octets in (b"x", b"\0\0", b"\0a\0b\0c", b"\0\xff\xfe\0pencil", b"\0" * 3000):
                line = one.authenticate("PLAIN", octets)
                require(line.startswith(("a NO", "a BAD", "")), line)


def passwords_as_they_are(build, folder):
    """What a password is made of is not changed before it is held against its hash."""
    with serving(build, folder, "raw", {"anna": "{PLAIN}pe\u0301n\u00adcil", "ben": "{PLAIN}\u2168"}) as server:
        for user, password in (("anna", "pe\u0301n\u00adcil"), ("ben", "\u2168")):
            with Connection(server.port) as one:
                require(one.authenticate("PLAIN", plain(user, password)).startswith("a OK"), f"PLAIN {user}")
            with Connection(server.port) as one:
                require(one.authenticate("LOGIN", user.encode(), password.encode()).startswith("a OK"), f"LOGIN {user}")


def limits_by_address(build, folder):
    settings = {"auth.limit.exempt": "", "auth.limit.perAddress": "6", "auth.limit.perUser": "0"}
    with serving(build, folder, "address", {"anna": "{PLAIN}pencil"}, settings) as server:
        tried = 0
        lines = []
        for _ in range(4):
            with Connection(server.port) as one:
                for _ in range(3):
                    tried += 1
                    lines.append(one.command(f"LOGIN anna wrong{tried}")[0])
        require(all("[AUTHENTICATIONFAILED]" in line for line in lines[:6]), lines)
        require(all("[LIMIT]" in line for line in lines[7:]), lines)
        with Connection(server.port) as one:  # the right one is not even looked at
            require("[LIMIT]" in one.command("LOGIN anna pencil")[0], "right password")
            require("[LIMIT]" in one.scram("SCRAM-SHA-256", Scram("anna", "pencil")), "SCRAM")
        require("too many failures of this address" in server.log(), "log")
        # Open for others: what is counted can be exempted by a reload.
        server.settings["auth.limit.exempt"] = "192.0.2.0/24, 127.0.0.0/8"
        server.configure()
        server.reload()
        with Connection(server.port) as one:
            require(one.command("LOGIN anna pencil")[0].startswith("a OK"), "exempt")


def limits_by_user(build, folder):
    settings = {"auth.limit.exempt": "", "auth.limit.perAddress": "0", "auth.limit.perUser": "4"}
    fields = {"anna": "{PLAIN}pencil", "ben": "{PLAIN}pencil", "carl": "{PLAIN}pencil"}
    with serving(build, folder, "user", fields, settings) as server:
        with Connection(server.port) as one:
            require(one.command("LOGIN carl pencil")[0].startswith("a OK"), "carl")
        lines = []
        for i in range(3):
            with Connection(server.port) as one:
                for user in ("ANNA", "carl"):
                    lines.append(one.scram("SCRAM-SHA-256", Scram(user, f"wrong{i}")))
                    lines.append(one.command(f"LOGIN {user} wrong{i}")[0])
        with Connection(server.port) as one:
            line = one.command("LOGIN anna pencil")[0]
            require("[LIMIT]" in line, f"{line} after {lines}")
            require(one.command("LOGIN ben pencil")[0].startswith("a OK"), "another user")
        with Connection(server.port) as one:  # from here carl has signed in before
            require(one.command("LOGIN carl pencil")[0].startswith("a OK"), "carl, from his own address")


def a_stale_password(build, folder):
    """The same wrong password again and again is no guessing."""
    settings = {"auth.limit.exempt": "", "auth.limit.perAddress": "5", "auth.limit.perUser": "5"}
    with serving(build, folder, "stale", {"anna": "{PLAIN}pencil"}, settings) as server:
        for _ in range(12):
            with Connection(server.port) as one:
                require("[AUTHENTICATIONFAILED]" in one.command("LOGIN anna lastyear")[0], "stale")
        with Connection(server.port) as one:
            require(one.command("LOGIN anna pencil")[0].startswith("a OK"), "right")


def delays_grow(build, folder):
    """Statement V0061: each answer comes later, on a new connection too, and the fourth ends the connection."""
    settings = {"auth.penalty": "1", "auth.limit.exempt": "", "auth.limit.perAddress": "6"}
    with serving(build, folder, "delays", {"anna": "{PLAIN}pencil"}, settings) as server:
        times = []
        with Connection(server.port) as one:
            for i in range(2):
                began = time.monotonic()
                one.command(f"LOGIN anna w{i}")
                times.append(time.monotonic() - began)
        require(0.9 < times[0] < 1.9 < times[1], times)
        with Connection(server.port) as one:
            began = time.monotonic()
            one.command("LOGIN anna w3")
            require(time.monotonic() - began > 3.5, "a new connection begins anew")
    with serving(build, folder, "four", {"anna": "{PLAIN}pencil"}, {"profile": "exchange"}) as server:
        for _ in range(10):  # nothing across connections
            with Connection(server.port) as one:
                for _ in range(4):
                    line, untagged = one.command("LOGIN anna wrong")
                require(untagged and untagged[0].startswith("* BYE") and one.answer() == "", f"{line} {untagged}")
        with Connection(server.port) as one:
            require(one.command("LOGIN anna pencil")[0].startswith("a OK"), "right")


def remembered(build, folder):
    """A success is remembered, and forgotten when the file changes, at once."""
    slow = "{PBKDF2}$1$salt$1000000$" + hashlib.pbkdf2_hmac("sha1", b"pencil", b"salt", 1000000).hex()

    def seconds(server, password="pencil", wanted="a OK"):
        began = time.monotonic()
        with Connection(server.port) as one:
            line = one.command(f"LOGIN anna {password}")[0]
            require(line.startswith(wanted), line)
        return time.monotonic() - began

    with serving(build, folder, "remembered", {"anna": slow}) as server:
        time.sleep(3)  # what was written a moment ago may be being written still, and is not believed for long
        first = seconds(server)
        require(seconds(server) < first / 3, "not remembered")
        require(seconds(server, "wrong", "a NO") > first / 3, "a wrong one")
        server.fields["anna"] = "{PLAIN}another"
        server.write_users()
        seconds(server, wanted="a NO [AUTHENTICATIONFAILED]")
        seconds(server, "another")


def swapped(build, folder):
    """Another chain is one line and SIGHUP; open sessions stay. A plugin that can't ask is UNAVAILABLE."""
    with serving(build, folder, "swapped", {"anna": "{PLAIN}pencil"}) as server:
        with Connection(server.port) as stays:
            require(stays.command("LOGIN anna pencil")[0].startswith("a OK"), "before")
            server.settings["auth.chain"] = "first-success"
            server.configure()
            server.reload()
            require(stays.command("SELECT INBOX")[0].startswith("a OK"), "an open session")
        os.rename(server.path("users"), server.path("gone"))
        os.mkdir(server.path("users"))
        with Connection(server.port) as one:
            for line in (one.command("LOGIN anna pencil")[0], one.authenticate("PLAIN", plain("anna", "wrong"))):
                require(line.startswith("a NO [UNAVAILABLE]"), line)


def fail2ban(build, folder):
    """The filter finds each failure with its address, and no address that a client makes up; a right password is none."""
    if not shutil.which("fail2ban-regex"):
        raise Skipped("the package fail2ban is not installed")
    filter_file = os.path.join(REPOSITORY, "etc", "fail2ban", "filter.d", "maildock.conf")
    forged = "x user - peer 192.0.2.99:1: log-in of y failed ("
    users = {"anna": "{PLAIN}pencil", "left": "{PLAIN}pencil::::::nologin x=", "away": "{PLAIN}pencil::::::allow_nets=192.0.2.0/24 x=",
             "odd": "{NONSENSE}x"}
    with serving(build, folder, "fail2ban", users) as server:
        for user in ("left", "away", "odd"):
            with Connection(server.port) as one:
                one.command(f"LOGIN {user} pencil")
        with Connection(server.port) as one:
            one.command("LOGIN anna wrong")
            one.command(f'LOGIN "{forged}" wrong')
            one.authenticate("PLAIN", plain(f"a\nimapd: session 1 {forged}", "x"))
            one.command("LOGIN anna pencil")
        lines = [line for line in server.log().splitlines() if " session " in line]
    require(sum(" refused (" in line for line in lines) == 3, lines)
    failed = next(line for line in lines if " failed (" in line)
    lines.append(failed.replace("127.0.0.1", "[2001:db8::7]"))
    lines += ["Nov 26 10:00:00 host maildock[7]: " + line.split(" ", 2)[2] for line in lines]
    with open(os.path.join(folder, "log"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    done = subprocess.run(["fail2ban-regex", "-o", "ip", file.name, filter_file], capture_output=True, text=True,
                          timeout=60, check=False)
    wanted = ["127.0.0.1"] * 3 + ["2001:db8::7"]
    require(done.stdout.split() == wanted * 2, f"{done.stdout}{done.stderr} for {lines}")


def external(build, folder):
    """RFC 4422 A: who a verified client certificate names is in without a password."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)

    def path(name):
        return os.path.join(folder, name)

    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *new, "-days", "30", "-subj", "/CN=Authority", "-keyout", path("ca.key"), "-out", path("ca.pem"))
    for name, subject, extension in (("mail", "/CN=Anna B", "subjectAltName=email:anna@example.org"),
                                     ("plain", "/O=Example/CN=ben", "extendedKeyUsage=clientAuth"),
                                     ("gone", "/CN=carl", "extendedKeyUsage=clientAuth")):
        with open(path("extension"), "w", encoding="ascii") as file:
            file.write(extension + "\n")
        openssl("req", *new, "-subj", subject, "-keyout", path(name + ".key"), "-out", path(name + ".csr"))
        openssl("x509", "-req", "-in", path(name + ".csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"),
                "-CAcreateserial", "-days", "30", "-extfile", path("extension"), "-out", path(name + ".pem"))
    fields = {"anna@example.org": "{PLAIN}pencil", "ben": "", "anna": "{PLAIN}pencil"}
    with serving(build, folder, "external", fields, {"tls.clientCa": path("ca.pem")}) as server:
        def connect(name):
            certificate = (path(name + ".pem"), path(name + ".key")) if name else None
            return Connection(server.tls_port, context(certificate=certificate))

        with connect(None) as one:
            require("EXTERNAL" not in one.mechanisms(), "without a certificate")
            require(one.authenticate("EXTERNAL", b"").startswith("a NO [CANNOT]"), "EXTERNAL all the same")
        for name, user in (("mail", "anna@example.org"), ("plain", "ben")):
            for acting, initial in ((b"", True), (b"", False), (user.encode(), True)):
                with connect(name) as one:
                    require("EXTERNAL" in one.mechanisms(), "with a certificate")
                    line = one.authenticate("EXTERNAL", acting, initial=initial)
                    require(line.startswith("a OK"), f"{name} for {acting}: {line}")
            server.wait_log(f"user {user} peer")
        for name, acting in (("mail", b"anna"), ("plain", b"anna"), ("gone", b""), ("mail", b"a\0b"), ("mail", b"\xff")):
            with connect(name) as one:
                line = one.authenticate("EXTERNAL", acting)
                require(line.startswith(("a NO [AUTHENTICATIONFAILED]", "a BAD")), f"{name} for {acting}: {line}")


def master(build, folder):
    """An admin signs in as a user by the authorization identity, and only so."""
    settings = {"auth.plugins": "master, passwdfile", "auth.master.path": os.path.join(folder, "master", "maildock", "masters"), "auth.master.except": "boss*",
                "auth.mechanisms": "PLAIN, SCRAM-SHA-256"}
    fields = {"anna": "{PLAIN}pencil", "boss1": "{PLAIN}pencil", "off": "{PLAIN}pencil", "admin": "{PLAIN}own"}
    server = serving(build, folder, "master", fields, settings)
    server.write("masters", f"admin:{stored('secret')}\nfar:{{PLAIN}}secret::::::allow_nets=192.0.2.0/24\n", mode=0o600)
    with server:
        with Connection(server.port) as one:
            require(one.authenticate("PLAIN", plain("admin", "secret", "anna")).startswith("a OK"), "PLAIN")
            server.wait_log("user anna peer")
            server.wait_log("logged in (PLAIN, no TLS), acted for by admin")
        with Connection(server.port) as one:
            line = one.scram("SCRAM-SHA-256", Scram("admin", "secret", authorization="anna"))
            require(line.startswith("a OK"), line)
        for user, password, acting in (("admin", "secret", ""), ("admin", "secret", "admin2"), ("admin", "x", "anna"),
                                       ("admin", "secret", "boss1"), ("admin", "secret", "nobody"),
                                       ("far", "secret", "anna"), ("admin", "own", "anna"), ("admin", "own", ""),
                                       ("anna", "pencil", "off"), ("anna", "pencil", "admin"),
                                       ("admin", "secret", "far")):
            with Connection(server.port) as one:
                line = one.authenticate("PLAIN", plain(user, password, acting))
                require(line.startswith("a NO [AUTHENTICATIONFAILED]"), f"{user} {password} for {acting}: {line}")
        with Connection(server.port) as one:
            require(one.command("LOGIN admin secret")[0].startswith("a NO [AUTH"), "LOGIN of an admin")
            require(one.authenticate("PLAIN", plain("anna", "pencil", "anna")).startswith("a OK"), "for himself")
        with Connection(server.port) as one:  # an admin's name that is a user's too is the user acted for
            require(one.authenticate("PLAIN", plain("admin", "secret", "admin")).startswith("a OK"), "the user admin")


def at_terminal(command, *typed):
    """Runs a command at a terminal of its own and types lines when asked; (status, all that the terminal showed)."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(command[0], command)
    shown, end, answers = b"", time.monotonic() + 60, list(typed)
    asked = 0
    while time.monotonic() < end:
        readable, _, _ = select.select([terminal], [], [], 1)
        if readable:
            try:
                shown += os.read(terminal, 4096)
            except OSError:  # the other side is gone
                break
        if answers and shown.count(b": ") > asked:
            asked += 1
            os.write(terminal, answers.pop(0).encode() + b"\n")
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()


def passwd_command(build, folder):
    """`maildock passwd` asks twice without echo; its line lets the user in."""
    program = os.path.join(build, "bin", "maildock")
    lines = {}
    for number, scheme in enumerate(("", "scram-sha-256", "SCRAM-SHA-1", "SHA512-CRYPT", "BLF-CRYPT", "YESCRYPT")):
        command = [program, "passwd", f"user{number}", *([f"--scheme={scheme}"] if scheme else [])]
        status, shown = at_terminal(command, "geheim ist das", "geheim ist das")
        require(status == 0 and "geheim" not in shown, f"{scheme}: {status} {shown}")
        line = shown.strip().splitlines()[-1]
        require(line.startswith(f"user{number}:{{{scheme.upper() or 'ARGON2ID'}}}"), line)
        lines[f"user{number}"] = line.split(":")[1]
    require(at_terminal([program, "passwd", "x"], "one", "two")[0] == 1, "two that differ")
    done = subprocess.run([program, "passwd", "--scheme=SCRAM-SHA-1"], input="pencil\npencil\n", capture_output=True,
                          text=True, timeout=60, check=False, start_new_session=True)
    require(done.returncode == 0 and done.stdout.startswith("{SCRAM-SHA-1}4096,"), f"{done}")
    done = subprocess.run([program, "passwd", "--scheme=ROT13"], input="", capture_output=True, text=True, timeout=60,
                          check=False, start_new_session=True)
    require(done.returncode == 1 and "no scheme ROT13" in done.stderr, f"{done}")
    with serving(build, folder, "passwd", lines, {"auth.mechanisms": "PLAIN, SCRAM-SHA-256, SCRAM-SHA-1"}) as server:
        for user in lines:
            with Connection(server.port) as one:
                line = one.authenticate("PLAIN", plain(user, "geheim ist das"))
                require(line.startswith("a OK"), f"{lines[user]}: {line}")
        for user, mechanism, hash_name in (("user1", "SCRAM-SHA-256", "sha256"), ("user2", "SCRAM-SHA-1", "sha1")):
            with Connection(server.port) as one:
                line = one.scram(mechanism, Scram(user, "geheim ist das", hash_name))
                require(line.startswith("a OK"), line)


def passwd_set(build, folder):
    """`maildock passwd --set FILE USER` changes one password of the file, and nothing else of it."""
    program = os.path.join(build, "bin", "maildock")
    real, path = os.path.join(folder, "real-users"), os.path.join(folder, "users-link")
    before = "# staff: 2\nbert:{PLAIN}x:1000:1000:Bert, B.:/home/bert::userdb_quota=1\nAnna:{PLAIN}old:::::\ncarl"
    with open(real, "w", encoding="utf-8") as file:
        file.write(before)
    os.chmod(real, 0o640)
    os.symlink(real, path)

    def change(*arguments, status=0):
        done = subprocess.run([program, "passwd", "--scheme=SHA512-CRYPT", *arguments], input="pencil\npencil\n",
                              capture_output=True, text=True, timeout=60, check=False, start_new_session=True)
        require(done.returncode == status, f"{arguments}: {done}")
        return done.stdout + done.stderr

    require("anna has a new password" in change("--set", path, "anna"), "anna is known")
    with open(real, encoding="utf-8") as file:
        lines = file.read().split("\n")
    hashed = lines[2].split(":")[1]
    require(hashed.startswith("{SHA512-CRYPT}$6$"), lines)
    require("\n".join(lines).replace(hashed, "{PLAIN}old") == before, lines)
    require(os.path.islink(path) and os.stat(real).st_mode & 0o7777 == 0o640, "link and mode stay")
    require("carl has a new password" in change("--set", path, "carl"), "a line without any field")
    require("dora is new" in change("--set=" + path, "dora"), "dora is new")
    # Several at once: none gets lost.
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: change("--set", path, f"user{number}"), range(8)))
    with open(real, encoding="utf-8") as file:
        users = {line.split(":")[0]: line.split(":")[1] for line in file.read().splitlines()[1:]}
    require(set(users) == {"bert", "Anna", "carl", "dora", *(f"user{number}" for number in range(8))}, users)
    require(not [name for name in os.listdir(folder) if name.startswith("real-users.")], os.listdir(folder))
    require("install -m 600 /dev/null" in change("--set", path + "x", "anna", status=1), "no such file")
    require("needs a user" in change("--set", path, status=64), "no user")
    users.pop("bert")
    with serving(build, folder, "set", {name.lower(): field for name, field in users.items()}, {}) as server:
        for user in ("anna", "carl", "dora", "user7"):
            with Connection(server.port) as one:
                line = one.authenticate("PLAIN", plain(user, "pencil"))
                require(line.startswith("a OK"), line)


def auth_test(build, folder):
    """`maildock auth test` says which plugin answered, what it told, and how long it took."""
    settings = {"auth.plugins": "master, passwdfile", "auth.master.path": os.path.join(folder, "test", "masters")}
    os.makedirs(os.path.join(folder, "test"))
    with open(settings["auth.master.path"], "w", encoding="utf-8") as file:
        file.write("admin:{PLAIN}x\n")
    server = serving(build, folder, "test", {"anna": "{PLAIN}pencil"}, settings)
    server.configure()
    config = f"--config={server.path('maildock.properties')}"

    def run(*arguments, typed=""):
        return subprocess.run([server.binary, "auth", "test", config, *arguments], input=typed, capture_output=True,
                              text=True, timeout=60, check=False, start_new_session=True)

    told = run("anna")
    require(told.returncode == 0, f"{told}")
    for text in ("master: unknown user (no such user in ", "passwdfile: yes, ", " ms\n", "    home: ",
                 "    keys for SCRAM-SHA-256\n", "all together: yes (passwdfile), ", "decided by passwdfile"):
        require(text in told.stdout, f"{text!r} is not in {told.stdout}")
    require(run("nobody").returncode == 1, "nobody")
    require("all together: wrong password" in run("--password", "anna", typed="x\n").stdout, "wrong")
    require(run("--password", "anna", typed="pencil\n").returncode == 0, "right")


def main():
    build = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build")
    counter = Counter(sys.argv[2] if len(sys.argv) > 2 else None)
    with WorkFolder("signin") as folder:
        for test in (scram_unbound, mutt, scram_forms, scram_pipelined, gnu_sasl, unknown_users, what_is_offered, cram_md5, names, passwords_as_they_are,
                     limits_by_address, limits_by_user, a_stale_password, delays_grow, remembered, swapped, fail2ban, external, master, passwd_command, passwd_set, auth_test):
            place = os.path.join(folder, test.__name__)
            os.mkdir(place)
            os.chmod(place, 0o755)
            counter.run(test.__name__, test, build, place)
    return counter.finish()


if __name__ == "__main__":
    sys.exit(main())
