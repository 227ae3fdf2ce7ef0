#!/usr/bin/env python3
"""auth-gssapi: tickets of a KDC that is started here, and NTLM by gss-ntlmssp; python's imaplib and curl as clients.

Shows statements E0003 and E0004 of [MS-STANXIMAP] too: PLAIN, GSSAPI and NTLM in the profile exchange.
"""

import base64
import imaplib
import os
import random
import shutil
import ssl
import struct
import subprocess
import time

from kerberos import AWAY, PASSWORD, KerberosClient, Kdc, NtlmClient, authenticate, encoded, tool
from plugin_test import (DOWN, WRONG, ImapClient, Server, Skipped, at_once, contains, descriptors, ends_well, main,
                         require, resident_kilobytes, servers, tells_nothing)

NTLM_PASSWORD = "s3cret-of-ntlm"
NT_HASH = "0CB6948805F797BF2A82807973B89537"  # of "test"


def users_file(folder, text=None):
    path = os.path.join(folder, "ntlm-users")
    with open(path, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text if text is not None else
                   f"# users of NTLM\nCORP:anna:{NTLM_PASSWORD}\nCORP:Bert:{NTLM_PASSWORD}\n"
                   f"ONE:twin:{NTLM_PASSWORD}\nTWO:twin:other\ncarl:1003:{'X' * 32}:{NT_HASH}:[U          ]:LCT-0:\n"
                   f"CORP:anna@example.org:{NTLM_PASSWORD}\nCORP\\dora:1004:{'X' * 32}:{NT_HASH}:[DU         ]:LCT-0:\n"
                   f"CORP:emil:pass wörd €\n")
    return path


def realm(folder):
    kdc = Kdc(folder)
    people = ("anna", "bert", "Clara", "anna/admin", "boss", "disabled")
    kdc.admin(*(f"addprinc -pw {PASSWORD} {name}" for name in people),
              *(f"addprinc -randkey {name}" for name in ("imap/localhost", "imap/other.example.org", "host/localhost",
                                                         "imap/stale.example.org")),
              f"addprinc -pw between krbtgt/HOME.TEST@{AWAY}",
              f"ktadd -k {folder}/keytab imap/localhost imap/other.example.org host/localhost")
    kdc.admin(f"addprinc -pw {PASSWORD} anna@{AWAY}", "addprinc -pw between krbtgt/HOME.TEST", realm=AWAY)
    kdc.start()
    return kdc


class GssServer(Server):
    """`more`: keys below auth.gssapi; others by their whole name with `settings`."""

    def __init__(self, build, folder, name, settings=None, **more):
        self.krb5_config = os.environ["KRB5_CONFIG"]
        self.rcache = "dfl:"
        keys = {"keytab": f"{folder}/keytab", "ntlmUsers": f"{folder}/ntlm-users", "host": "localhost",
                "admins": "boss", "adminsFor": "ber*", **more}
        super().__init__(build, folder, "gssapi", {**{"auth.gssapi." + key: value for key, value in keys.items()},
                                                   **(settings or {})}, name=name)

    def environment(self):
        return {**os.environ, "KRB5_CONFIG": self.krb5_config, "KRB5RCACHENAME": self.rcache}

    def client(self, tls=False):
        return ImapClient(servers.HOST, self.tls_port if tls else self.port, tls=tls)

    def sign_in(self, mechanism, answer, tls=False, initial=False):
        """What the log-in is answered: "OK", a response code, or NO, BAD."""
        client = self.client(tls)
        try:
            result = authenticate(client, mechanism, answer, initial)
            require(result.status != "OK" or client.command("NOOP").status == "OK", "NOOP after the log-in")
            return "OK" if result.status == "OK" else result.code[0].decode() if result.code else result.status
        finally:
            client.close()

    def gssapi(self, wanted, ccache, log=None, tls=False, initial=False, **more):
        self.wants("GSSAPI", wanted, KerberosClient(ccache, **more), log, tls, initial)

    def ntlm(self, wanted, user, password, log=None, tls=False, initial=False, change=None):
        self.wants("NTLM", wanted, NtlmClient(user, password, change), log, tls, initial)

    def wants(self, mechanism, wanted, answer, log=None, tls=False, initial=False):
        """`log`: what stands in the log afterwards."""
        start = len(self.log())
        got = self.sign_in(mechanism, answer, tls, initial)
        require(got == wanted, f"{mechanism}: answered {got}, wanted {wanted}\n{self.log_since(start)}")
        require(log is None or log in self.log_since(start), f"the log lacks {log!r}: {self.log_since(start)}")


def says(*answers):
    """A client that says just that, and cancels afterwards."""
    left = list(answers)
    return lambda challenge: left.pop(0) if left else None


# -- GSSAPI ----------------------------------------------------------------------------------------------------------

def offered(server):
    for tls in (False, True):
        with server.client(tls) as client:
            client.ok("CAPABILITY")
            require({"AUTH=GSSAPI", "AUTH=NTLM", "AUTH=PLAIN"} <= client.capabilities, client.capabilities)


def tickets(server, kdc):
    anna = kdc.tickets("anna")
    for tls in (False, True):
        for initial in (False, True):
            client = KerberosClient(anna)
            server.wants("GSSAPI", "OK", client, "user anna", tls, initial)
            require(client.offer == b"\1\0\0\0", f"offered {client.offer!r}, and no layer is ours to offer (V0021)")
    server.gssapi("OK", kdc.tickets("Clara"), "user clara")


def service(server, kdc):
    anna = kdc.tickets("anna")
    server.gssapi(WRONG, anna, "the ticket is for host/localhost@HOME.TEST", service="host@localhost")
    server.gssapi(WRONG, anna, "the ticket is for imap/other.example.org", service="imap@other.example.org")
    kdc.admin("addprinc -randkey imap/absent.example.org")
    server.gssapi(WRONG, anna, "not found in keytab", service="imap@absent.example.org")


def principals(server, kdc):
    server.gssapi(WRONG, kdc.tickets("anna/admin"), "no principal of a user")
    server.gssapi(WRONG, kdc.tickets(f"anna@{AWAY}"), "not in auth.gssapi.realms")


def authorization(server, kdc):
    anna, boss = kdc.tickets("anna"), kdc.tickets("boss")
    for own in (b"anna", b"ANNA", b"anna@HOME.TEST"):
        server.gssapi("OK", anna, "user anna", authorization=own)
    server.gssapi(WRONG, anna, "acting for another user is not allowed", authorization=b"local")
    server.gssapi(WRONG, anna, "acting for another user is not allowed", authorization=b"anna@AWAY.TEST")
    server.gssapi(WRONG, boss, "acting for another user is not allowed", authorization=b"local")
    server.gssapi(WRONG, boss, "no plugin knows the user", authorization=b"bertha")  # boss may, and there is none
    server.gssapi("OK", boss, "user boss")
    for name in (b"\0", b"anna\0", b"a/b", b"\xff", b"x" * 300, b".."):
        server.gssapi(WRONG, anna, "the authorization identity", authorization=name)


def last_message(server, kdc):
    anna = kdc.tickets("anna")
    for last, log in ((b"", "too short"), (b"\1\0\0", "too short"), (b"\2\0\0\0", "not offered"),
                      (b"\4\0\0\0", "not offered"), (b"\0\0\0\0", "not offered"),
                      (b"\1\0\x10\0anna", "a size for a security layer")):
        server.gssapi(WRONG, anna, log, last=last)

    class Raw(KerberosClient):
        """Answers as it is told once the context is there; `times` is how many answers are right before."""
        def __init__(self, answer, times):
            super().__init__(anna)
            self.answer, self.times = answer, times

        def __call__(self, challenge):
            right = super().__call__(challenge)
            self.times -= 1
            return self.answer(right) if self.times < 0 else right

    server.wants("GSSAPI", WRONG, Raw(lambda right: b"\1\0\0\0anna", 2), "gss_unwrap")
    server.wants("GSSAPI", WRONG, Raw(lambda right: b"", 2), "gss_unwrap")
    server.wants("GSSAPI", WRONG, Raw(lambda right: right[:-1], 2), "gss_unwrap")
    server.wants("GSSAPI", WRONG, Raw(lambda right: right[:20] + bytes([right[20] ^ 1]) + right[21:], 2), "gss_unwrap")
    server.wants("GSSAPI", WRONG, Raw(lambda right: b"more", 1), "an answer where none was asked for")
    server.wants("GSSAPI", "BAD", Raw(lambda right: None, 1))


def hostile_tokens(server, kdc):
    anna = kdc.tickets("anna")
    token = KerberosClient(anna)(b"")
    randomly = random.Random(4752)
    server.wants("GSSAPI", WRONG, says(b""), "an empty token")
    server.wants("GSSAPI", WRONG, says(b""), "an empty token", initial=True)
    for length in (1, 2, 3, 10, 15, 16, 17, 30, 60, 100, 200, len(token) // 2, len(token) - 1):
        server.wants("GSSAPI", WRONG, says(token[:length]))
    for octets in (b"\0" * 100, b"\xff" * 100, randomly.randbytes(5000), randomly.randbytes(40000),
                   b"NTLMSSP\0\1\0\0\0" + b"\2" * 40, bytes.fromhex("6048") + token[2:]):
        server.wants("GSSAPI", WRONG, says(octets, b"", b""))
    for _ in range(100):
        changed = bytearray(token)
        for _ in range(randomly.choice((1, 1, 2, 5))):
            changed[randomly.randrange(len(changed))] = randomly.randrange(256)
        if bytes(changed) != token:
            server.sign_in("GSSAPI", says(bytes(changed)))
    ntlm = NtlmClient("CORP\\anna", NTLM_PASSWORD)
    server.wants("GSSAPI", WRONG, ntlm, "gss_accept_sec_context")  # which the library would serve, if it were let
    with server.client() as client:
        client.send(b"x AUTHENTICATE GSSAPI !!!\r\n")
        require(client.read_response()[1].status == "BAD", "no base64")
    server.gssapi("OK", anna)


def replay(server, kdc):
    anna = KerberosClient(kdc.tickets("anna"))
    token = anna(b"")
    with server.client() as client:
        client.start("AUTHENTICATE", "GSSAPI", encoded(token))
        require(isinstance(client.read_response(), bytes), "the first one is taken")
    server.wants("GSSAPI", WRONG, says(token, b"", b""), "replay", initial=True)


def long_tokens(server, kdc):
    """A ticket that brings much with it: 30 KiB in an initial response, 45 KiB in an answer; not endlessly."""
    big = b"\x60\x84\0\1\0\0" + os.urandom(30000)
    server.wants("GSSAPI", WRONG, says(big), "gss_accept_sec_context", initial=True)
    server.wants("GSSAPI", WRONG, says(big + os.urandom(15000)), "gss_accept_sec_context")
    server.wants("GSSAPI", "BAD", says(big + os.urandom(30000)))


def renewed_key(server, kdc, folder):
    """A key of the service that the keytab has not; it counts as soon as it is there."""
    server.gssapi("OK", kdc.tickets("anna"))
    kdc.admin("cpw -randkey imap/localhost")
    fresh = kdc.tickets("anna", "-l", "1h")
    server.gssapi(WRONG, fresh, "gss_accept_sec_context")
    kdc.admin(f"ktadd -norandkey -k {folder}/keytab imap/localhost")
    server.gssapi("OK", fresh)
    server.gssapi("OK", kdc.tickets("anna"))


def keytab_away(server, kdc, folder):
    anna = kdc.tickets("anna")
    os.rename(f"{folder}/keytab", f"{folder}/keytab.away")
    server.gssapi(DOWN, anna, "temporary failure (gssapi: gss_acquire_cred_from")
    server.ntlm("OK", "CORP\\anna", NTLM_PASSWORD)
    server.expect("local", server.password, "OK")
    os.rename(f"{folder}/keytab.away", f"{folder}/keytab")
    server.gssapi("OK", anna)


def imaplib_client(server, kdc):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for user in ("anna", "bert"):
        imap = imaplib.IMAP4_SSL(servers.HOST, server.tls_port, ssl_context=context, timeout=60)
        status, _ = imap.authenticate("GSSAPI", KerberosClient(kdc.tickets(user)))
        require(status == "OK", status)
        mark = f"mark-of-{user}-{time.monotonic_ns()}"
        require(imap.append("INBOX", None, None, f"Subject: {mark}\r\n\r\n".encode())[0] == "OK", "APPEND")
        imap.logout()
        require(contains(server.maildir(user), mark), f"the mail is not {user}'s")


def curl(server, user, mechanism, ccache="FILE:/nonexistent", tls=False, initial=True):
    url = f"imaps://localhost:{server.tls_port}/" if tls else f"imap://localhost:{server.port}/"
    done = subprocess.run(["curl", "-sS", "-k", "--max-time", "60", "--login-options", f"AUTH={mechanism}", "-u", user,
                           *(["--sasl-ir"] if initial else []), url], capture_output=True, text=True, timeout=90,
                          check=False, env={**os.environ, "KRB5CCNAME": ccache})
    require(done.returncode in (0, 67, 94), f"curl: {done.returncode} {done.stderr}")
    require(done.returncode != 0 or "INBOX" in done.stdout, done.stdout)
    return done.returncode == 0


def curl_gssapi(server, kdc):
    anna = kdc.tickets("anna")
    for tls in (False, True):
        require(curl(server, "anna@HOME.TEST:", "GSSAPI", anna, tls), server.log_tail())
    require(not curl(server, "anna@HOME.TEST:", "GSSAPI"), "without a ticket")


def gnu_sasl(server, kdc):
    """GNU SASL's client, over libgssglue; its NTLM is the first version, which is not taken."""
    def run(mechanism):
        start = len(server.log())
        done = subprocess.run([tool("gsasl"), "--client", "--imap", "--no-starttls",
                               f"--connect=127.0.0.1:{server.port}", f"--mechanism={mechanism}",
                               "--authentication-id=anna", "--authorization-id=anna",
                               f"--password={NTLM_PASSWORD}", "--service=imap", "--hostname=localhost", "--realm=CORP",
                               "--quality-of-protection=qop-auth", "--no-client-first"], input="", text=True,
                              capture_output=True, timeout=60, check=False,
                              env={**os.environ, "KRB5CCNAME": kdc.tickets("anna")})
        return done.returncode == 0, server.log_since(start) + done.stderr

    is_in, log = run("GSSAPI")
    require(is_in and "user anna" in log, log)
    is_in, log = run("NTLM")
    require(not is_in and "NTLM's first version is not taken" in log, log)


def neomutt(server, kdc, folder):
    """Its own code for GSSAPI, not the library's."""
    for binary in ("neomutt", "script"):
        tool(binary)
    config = os.path.join(folder, "neomuttrc")
    with open(config, "w", encoding="ascii") as file:
        file.write(f'set ssl_starttls = no\nset ssl_force_tls = no\nset imap_user = "anna"\nset imap_pass = "none"\n'
                   f'set imap_authenticators = "gssapi"\nset folder = "imap://localhost:{server.port}/"\n'
                   'set spoolfile = "+INBOX"\nset header_cache = ""\nset sleep_time = 0\nset quit = yes\n')
    start = len(server.log())
    subprocess.run(["script", "-qec", f"stty rows 40 cols 120; exec neomutt -n -F {config} -e 'push <exit>' -f +INBOX",
                    "/dev/null"], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False,
                   env={"PATH": os.environ["PATH"], "HOME": folder, "TERM": "vt100", "KRB5CCNAME": kdc.tickets("anna"),
                        "KRB5_CONFIG": os.environ["KRB5_CONFIG"]})
    require("user anna" in server.log_since(start) and "logged in (GSSAPI" in server.log_since(start),
            server.log_since(start))


# -- NTLM ------------------------------------------------------------------------------------------------------------

def ntlm_users(server):
    for tls in (False, True):
        for initial in (False, True):
            server.ntlm("OK", "CORP\\anna", NTLM_PASSWORD, "user anna", tls, initial)
    server.ntlm("OK", "CORP\\ANNA", NTLM_PASSWORD, "user anna")
    server.ntlm("OK", "corp\\anna", NTLM_PASSWORD, "user anna")
    server.ntlm("OK", "CORP\\bert", NTLM_PASSWORD, "user bert")
    server.ntlm("OK", "anna", NTLM_PASSWORD, "user anna")        # no domain
    server.ntlm("OK", "PC-7\\carl", "test", "user carl")         # a hash of smbpasswd's, of no domain
    server.ntlm("OK", "CORP\\emil", "pass wörd €", "user emil")
    server.ntlm("OK", "CORP\\anna@example.org", NTLM_PASSWORD, "user anna@example.org")
    server.ntlm(WRONG, "CORP\\anna", NTLM_PASSWORD.upper(), "log-in of anna failed (gssapi: CORP\\anna: wrong password")
    server.ntlm(WRONG, "CORP\\anna", "x", "wrong password")
    server.ntlm(WRONG, "CORP\\carl", "Test", "wrong password")
    server.ntlm(WRONG, "PC-7\\anna", NTLM_PASSWORD, "of another domain")
    server.ntlm(WRONG, "CORP\\dora", "test", "disabled in")
    server.ntlm(WRONG, "CORP\\nobody", NTLM_PASSWORD, "CORP\\nobody is not in")
    server.ntlm(WRONG, "CORP\\local", server.password, "CORP\\local is not in")
    server.ntlm(WRONG, "ONE\\twin", NTLM_PASSWORD, "stands more than once")
    server.ntlm(WRONG, "TWO\\twin", "other", "stands more than once")


def curl_ntlm(server):
    for tls in (False, True):
        for initial in (False, True):
            require(curl(server, f"CORP\\anna:{NTLM_PASSWORD}", "NTLM", tls=tls, initial=initial), server.log_tail())
    require(curl(server, f"bert:{NTLM_PASSWORD}", "NTLM"), server.log_tail())
    require(not curl(server, "CORP\\anna:wrong", "NTLM"), "a wrong password")
    require(not curl(server, f"PC-7\\anna:{NTLM_PASSWORD}", "NTLM"), "a wrong domain")


def field(message, at):
    length, _, offset = struct.unpack_from("<HHI", message, at)
    return message[offset:offset + length]


def with_field(message, at, octets):
    """The message with another value of a field, behind what was there."""
    changed = bytearray(message)
    struct.pack_into("<HHI", changed, at, len(octets), len(octets), len(message))
    return bytes(changed) + octets


def ntlm_messages(server):
    """What the library must not get, or would take: of a user who knows the password."""
    def changed(change, log):
        server.ntlm(WRONG, "CORP\\anna", NTLM_PASSWORD, log, change=change)

    changed(lambda m: with_field(m, 52, b""), "the session key")
    changed(lambda m: with_field(m, 52, b"short"), "the session key")
    changed(lambda m: with_field(m, 20, b"r" * 24), "NTLM's first version is not taken")
    changed(lambda m: with_field(m, 20, b""), "no response")
    changed(lambda m: with_field(m, 36, b""), "names no user")
    changed(lambda m: with_field(m, 36, "änna".encode("utf-16-le")), "a name that is not taken")
    changed(lambda m: with_field(m, 36, "anna\0".encode("utf-16-le")), "a name that is not taken")
    changed(lambda m: with_field(m, 36, "bert".encode("utf-16-le")), "wrong password")
    changed(lambda m: with_field(m, 28, "ELSE".encode("utf-16-le")), "of another domain")
    # Another spelling of the domain than the one in the proof.
    changed(lambda m: with_field(m, 28, "Corp".encode("utf-16-le")), "wrong password")
    changed(lambda m: m[:40] + struct.pack("<I", 0xFFFFFFF0) + m[44:], "not within it")
    changed(lambda m: m[:8] + b"\1" + m[9:], "not NTLM's")
    changed(lambda m: with_field(m, 20, field(m, 20)[:-1] + b"\1"), "wrong password")
    changed(lambda m: m + b"x" * 20000, "too long")
    changed(lambda m: b"", "not NTLM's")
    server.ntlm("BAD", "CORP\\anna", NTLM_PASSWORD, change=lambda m: None)
    for first in (b"", b"NTLMSSP", b"NTLMSSP\0\3\0\0\0" + b"\0" * 60, b"\x60" * 40, b"NTLMSSP\0\1\0\0\0\0\0\0\0",
                  b"NTLMSSP\0\1\0\0\0" + b"\xff" * 28):
        server.sign_in("NTLM", says(first))
    server.wants("NTLM", WRONG, says(b""), "not NTLM's", initial=True)


def ntlm_hostile(server):
    """Real messages cut off, and with octets changed: nobody gets in, and the server goes on."""
    lengths = [1, 11, 12, 63, 64, 65, 71, 72, 79, 80, 87, 88, 89, 100, 200]
    for length in lengths:
        server.ntlm(WRONG, "CORP\\anna", NTLM_PASSWORD, change=lambda m, n=length: m[:n])
    randomly = random.Random(2743)

    def spoil(message):
        changed = bytearray(message)
        for _ in range(randomly.choice((1, 2, 8))):
            # The parts' places and lengths most of all.
            at = randomly.randrange(12, 64) if randomly.random() < 0.7 else randomly.randrange(len(changed))
            changed[at] = randomly.choice((0, 1, 0x7F, 0xFF, randomly.randrange(256)))
        return bytes(changed)

    for _ in range(300):
        server.sign_in("NTLM", NtlmClient("CORP\\anna", NTLM_PASSWORD, spoil))
    server.ntlm("OK", "CORP\\anna", NTLM_PASSWORD)


def ntlm_file(server, folder):
    """Read at each sign-in."""
    users_file(folder, "CORP:anna:another\n")
    server.ntlm(WRONG, "CORP\\anna", NTLM_PASSWORD)
    server.ntlm("OK", "CORP\\anna", "another")
    os.remove(f"{folder}/ntlm-users")
    server.ntlm(DOWN, "CORP\\anna", "another", "can't be read")
    users_file(folder)
    server.ntlm("OK", "CORP\\anna", NTLM_PASSWORD)


def many(server, kdc):
    anna = kdc.tickets("anna")
    KerberosClient(anna)  # the service's ticket is in the cache from now on

    def one(number):
        if number % 4 == 0:
            return server.sign_in("GSSAPI", KerberosClient(anna))
        if number % 4 == 1:
            return server.sign_in("NTLM", NtlmClient("CORP\\anna", NTLM_PASSWORD))
        if number % 4 == 2:
            return server.sign_in("NTLM", NtlmClient("CORP\\anna", "wrong"))
        return server.sign_in("GSSAPI", says(b"\x60\x10" + b"x" * 60))

    answers = at_once(48, one)
    require(answers == ["OK", "OK", WRONG, WRONG] * 12, answers)


def nothing_is_left(server, kdc):
    """Memory and descriptors do not grow with the sign-ins; of gss-ntlmssp's own hashing 8 KiB each would stay."""
    anna = kdc.tickets("anna")

    def rounds(count):
        for _ in range(count):
            server.sign_in("GSSAPI", KerberosClient(anna))
            server.sign_in("NTLM", NtlmClient("CORP\\anna", NTLM_PASSWORD))
            server.sign_in("NTLM", NtlmClient("CORP\\anna", "wrong"))
            server.sign_in("NTLM", says(NtlmClient("CORP\\anna", "x")(b"")))

    rounds(50)
    memory, files = resident_kilobytes(server), descriptors(server)
    rounds(200)
    grown = resident_kilobytes(server) - memory
    require(grown < 1500, f"{grown} KiB more after 800 sign-ins")
    require(descriptors(server) <= files + 3, f"{descriptors(server) - files} descriptors more")


# -- servers of their own --------------------------------------------------------------------------------------------

def any_host(build, folder, kdc):
    with GssServer(build, folder, "any-host", host="", mechanisms="GSSAPI") as server:
        anna = kdc.tickets("anna")
        server.gssapi("OK", anna)
        server.gssapi("OK", anna, service="imap@other.example.org")
        server.gssapi(WRONG, anna, "the ticket is for host/", service="host@localhost")
        with server.client() as client:
            require(authenticate(client, "NTLM", says(b"")).status == "NO", "NTLM is not named")


def other_realms(build, folder, kdc):
    with GssServer(build, folder, "other-realms", otherRealms="keep") as server:
        server.gssapi("OK", kdc.tickets("anna"), "user anna ")
        server.gssapi("OK", kdc.tickets(f"anna@{AWAY}"), "user anna@away.test ")
    with GssServer(build, folder, "both-realms", realms=f"{AWAY}, HOME.TEST", lowercase="false") as server:
        server.gssapi("OK", kdc.tickets(f"anna@{AWAY}"), "user anna ")
        server.gssapi("OK", kdc.tickets("Clara"), "user Clara ")
    with GssServer(build, folder, "away-realm", realms=AWAY) as server:
        server.gssapi(WRONG, kdc.tickets("anna"), "anna@HOME.TEST is of a realm")


def local_names(build, folder, kdc):
    server = GssServer(build, folder, "local-names", localNames="true")
    rules = "  auth_to_local = RULE:[2:$1-$2](^anna-admin$)s/.*/boss/\n  auth_to_local = DEFAULT"
    server.krb5_config = kdc.config("local-names.conf", rules=rules)
    with server:
        server.gssapi("OK", kdc.tickets("anna"), "user anna ")
        server.gssapi("OK", kdc.tickets("anna/admin"), "user boss ")
        server.gssapi(WRONG, kdc.tickets(f"anna@{AWAY}"), "gss_localname")


def expired(build, folder, kdc):
    """A ticket made before its end and shown after it; clocks may differ by two seconds here."""
    server = GssServer(build, folder, "expired")
    server.krb5_config = kdc.config("skew.conf", more="clockskew = 2")
    with server:
        clients = [KerberosClient(kdc.tickets("anna", "-l", "3s")) for _ in range(2)]
        made = time.monotonic()
        server.wants("GSSAPI", "OK", clients[0])
        while time.monotonic() < made + 3 + 2 + 1:
            time.sleep(0.1)  # what is waited for is the time itself
        server.wants("GSSAPI", WRONG, clients[1], "gss_accept_sec_context")
        server.gssapi("OK", kdc.tickets("anna"))


def replay_cache(build, folder, kdc):
    server = GssServer(build, folder, "replay-cache")
    server.rcache = "file2:/nonexistent/rcache"
    with server:
        server.gssapi(DOWN, kdc.tickets("anna"), "temporary failure (gssapi: gss_accept_sec_context")
        server.ntlm("OK", "CORP\\anna", NTLM_PASSWORD)


def binding(build, folder, kdc):
    """tls-unique, since Python's ssl gives no other: so TLS 1.2."""
    anna = kdc.tickets("anna")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    def answer(server, bind):
        client = ImapClient(servers.HOST, server.port)
        try:
            client.ok("STARTTLS")
            client._socket = context.wrap_socket(client._socket)
            unique = client._socket.get_channel_binding("tls-unique")
            result = authenticate(client, "GSSAPI", KerberosClient(anna, cb=bind(unique)))
            return result.status if result.status == "OK" else result.code[0].decode()
        finally:
            client.close()

    right, wrong, none = (lambda unique: b"tls-unique:" + unique), (lambda _: b"tls-unique:other"), (lambda _: None)
    for mode, wanted in (("ignored", ["OK", "OK", "OK"]), ("checked", ["OK", WRONG, "OK"]),
                         ("required", ["OK", WRONG, WRONG])):
        with GssServer(build, folder, f"binding-{mode}", channelBinding=mode) as server:
            got = [answer(server, bind) for bind in (right, wrong, none)]
            require(got == wanted, f"{mode}: {got}, wanted {wanted}\n{server.log_tail()}")
            server.gssapi(WRONG if mode == "required" else "OK", anna)  # no TLS
            # Another connection's, and under TLS 1.3 a binding of TLS 1.2.
            server.gssapi(WRONG if mode != "ignored" else "OK", anna, tls=True, cb=b"tls-unique:" + b"x" * 12)


def merged(build, folder, kdc):
    """The ticket says who, the users file where his mail is and whether he may sign in at all."""
    class Merging(GssServer):
        def configure(self):
            super().configure()
            with open(self.path("users"), "a", encoding="ascii") as file:
                file.write(f"anna:{{PLAIN}}x:{self.uid}:{self.gid}::{folder}/homes/anna::\n"
                           f"bert:{{PLAIN}}x:{self.uid}:{self.gid}::{folder}/homes/bert::\n"
                           f"disabled:{{PLAIN}}x:{self.uid}:{self.gid}::{folder}/homes/disabled::nologin\n")

    for name, chain in (("merged", "gssapi, passwdfile"), ("merged-last", "passwdfile, gssapi")):
        with Merging(build, folder, name, {"auth.plugins": chain, "mail.location": "%h/Maildir"}) as server:
            for mechanism, answer in (("GSSAPI", KerberosClient(kdc.tickets("anna"))),
                                      ("NTLM", NtlmClient("CORP\\anna", NTLM_PASSWORD))):
                with server.client() as client:
                    require(authenticate(client, mechanism, answer).status == "OK", server.log_tail())
                    client.append("INBOX", f"Subject: {name}-{mechanism}\r\n\r\n".encode())
                require(contains(f"{folder}/homes/anna", f"{name}-{mechanism}"), "the home does not count")
            server.gssapi(WRONG, kdc.tickets("disabled"), "nologin is set")
            server.gssapi("OK", kdc.tickets("boss"), "user bert", authorization=b"bert")
            require("acted for by boss" in server.log(), server.log_tail())
            server.gssapi("CONTACTADMIN", kdc.tickets("Clara"), "the user has no home")
            server.expect("local", server.password, "OK")
            server.expect("anna", PASSWORD, WRONG)  # the realm's password is no password of ours


def as_user(build, folder, kdc):
    """Started as root and then another user: /proc is root's for such a process, and NTLM's users are taken by it."""
    if os.geteuid() != 0:
        raise Skipped("not root")
    server = GssServer(build, folder, "as-user", {"server.user": "mail", "auth.plugins": "gssapi"},
                       keytab=f"{folder}/keytab-of-mail", ntlmUsers=f"{folder}/ntlm-users-of-mail")
    server.configure()  # makes the folder
    server.rcache = f"file2:{server.path('state')}/rcache"
    for name in ("keytab", "ntlm-users"):
        shutil.copy(f"{folder}/{name}", f"{folder}/{name}-of-mail")
        os.chown(f"{folder}/{name}-of-mail", server.uid, server.gid)
        os.chmod(f"{folder}/{name}-of-mail", 0o400)
    with server:
        server.gssapi("OK", kdc.tickets("anna"))
        server.ntlm("OK", "CORP\\anna", NTLM_PASSWORD)
        server.ntlm(WRONG, "CORP\\anna", "wrong")


def guesses(build, folder, kdc):
    """They count by the user, whatever domain is named: carl's line has none, and any is right."""
    with GssServer(build, folder, "guesses", {"auth.limit.exempt": "", "auth.limit.perUser": "4"}) as server:
        for number in range(4):
            server.ntlm(WRONG, f"PC-{number}\\carl", "x", "log-in of carl failed")
        server.ntlm("LIMIT", "PC-9\\carl", "test", "not even looked at")
        server.ntlm("OK", "CORP\\anna", NTLM_PASSWORD)
        server.gssapi("OK", kdc.tickets("anna"))


def profile(build, folder, kdc):
    """E0003, E0004: what the profile offers and serves, before TLS and under it."""
    with GssServer(build, folder, "profile", {"profile": "exchange", "auth.maxFailures": "1000"}) as server:
        for tls in (False, True):
            with server.client(tls) as client:
                client.ok("CAPABILITY")
                mechanisms = {name for name in client.capabilities if name.startswith("AUTH=")}
                require(mechanisms == {"AUTH=PLAIN", "AUTH=GSSAPI", "AUTH=NTLM"}, mechanisms)
            server.gssapi("OK", kdc.tickets("anna"), tls=tls)
            server.ntlm("OK", "CORP\\anna", NTLM_PASSWORD, tls=tls)
            plain = b"\0local\0" + server.password.encode()
            server.wants("PLAIN", "OK", says(plain), tls=tls)
            server.wants("LOGIN", "CANNOT", says(b""), tls=tls)
        # [MS-OXIMAP4] 3.1.4.1: an empty continuation request first, then the three messages.
        with server.client(True) as client:
            ntlm = NtlmClient("CORP\\anna", NTLM_PASSWORD)
            client.start("AUTHENTICATE", "NTLM")
            require(client.read_raw() in (b"+", b"+ "), "the first continuation request is not empty")
            client.send(encoded(ntlm(b"")) + b"\r\n")
            challenge = base64.b64decode(client.read_response(), validate=True)
            require(challenge.startswith(b"NTLMSSP\0\2\0\0\0"), challenge)
            client.send(encoded(ntlm(challenge)) + b"\r\n")
            require(client.read_response()[1].status == "OK", server.log_tail())
    with GssServer(build, folder, "profile-bare", {"profile": "exchange", "auth.plugins": "passwdfile"}) as server:
        for key in [key for key in server.settings if key.startswith("auth.gssapi.")]:
            del server.settings[key]
        with server.client(True) as client:
            client.ok("CAPABILITY")
            require({n for n in client.capabilities if n.startswith("AUTH=")} == {"AUTH=PLAIN"}, client.capabilities)


def findings(build, folder, kdc):
    server = GssServer(build, folder, "checked")

    def finds(key, text, **changed):
        out = server.check(**{"auth_gssapi_" + name: value for name, value in changed.items()})
        require(key in out and text in out, f"wanted {key}: {text}; got {out}")

    require("0 errors" in server.check(), server.check())
    for bad in ("absent", "empty", "rubbish"):
        path = f"{folder}/keytab-{bad}"
        if bad != "absent":
            with open(path, "wb") as file:
                file.write(b"\5\2" if bad == "empty" else b"rubbish")
        finds("auth.gssapi.keytab", "keytab-" + bad, keytab=path)
    kdc.admin(f"ktadd -k {folder}/keytab-host host/localhost")
    finds("auth.gssapi.keytab", "no key of a principal imap/localhost", keytab=f"{folder}/keytab-host")
    finds("auth.gssapi.keytab", "no key of a principal imap/mail.test", host="mail.test")
    finds("auth.gssapi.keytab", "none.keytab", keytab="", mechanisms="GSSAPI")
    finds("auth.gssapi.keytab", "no mechanism can be served", keytab="", ntlmUsers="")
    require("0 errors" in server.check(auth_gssapi_keytab=""), "NTLM alone is enough")
    finds("auth.gssapi.mechanisms", "SPNEGO is neither", mechanisms="GSSAPI, SPNEGO")
    finds("auth.gssapi.ntlmUsers", "is not set", ntlmUsers="", mechanisms="NTLM")
    finds("auth.gssapi.ntlmUsers", "can't be read", ntlmUsers="/nonexistent/users")
    finds("auth.gssapi.ntlmUsers", "twin stands more than once")
    with open(f"{folder}/odd-users", "w", encoding="ascii") as file:
        file.write(f"CORP:anna:{NTLM_PASSWORD}\nCORP:anna:pass:{NTLM_PASSWORD}\n")
        os.fchmod(file.fileno(), 0o644)
    finds("auth.gssapi.ntlmUsers", "odd-users:2: names no user", ntlmUsers=f"{folder}/odd-users")
    finds("auth.gssapi.ntlmUsers", "can read", ntlmUsers=f"{folder}/odd-users")
    require(NTLM_PASSWORD not in server.check(auth_gssapi_ntlmUsers=f"{folder}/odd-users"), "a password is shown")
    server.settings["auth.gssapi.keytab"] = "/nonexistent/keytab"
    try:
        server.start()
        server.stop()
        raise AssertionError("it starts without its keytab")
    except servers.ServerError as error:
        require("/nonexistent/keytab" in str(error), error)


def tests(counter, build, folder):
    kdc = realm(folder)
    users_file(folder)
    try:
        server = GssServer(build, folder, "over-kerberos").start()
        try:
            counter.run("offered", offered, server)
            for test in (tickets, service, principals, authorization, last_message, hostile_tokens, replay, long_tokens,
                         imaplib_client, curl_gssapi, gnu_sasl, many):
                counter.run(test.__name__.replace("_", " "), test, server, kdc)
            counter.run("neomutt", neomutt, server, kdc, folder)
            counter.run("renewed key", renewed_key, server, kdc, folder)
            counter.run("keytab away", keytab_away, server, kdc, folder)
            for test in (ntlm_users, curl_ntlm, ntlm_messages, ntlm_hostile):
                counter.run(test.__name__.replace("_", " "), test, server)
            counter.run("ntlm file", ntlm_file, server, folder)
            counter.run("nothing is left", nothing_is_left, server, kdc)
            counter.run("passwords of other plugins", server.expect, "local", server.password, "OK")
            counter.run("no secret in the log", tells_nothing, server, [NTLM_PASSWORD, PASSWORD, NT_HASH])
        finally:
            ends_well(counter, server)
        for test in (any_host, other_realms, local_names, expired, replay_cache, binding, merged, as_user, guesses,
                     profile):
            counter.run(test.__name__.replace("_", " "), test, build, folder, kdc)
        counter.run("maildock check", findings, build, folder, kdc)
    finally:
        kdc.stop()


main("auth-gssapi", tests)
