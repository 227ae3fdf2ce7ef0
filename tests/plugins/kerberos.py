"""MIT's KDC with two realms that know each other, started here on 127.0.0.1, and clients of the mechanisms GSSAPI and
NTLM over Debian's python3-gssapi: what an IMAP client does, and what a bad one could.

Everything is below the test's folder: KRB5_CONFIG and the like are set for this process and its children, and nothing
of the machine's own Kerberos is looked at.
"""

import base64
import os
import shutil
import socket
import subprocess
import sys
import time

from plugin_test import Skipped, end_process, require, servers

try:
    import gssapi
    from gssapi.raw import ChannelBindings, acquire_cred_with_password
except ImportError:
    # Debian's package is for Debian's Python, which need not be the first one in the PATH.
    if os.path.realpath(sys.executable) != os.path.realpath("/usr/bin/python3") and os.path.exists("/usr/bin/python3"):
        os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])
    gssapi = None

HOME, AWAY = "HOME.TEST", "AWAY.TEST"
PASSWORD = "pw-of-everybody"
KERBEROS, NTLM = "1.2.840.113554.1.2.2", "1.3.6.1.4.1.311.2.2.10"

CLIENT_CONF = """\
[libdefaults]
default_realm = HOME.TEST
dns_lookup_kdc = false
dns_lookup_realm = false
dns_canonicalize_hostname = false
rdns = false
{more}
[realms]
HOME.TEST = {{
  kdc = 127.0.0.1:{port}
{rules}
}}
AWAY.TEST = {{
  kdc = 127.0.0.1:{away_port}
}}
[domain_realm]
localhost = HOME.TEST
other.example.org = HOME.TEST
"""

KDC_CONF = """\
[kdcdefaults]
kdc_listen = ""
kdc_tcp_listen = ""
[realms]
HOME.TEST = {{
  database_name = {folder}/home
  key_stash_file = {folder}/home.stash
  kdc_listen = 127.0.0.1:{port}
  kdc_tcp_listen = 127.0.0.1:{port}
}}
AWAY.TEST = {{
  database_name = {folder}/away
  key_stash_file = {folder}/away.stash
  kdc_listen = 127.0.0.1:{away_port}
  kdc_tcp_listen = 127.0.0.1:{away_port}
}}
[logging]
kdc = FILE:{folder}/kdc.log
"""


def tool(name):
    found = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")
    if not found:
        raise Skipped(f"{name} is not installed")
    return found


class Kdc:
    def __init__(self, folder):
        if gssapi is None:
            raise Skipped("python3-gssapi is not installed")
        self.folder = os.path.join(folder, "kdc")
        os.makedirs(self.folder)
        self.port, self.away_port = servers.free_ports(2)
        self.process = None
        self.write("kdc.conf", KDC_CONF.format(folder=self.folder, port=self.port, away_port=self.away_port))
        os.environ.update({
            "KRB5_CONFIG": self.config("client.conf"), "KRB5_KDC_PROFILE": self.path("kdc.conf"),
            "KRB5CCNAME": "FILE:" + self.path("none.ccache"), "KRB5_KTNAME": self.path("none.keytab"),
            "KRB5_CLIENT_KTNAME": self.path("none.keytab"), "KRB5RCACHENAME": "dfl:", "KRB5RCACHEDIR": self.folder})
        os.environ.pop("NTLM_USER_FILE", None)
        for realm in (HOME, AWAY):
            subprocess.run([tool("kdb5_util"), "-r", realm, "create", "-s", "-P", "master"], check=True,
                           capture_output=True, timeout=60)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="ascii") as file:
            file.write(text)
        return self.path(name)

    def config(self, name, more="", rules=""):
        """A krb5.conf; more: lines of libdefaults, rules: lines of the realm."""
        return self.write(name, CLIENT_CONF.format(port=self.port, away_port=self.away_port, more=more, rules=rules))

    def admin(self, *queries, realm=HOME):
        done = subprocess.run([tool("kadmin.local"), "-r", realm], input="\n".join(queries) + "\n", text=True,
                              capture_output=True, timeout=60, check=False)
        wrong = [line for line in done.stderr.splitlines() if "WARNING" not in line and "No policy" not in line]
        require(done.returncode == 0 and not wrong, f"kadmin.local: {done.stdout}{done.stderr}")

    def start(self):
        with open(self.path("stderr"), "ab") as log:
            self.process = subprocess.Popen([tool("krb5kdc"), "-n", "-r", HOME, "-r", AWAY], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 30
        for port in (self.port, self.away_port):
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    with open(self.path("stderr"), encoding="utf-8", errors="replace") as file:
                        require(self.process.poll() is None and time.monotonic() < deadline, file.read())
                    time.sleep(0.02)  # it tells nobody that it is ready

    def stop(self):
        if self.process:
            end_process(self.process)
            self.process = None

    def tickets(self, principal, *options):
        """Signs in at the KDC; the name of the credential cache."""
        name = "FILE:" + self.path(principal.replace("/", "_") + "".join(options) + ".ccache")
        done = subprocess.run([tool("kinit"), "-c", name, *options, principal], input=PASSWORD + "\n", text=True,
                              capture_output=True, timeout=60, check=False)
        require(done.returncode == 0, f"kinit {principal}: {done.stdout}{done.stderr}")
        return name


def encoded(octets):
    return base64.b64encode(octets)


def authenticate(client, mechanism, answer, initial=False):
    """AUTHENTICATE to its end: the result. answer(challenge) gives what the client says to a challenge."""
    client.start("AUTHENTICATE", mechanism, *([encoded(answer(b"")) or b"="] if initial else []))
    while True:
        response = client.read_response()
        if isinstance(response, tuple):
            return response[1]
        if isinstance(response, bytes):
            said = answer(base64.b64decode(response, validate=True))
            client.send((b"*" if said is None else encoded(said)) + b"\r\n")


class KerberosClient:
    """The client's side of RFC 4752. `last`: what is said at the end instead of what should be; `cb`: what the context
    is bound to."""

    def __init__(self, ccache, service="imap@localhost", authorization=b"", last=None, cb=None, flags=None):
        name = gssapi.Name(service, gssapi.NameType.hostbased_service)
        credentials = gssapi.Credentials(usage="initiate", store={"ccache": ccache},
                                         mechs=[gssapi.OID.from_int_seq(KERBEROS)])
        wanted = gssapi.RequirementFlag.mutual_authentication | gssapi.RequirementFlag.integrity
        self.context = gssapi.SecurityContext(
            name=name, creds=credentials, usage="initiate", mech=gssapi.OID.from_int_seq(KERBEROS),
            flags=wanted if flags is None else flags, channel_bindings=cb and ChannelBindings(application_data=cb))
        self.last = last if last is not None else b"\1\0\0\0" + authorization
        self.offer = None
        self._first = self.context.step()  # the ticket is fetched now

    def __call__(self, challenge):
        if self._first is not None:
            token, self._first = self._first, None
            return token
        if not self.context.complete:
            return self.context.step(challenge) or b""
        self.offer = self.context.unwrap(challenge).message
        return self.context.wrap(self.last, False).message


class NtlmClient:
    """NTLM's three messages by gss-ntlmssp; `change` may change the last one."""

    def __init__(self, user, password, change=None):
        mechanism = gssapi.OID.from_int_seq(NTLM)
        credentials = acquire_cred_with_password(gssapi.Name(user, gssapi.NameType.user), password.encode(),
                                                 mechs=[mechanism], usage="initiate").creds
        self.context = gssapi.SecurityContext(
            name=gssapi.Name("imap@localhost", gssapi.NameType.hostbased_service), mech=mechanism, usage="initiate",
            creds=gssapi.Credentials(credentials), flags=0)
        self.change = change
        self._is_first = True

    def __call__(self, challenge):
        if self._is_first:
            self._is_first = False
            return self.context.step()
        message = self.context.step(challenge)
        return self.change(message) if self.change else message
