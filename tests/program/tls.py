#!/usr/bin/env python3
"""TLS as clients and administrators meet it: certificates by name and after a renewal, clients' certificates, sessions
that are resumed, and what `maildock check` says. Clients are `openssl s_client` and Python's ssl module.

Usage: tls.py BUILD_FOLDER. Ends with the line "N passed, M failed".
"""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib")]

import servers  # noqa: E402
from counting import Counter, require  # noqa: E402

PATIENCE = 30


def openssl(*arguments, text=None, expect=0):
    """Runs openssl with `text` on its standard input; returns all that it said."""
    done = subprocess.run(["openssl", *arguments], input=(text or "").encode(), capture_output=True, timeout=PATIENCE,
                          check=False)
    said = (done.stdout + done.stderr).decode(errors="replace")
    require(expect is None or done.returncode == expect, f"openssl {arguments[0]}: {done.returncode}: {said[-800:]}")
    return said


class Files:
    """Certificates made on the spot, below one folder."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def self_signed(self, name, host, days=100):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", str(days),
                "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}", "-keyout", self.path(name + ".key"),
                "-out", self.path(name + ".pem"))
        os.chmod(self.path(name + ".key"), 0o600)
        return self.path(name + ".pem"), self.path(name + ".key")

    def signed(self, name, subject, authority):
        """A client's certificate."""
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject,
                "-keyout", self.path(name + ".key"), "-out", self.path(name + ".csr"))
        with open(self.path("extensions"), "w", encoding="ascii") as file:
            file.write(f"subjectAltName=email:{name}@example.org\nextendedKeyUsage=clientAuth\n")
        openssl("x509", "-req", "-in", self.path(name + ".csr"), "-CA", self.path(authority + ".pem"), "-CAkey",
                self.path(authority + ".key"), "-CAcreateserial", "-days", "30", "-extfile", self.path("extensions"),
                "-out", self.path(name + ".pem"))
        return self.path(name + ".pem"), self.path(name + ".key")


    def expired(self, name, host):
        """A certificate whose time was over long ago."""
        with open(self.path("old.index"), "w", encoding="ascii"):
            pass
        with open(self.path("old.conf"), "w", encoding="ascii") as file:
            file.write(f"[ca]\ndefault_ca = own\n[own]\ndatabase = {self.path('old.index')}\ndefault_md = sha256\n"
                       f"new_certs_dir = {self.folder}\nrand_serial = yes\npolicy = any\n"
                       "[any]\ncommonName = supplied\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={host}",
                "-keyout", self.path(name + ".key"), "-out", self.path(name + ".csr"))
        openssl("ca", "-batch", "-config", self.path("old.conf"), "-selfsign", "-keyfile", self.path(name + ".key"),
                "-in", self.path(name + ".csr"), "-out", self.path(name + ".pem"), "-notext",
                "-startdate", "20200101000000Z", "-enddate", "20200201000000Z")
        os.chmod(self.path(name + ".key"), 0o600)
        return self.path(name + ".pem"), self.path(name + ".key")


def await_true(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        require(time.monotonic() < deadline, f"not within {PATIENCE} s: {what}")
        time.sleep(0.05)


def context_for(version=None, certificate=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if version:
        context.minimum_version = context.maximum_version = version
    if certificate:
        context.load_cert_chain(*certificate)
    return context


def connect(server, context, name=None, session=None):
    """A TLS connection whose greeting was read: (socket, greeting)."""
    plain = socket.create_connection((servers.HOST, server.tls_port), timeout=PATIENCE)
    try:
        wrapped = context.wrap_socket(plain, server_hostname=name, session=session)
        return wrapped, wrapped.recv(4096)
    except OSError:
        plain.close()
        raise


def served_name(server, name=None):
    """The host that the certificate is for that a client gets who asks for `name`."""
    wrapped, _ = connect(server, context_for(), name)
    with wrapped:
        der = wrapped.getpeercert(binary_form=True)
    subject = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-subject"], input=der, check=True,
                             capture_output=True, timeout=PATIENCE).stdout.decode()
    return subject.strip().rsplit("= ", 1)[-1]


def certificates_by_name(server):
    for asked, wanted in ((None, "default.example.org"), ("shop.example.org", "shop.example.org"),
                          ("SHOP.example.org", "shop.example.org"), ("a.lists.example.org", "*.lists.example.org"),
                          ("other.example.org", "default.example.org")):
        got = served_name(server, asked)
        require(got == wanted, f"{asked}: {got}")
    said = openssl("s_client", "-connect", f"{servers.HOST}:{server.port}", "-starttls", "imap", "-servername",
                   "shop.example.org", "-brief", text="a LOGOUT\r\n", expect=None)
    require("CN = shop.example.org" in said, said)


def renewal(server, files):
    """A new certificate is served within seconds, without a signal; sessions go on."""
    with server.connect(tls=True) as before:
        new = files.self_signed("renewed", "renewed.example.org")
        os.replace(new[0], files.path("default.pem"))  # for a moment the two do not fit each other
        served_name(server)
        os.replace(new[1], files.path("default.key"))
        await_true(lambda: served_name(server) == "renewed.example.org", "the renewed certificate")
        before.ok("NOOP")
    require("The TLS files have changed and were read again" in server.log_tail(100000), "no line in the log")


def renewal_by_signal(server, files):
    with server.connect(tls=True) as before:
        cert, key = files.self_signed("again", "again.example.org")
        os.replace(key, files.path("default.key"))
        os.replace(cert, files.path("default.pem"))
        server.process.send_signal(signal.SIGHUP)
        await_true(lambda: served_name(server) == "again.example.org", "the certificate after SIGHUP")
        before.ok("NOOP")


def resumed_python(server):
    """Sessions are resumed on one port and across both."""
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = context_for(version)
        first, _ = connect(server, context)
        with first:
            session = first.session  # the greeting was read, so the tickets of TLS 1.3 are there
            require(not first.session_reused, "resumed the first")
        second, greeting = connect(server, context, session=session)
        with second:
            require(second.session_reused, f"not resumed: {version}")
            require(greeting.startswith(b"* OK"), greeting)
        with socket.create_connection((servers.HOST, server.port), timeout=PATIENCE) as plain:
            plain.recv(4096)
            plain.sendall(b"a STARTTLS\r\n")
            require(plain.recv(4096).startswith(b"a OK"), "STARTTLS")
            with context.wrap_socket(plain, session=session) as third:
                require(third.session_reused, f"not resumed across the ports: {version}")
                third.sendall(b"b LOGIN test secret\r\n")
                require(b"b OK" in third.recv(4096), "LOGIN in the resumed session")


def resumed_openssl(server):
    said = openssl("s_client", "-connect", f"{servers.HOST}:{server.tls_port}", "-tls1_2", "-reconnect",
                   text="a LOGOUT\r\n", expect=None)
    require(said.count("Reused, TLSv1.2") == 5, f"resumed {said.count('Reused, TLSv1.2')} times of 5")


def injected_before_starttls(server):
    """What lies behind STARTTLS in the clear is never answered (RFC 9051 11.1)."""
    with socket.create_connection((servers.HOST, server.port), timeout=PATIENCE) as plain:
        plain.recv(4096)
        plain.sendall(b"a STARTTLS\r\nx LOGIN test secret\r\nx2 NOOP\r\n")
        answer = plain.recv(4096)
        require(answer.startswith(b"a OK") and answer.count(b"\r\n") == 1, answer)
        with context_for().wrap_socket(plain) as wrapped:
            wrapped.sendall(b"b NOOP\r\n")
            require(wrapped.recv(4096).startswith(b"b OK"), "another answer came first")


def old_protocols_are_refused(server):
    for version in ("-tls1", "-tls1_1"):
        said = openssl("s_client", "-connect", f"{servers.HOST}:{server.tls_port}", version, "-cipher",
                       "ALL:@SECLEVEL=0", text="", expect=None)
        require("Cipher is (NONE)" in said or "no protocols available" in said, said[-500:])


def greeting_of(server, certificate, version):
    try:
        wrapped, greeting = connect(server, context_for(version, certificate))
        wrapped.close()
        return greeting
    except OSError as error:
        return str(error).encode()


def clients_certificates(server, files):
    anna = (files.path("anna.pem"), files.path("anna.key"))
    stranger = (files.path("stranger.pem"), files.path("stranger.key"))
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        require(greeting_of(server, anna, version).startswith(b"* OK"), "a known client is refused")
        require(greeting_of(server, None, version).startswith(b"* OK"), "a client without a certificate is refused")
        require(not greeting_of(server, stranger, version).startswith(b"* OK"), "a stranger's certificate is taken")
    said = openssl("s_client", "-connect", f"{servers.HOST}:{server.tls_port}", text="a LOGOUT\r\n", expect=None)
    require("Acceptable client certificate CA names" in said and "CN = authority" in said, said[-1500:])


def required_certificate(server, files):
    anna = (files.path("anna.pem"), files.path("anna.key"))
    revoked = (files.path("revoked.pem"), files.path("revoked.key"))
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        require(greeting_of(server, anna, version).startswith(b"* OK"), "a known client is refused")
        require(not greeting_of(server, None, version).startswith(b"* OK"), "a client without one is taken")
        require(not greeting_of(server, revoked, version).startswith(b"* OK"), "a revoked certificate is taken")


def revocation_list(files):
    """A list in which the certificate `revoked` stands."""
    with open(files.path("index"), "w", encoding="ascii"):
        pass
    with open(files.path("ca.conf"), "w", encoding="ascii") as file:
        file.write(f"[ca]\ndefault_ca = own\n[own]\ndatabase = {files.path('index')}\ndefault_md = sha256\n"
                   "default_crl_days = 30\n")
    authority = ["-config", files.path("ca.conf"), "-cert", files.path("authority.pem"), "-keyfile",
                 files.path("authority.key")]
    openssl("ca", *authority, "-revoke", files.path("revoked.pem"))
    openssl("ca", *authority, "-gencrl", "-out", files.path("authority.crl"))
    return files.path("authority.crl")


def ocsp_answer(files, name, days):
    """Makes the authority's answer about a certificate that it signed: the file's path."""
    with open(files.path("ocsp.index"), "w", encoding="ascii") as file:
        serial = openssl("x509", "-noout", "-serial", "-in", files.path(name + ".pem")).strip().split("=")[1]
        file.write(f"V\t{time.gmtime().tm_year % 100 + 5:02}0101000000Z\t\t{serial}\tunknown\t/CN={name}\n")
    openssl("ocsp", "-no_nonce", "-issuer", files.path("authority.pem"), "-cert", files.path(name + ".pem"), "-reqout",
            files.path("ocsp.request"))
    openssl("ocsp", "-index", files.path("ocsp.index"), "-CA", files.path("authority.pem"), "-rsigner",
            files.path("authority.pem"), "-rkey", files.path("authority.key"), "-reqin", files.path("ocsp.request"),
            "-respout", files.path("new.der"), *days)
    os.replace(files.path("new.der"), files.path("ocsp.der"))
    return files.path("ocsp.der")


def stapled(server, files):
    def status():
        said = openssl("s_client", "-connect", f"{servers.HOST}:{server.tls_port}", "-status", "-servername",
                       "stapled.example.org", text="a LOGOUT\r\n", expect=None)
        require("OCSP response" in said, said[-800:])
        found = [line for line in said.splitlines() if "Next Update" in line]
        return found[0] if "OCSP Response Status: successful" in said and found else None
    before = status()
    require(before, "no answer is stapled")
    ocsp_answer(files, "stapled", ["-ndays", "3"])
    await_true(lambda: status() not in (None, before), "the new answer")


def findings(build, folder, *lines):
    """What `maildock check` says of a configuration with these lines from line 4 on: (status, lines)."""
    config = os.path.join(folder, "check.properties")
    users = os.path.join(folder, "users")
    with open(users, "w", encoding="ascii") as file:
        file.write("anna:{PLAIN}x::::/srv/anna::\n")
    os.chmod(users, 0o600)
    with open(config, "w", encoding="ascii") as file:
        file.write("\n".join(["imap.listen = 127.0.0.1:0", "imaps.listen = 127.0.0.1:0",
                              f"auth.passwdfile.path = {users}", *lines, ""]))
    done = subprocess.run([os.path.join(build, "bin", "maildock"), "check", "--config=" + config], capture_output=True,
                          text=True, timeout=PATIENCE, check=False)
    return done.returncode, (done.stdout + done.stderr).replace(config, "FILE")


def check_command(build, files):
    good = files.self_signed("good", "good.example.org")
    other = files.self_signed("unlike", "unlike.example.org")
    expired = files.expired("expired", "expired.example.org")
    soon = files.self_signed("soon", "soon.example.org", days=3)
    with open(files.path("garbage"), "w", encoding="ascii") as file:
        file.write("garbage\n")

    def expect(status, text, *lines):
        got, said = findings(build, files.folder, *lines)
        require(got == status and text in said, f"{lines}: {got}, without {text!r}:\n{said}")

    base = (f"tls.certificate = {good[0]}", f"tls.key = {good[1]}")
    expect(0, "0 errors, 0 warnings", *base)
    expect(1, "FILE:5: tls.key: ", base[0], f"tls.key = {other[1]}")
    expect(1, "FILE:4: tls.certificate: Cannot read", f"tls.certificate = {files.path('none')}", base[1])
    expect(1, "FILE:5: tls.key: ", base[0], f"tls.key = {files.path('garbage')}")
    expect(1, "FILE:4: tls.certificate: ", f"tls.certificate = {files.path('garbage')}", base[1])
    expect(1, "has expired", f"tls.certificate = {expired[0]}", f"tls.key = {expired[1]}")
    expect(0, "FILE:4: warning: tls.certificate: ", f"tls.certificate = {soon[0]}", f"tls.key = {soon[1]}")
    name = "tls.sni.shop.example.org"
    expect(1, f"FILE:7: {name}.key: ", *base, f"{name}.certificate = {good[0]}", f"{name}.key = {other[1]}")
    expect(1, f"{name}.key: ", *base, f"{name}.certificate = {good[0]}")
    expect(1, f"FILE:6: {name}.key: needs {name}.certificate", *base, f"{name}.key = {good[1]}")
    expect(1, f"FILE:6: {name}.certificate: ", *base, f"{name}.certificate = {expired[0]}", f"{name}.key = {expired[1]}")
    expect(0, f"FILE:6: warning: {name}.certificate: ", *base, f"{name}.certificate = {good[0]}",
           f"{name}.key = {good[1]}")
    expect(1, "FILE:6: tls.sni.a_b.certificate: `a_b` is not the name of a host", *base,
           f"tls.sni.a_b.certificate = {good[0]}")
    expect(1, "FILE:6: tls.sni.a.pem: must be tls.sni.NAME.certificate, .key or .ocsp", *base, f"tls.sni.a.pem = {good[0]}")
    expect(1, "FILE:6: tls.ocsp: Cannot read", *base, f"tls.ocsp = {files.path('none')}")
    expect(1, "FILE:6: tls.ocsp: The file", *base, f"tls.ocsp = {files.path('garbage')}")
    expect(1, "FILE:6: tls.clientCa: Cannot read", *base, f"tls.clientCa = {files.path('none')}")
    expect(1, "tls.clientCa: No authority", *base, "tls.clientCertificate = required")
    os.chmod(good[1], 0o644)
    expect(0, "every user of this machine can read", *base)


def other_answer(build, files):
    got, said = findings(build, files.folder, f"tls.certificate = {files.path('shop.pem')}",
                         f"tls.key = {files.path('shop.key')}", f"tls.ocsp = {files.path('ocsp.der')}")
    require(got == 1 and "FILE:6: tls.ocsp: The OCSP answer" in said and "another certificate" in said, said)


def tests(counter, build, folder):
    files = Files(os.path.join(folder, "tls"))
    counter.run("maildock check names file, line and key", check_command, build, files)
    settings = {"auth.plaintextWithoutTls": "false"}
    for name, host in (("default", "default.example.org"), ("shop", "shop.example.org"),
                       ("lists", "*.lists.example.org")):
        cert, key = files.self_signed(name, host)
        prefix = "tls." if name == "default" else f"tls.sni.{host}."
        settings[prefix + "certificate"], settings[prefix + "key"] = cert, key
    with servers.Maildock(build, os.path.join(folder, "names"), settings=settings) as server:
        counter.run("certificates by name", certificates_by_name, server)
        counter.run("a renewed certificate is noticed, sessions go on", renewal, server, files)
        counter.run("and after SIGHUP", renewal_by_signal, server, files)
        counter.run("sessions are resumed on both ports", resumed_python, server)
        counter.run("openssl s_client -reconnect", resumed_openssl, server)
        counter.run("commands before the handshake are dropped", injected_before_starttls, server)
        counter.run("TLS 1.0 and 1.1 are refused", old_protocols_are_refused, server)

    files.self_signed("authority", "authority")
    files.self_signed("stranger", "stranger")
    files.signed("anna", "/O=Example/CN=anna", "authority")
    files.signed("revoked", "/O=Example/CN=revoked", "authority")
    files.signed("stapled", "/CN=stapled.example.org", "authority")
    name = "tls.sni.stapled.example.org"
    settings |= {f"{name}.certificate": files.path("stapled.pem"), f"{name}.key": files.path("stapled.key"),
                 f"{name}.ocsp": ocsp_answer(files, "stapled", ["-ndays", "2"])}
    counter.run("an answer about another certificate is refused", other_answer, build, files)
    with servers.Maildock(build, os.path.join(folder, "stapled"), settings=settings) as server:
        counter.run("OCSP answers are stapled", stapled, server, files)
    settings["tls.clientCa"] = files.path("authority.pem")
    with servers.Maildock(build, os.path.join(folder, "clients"), settings=settings) as server:
        counter.run("clients' certificates", clients_certificates, server, files)
    settings |= {"tls.clientCertificate": "required", "tls.clientCrl": revocation_list(files)}
    with servers.Maildock(build, os.path.join(folder, "required"), settings=settings) as server:
        counter.run("required certificates, and revoked ones", required_certificate, server, files)


def main():
    if len(sys.argv) != 2 or not shutil.which("openssl"):
        sys.exit("usage: tls.py BUILD_FOLDER (and the program openssl)")
    counter = Counter()
    with servers.WorkFolder("tls") as folder:
        tests(counter, os.path.abspath(sys.argv[1]), folder)
    sys.exit(counter.finish())


if __name__ == "__main__":
    main()
