#!/usr/bin/env python3
"""auth-oauth2 with a token server of the test's own: keys by file and over HTTPS, introspection, real clients, a server
that is down, slow or hostile, and what `maildock check` and `maildock auth test` tell."""

import base64
import imaplib
import json
import os
import shutil
import socket
import ssl
import subprocess
import time

from plugin_test import (DOWN, WRONG, Server, Skipped, at_once, contains, descriptors, ends_well, main, require, seconds,
                         servers, tells_nothing)
from token_server import (AUDIENCE, ISSUER, Key, TokenServer, claims, openssl, signed, signed_by_secret, silent_port, text,
                          token)

SECRET = "a secret of more than 32 octets, for HMAC"
CLIENT_SECRET = "s:cret%"
RULES = {"issuer": ISSUER, "audience": f"other, {AUDIENCE}", "scope": "mail", "timeout": "2", "keysInterval": "1",
         "user": "%n", "domains": "example.org"}


def bearer(value, user="", host="", port="", flag="n", scheme="Bearer"):
    name = f"a={user}" if user else ""
    fields = "".join(f"{key}={field}\x01" for key, field in (("host", host), ("port", port)) if field)
    return f"{flag},{name},\x01{fields}auth={scheme} {value}\x01\x01"


def google(value, user="anna"):
    return f"user={user}\x01auth=Bearer {value}\x01\x01"


class Connection:
    """One connection over TLS, by lines; `name` is what is asked for by SNI."""

    def __init__(self, server, name=None):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        plain = socket.create_connection(("127.0.0.1", server.tls_port), timeout=60)
        self.socket = context.wrap_socket(plain, server_hostname=name)
        self.file = self.socket.makefile("rb")
        self.greeting = self.line()

    def line(self):
        return self.file.readline().decode().rstrip("\r\n")

    def send(self, line):
        self.socket.sendall(line.encode() + b"\r\n")

    def authenticate(self, mechanism, answer, acknowledgement="AQ==", initial=True):
        """(the error that the client is told, or None; the tagged line)"""
        encoded = base64.b64encode(answer.encode()).decode() or "="
        if initial and len(encoded) < 8000:
            self.send(f"a AUTHENTICATE {mechanism} {encoded}")
        else:
            self.send(f"a AUTHENTICATE {mechanism}")
            require(self.line() == "+ ", "no empty challenge")
            self.send("" if encoded == "=" else encoded)
        error = None
        line = self.line()
        if line.startswith("+ "):
            error = json.loads(base64.b64decode(line[2:]))
            self.send(acknowledgement)
            line = self.line()
        while line.startswith("* "):
            line = self.line()
        return error, line

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.file.close()
        self.socket.close()


class Oauth(Server):
    def __init__(self, build, folder, name, settings, plugins="oauth2, passwdfile"):
        super().__init__(build, folder, "oauth2", {
            "auth.plugins": plugins, **{f"auth.oauth2.{key}": value for key, value in {**RULES, **settings}.items() if value is not None}}, name=name)
        self.users = ["anna", "ben"]
        for user in self.users:
            os.makedirs(self.home(user), exist_ok=True)

    def outcome(self, answer, mechanism="OAUTHBEARER", **how):
        """"OK", or the response code; the error that the client was told; over a connection of its own."""
        with Connection(self, how.pop("name", None)) as one:
            error, line = one.authenticate(mechanism, answer, **how)
            status, rest = line.split(" ", 2)[1:]
            return ("OK" if status == "OK" else rest[1:].split("]")[0] if rest[0] == "[" else status), error

    def lets_in(self, value, **how):
        got = self.outcome(bearer(value), **how)
        require(got[0] == "OK", f"answered {got}\n{self.log_tail()}")

    def refuses(self, value, reason, status="invalid_token"):
        start = len(self.log())
        got, error = self.outcome(bearer(value))
        require(got == WRONG and error and error["status"] == status, f"answered {got}, told {error}\n{self.log_tail()}")
        require(reason in self.log_since(start), f"wanted {reason!r} in {self.log_since(start)}")

    def wait_until(self, condition, seconds_allowed=20):
        deadline = time.monotonic() + seconds_allowed
        while not condition():
            require(time.monotonic() < deadline, f"not in {seconds_allowed} s\n{self.log_tail()}")
            time.sleep(0.1)  # the plugin makes one attempt a second

    def cannot_tell(self, value, reason=""):
        start = len(self.log())
        got, error = self.outcome(bearer(value))
        require(got == DOWN and error is None, f"answered {got}, told {error}\n{self.log_tail()}")
        require(reason in self.log_since(start), f"wanted {reason!r} in {self.log_since(start)}")


class World:
    """What the tests share: keys, their server, and a file of them."""

    def __init__(self, folder):
        self.folder = folder
        self.keys = {kind: Key(folder, kind, f"key-{kind}") for kind in ("rsa", "small", "p256", "p384", "p521", "ed25519")}
        self.certificate, key = servers.make_certificate(folder)
        self.server = TokenServer(self.certificate, key).start()
        self.server.published = [one.jwk() for one in self.keys.values()]
        self.file = os.path.join(folder, "keys.json")
        self.write_file(self.server.published)

    def write_file(self, keys):
        with open(self.file + ".new", "w", encoding="ascii") as file:
            json.dump({"keys": keys}, file)
        os.chmod(self.file + ".new", 0o644)
        os.rename(self.file + ".new", self.file)

    def token(self, told=None, kind="p256", algorithm="ES256", **header):
        return signed(self.keys[kind], algorithm, told, **header)


# -- by keys in a file -----------------------------------------------------------------------------------------------

def algorithms(server, world):
    for kind, names in {"rsa": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "p256": ("ES256",),
                        "p384": ("ES384",), "p521": ("ES512",), "ed25519": ("EdDSA",)}.items():
        for name in names:
            server.lets_in(world.token(kind=kind, algorithm=name))
            server.lets_in(world.token(kind=kind, algorithm=name, kid=None) if kind == "p256" else
                           world.token(kind=kind, algorithm=name))
    wrong = world.token()
    server.refuses(wrong[:-8] + ("AAAAAAAA" if wrong[-8:] != "AAAAAAAA" else "BBBBBBBB"), "signature is wrong")
    server.refuses(world.token(kind="small", algorithm="RS256"), "does not have")


def confusion(server, world):
    told = claims()
    rsa = world.keys["rsa"]
    pem = openssl("pkey", "-in", rsa.path, "-pubout")
    server.refuses(signed_by_secret(pem, "HS256", told, kid=rsa.id), "algorithm that is not taken")
    server.refuses(token(lambda *_: b"", "none", told), "algorithm that is not taken")
    server.refuses(token(lambda *_: b"", "None", told, kid=rsa.id), "algorithm that is not taken")
    # A key of another kind than the algorithm's.
    server.refuses(token(lambda _, octets: rsa.sign("RS256", octets), "ES256", told, kid=rsa.id), "does not have")
    server.refuses(token(lambda _, octets: rsa.sign("PS256", octets), "RS256", told, kid=rsa.id), "signature is wrong")
    server.refuses(world.token(kind="p256", algorithm="ES384"), "does not have")
    # What the header brings along is not believed.
    other = Key(world.folder, "p256", "intruder")
    server.refuses(signed(other, "ES256", told, jwk=other.jwk(), kid="key-p256"), "signature is wrong")
    server.refuses(signed(other, "ES256", told, jku="https://127.0.0.1/", kid=None, x5u="https://127.0.0.1/"), "signature is wrong")
    server.refuses(world.token(told, crit=["exp"]), "needs an extension")
    server.refuses(world.token(told, typ="logout+jwt"), "not for signing in")
    server.lets_in(world.token(told, typ="at+JWT"))


def claim_by_claim(server, world):
    now = int(time.time())
    good = [{}, {"exp": now - 30}, {"nbf": now + 30}, {"iat": now + 30}, {"exp": now + 600.5}, {"aud": ["x", AUDIENCE]},
            {"iat": None}, {"scope": "mail"}, {"scope": None, "scp": ["a", "mail"]}, {"email_verified": True},
            {"user": "Anna@EXAMPLE.org"}, {"exp": 1e300}]
    for change in good:
        server.lets_in(world.token(claims(**change)))
    bad = [({"exp": now - 90}, "has expired"), ({"exp": None}, "says no end"), ({"exp": "9999999999"}, "no number"),
           ({"exp": True}, "no number"), ({"exp": -1e300}, "has expired"), ({"nbf": now + 90}, "not valid yet"), ({"iat": now + 90}, "in the future"),
           ({"nbf": [1]}, "no number"), ({"iss": ISSUER + "/"}, "another issuer"), ({"iss": None}, "another issuer"),
           ({"iss": [ISSUER]}, "another issuer"), ({"aud": "imap2"}, "another audience"), ({"aud": None}, "another audience"),
           ({"aud": ["x", 1, AUDIENCE]}, "another audience"), ({"aud": {AUDIENCE: 1}}, "another audience"),
           ({"user": None}, "no claim email"), ({"user": "anna"}, "no name that can be used"),
           ({"user": "anna@example.org.evil.test"}, "no name that can be used"), ({"user": "../ben@example.org"}, "no name that can be used"),
           ({"user": "ａnna@example.org"}, "no name that can be used"), ({"user": "an\u00adna@example.org"}, "no name that can be used"),
           ({"user": "anna\u0000@example.org"}, "no name that can be used"), ({"user": ["anna@example.org"]}, "no claim email"),
           ({"email_verified": False}, "not verified"), ({"email_verified": "false"}, "not verified"),
           ({"user": "nobody@example.org"}, "no other plugin knows the user")]
    for change, reason in bad:
        if change != {"user": "nobody@example.org"}:
            server.refuses(world.token(claims(**change)), reason)
        else:
            got, _ = server.outcome(bearer(world.token(claims(**change))))
            require(got == WRONG and reason in server.log(), f"{got}\n{server.log_tail()}")
    for change in ({"scope": None}, {"scope": "mailbox"}, {"scope": "MAIL"}):
        server.refuses(world.token(claims(**change)), "does not have the scope mail", status="insufficient_scope")


def hostile_tokens(server, world):
    good = world.token()
    head, body, signature = good.split(".")
    deep = text(b"{\"a\":" + b"[" * 2000 + b"]" * 2000 + b"}")
    for value, reason in (("x", "no JSON Web Token"), ("..", "is no JSON"), (f"{head}..{signature}", "is no JSON"),
                          (f"{head}.{body}", "no JSON Web Token"), (f"{good}.x", "no JSON Web Token"),
                          (f"{good}.x.y", "is encrypted"), (f"{deep}.{body}.{signature}", "is no JSON"),
                          (f"{head}.{deep}.{signature}", "is no JSON"), (f"{head}.{text(b'[1]')}.{signature}", "no JSON object"),
                          (f"{text(b'{}')}.{body}.{signature}", "names no algorithm"), (f"{head}.{body}.", "signature is wrong"),
                          (f"{head}.{body}.{signature[:-10]}", "signature is wrong"), (f"{head}.{body}.{'A' * 4000}", "signature is wrong"),
                          (f"{text(json.dumps({'alg': 'ES256', 'kid': 'x' * 300}).encode())}.{body}.{signature}", "no proper key"),
                          (f"{head}+.{body}.{signature}", "no base64url")):
        server.refuses(value, reason)
    server.refuses("A" * 20000, "too long", status="invalid_request")


def answers(server, world):
    good = world.token()
    for answer in (bearer(good, flag="y"), bearer(good, user="anna"), bearer(good, user="Anna@Example.org"),
                   bearer(good, host="mail.example.org", port="993"), bearer(good, scheme="bearer"), bearer(good, scheme="BEARER "),
                   bearer(good)[:-1] + "unknown=x\x01\x01"):
        require(server.outcome(answer)[0] == "OK", f"{answer!r}\n{server.log_tail()}")
    for answer in ("", "\x01", "n,,", "n,,\x01\x01", bearer(good, flag="p=tls-unique"), bearer(good, flag="F,n"),
                   bearer(good, flag="N"), bearer(good, user="an=na"), bearer(good, user="x=2Cy=3"), bearer(good)[:-1], bearer(good) + "x",
                   bearer(good, port="0993"), bearer(good, port="x"), bearer(good, scheme="Basic"), bearer("ab cd"), bearer(""),
                   bearer(good)[:-1] + "auth=Bearer x\x01\x01", bearer(good)[:-1] + "x\x01\x01", bearer(good)[:-1] + "a1=b\x01\x01",
                   bearer(good, host="ho\x00st"), google(good), bearer("tök")):
        got, error = server.outcome(answer)
        require(got == WRONG and error["status"] == "invalid_request", f"{answer!r}: {got} {error}\n{server.log_tail()}")
    for answer, fine in ((google(good), True), (google(good, "ANNA@example.org"), True), (google(good, ""), False),
                         (f"auth=Bearer {good}\x01\x01", False), (google(good)[:-1], False), (bearer(good), False)):
        got, error = server.outcome(answer, "XOAUTH2", acknowledgement="")
        require((got == "OK") == fine, f"{answer!r}: {got} {error}\n{server.log_tail()}")
        require(fine or error == {"status": "400", "schemes": "bearer", "scope": "mail"}, f"{error}")
    require(server.outcome(bearer(good), initial=False)[0] == "OK", "without an initial response")
    # Whom TLS names is whom the answer has to name.
    require(server.outcome(bearer(good, host="mail.example.org."), name="mail.example.org")[0] == "OK", "the same host")
    require(server.outcome(bearer(good, host="elsewhere.test"), name="mail.example.org")[0] == WRONG, "another host")


def acting(server, world):
    for answer, mechanism in ((bearer(world.token(), user="ben"), "OAUTHBEARER"), (google(world.token(), "ben"), "XOAUTH2")):
        got, error = server.outcome(answer, mechanism)
        require(got == WRONG and error is None, f"{got} {error}")
    require("acting for another user is not allowed" in server.log(), server.log_tail())


def errors(server, world):
    expired = world.token(claims(exp=1000))
    for answer, mechanism, acknowledgement, told in (
            (bearer(expired), "OAUTHBEARER", "AQ==", {"status": "invalid_token", "scope": "mail",
                                                      "openid-configuration": ISSUER + "/.well-known/openid-configuration"}),
            (google(expired), "XOAUTH2", "", {"status": "401", "schemes": "bearer", "scope": "mail"}),
            (google(expired), "XOAUTH2", "AQ==", {"status": "401", "schemes": "bearer", "scope": "mail"})):
        got, error = server.outcome(answer, mechanism, acknowledgement=acknowledgement)
        require(got == WRONG and error == told, f"{got} {error}")
    with Connection(server) as one:
        start = len(server.log())
        error, line = one.authenticate("OAUTHBEARER", bearer(expired), acknowledgement="*")
        require(error and line.startswith("a BAD"), line)
        require("log-in of anna failed (oauth2: the token has expired" in server.log_since(start), server.log_tail())
        # The connection goes on.
        require(one.authenticate("XOAUTH2", google(world.token()))[1].startswith("a OK"), "not after a failure")


def penalised(build, world):
    """Failures count, cancelled or not, and connections end."""
    server = Oauth(build, world.folder, "penalised", {"keysFile": world.file})
    server.settings.update({"auth.maxFailures": "2", "auth.penalty": "1"})
    with server, Connection(server) as one:
        expired = bearer(world.token(claims(exp=1000)))
        began = time.monotonic()
        require(one.authenticate("OAUTHBEARER", expired, "*")[1].startswith("a BAD"), "the first")
        require(time.monotonic() - began > 0.9, "the answer was not held back")
        one.send("a AUTHENTICATE OAUTHBEARER " + base64.b64encode(expired.encode()).decode())
        one.line()
        one.send("*")
        lines = [one.line() for _ in range(2)]
        require(any(line.startswith("* BYE") for line in lines), lines)


def only_under_tls(build, world):
    server = Oauth(build, world.folder, "plain", {"keysFile": world.file})
    server.settings["auth.plaintextWithoutTls"] = "false"
    with server:
        with server.connect(login=False) as client:
            client.command("CAPABILITY")
            require(b"OAUTH" not in repr(client.capabilities).encode(), client.capabilities)
            result = client.command("AUTHENTICATE", "OAUTHBEARER", base64.b64encode(b"x").decode())
            require(result.code[0] == b"PRIVACYREQUIRED", result)
        with Connection(server) as one:
            one.send("a CAPABILITY")
            line = one.line()
            require(" AUTH=OAUTHBEARER " in line and " AUTH=XOAUTH2" in line and " AUTH=PLAIN" in line, line)


def file_changes(server, world):
    young = Key(world.folder, "p256", "young")
    value = signed(young, "ES256")
    server.refuses(value, "does not have")
    world.write_file(world.server.published + [young.jwk()])
    server.lets_in(value)
    with open(world.file, "w", encoding="ascii") as file:
        file.write("{")
    server.lets_in(value)
    require("the keys before stay in use" in server.log(), server.log_tail())
    world.write_file(world.server.published)
    server.refuses(value, "does not have")


def places(server, world):
    """The token says who; the users file says where the mail is."""
    value = world.token()
    with Connection(server) as one:
        require(one.authenticate("OAUTHBEARER", bearer(value))[1].startswith("a OK"), "no log-in")
        one.send("b APPEND INBOX {24+}\r\nSubject: by-a-token\r\n\r\nx")
        while not (line := one.line()).startswith("b "):
            pass
        require(line.startswith("b OK"), line)
    require(contains(server.maildir("anna"), "by-a-token"), "the mail is elsewhere")
    server.expect("anna", server.password, "OK")  # the other plugin's passwords stay
    server.expect("anna", "wrong", WRONG)


def curl(server, world):
    def run(value, mechanism):
        return subprocess.run(["curl", "-sS", "-k", "--max-time", "30", "--oauth2-bearer", value, "-u", "anna:",
                               "--login-options", f"AUTH={mechanism}", f"imaps://127.0.0.1:{server.tls_port}/"],
                              capture_output=True, text=True, timeout=60, check=False)
    for mechanism in ("OAUTHBEARER", "XOAUTH2"):
        done = run(world.token(), mechanism)
        require(done.returncode == 0 and "INBOX" in done.stdout, f"{mechanism}: {done}")
        done = run(world.token(claims(exp=1000)), mechanism)
        require(done.returncode == 67, f"{mechanism}: {done}")


def imaplib_client(server, world):
    context = ssl.create_default_context(cafile=world.certificate)
    for mechanism, answer in (("OAUTHBEARER", bearer), ("XOAUTH2", google)):
        with imaplib.IMAP4_SSL("127.0.0.1", server.tls_port, ssl_context=context, timeout=60) as client:
            client.authenticate(mechanism, lambda _, a=answer: a(world.token()).encode())
            require(client.select()[0] == "OK", "no INBOX")
        with imaplib.IMAP4_SSL("127.0.0.1", server.tls_port, ssl_context=context, timeout=60) as client:
            given = [answer(world.token(claims(exp=1000))).encode(), b"\x01"]
            try:
                client.authenticate(mechanism, lambda _, g=given: g.pop(0))
            except imaplib.IMAP4.error as error:
                require(WRONG in str(error), error)
            else:
                raise AssertionError("an expired token was taken")


NEOMUTT = """\
set ssl_force_tls = yes
set ssl_verify_host = no
set certificate_file = "{certificate}"
set imap_user = "anna"
set imap_authenticators = "{mechanism}"
set imap_oauth_refresh_command = "cat {home}/token"
set folder = "imaps://localhost:{port}/"
set spoolfile = "+INBOX"
set record = ""
set header_cache = ""
set nm_default_url = ""
set quit = yes
push '<exit>'
"""


def neomutt(server, world):
    if not shutil.which("neomutt"):
        raise Skipped("neomutt is not installed")
    home = os.path.join(world.folder, "neomutt")
    os.makedirs(home, exist_ok=True)
    with open(os.path.join(home, "token"), "w", encoding="ascii") as file:
        file.write(world.token() + "\n")
    for mechanism in ("oauthbearer", "xoauth2"):
        start = len(server.log())
        config = os.path.join(home, mechanism)
        with open(config, "w", encoding="ascii") as file:
            file.write(NEOMUTT.format(certificate=world.certificate, mechanism=mechanism, home=home, port=server.tls_port))
        done = subprocess.run(["script", "-qec", f"stty rows 40 cols 120; exec neomutt -n -F {config} -f +INBOX", "/dev/null"],
                              env={"PATH": os.environ["PATH"], "HOME": home, "TERM": "vt100"}, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=60, check=False)
        require(f"logged in ({mechanism.upper()}, TLS" in server.log_since(start), f"{done.stdout[-500:]}\n{server.log_tail()}")


def by_file(counter, build, world):
    settings = {"keysFile": world.file, "openidConfiguration": ISSUER + "/.well-known/openid-configuration"}
    server = Oauth(build, world.folder, "by-file", settings).start()
    try:
        for test in (algorithms, confusion, claim_by_claim, hostile_tokens, answers, acting, errors, places, file_changes,
                     curl, imaplib_client, neomutt):
            counter.run(f"by file: {test.__name__}", test, server, world)
        counter.run("by file: no token in the log", tells_nothing, server, ["eyJ", "Bearer "])
    finally:
        ends_well(counter, server)
    counter.run("failures count", penalised, build, world)
    counter.run("only under TLS", only_under_tls, build, world)


# -- by keys over HTTPS ----------------------------------------------------------------------------------------------

def rotation(server, world):
    there = world.server
    there.asked.clear()
    at_once(8, lambda _: server.lets_in(world.token()))
    require(len(there.asked) == 1, f"asked {len(there.asked)} times")
    young = Key(world.folder, "p384", "rotated")
    there.published = [young.jwk()] + there.published
    time.sleep(1.1)  # auth.oauth2.keysInterval
    server.lets_in(signed(young, "ES384"))
    require(len(there.asked) == 2, f"asked {len(there.asked)} times")
    for number in range(10):
        server.refuses(world.token(kid=f"unknown-{number}"), "does not have")
    require(len(there.asked) <= 5, f"made-up keys: asked {len(there.asked)} times")


def keys_server_down(server, world):
    there = world.server
    server.lets_in(world.token())
    for mode in ("error", "redirect", "rubbish", "deep", "huge", "cut", "silent", "trickle", "no-handshake"):
        there.behave(mode)
        time.sleep(1.1)
        server.lets_in(world.token())
        took = seconds(server.cannot_tell, world.token(kid="unknown"), there.url("/keys"))
        require(took < 2 + 2, f"{mode}: {took:.1f} s")
        require(seconds(server.lets_in, world.token()) < 1.5, f"{mode}: others wait")
    there.behave("chunked")
    server.wait_until(lambda: server.outcome(bearer(world.token(kid="unknown")))[0] == WRONG)
    there.behave("")


def never_there(build, world):
    """Without keys nobody can tell, and nobody waits for long; then they come."""
    there = world.server
    there.behave("silent")
    with Oauth(build, world.folder, "never-there", {"keysUrl": there.url("/keys"), "caFile": world.certificate}) as server:
        took = seconds(server.cannot_tell, world.token(), "no answer in time")
        require(took < 2 + 2, f"{took:.1f} s")
        require(seconds(at_once, 8, lambda _: server.cannot_tell(world.token())) < 2 * 2 + 3, "they queue up")
        server.expect("anna", server.password, "OK")
        there.behave("")
        server.wait_until(lambda: server.outcome(bearer(world.token()))[0] == "OK")


def untrusted(build, world):
    other = os.path.join(world.folder, "other")
    os.makedirs(other, exist_ok=True)
    stranger, _ = servers.make_certificate(other)
    elsewhere = TokenServer(world.certificate, os.path.join(world.folder, "key.pem"), "127.0.0.2").start()
    elsewhere.published = world.server.published
    plain = socket.create_server(("127.0.0.1", 0))
    closed = servers.free_ports(1)[0]
    full, full_port = silent_port()
    waiting = [socket.socket() for _ in range(4)]
    for one in waiting:
        one.setblocking(False)
        one.connect_ex(("127.0.0.1", full_port))
    try:
        for name, url, authority, reason in (
                ("no-authority", world.server.url("/keys"), None, "certificate is not trusted"),
                ("other-authority", world.server.url("/keys"), stranger, "certificate is not trusted"),
                ("other-host", elsewhere.url("/keys"), world.certificate, "IP address mismatch"),
                ("closed", f"https://127.0.0.1:{closed}/", world.certificate, "refused"),
                ("no-name", "https://nowhere.invalid/", world.certificate, "nowhere.invalid"),
                ("full", f"https://127.0.0.1:{full_port}/", world.certificate, "")):
            with Oauth(build, world.folder, name, {"keysUrl": url, "caFile": authority}) as server:
                took = seconds(server.cannot_tell, world.token(), reason)
                require(took < 2 + 2, f"{name}: {took:.1f} s")
    finally:
        elsewhere.stop()
        for one in [plain, full, *waiting]:
            one.close()


def by_name(build, world):
    """A host by its name: the certificate has it, and localhost may have two addresses."""
    url = f"https://localhost:{world.server.port}/keys"
    with Oauth(build, world.folder, "by-name", {"keysUrl": url, "caFile": world.certificate}) as server:
        server.lets_in(world.token())


def by_url(counter, build, world):
    settings = {"keysUrl": world.server.url("/keys"), "caFile": world.certificate}
    server = Oauth(build, world.folder, "by-url", settings).start()
    try:
        counter.run("by URL: rotation", rotation, server, world)
        counter.run("by URL: the server is down", keys_server_down, server, world)
        counter.run("by URL: no token in the log", tells_nothing, server, ["eyJ", "Bearer "])
    finally:
        ends_well(counter, server)
    for test in (never_there, untrusted, by_name):
        counter.run(f"by URL: {test.__name__}", test, build, world)
        world.server.behave("")


# -- by introspection ------------------------------------------------------------------------------------------------

def asked_for(server, world):
    there = world.server
    there.known_tokens = {"good/+~": claims(), "ben-1": claims("ben@example.org", exp=None, iat=None),
                          "old": claims(exp=1000), "other": claims(aud="x"), "unscoped": claims(scope=None),
                          "soon": claims(exp=int(time.time()) + 2 - 60)}
    there.asked.clear()
    for _ in range(5):
        server.lets_in("good/+~")
        server.lets_in("ben-1")
    require(len(there.asked) == 2, f"asked {len(there.asked)} times")
    server.refuses("revoked", "not active")
    server.refuses("old", "has expired")
    server.refuses("other", "another audience")
    server.refuses("unscoped", "scope mail", status="insufficient_scope")
    server.refuses("revoked", "not active")
    require(len(there.asked) == 2 + 5, f"asked {len(there.asked)} times")
    del there.known_tokens["good/+~"]
    server.lets_in("good/+~")
    # auth.oauth2.cache is 5 s here.
    server.wait_until(lambda: server.outcome(bearer("good/+~"))[0] == WRONG)


def introspection_down(server, world):
    there = world.server
    there.known_tokens["steady"] = claims()
    for mode in ("error", "redirect", "rubbish", "deep", "huge", "cut", "silent", "trickle", "no-handshake"):
        there.behave(mode)
        took = seconds(server.cannot_tell, "steady", "the token server")
        require(took < 2 + 2, f"{mode}: {took:.1f} s")
    there.behave("silent")
    before = descriptors(server)
    took = seconds(at_once, 12, lambda n: server.cannot_tell(f"steady-{n}"))
    require(took < 3 * 2 + 4, f"12 answers took {took:.1f} s")
    require(seconds(server.expect, "anna", server.password, "OK") < 1, "passwords wait")
    there.behave("chunked")
    server.wait_until(lambda: server.outcome(bearer("steady"))[0] == "OK")
    there.behave("")
    server.wait_until(lambda: descriptors(server) <= before + 2)
    there.stop()
    server.cannot_tell("another", "refused")


def by_asking(counter, build, world):
    settings = {"introspectionUrl": world.server.url("/introspect?x=y"), "clientId": "mail dock", "clientSecret": CLIENT_SECRET,
                "caFile": world.certificate, "cache": "5", "connections": "3"}
    counter.run("maildock check", findings, build, world, settings)
    counter.run("maildock auth test", auth_test, build, world, settings)
    counter.run("by asking: a wrong client", wrong_client, build, world, settings)
    server = Oauth(build, world.folder, "by-asking", settings).start()
    try:
        counter.run("by asking: tokens", asked_for, server, world)
        counter.run("by asking: the server is down", introspection_down, server, world)
        counter.run("by asking: no token in the log", tells_nothing, server,
                    ["good/+~", "revoked-", "steady", CLIENT_SECRET, "Bearer ", "Basic "])
    finally:
        ends_well(counter, server)


def wrong_client(build, world, settings):
    with Oauth(build, world.folder, "wrong-client", {**settings, "clientSecret": "guessed"}) as server:
        server.cannot_tell("x", "refuses us (status 401)")


# -- by a secret, and whom tokens let in -----------------------------------------------------------------------------

def by_secret(build, world):
    with Oauth(build, world.folder, "by-secret", {"secret": SECRET, "users": "any", "user": "%u", "domains": None}) as server:
        for name in ("HS256", "HS384", "HS512"):
            server.lets_in(signed_by_secret(SECRET.encode(), name, claims("stranger@example.org")))
        server.refuses(signed_by_secret(SECRET.encode() + b"x", "HS256"), "signature is wrong")
        server.refuses(world.token(), "there is only a secret")
        require(os.path.isdir(server.maildir("stranger@example.org")), "no mail for whom nobody else knows")
        tells_nothing(server, [SECRET, "eyJ"])


def by_subject(build, world):
    settings = {"keysFile": world.file, "userClaim": "sub", "user": "%u", "domains": None, "issuer": None, "audience": None,
                "scope": None, "algorithms": "ES256"}
    with Oauth(build, world.folder, "by-subject", settings, plugins="passwdfile, oauth2") as server:
        server.lets_in(world.token(claims(user=None, sub="ben")))
        server.refuses(world.token(claims(sub=None)), "no claim sub")
        server.refuses(world.token(kind="rsa", algorithm="RS256"), "not taken")
        got, error = server.outcome(bearer("x"))
        require(got == WRONG and error == {"status": "invalid_token"}, f"{got} {error}")


def findings(build, world, asking):
    base = {"keysUrl": world.server.url("/keys"), "caFile": world.certificate}
    server = Oauth(build, world.folder, "checked", base)

    def finds(key, what, **changed):
        out = server.check(**{"auth_oauth2_" + name: value for name, value in changed.items()})
        require(f"auth.oauth2.{key}" in out and what in out, f"wanted {key}: {what}; got {out}")

    world.server.published = [one.jwk() for kind, one in world.keys.items() if kind != "small"]
    require("0 errors" in server.check() and "auth.oauth2" not in server.check(), server.check())
    world.server.published.append(world.keys["small"].jwk())
    finds("keysUrl", "fewer than 2048 bits: left out")
    finds("keysUrl", "needs one of", keysUrl="")
    finds("keysUrl", "begins with https://", keysUrl="http://127.0.0.1/")
    finds("keysUrl", "names no host", keysUrl="https:///x")
    finds("keysUrl", "is no address", keysUrl="https://a b/")
    finds("keysUrl", "has a user in it", keysUrl="https://a:b@127.0.0.1/")
    finds("keysUrl", "refused", keysUrl=f"https://127.0.0.1:{servers.free_ports(1)[0]}/")
    finds("keysFile", "unset one of the two", keysFile=world.file)
    finds("keysFile", "can't be read", keysUrl="", keysFile="/nonexistent/keys.json")
    finds("keysFile", "is no JSON", keysUrl="", keysFile=world.certificate)
    finds("introspectionUrl", "not both", introspectionUrl="https://127.0.0.1/")
    finds("secret", "fewer than 32", secret="short")
    finds("algorithms", "there is no algorithm none", algorithms="RS256, none")
    finds("algorithms", "HS256 needs auth.oauth2.secret", algorithms="HS256")
    finds("clientId", "is not set", clientSecret="x")
    finds("user", "neither %u nor %n", user="%d")
    finds("user", "%h, which is no variable here", user="%u%h")
    finds("domains", "one user", domains="")
    finds("audience", "other services", audience="")
    finds("userClaim", "is empty", userClaim="")
    finds("caFile", "can't be read", caFile="/nonexistent/ca.pem")
    finds("openidConfiguration", "https://", openidConfiguration="login.example.org")
    world.server.behave("silent")
    finds("keysUrl", "no answer in time")
    world.server.behave("")
    server = Oauth(build, world.folder, "checked-too", asking)
    require("0 errors" in server.check() and "auth.oauth2" not in server.check(), server.check())
    finds("introspectionUrl", "refuses us (status 401)", clientSecret="guessed")


def auth_test(build, world, asking):
    server = Oauth(build, world.folder, "tested", {"keysFile": world.file})
    server.configure()
    config = f"--config={server.path('maildock.properties')}"

    def run(*arguments, typed=""):
        return subprocess.run([server.binary, "auth", "test", config, *arguments], input=typed, capture_output=True,
                              text=True, timeout=60, check=False, start_new_session=True)

    def tells(done, status, *lines):
        require(done.returncode == status and all(line in done.stdout for line in lines), f"wanted {lines}: {done}")

    tells(run("anna"), 0, "oauth2: unknown user (takes tokens, and has no list of users)", "decided by passwdfile")
    tells(run("--token", "anna", typed=world.token() + "\n"), 0, "oauth2: yes", "all together: yes (oauth2", "    home: ",
          "decided by oauth2")
    tells(run("--token", "ben", typed=world.token() + "\n"), 1, "acting for another user is not allowed")
    tells(run("--token", "anna", typed=world.token(claims(exp=1000)) + "\n"), 1, "the token has expired")
    tells(run("--token", "anna", typed=world.token(claims("x@example.org")) + "\n"), 1, "acting for another user is not allowed")
    tells(run("--token", "x", typed=world.token(claims("x@example.org")) + "\n"), 1, "no other plugin knows the user x")
    tells(run("--token", "anna", typed="rubbish\n"), 1, "no JSON Web Token")
    server = Oauth(build, world.folder, "tested-too", asking)
    server.configure()
    config = f"--config={server.path('maildock.properties')}"
    world.server.known_tokens["told"] = claims()
    tells(run("--token", "anna", typed="told\n"), 0, "decided by oauth2")
    world.server.behave("error")
    tells(run("--token", "anna", typed="told\n"), 1, "could not ask (oauth2: the token server answers with status 500)")
    world.server.behave("")


def tests(counter, build, folder):
    world = World(folder)
    try:
        by_file(counter, build, world)
        counter.run("by a secret", by_secret, build, world)
        counter.run("by another claim", by_subject, build, world)
        by_url(counter, build, world)
        by_asking(counter, build, world)
    finally:
        world.server.stop()


if __name__ == "__main__":
    main("auth-oauth2", tests)
