"""Starts and stops the servers that the tests talk to: Maildock, Debian's Dovecot, Debian's Courier.

Every server listens on 127.0.0.1 only, on ports that the system picked, and keeps everything below the folder that it
is given. The mail of user U is MAIL_ROOT/U/Maildir, so that several servers can take turns on one tree. Started as
root, the mail files belong to the account `mail` (Dovecot refuses to serve mail as root); otherwise to whoever runs
the test. Only processes that were started here are ever ended, by their pid.
"""

import os
import pwd
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from counting import Counter, Skipped
from imapclient import ImapClient, ImapError

HOST = "127.0.0.1"
REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class ServerError(Exception):
    """A server that does not start, or dies; the text has the end of its log."""


def free_ports(count):
    """Ports that were free a moment ago; start() tries again with others if one was taken meanwhile."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind((HOST, 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def mail_owner():
    """(name, uid, gid) that mail files belong to."""
    if os.geteuid() == 0:
        entry = pwd.getpwnam("mail")
        return entry.pw_name, entry.pw_uid, entry.pw_gid
    entry = pwd.getpwuid(os.geteuid())
    return entry.pw_name, entry.pw_uid, os.getegid()


def give_to_owner(path):
    """Makes a tree belong to the account of the mail files."""
    if os.geteuid() != 0:
        return
    _, uid, gid = mail_owner()

    def give(each):
        status = os.lstat(each)
        if (status.st_uid, status.st_gid) != (uid, gid):     # else its change time stays
            os.lchown(each, uid, gid)

    give(path)
    for parent, folders, files in os.walk(path):
        for name in folders + files:
            give(os.path.join(parent, name))


class WorkFolder:
    """A temporary folder for one test program; kept, and its place printed, if the environment has KEEP=1."""

    def __init__(self, name):
        self.path = tempfile.mkdtemp(prefix=f"md-{name}-")
        os.chmod(self.path, 0o755)

    def __enter__(self):
        return self.path

    def __exit__(self, *exc):
        if os.environ.get("KEEP"):
            print(f"# kept {self.path}")
        else:
            shutil.rmtree(self.path, ignore_errors=True)


def make_certificate(folder):
    """A self-signed certificate for 127.0.0.1: (certificate, key)."""
    cert, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    if not os.path.exists(cert):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "30", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
                        "-keyout", key, "-out", cert], check=True, capture_output=True)
        os.chmod(key, 0o644)  # servers drop privileges; the key lives as long as the test
    return cert, key


def process_tree(root):
    """Live pids that descend from `root`, with it."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    data = file.read()
            except OSError:
                continue
            children.setdefault(int(data[data.rindex(b")") + 2:].split()[1]), []).append(int(name))
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo.extend(children.get(pid, []))
    return found


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            data = file.read()
        return data[data.rindex(b")") + 2:].split()[0] not in (b"Z", b"X")
    except OSError:
        return False


class Server:
    """What all have in common. A subclass writes its configuration and names its command."""

    name = "server"
    delimiter = "/"

    def __init__(self, folder, mail_root=None, users=("test",), password="secret"):
        self.folder = os.path.join(folder, self.name)
        self.mail_root = mail_root or os.path.join(folder, "mail")
        self.users, self.password = list(users), password
        self.owner, self.uid, self.gid = mail_owner()
        self.process = None
        self.port = self.tls_port = 0
        self._log = None
        os.makedirs(self.folder, exist_ok=True)
        self.cert, self.key = make_certificate(folder)
        for user in self.users:
            os.makedirs(self.home(user), exist_ok=True)
        self.give_mail_to_owner()

    # - places

    def home(self, user=None):
        return os.path.join(self.mail_root, user or self.users[0])

    def maildir(self, user=None):
        return os.path.join(self.home(user), "Maildir")

    def path(self, name):
        return os.path.join(self.folder, name)

    def give_mail_to_owner(self):
        """What a test wrote into the trees becomes the account's."""
        give_to_owner(self.mail_root)

    def write(self, name, text, mode=0o644):
        with open(self.path(name), "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text)

    # - life

    def configure(self):
        """Writes the configuration for self.port and self.tls_port."""
        raise NotImplementedError

    def command(self):
        raise NotImplementedError

    def wait_ready(self, deadline):
        """Returns when the server answers; raises ServerError if it ends before."""
        error = None
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                ImapClient(HOST, self.port, timeout=5).logout()
                return
            except (OSError, ImapError) as problem:
                error = problem
                select.select([], [], [], 0.02)
        raise ServerError(f"{self.name} does not answer ({error})\n{self.log_tail()}")

    def start(self, seconds=60):
        for attempt in range(3):
            self.port, self.tls_port = free_ports(2)
            self.configure()
            self._log = open(self.path("stderr.log"), "ab")
            self._log_start = self._log.tell()
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=self._log,
                                            stderr=self._log, start_new_session=True, env=self.environment())
            try:
                self.wait_ready(time.monotonic() + seconds)
                return self
            except ServerError:
                self.kill()
                if attempt == 2 or "in use" not in self.log_tail():
                    raise
        return self

    def environment(self):
        return dict(os.environ)

    def ask_to_stop(self):
        self.process.terminate()

    def stop(self, seconds=30):
        """SIGTERM, and SIGKILL to what is left after `seconds`. Returns the exit status."""
        if self.process is None:
            return None
        members = process_tree(self.process.pid)
        if self.process.poll() is None:
            self.ask_to_stop()
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ServerError(f"{self.name} does not stop within {seconds} s of SIGTERM\n{self.log_tail()}") from None
        deadline = time.monotonic() + seconds
        while any(is_alive(pid) for pid in members) and time.monotonic() < deadline:
            select.select([], [], [], 0.01)
        self._end(members)
        return status

    def kill(self):
        """SIGKILL to everything that this object started."""
        if self.process is not None:
            members = process_tree(self.process.pid)
            self._end(members)

    def _end(self, members):
        for pid in members:
            if is_alive(pid):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        self.process.wait()
        self.process = None
        self._log.close()
        self.give_mail_to_owner()

    def log_tail(self, octets=3000):
        text = ""
        for name in ("stderr.log", "server.log"):
            if os.path.exists(self.path(name)):
                with open(self.path(name), "rb") as file:
                    data = file.read()
                text += data[-octets:].decode("utf-8", "replace")
        return text

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.stop()

    # - use

    def connect(self, user=None, tls=False, login=True, timeout=60, trace=None):
        client = ImapClient(HOST, self.tls_port if tls else self.port, tls=tls, timeout=timeout, trace=trace)
        if login:
            client.login(user or self.users[0], self.password)
        return client


class Maildock(Server):
    """The server of this repository, from a build folder. `settings` are further keys of maildock.properties."""

    name = "maildock"

    def __init__(self, build, folder, layout="maildir++", delimiter="/", prefix="", settings=None, **rest):
        super().__init__(folder, **rest)
        self.build = os.path.abspath(build)
        self.binary = os.path.join(self.build, "bin", "maildock")
        if not os.path.exists(self.binary):
            raise ServerError(f"{self.binary} is missing: make build")
        self.layout, self.delimiter, self.prefix = layout, delimiter, prefix
        self.settings = dict(settings or {})

    def configure(self):
        os.makedirs(self.path("state"), exist_ok=True)
        if os.geteuid() == 0:
            os.chown(self.path("state"), self.uid, self.gid)
        self.write("users", "".join(f"{user}:{{PLAIN}}{self.password}:{self.uid}:{self.gid}::{self.home(user)}::\n"
                                    for user in self.users), mode=0o600)
        keys = {
            "imap.listen": f"{HOST}:{self.port}",
            "imaps.listen": f"{HOST}:{self.tls_port}",
            "tls.certificate": self.cert,
            "tls.key": self.key,
            "mail.location": os.path.join(self.mail_root, "%u", "Maildir"),
            "mail.layout": self.layout,
            "namespace.delimiter": self.delimiter,
            "namespace.prefix": self.prefix,
            "state.path": self.path("state"),
            "auth.plugins": "passwdfile",
            "auth.passwdfile.path": self.path("users"),
            "auth.plaintextWithoutTls": "true",
            "auth.limit.exempt": "local",  # tests fail on purpose, all from one address
            "size.plugin": "size-mime",
            "log.level": "information",
            **self.settings,
        }
        self.write("maildock.properties", "".join(f"{key} = {value}\n" for key, value in keys.items()))

    def command(self):
        return [self.binary, f"--config={self.path('maildock.properties')}"]

    def wait_ready(self, deadline):
        """Waits for the promised line "maildock ready" on standard error, not for a socket."""
        while time.monotonic() < deadline:
            with open(self.path("stderr.log"), "rb") as file:
                file.seek(self._log_start)
                if any(line.strip() == b"maildock ready" for line in file.read().split(b"\n")[:-1]):
                    return
            if self.process.poll() is not None:
                raise ServerError(f"maildock ended with status {self.process.returncode}\n{self.log_tail()}")
            select.select([], [], [], 0.01)
        raise ServerError(f"no \"maildock ready\" in time\n{self.log_tail()}")

    def threads(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return int(next(line.split()[1] for line in file if line.startswith("Threads:")))


DOVECOT_CONF = """\
base_dir = {folder}/base
state_dir = {folder}/state
log_path = {folder}/server.log
instance_name = maildock-test-{port}
protocols = imap
listen = 127.0.0.1
{unprivileged}
first_valid_uid = 1
first_valid_gid = 1
ssl = yes
ssl_cert = <{cert}
ssl_key = <{key}
disable_plaintext_auth = no
auth_mechanisms = plain login
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/passwd
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {folder}/passwd
}}
mail_location = {location}
mail_plugins = {plugins}
mail_fsync = {fsync}
mail_max_userip_connections = 0
mail_max_keyword_length = 100
maildir_stat_dirs = no
namespace inbox {{
  inbox = yes
  separator = {delimiter}
  prefix = {prefix}
}}
default_process_limit = 3000
default_client_limit = 6000
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
  service_count = 0
  process_limit = 2
  client_limit = 2000
  {chroot}
}}
service imap {{
  process_limit = 2000
}}
service anvil {{
  {chroot}
}}
{settings}
"""


class Dovecot(Server):
    """Debian's Dovecot 2.3 with its own base_dir. layout: "maildir++" or "fs"; escape: the character of the
    listescape plugin, or None; utf8: names on disk in UTF-8 instead of modified UTF-7."""

    name = "dovecot"

    def __init__(self, folder, layout="maildir++", delimiter="/", prefix="", utf8=False, escape=None, settings="",
                 fsync="never", **rest):
        self.binary = shutil.which("dovecot", path=os.environ.get("PATH", "") + ":/usr/sbin")
        if not self.binary:
            raise Skipped("dovecot-imapd is not installed")
        super().__init__(folder, **rest)
        self.layout, self.delimiter, self.prefix, self.utf8 = layout, delimiter, prefix, utf8
        self.escape, self.settings, self.fsync = escape, settings, fsync

    def configure(self):
        for name in ("base", "state"):
            os.makedirs(self.path(name), exist_ok=True)
        self.write("passwd", "".join(f"{user}:{{PLAIN}}{self.password}:{self.uid}:{self.gid}::{self.home(user)}::\n"
                                     for user in self.users))
        unprivileged, chroot = "", ""
        if os.geteuid() != 0:
            unprivileged = f"default_internal_user = {self.owner}\ndefault_login_user = {self.owner}\n" \
                           f"default_internal_group = {self.owner}"
            chroot = "chroot ="
        location = "maildir:~/Maildir" + (":LAYOUT=fs" if self.layout == "fs" else "") + (":UTF-8" if self.utf8 else "")
        settings = self.settings
        if self.escape:
            settings += f'\nplugin {{\n  listescape_char = "{self.escape}"\n}}\n'
        self.write("dovecot.conf", DOVECOT_CONF.format(
            folder=self.folder, port=self.port, tls_port=self.tls_port, unprivileged=unprivileged, chroot=chroot,
            cert=self.cert, key=self.key, location=location, plugins="listescape" if self.escape else "",
            fsync=self.fsync, delimiter=self.delimiter, prefix=self.prefix, settings=settings))

    def command(self):
        return [self.binary, "-F", "-c", self.path("dovecot.conf")]


class Courier(Server):
    """Debian's Courier-IMAP, which conflicts with dovecot-imapd: its packages are downloaded once, unpacked and run
    beside the system (tests/peers/courier/enter.sh). Skipped where that is impossible; the reason is told."""

    name = "courier"
    delimiter = "."
    packages = ["courier-imap", "courier-base", "courier-authlib", "courier-authdaemon", "courier-authlib-userdb",
                "libcourier-unicode4", "gamin", "libgamin0", "libidn12"]

    def __init__(self, folder, **rest):
        if os.geteuid() != 0:
            raise Skipped("Courier needs root (a chroot in namespaces)")
        probe = subprocess.run(["unshare", "--mount", "--pid", "--fork", "sh", "-c",
                                "d=$(mktemp -d) && mount -t tmpfs none $d && cd $d && mkdir l u w r && mount -t overlay none "
                                "-o lowerdir=l:/,upperdir=u,workdir=w r"], capture_output=True, text=True, check=False)
        if probe.returncode:
            raise Skipped(f"no namespaces or no overlayfs here: {probe.stderr.strip()[-200:]}")
        super().__init__(folder, **rest)
        self._unpack(self._download())

    def _download(self):
        debs = os.path.join(REPOSITORY, "run", "courier-debs")
        os.makedirs(debs, exist_ok=True)
        missing = [p for p in self.packages if not any(f.startswith(p + "_") for f in os.listdir(debs))]
        if missing:
            commands = [["apt-get", "-qq", "download", *missing]]
            if subprocess.run(commands[0], cwd=debs, capture_output=True, check=False).returncode:
                commands.insert(0, ["apt-get", "-qq", "update"])
                for command in commands:
                    done = subprocess.run(command, cwd=debs, capture_output=True, text=True, check=False)
                    if done.returncode:
                        raise Skipped(f"Courier's packages can't be downloaded: {done.stderr.strip()[-300:]}")
        return [os.path.join(debs, f) for f in sorted(os.listdir(debs)) if f.endswith(".deb")]

    def _unpack(self, debs):
        files = self.path("files")
        for deb in debs:
            subprocess.run(["dpkg", "-x", deb, files], check=True, capture_output=True)
        for name in ("lib", "bin", "sbin"):   # links into /usr since Debian 12; an overlay would hide them
            loose = os.path.join(files, name)
            if os.path.isdir(loose):
                shutil.copytree(loose, os.path.join(files, "usr", name), symlinks=True, dirs_exist_ok=True)
                shutil.rmtree(loose)
        hashed = subprocess.run(["openssl", "passwd", "-1", "-stdin"], input=self.password, text=True, check=True,
                                capture_output=True).stdout.strip()
        self.write("files/etc/courier/userdb", "".join(
            f"{user}\tuid={self.uid}|gid={self.gid}|home={self.home(user)}|shell=/bin/false|systempw={hashed}\n"
            for user in self.users))
        os.chmod(self.path("files/etc/courier/userdb"), 0o600)
        with open(self.key, encoding="ascii") as key, open(self.cert, encoding="ascii") as cert:
            self.write("files/etc/courier/imapd.pem", key.read() + cert.read())
        self.write("files/etc/courier/authdaemonrc",
                   'authmodulelist="authuserdb"\nauthmodulelistorig="authuserdb"\ndaemons=3\n'
                   'authdaemonvar=/run/courier/authdaemon\nDEBUG_LOGIN=0\nDEFAULTOPTIONS=""\nLOGGEROPTS=""\n')

    def configure(self):
        for user in self.users:
            if not os.path.exists(self.maildir(user)):
                for sub in ("cur", "new", "tmp"):
                    os.makedirs(os.path.join(self.maildir(user), sub))
                give_to_owner(self.maildir(user))

    def command(self):
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", os.path.join(
            REPOSITORY, "tests", "peers", "courier", "enter.sh"), self.folder, str(self.port), str(self.tls_port),
            self.mail_root]

    def wait_ready(self, deadline):
        """Until a user can sign in: the ports answer before the authentication daemon does."""
        error = None
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                self.connect(timeout=5).logout()
                return
            except (OSError, ImapError) as problem:
                error = problem
                select.select([], [], [], 0.1)
        raise ServerError(f"courier does not answer ({error})\n{self.log_tail()}")

    def ask_to_stop(self):
        """unshare itself ignores SIGTERM; its child, the first process of the namespace, ends the others."""
        children = [pid for pid in process_tree(self.process.pid) if pid != self.process.pid]
        os.kill(min(children), signal.SIGTERM) if children else self.process.kill()


def run_cases(name, documentation, cases, first=lambda counter, build: None):
    """The main function of a test program whose argument is a build folder: first(counter, build), then each
    case(build, folder) with a folder of its own. Returns the exit status."""
    if len(sys.argv) != 2:
        print(documentation)
        return 2
    build = os.path.abspath(sys.argv[1])
    counter = Counter()
    first(counter, build)
    for case in cases:
        with WorkFolder(name) as folder:
            counter.run(case.__name__, case, build, folder)
    return counter.finish()
