"""The servers that scripts run against, and the accounts that they get there."""

import contextlib
import itertools
import os
import pathlib
import pwd
import select
import shutil
import socket
import string
import subprocess
import time

from connection import Connection, Timeout

PASSWORD = "secret"
START_TIMEOUT = 30
STOP_TIMEOUT = 20
SPECIAL_FOLDERS = ("Drafts", "Sent", "Trash", "Junk", "Archive")


class ServerError(Exception):
    """A server that cannot be started or used."""


def free_ports(count):
    """Loopback ports that the system says are free."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def make_certificate(folder):
    cert, key = folder / "cert.pem", folder / "key.pem"
    result = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", str(key),
         "-out", str(cert)], capture_output=True, text=True, check=False)
    if result.returncode:
        raise ServerError(f"openssl made no certificate: {result.stderr[-300:]}")
    key.chmod(0o644)  # thrown away with the folder
    return cert, key


def mail_owner():
    """The user whom mail files belong to: mail for root, else ourselves."""
    return pwd.getpwnam("mail") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())


class Account:
    """A user of a server with a fresh tree in Maildir++ layout."""

    def __init__(self, user, maildir, owner, source):
        self.user, self.password, self.source = user, PASSWORD, source
        self.maildir, self.owner = maildir, owner
        self.delivered = {}  # mailbox: base names in order
        self.clock = 1_600_000_000

    def folder(self, mailbox):
        if mailbox.upper() == "INBOX":
            return self.maildir
        return self.maildir / ("." + mailbox.replace("/", "."))

    def own(self, *paths):
        if os.geteuid() == 0:
            for path in paths:
                os.chown(path, self.owner.pw_uid, self.owner.pw_gid)

    def make_folder(self, folder):
        for path in (self.maildir, folder, folder / "tmp", folder / "new", folder / "cur"):
            if not path.is_dir():
                path.mkdir(mode=0o700, parents=path == self.maildir)
                self.own(path)

    def deliver(self, mailbox, messages, options):
        """As a delivery agent does it; flags=FS puts the files into cur/, date= sets the internal date."""
        folder = self.folder(mailbox)
        self.make_folder(folder)
        for content in messages:
            self.clock += 1
            base = f"{self.clock}.M{self.clock % 1000000}P1.test"
            name = f"{base}:2,{options['flags']}" if "flags" in options else base
            temporary = folder / "tmp" / base
            temporary.write_bytes(content)
            self.own(temporary)
            if "date" in options:
                seconds = time.mktime(time.strptime(options["date"] + " UTC", "%Y-%m-%d %H:%M:%S %Z")) - time.timezone
                os.utime(temporary, (seconds, seconds))
            temporary.rename(folder / ("cur" if "flags" in options else "new") / name)
            self.delivered.setdefault(mailbox, []).append(base)

    def find(self, mailbox, number):
        """The n-th delivered message: (file, base name)."""
        folder, base = self.folder(mailbox), self.delivered[mailbox][number - 1]
        found = [p for sub in ("new", "cur") for p in (folder / sub).iterdir() if p.name.partition(":2,")[0] == base]
        if len(found) != 1:
            raise ServerError(f"{len(found)} files of message {number} in {mailbox}")
        return found[0], base

    def change(self, mailbox, number, letters):
        """Gives the n-th delivered message other flags in its file name, or removes it (None)."""
        file, base = self.find(mailbox, number)
        if letters is None:
            file.unlink()
        else:
            file.rename(self.folder(mailbox) / "cur" / f"{base}:2,{letters}")

    def rewrite(self, mailbox, number, way, content):
        """Puts other content into the file of the n-th delivered message, or touches it."""
        file, base = self.find(mailbox, number)
        if way == "edited":
            file.write_bytes(content)
        elif way == "touched":
            os.utime(file, (1_500_000_000, 1_500_000_000))
        else:
            fresh = self.folder(mailbox) / "tmp" / base
            fresh.write_bytes(content)
            self.own(fresh)
            if way == "restored":
                os.utime(fresh, (1_400_000_000, 1_400_000_000))
            fresh.rename(file)


class Local:
    """A server of our own: its folder, configuration, process and users."""

    name = ""

    def __init__(self, root, settings, users):
        self.root, self.settings, self.count = root, settings, users
        self.owner = mail_owner()
        self.process = None
        self.numbers = itertools.count(1)
        self.capabilities = frozenset()
        root.mkdir(parents=True)
        root.chmod(0o755)
        (root / "mail").mkdir()
        self.cert, self.key = make_certificate(root)
        port, tls_port = free_ports(2)
        self.address, self.tls_address = ("127.0.0.1", port), ("127.0.0.1", tls_port)
        with open(root / "users", "w", encoding="ascii") as file:
            for number in range(users + 1):
                home = self.home(number)
                home.mkdir()
                os.chown(home, self.owner.pw_uid, self.owner.pw_gid)
                file.write(f"{self.user(number)}:{{PLAIN}}{PASSWORD}:{self.owner.pw_uid}:{self.owner.pw_gid}"
                           f"::{home}::\n")

    def user(self, number):
        return f"u{number:04}"

    def home(self, number):
        return self.root / "mail" / self.user(number)

    def account(self, number=None):
        """The next fresh account; each comes from an address of its own, so that no limit by address mixes them."""
        number = next(self.numbers) if number is None else number
        source = f"127.1.{number // 250}.{number % 250 + 1}"
        return Account(self.user(number), self.home(number) / "Maildir", self.owner, source)

    def start(self):
        log = open(self.root / "stderr.log", "wb")
        with log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            cwd=self.root, start_new_session=True)
        self.wait_ready()
        self.capabilities = ask_capabilities(self, self.account(0))

    def wait_ready(self):
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline and self.process.poll() is None:
            if self.is_ready():
                return
            with contextlib.suppress(OSError, Timeout):
                select.select([], [], [], 0.02)
        raise ServerError(f"{self.name} is not ready: {self.log_tail()}")

    def log_tail(self):
        text = b""
        for path in sorted(self.root.glob("*.log")):
            text += b"".join(path.read_bytes().splitlines(True)[-10:])
        return text.decode(errors="replace") or "it wrote no log"

    def stop(self):
        """A word about how it ended badly, or nothing."""
        if self.process is None:
            return ""
        code = self.process.poll()
        if code is not None:
            return f"{self.name} ended by itself with {code}: {self.log_tail()}"
        self.process.terminate()
        try:
            code = self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return f"{self.name} did not stop within {STOP_TIMEOUT} s of SIGTERM"
        return f"{self.name} stopped with {code}: {self.log_tail()}" if code else ""


class Maildock(Local):
    name = "maildock"

    def __init__(self, root, settings, users, build):
        super().__init__(root, settings, users)
        self.binary = pathlib.Path(build).resolve() / "bin" / "maildock"
        if not self.binary.exists():
            raise ServerError(f"there is no {self.binary}")
        values = {
            "imap.listen": "%s:%d" % self.address, "imaps.listen": "%s:%d" % self.tls_address,
            "tls.certificate": self.cert, "tls.key": self.key, "mail.location": "%h/Maildir",
            "state.path": root / "state", "auth.plugins": "passwdfile", "auth.passwdfile.path": root / "users",
            "auth.plaintextWithoutTls": "true", "auth.penalty": "0", "auth.limit.exempt": "local",
            "mailbox.autocreate": ", ".join(SPECIAL_FOLDERS), **settings,
        }
        (root / "state").mkdir()
        (root / "maildock.properties").write_text("".join(f"{k} = {v}\n" for k, v in values.items()))

    def command(self):
        return [str(self.binary), f"--config={self.root / 'maildock.properties'}"]

    def is_ready(self):
        return b"maildock ready" in (self.root / "stderr.log").read_bytes()


DOVECOT = string.Template("""\
base_dir = $root/run
state_dir = $root/state
log_path = $root/dovecot.log
protocols = imap
listen = 127.0.0.1
first_valid_uid = 1
first_valid_gid = 1
$identity
ssl = yes
ssl_cert = <$cert
ssl_key = <$key
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
passdb {
  driver = passwd-file
  args = $root/users
}
userdb {
  driver = passwd-file
  args = $root/users
}
mail_location = maildir:~/Maildir
mail_max_userip_connections = 0
namespace inbox {
  inbox = yes
  separator = /
$folders}
default_vsz_limit = 1024 M
service imap-login {
  inet_listener imap {
    port = $port
  }
  inet_listener imaps {
    port = $tls_port
    ssl = yes
  }
  service_count = 0
  process_limit = 2
  process_min_avail = 1
$chroot}
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
$chroot}
""")


class Dovecot(Local):
    name = "dovecot"

    def __init__(self, root, settings, users):
        super().__init__(root, settings, users)
        self.binary = shutil.which("dovecot", path=os.environ.get("PATH", "") + ":/usr/sbin")
        if not self.binary:
            raise ServerError("dovecot is not installed (Debian's package dovecot-imapd)")
        is_root = os.geteuid() == 0
        me = self.owner.pw_name
        folders = "".join(f"  mailbox {name} {{\n    auto = create\n    special_use = \\{name}\n  }}\n"
                          for name in SPECIAL_FOLDERS)
        text = DOVECOT.substitute(
            root=root, cert=self.cert, key=self.key, port=self.address[1], tls_port=self.tls_address[1],
            folders=folders, chroot="" if is_root else "  chroot =\n",
            identity="" if is_root else f"default_internal_user = {me}\ndefault_login_user = {me}")
        text += "".join(f"{key} = {value}\n" for key, value in settings.items())
        (root / "dovecot.conf").write_text(text)

    def command(self):
        return [self.binary, "-F", "-c", str(self.root / "dovecot.conf")]

    def is_ready(self):
        try:
            probe = Connection(self.address, 5)
        except OSError:
            return False
        answer = probe.read()
        probe.close()
        return bool(answer and answer.startswith("* OK"))


class ForeignAccount:
    """An account of a server elsewhere: filled by APPEND, and emptied over IMAP where scripts share it."""

    def __init__(self, server, user, password):
        self.server, self.user, self.password, self.source = server, user, password, ""

    def commands(self, connection, *commands):
        answers = []
        for number, command in enumerate(commands):
            connection.send(f"x{number} ".encode() + command + b"\r\n")
            while (line := connection.read()) is not None and not line.startswith(f"x{number} "):
                if line.startswith("+"):
                    raise ServerError(f"{command[:60]!r}: {line}")
                answers.append(line)
        return answers

    @contextlib.contextmanager
    def session(self):
        connection = Connection(self.server.address, 10)
        try:
            connection.read()
            self.commands(connection, f'LOGIN "{self.user}" "{self.password}"'.encode())
            yield connection
        finally:
            connection.close()

    def clean(self):
        with self.session() as connection:
            names = [line.rpartition(" ")[2] if not line.endswith('"') else '"' + line[:-1].rpartition(' "')[2] + '"'
                     for line in self.commands(connection, b'LIST "" *') if line.startswith("* LIST")]
            for name in sorted(names, key=len, reverse=True):
                if name.strip('"').upper() != "INBOX":
                    self.commands(connection, b"UNSUBSCRIBE " + name.encode(), b"DELETE " + name.encode())
            self.commands(connection, b"SELECT INBOX", b"STORE 1:* +FLAGS.SILENT (\\Deleted)", b"CLOSE")

    def deliver(self, mailbox, messages, options):
        names = {"S": "\\Seen", "F": "\\Flagged", "R": "\\Answered", "T": "\\Deleted", "D": "\\Draft"}
        flags = " ".join(names[letter] for letter in options.get("flags", ""))
        date = ""
        if "date" in options:
            date = time.strftime(' "%d-%b-%Y %H:%M:%S +0000"', time.strptime(options["date"], "%Y-%m-%d %H:%M:%S"))
        with self.session() as connection:
            self.commands(connection, f'CREATE "{mailbox}"'.encode())
            for content in messages:
                content = content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
                connection.send(f'y APPEND "{mailbox}" ({flags}){date} {{{len(content)}}}\r\n'.encode())
                connection.read()
                connection.send(content + b"\r\n")
                while (line := connection.read()) is not None and not line.startswith("y "):
                    pass


class Foreign:
    """A server that runs already; `user` may hold a format such as %04d, for users that are all fresh."""

    name = "foreign"

    def __init__(self, address, user, password):
        host, _, port = address.rpartition(":")
        self.address = self.tls_address = (host or "127.0.0.1", int(port))
        self.user, self.password = user, password
        self.numbers = itertools.count(1)
        self.capabilities = frozenset()

    def next_account(self):
        return ForeignAccount(self, self.user % next(self.numbers) if "%" in self.user else self.user, self.password)

    def start(self):
        self.capabilities = ask_capabilities(self, self.next_account())

    def account(self):
        account = self.next_account()
        if "%" not in self.user:
            account.clean()
        return account

    def stop(self):
        return ""


def ask_capabilities(server, account):
    """What the server offers before and after log-in."""
    connection = Connection(server.address, 10, account.source)
    found = set()
    try:
        connection.read()
        for tag, command in (("x1", "CAPABILITY"), ("x2", f'LOGIN "{account.user}" "{account.password}"'),
                             ("x3", "CAPABILITY")):
            connection.send(f"{tag} {command}\r\n".encode())
            while True:
                line = connection.read()
                if line is None:
                    raise ServerError(f"{server.name} closed the connection at {command.split()[0]}")
                if line.startswith("* CAPABILITY "):
                    found.update(line.upper().split()[2:])
                if line.startswith(tag + " "):
                    break
            if " OK" not in line[:6] and tag != "x2":
                raise ServerError(f"{server.name}: {line}")
            if tag == "x2" and " OK" not in line[:6]:
                break  # a server that wants TLS first
    except Timeout as error:
        raise ServerError(f"{server.name} does not answer: {error}") from error
    finally:
        connection.close()
    return frozenset(found)
