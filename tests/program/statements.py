#!/usr/bin/env python3
"""Statements of [MS-STANXIMAP] that a transcript cannot show: ports, ciphers, PREAUTH, what is not opened.

Usage: statements.py BUILD_FOLDER. Each check is named after its statement (docs/standards-support.md).
"""

import ctypes
import os
import shlex
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))

import servers  # noqa: E402
from counting import Counter, Skipped, require  # noqa: E402
from servers import Maildock, WorkFolder, give_to_owner  # noqa: E402

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build")
MESSAGES = 100_000
MESSAGE_OCTETS = 10 * 1024 * 1024
IN_OPEN, IN_ISDIR = 0x20, 0x40000000


def greeting(host, port, tls=False):
    with socket.create_connection((host, port), timeout=20) as connection:
        if tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            with context.wrap_socket(connection) as wrapped:
                return wrapped.recv(4096)
        return connection.recv(4096)


def standard_ports():
    """2.1.1: ports 143 and 993, and any others, several at a time."""
    host = "127.3.4.5"
    for port in (143, 993):
        probe = socket.socket()
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Skipped(f"port {port} cannot be had here: {error}") from error
        finally:
            probe.close()
    with WorkFolder("ports") as folder:
        other = servers.free_ports(1)[0]
        with Maildock(BUILD, folder, settings={"imap.listen": f"{host}:143, 127.0.0.1:{other}",
                                               "imaps.listen": f"{host}:993"}):
            require(greeting(host, 143).startswith(b"* OK"), "no greeting on port 143")
            require(greeting(host, 993, tls=True).startswith(b"* OK"), "no greeting on port 993")
            require(greeting("127.0.0.1", other).startswith(b"* OK"), "no greeting on the other port")


def ports_unless_told():
    """2.1.1: without a key for addresses, 143 and 993 of all addresses with a certificate; else loopback alone."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        raise Skipped("a network of its own needs root and unshare")
    with WorkFolder("unless-told") as folder:
        key, certificate = (os.path.join(folder, name) for name in ("key.pem", "cert.pem"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=localhost", "-keyout", key, "-out", certificate], check=True,
                       capture_output=True, timeout=60)
        os.chmod(key, 0o600)
        config = os.path.join(folder, "maildock.properties")

        def listens_on(*lines):
            with open(config, "w", encoding="utf-8") as file:
                file.write("\n".join(["auth.plugins =", f"mail.location = {folder}/%u", f"state.path = {folder}",
                                      *lines]) + "\n")
            command = f"ip link set lo up && exec {shlex.quote(os.path.join(BUILD, 'bin', 'maildock'))} --config={config}"
            with subprocess.Popen(["unshare", "-n", "sh", "-c", command], stdin=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, text=True) as program:
                found = []
                for line in program.stderr:
                    found += [line.split("imapd listens on ")[1].strip()] if "imapd listens on " in line else []
                    if line.startswith("maildock ready"):
                        break
                program.terminate()
                program.communicate(timeout=30)
            return sorted(found)

        tls = [f"tls.certificate = {certificate}", f"tls.key = {key}"]
        everywhere = [f"{host}:{port}" for host in ("0.0.0.0", "[::]") for port in (143, 993)]
        require(listens_on(*tls) == everywhere, listens_on(*tls))
        require(listens_on() == ["127.0.0.1:1143"], listens_on())
        require(listens_on(*tls, "imaps.listen = 127.0.0.1:993") == ["127.0.0.1:993"], "one that is set is the only one")


def negotiated(server, version, ciphers=None):
    """(protocol, cipher) of a client with just that version and ciphers; None: no agreement."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if version < ssl.TLSVersion.TLSv1_2:
        context.set_ciphers("ALL:@SECLEVEL=0")
    elif ciphers:
        context.set_ciphers(ciphers)
    context.minimum_version = context.maximum_version = version
    try:
        with socket.create_connection(("127.0.0.1", server.tls_port), timeout=20) as connection, \
                context.wrap_socket(connection) as wrapped:
            wrapped.recv(1)
            return wrapped.version(), wrapped.cipher()[0]
    except (ssl.SSLError, ConnectionError):
        return None


def lowest_protocol():
    """2.1.7: TLS 1.2 is the least by default; RC4 with MD5 is nowhere to be had."""
    with WorkFolder("protocols") as folder, Maildock(BUILD, folder) as server:
        require(negotiated(server, ssl.TLSVersion.TLSv1_1) is None, "TLS 1.1 is taken")
        require(negotiated(server, ssl.TLSVersion.TLSv1_2)[0] == "TLSv1.2", "TLS 1.2 is not taken")
        require(negotiated(server, ssl.TLSVersion.TLSv1_3)[0] == "TLSv1.3", "TLS 1.3 is not taken")


class Policed(Maildock):
    """Under a policy of the system's OpenSSL that allows one cipher suite of TLS 1.2."""

    suite = "ECDHE-ECDSA-CHACHA20-POLY1305"

    def environment(self):
        self.write("openssl.cnf", "openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = policy\n"
                                  f"[policy]\nCipherString = {self.suite}\n")
        return {**super().environment(), "OPENSSL_CONF": self.path("openssl.cnf")}


def system_policy():
    """V0059: no cipher suite is built in; the system's policy decides."""
    with WorkFolder("policy") as folder, Policed(BUILD, folder) as server:
        found = negotiated(server, ssl.TLSVersion.TLSv1_2)
        require(found == ("TLSv1.2", Policed.suite), f"negotiated {found}")
        require(negotiated(server, ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-GCM-SHA256") is None,
                "a suite that the policy has not is taken")


def chosen_ciphers():
    """V0060: the optional suites are the system's too, unless the admin lists some."""
    with WorkFolder("ciphers") as folder:
        suite = "ECDHE-ECDSA-AES128-GCM-SHA256"
        with Maildock(BUILD, folder, settings={"tls.ciphers": suite}) as server:
            found = negotiated(server, ssl.TLSVersion.TLSv1_2)
            require(found == ("TLSv1.2", suite), f"negotiated {found}")
            require(negotiated(server, ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES256-GCM-SHA384") is None,
                    "a suite that is not listed is taken")


class Tunnel:
    """The program on pipes, as ssh starts it."""

    def __init__(self, folder, user, settings=None):
        self.folder = folder
        os.makedirs(os.path.join(folder, "home"), exist_ok=True)
        with open(os.path.join(folder, "users"), "w", encoding="ascii") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(f"anna:{{PLAIN}}x::::{folder}/home::\nbert:{{PLAIN}}x::::{folder}/home::nologin\n")
        keys = {"imap.listen": "127.0.0.1:1", "imaps.listen": "", "mail.location": "%h/Maildir",
                "auth.plugins": "passwdfile", "auth.passwdfile.path": "users", "state.path": folder,
                **(settings or {})}
        config = os.path.join(folder, "maildock.properties")
        with open(config, "w", encoding="ascii") as file:
            file.write("".join(f"{key} = {value}\n" for key, value in keys.items()))
        self.process = subprocess.Popen([os.path.join(BUILD, "bin", "maildock"), f"--preauth={user}", f"--config={config}"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def talk(self, text):
        """(what it said, what it complained of, its status) when it was sent this and no more."""
        try:
            out, err = self.process.communicate(text.encode(), timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, err = self.process.communicate()
        return out.decode(), err.decode(), self.process.returncode


def preauthenticated():
    """V0051: a user whom the system vouches for is greeted with PREAUTH on standard input and output."""
    with tempfile.TemporaryDirectory() as folder:
        out, err, status = Tunnel(folder, "anna").talk(
            "a1 CAPABILITY\r\na2 LOGIN anna x\r\na3 STARTTLS\r\na4 APPEND INBOX {16+}\r\nSubject: x\r\n\r\nx\r\n"
            "a5 SELECT INBOX\r\na6 FETCH 1 BODY.PEEK[HEADER]\r\na7 LOGOUT\r\n")
        lines = out.split("\r\n")
        require(lines[0].startswith("* PREAUTH [CAPABILITY IMAP4rev1 "), lines[0])
        require("STARTTLS" not in lines[0] and "AUTH=" not in lines[0], lines[0])
        for tag, word in (("a1", "OK"), ("a2", "BAD"), ("a3", "BAD"), ("a4", "OK"), ("a5", "OK"), ("a6", "OK"), ("a7", "OK")):
            require(any(line.startswith(f"{tag} {word}") for line in lines), f"{tag} is not {word}: {out}")
        require("Subject: x" in lines and status == 0, f"{status}: {out}{err}")
        out, err, status = Tunnel(folder, "anna").talk("a1 SELECT INBOX\r\n")
        require("* 1 EXISTS" in out and "a1 OK" in out and status == 0, f"what was appended is gone: {out}{err}")


def refuses_preauthentication():
    """V0051: users who may not sign in or are unknown get nothing, and neither does anybody under the profile."""
    for user, settings, why in (("bert", {}, "does not let in bert"), ("nobody-here", {}, "knows nobody-here"),
                                ("anna", {"profile": "exchange"}, "imap.preauth"),
                                ("anna", {"imap.preauth": "false"}, "imap.preauth")):
        with tempfile.TemporaryDirectory() as folder:
            out, err, status = Tunnel(folder, user, settings).talk("a1 NOOP\r\n")
            require(out == "" and status != 0 and why in err, f"{user} {settings}: {status} {out!r} {err!r}")


class Openings:
    """Counts what is opened in a folder, by inotify."""

    def __init__(self, folder):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.descriptor = self.libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.descriptor < 0 or self.libc.inotify_add_watch(self.descriptor, folder.encode(), IN_OPEN) < 0:
            raise Skipped(f"no inotify: {os.strerror(ctypes.get_errno())}")

    def files(self):
        count = 0
        while True:
            try:
                data = os.read(self.descriptor, 65536)
            except BlockingIOError:
                return count
            at = 0
            while at < len(data):
                _, mask, _, length = struct.unpack_from("iIII", data, at)
                count += not mask & IN_ISDIR
                at += 16 + length


def stored_sizes():
    """V0006: size-stored answers 100,000 sizes and opens no message."""
    with WorkFolder("sizes") as folder:
        server = Maildock(BUILD, folder, settings={"size.plugin": "size-stored"})
        box = server.maildir()
        for part in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(box, part))
        first = os.path.join(box, "cur", f"1600000000.0.test,S={MESSAGE_OCTETS}:2,S")
        with open(first, "wb") as file:
            file.write(b"Subject: x\n\n")
            file.truncate(MESSAGE_OCTETS)
        links = 1
        for number in range(1, MESSAGES):
            # ext4 has 65,000 links to a file
            if links == 50_000:
                links, source = 0, first
                first = os.path.join(box, "cur", f"1600000000.{number}.test,S={MESSAGE_OCTETS}:2,S")
                subprocess.run(["cp", "--sparse=always", source, first], check=True)
            else:
                os.link(first, os.path.join(box, "cur", f"1600000000.{number}.test,S={MESSAGE_OCTETS}:2,S"))
            links += 1
        give_to_owner(server.mail_root)
        with server, server.connect(timeout=300) as client:
            openings = Openings(os.path.join(box, "cur"))
            client.select("INBOX")
            sizes = client.ok(b"FETCH 1:* (RFC822.SIZE)").of("FETCH")
            require(len(sizes) == MESSAGES, f"{len(sizes)} sizes")
            require(all(str(MESSAGE_OCTETS).encode() in one.data for one in sizes), f"a wrong size: {sizes[0]}")
            found = client.ok(f"SEARCH LARGER {MESSAGE_OCTETS - 1} SMALLER {MESSAGE_OCTETS + 1}".encode()).of("SEARCH")
            require(len(found[0].data) == MESSAGES, f"LARGER and SMALLER found {len(found[0].data)}")
            status = client.ok(b"STATUS INBOX (SIZE)").of("STATUS")[0].data
            require(str(MESSAGES * MESSAGE_OCTETS).encode() in status[1], f"STATUS SIZE: {status}")
            require(openings.files() == 0, "message files were opened")
            client.ok(b"FETCH 1 BODY.PEEK[HEADER]")
            require(openings.files() > 0, "the count counts nothing")


def hidden_keywords_stay():
    """V0005: keywords that are not shown stay on disk, whatever STORE, COPY and MOVE do to the flags beside them."""
    with WorkFolder("keywords") as folder:
        server = Maildock(BUILD, folder, settings={"profile": "exchange"})
        box = server.maildir()
        for part in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(box, part))
        with open(os.path.join(box, "dovecot-keywords"), "w", encoding="ascii") as file:
            file.write("0 Project\n1 $MDNSent\n")
        for number in (1, 2):
            with open(os.path.join(box, "cur", f"160000000{number}.test:2,Sa"), "wb") as file:
                file.write(b"Subject: x\n\n")
        give_to_owner(server.mail_root)

        def letters(part, name):
            (found,) = [each for each in os.listdir(os.path.join(box, part, "cur")) if each.startswith(name)]
            return found.split(":2,")[1]

        with server, server.connect() as client:
            client.select("INBOX")
            for change, wanted in (("FLAGS (\\Flagged)", "Fa"), ("+FLAGS ($MDNSent Other)", "Fab"),
                                   ("-FLAGS (Project \\Flagged)", "ab"), ("FLAGS ()", "a")):
                client.ok(f"STORE 1 {change}")
                require(letters("", "1600000001") == wanted, f"{change}: {letters('', '1600000001')}")
            require(client.ok("FETCH 1 FLAGS").fetched()[1]["FLAGS"] in ([], [b"\\Recent"]), "Project is shown")
            for command in ("CREATE Sent", "CREATE Trash", "COPY 1 Sent", "MOVE 2 Trash"):
                client.ok(command)
            for mailbox in (".Sent", ".Trash"):
                names = os.listdir(os.path.join(box, mailbox, "cur")) + os.listdir(os.path.join(box, mailbox, "new"))
                with open(os.path.join(box, mailbox, "dovecot-keywords"), encoding="ascii") as file:
                    lines = dict(line.split() for line in file)
                (name,) = names
                kept = [lines[str(ord(c) - ord("a"))] for c in name.split(":2,")[1] if c.islower()]
                require(kept == ["Project"], f"{mailbox}: {name} {lines}")


def slow_reader():
    """V0014: a client that does not read what it asked for holds up nobody, and is told of news afterwards."""
    octets = 8 * 1024 * 1024
    with WorkFolder("slow") as folder, Maildock(BUILD, folder, settings={"profile": "exchange"}) as server, \
            server.connect() as slow, server.connect() as other:
        slow.append("INBOX", b"Subject: x\r\n\r\n" + (b"y" * 76 + b"\r\n") * (octets // 78))
        slow.select("INBOX")
        tag = slow.start("FETCH 1 BODY.PEEK[]")
        for number in range(20):
            began = time.monotonic()
            other.append("INBOX", b"Subject: %d\r\n\r\n" % number)
            require(time.monotonic() - began < 5, "the other session waits for the slow one")
        result = slow.finish(tag)
        body = result.of("FETCH")[0].data[1]
        require(result.status == "OK" and len(body) > octets - 100, f"{result} {len(body)}")
        told = [each.number for each in result.of("EXISTS")]
        deadline = time.monotonic() + 20
        while 21 not in told:
            require(time.monotonic() < deadline, f"told of {told}")
            told += [each.number for each in [slow.read_response()] if each.kind == "EXISTS"]
        require(told == sorted(told), told)


def times():
    """V0015, E0002: 30 minutes and 60 seconds by default, in both profiles; less than 30 minutes is warned of."""
    for profile in ("", "profile = exchange\n"):
        with tempfile.TemporaryDirectory() as folder:
            config = os.path.join(folder, "maildock.properties")

            def run(*arguments, more=""):
                with open(config, "w", encoding="ascii") as file:
                    file.write(f"imap.listen = 127.0.0.1:1\nimaps.listen =\nauth.plugins =\n{profile}{more}")
                done = subprocess.run([os.path.join(BUILD, "bin", "maildock"), "check", *arguments,
                                       f"--config={config}"], capture_output=True, text=True, timeout=60, check=False)
                return done.stdout

            keys = dict(line.split("\t")[:1] + [line.split("\t")[2]] for line in run("--keys").splitlines())
            require(keys["imap.timeout.inactivity"] == "30m" and keys["imap.timeout.unauthenticated"] == "60", keys)
            require("imap.timeout" not in run(), run())
            warned = run(more="imap.timeout.inactivity = 29m\nimap.timeout.unauthenticated = 5\n")
            require("imap.timeout.inactivity: RFC 3501 5.4 asks for 30 minutes" in warned, warned)
            require(" 0 errors" in warned, warned)


def main():
    counter = Counter()
    for check in (standard_ports, ports_unless_told, lowest_protocol, system_policy, chosen_ciphers, preauthenticated,
                  refuses_preauthentication, stored_sizes, hidden_keywords_stay, slow_reader, times):
        counter.run(check.__doc__, check)
    sys.exit(counter.finish())


if __name__ == "__main__":
    main()
