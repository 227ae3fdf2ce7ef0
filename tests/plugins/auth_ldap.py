#!/usr/bin/env python3
"""auth-ldap over OpenLDAP's slapd, started here: binds, hashes, STARTTLS, ldaps, a directory that is down or silent."""

import glob
import os
import shutil
import signal
import socket
import subprocess
import time

from plugin_test import (DOWN, SECRET, WRONG, Server, Skipped, at_once, contains, end_process, ends_well, hangs,
                         hash_of, killed, main, require, restarted, same_time, servers, tells_nothing)

READER_PASSWORD = "pw-of-the-reader"
READER = "cn=reader,dc=example,dc=org"
ASKER = "cn=asker,dc=example,dc=org"  # may have passwords compared, and not read them
BASE = "ou=people,dc=example,dc=org"

CONF = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
pidfile {folder}/slapd.pid
modulepath {modules}
moduleload back_mdb
TLSCertificateFile {cert}
TLSCertificateKeyFile {key}
database mdb
suffix "dc=example,dc=org"
rootdn "cn=admin,dc=example,dc=org"
directory {folder}/data
dbnosync
access to attrs=userPassword by dn.exact="{reader}" read by dn.exact="{asker}" compare by anonymous auth by * none
access to * by dn.exact="{reader}" read by dn.exact="{asker}" read by * none
"""


def ldif(folder):
    def entry(dn, **values):
        lines = [f"dn: {dn}"]
        for name, value in values.items():
            for one in value if isinstance(value, list) else [value]:
                lines.append(f"{name}: {one}")
        return "\n".join(lines) + "\n"

    def person(uid, password, number, **more):
        return entry(f"uid={uid},{BASE}", objectClass=["inetOrgPerson", "posixAccount"], uid=uid, cn=uid, sn=uid,
                     uidNumber=number, gidNumber=number, homeDirectory=f"{folder}/mail/{uid}",
                     **({"userPassword": password} if password else {}), **more)

    yield entry("dc=example,dc=org", objectClass=["dcObject", "organization"], dc="example", o="example")
    for dn, name in ((READER, "reader"), (ASKER, "asker")):
        yield entry(dn, objectClass=["organizationalRole", "simpleSecurityObject"], cn=name,
                    userPassword=READER_PASSWORD)
    yield entry(BASE, objectClass="organizationalUnit", ou="people")
    yield person("anna", "{CRYPT}" + hash_of(SECRET, "-6", "-salt", "rounds=150000$abcdefgh"), 1001)
    yield person("bert", "{SSHA}0617kmWvcch6culrL4tUueAmmqSLb6Qk", 1002, mail="bert.b@example.org",
                 labeledURI=f"maildir:{folder}/elsewhere/bert")
    yield person("carl", SECRET, 1003, mail=["carl@example.org", "shared@example.org"])
    yield person("dora", SECRET, 1004, mail="shared@example.org", employeeType="TRUE")
    yield person("emil", None, 1005)
    yield person("(odd)*", SECRET, 1006)


class Slapd:
    def __init__(self, folder):
        self.binary = shutil.which("slapd", path=os.environ["PATH"] + ":/usr/sbin")
        if not self.binary:
            raise Skipped("slapd is not installed")
        self.folder = os.path.join(folder, "slapd")
        _, self.uid, self.gid = servers.mail_owner()
        self.cert, self.key = servers.make_certificate(folder)
        os.makedirs(os.path.join(self.folder, "data"))
        modules = (glob.glob("/usr/lib/ldap/back_mdb.la") or glob.glob("/usr/lib/*/openldap/back_mdb.la"))[0]
        with open(os.path.join(self.folder, "slapd.conf"), "w", encoding="ascii") as file:
            file.write(CONF.format(folder=self.folder, modules=os.path.dirname(modules), cert=self.cert, key=self.key,
                                   reader=READER, asker=ASKER))
        for path in (self.folder, os.path.join(self.folder, "data")):
            os.chown(path, self.uid, self.gid)
        self.port, self.tls_port = servers.free_ports(2)
        self.log = open(os.path.join(self.folder, "log"), "ab")
        self.process = None
        done = subprocess.run([shutil.which("slapadd", path=os.environ["PATH"] + ":/usr/sbin"), "-f",
                               f"{self.folder}/slapd.conf"], input="\n".join(ldif(folder)), text=True,
                              capture_output=True, timeout=60, check=False, **self.as_user())
        require(done.returncode == 0, done.stderr)

    def as_user(self):
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if os.geteuid() == 0 else {}

    @property
    def uri(self):
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def tls_uri(self):
        return f"ldaps://127.0.0.1:{self.tls_port}"

    def start(self):
        self.process = subprocess.Popen([self.binary, "-d", "0", "-f", f"{self.folder}/slapd.conf", "-h",
                                         f"{self.uri}/ {self.tls_uri}/"], stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log, start_new_session=True, **self.as_user())
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.tls_port), timeout=1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    with open(f"{self.folder}/log", encoding="utf-8", errors="replace") as file:
                        raise AssertionError(f"slapd does not start: {file.read()[-2000:]}") from None
                time.sleep(0.02)  # it tells nobody that it is ready

    def stop(self):
        if self.process:
            end_process(self.process)
            self.process = None


def settings_for(slapd, **more):
    return {"auth.ldap.uri": slapd.uri, "auth.ldap.caFile": slapd.cert, "auth.ldap.bindDn": READER,
            "auth.ldap.bindPassword": READER_PASSWORD, "auth.ldap.base": BASE, "auth.ldap.timeout": "3",
            "auth.ldap.connections": "2", "auth.ldap.attributes":
            "user=uid, uid=uidNumber, gid=gidNumber, home=homeDirectory, mail=labeledURI, nologin=employeeType", **more}


def outcomes(server):
    server.expect("anna", SECRET, "OK")
    server.expect("Anna", SECRET, "OK")
    server.expect("anna", SECRET.upper(), WRONG)
    server.expect("anna", "", WRONG)      # would be an "unauthenticated" bind, which succeeds
    server.expect("anna", "x" * 5000, WRONG)
    server.expect("bert", "pass wörd", "OK")
    server.expect("nobody", SECRET, WRONG)
    server.expect("dora", SECRET, WRONG)
    server.expect("emil", "x", WRONG)
    require("nologin is set" in server.log(), server.log_tail())


def hostile_names(server):
    server.expect("(odd)*", SECRET, "OK")
    for name in ("*", "ann*", "anna)(uid=*", "*)(objectClass=*", "anna)", "(", "\\61nna", "\\2a", "anna ", " anna", "a/b",
                 "anna\x01", "jörg", "x" * 5000, "%u", "..", "a|b", "a&b"):
        server.expect(name, SECRET, WRONG)
    server.expect("anna", SECRET, "OK")


def places(server, folder):
    require(contains(f"{folder}/elsewhere/bert", server.deliver("bert", "pass wörd")), "the attribute for mail does not count")
    require(contains(server.maildir("carl"), server.deliver("CARL", SECRET)), "the attribute for user does not count")


def many(server):
    answers = at_once(24, lambda n: server.answer(*[("carl", SECRET), ("carl", "x"), ("nobody", "x")][n % 3]))
    require(answers == ["OK", WRONG, WRONG] * 8, answers)


def common(counter, name, server, folder):
    counter.run(f"{name}: outcomes", outcomes, server)
    counter.run(f"{name}: hostile names", hostile_names, server)
    counter.run(f"{name}: places", places, server, folder)
    counter.run(f"{name}: many at once", many, server)


def other_ways(counter, build, folder, slapd):
    """Each with a server of its own."""
    def way(name, test, **more):
        settings = settings_for(slapd, **{"auth.ldap." + key: value for key, value in more.items()})
        with Server(build, folder, "ldap", settings, name=name) as server:
            counter.run(name, test, server)
            counter.run(f"{name}: no secret in the log", tells_nothing, server, [SECRET, READER_PASSWORD, "pass wörd"])

    def by_mail(server):
        server.expect("carl@example.org", SECRET, "OK")
        server.expect("bert.b@example.org", "pass wörd", "OK")
        server.expect("shared@example.org", SECRET, DOWN)
        server.expect("carl", SECRET, WRONG)
        require("more than one entry" in server.log(), server.log_tail())

    def hash_only(server):
        server.expect("emil", "", WRONG)
        same_time(server, "anna", "nobody")

    def compared(server):
        server.expect("carl", SECRET, "OK")
        server.expect("Carl", SECRET, "OK")
        server.expect("carl", SECRET + "x", WRONG)
        server.expect("carl", "", WRONG)
        server.expect("carl", "x" * 5000, WRONG)
        server.expect("carl", "\u00e4*)(", WRONG)
        server.expect("(odd)*", SECRET, "OK")
        server.expect("dora", SECRET, WRONG)     # right, and nologin
        server.expect("emil", "x", WRONG)        # has none
        server.expect("nobody", SECRET, WRONG)
        server.expect("bert", "pass w\u00f6rd", WRONG)  # a hash is not the password
        server.expect("bert", "{SSHA}0617kmWvcch6culrL4tUueAmmqSLb6Qk", "OK")
        for reason in ("not the same", "no password is set", "nologin is set"):
            require(reason in server.log(), f"the log does not tell {reason!r}\n{server.log_tail()}")

    def remembered(server):
        """auth.cacheUnseen: right passwords, and these alone, are taken while the directory is away."""
        server.expect("carl", SECRET, "OK")
        slapd.stop()
        try:
            server.expect("carl", SECRET, "OK")
            server.expect("carl", "wrong", DOWN)
            server.expect("bert", "pass w\u00f6rd", DOWN)
            server.process.send_signal(signal.SIGHUP)  # forgets
            server.wait_for_answer("carl", SECRET, DOWN)
        finally:
            slapd.start()
        server.wait_for_answer("bert", "pass w\u00f6rd", "OK")

    def down(reason):
        def test(server):
            server.expect("carl", SECRET, DOWN)
            server.expect("local", server.password, "OK")
            require(reason in server.log(), server.log_tail())
        return test

    way("ldaps", lambda server: outcomes(server), uri=slapd.tls_uri)
    way("in-the-clear", lambda server: outcomes(server), startTls="false")
    way("hash", lambda server: (outcomes(server), hostile_names(server), hash_only(server)), passwords="hash")
    way("compare", compared, passwords="compare", bindDn=ASKER)
    way("compare-unasked", down("compare: "), passwords="compare", passwordAttribute="seeAlso")
    with Server(build, folder, "ldap", settings_for(slapd, **{"auth.plugins": "ldap", "auth.cacheUnseen": "ldap"}), name="remembered") as server:
        counter.run("remembered", remembered, server)
    way("by-mail", by_mail, filter="(&(objectClass=posixAccount)(mail=%n@%d))", attributes="user=uid")
    way("untrusted", down("STARTTLS"), caFile="")
    way("untrusted-ldaps", down("can't be asked"), caFile="", uri=slapd.tls_uri)
    way("unverified", lambda server: server.expect("carl", SECRET, "OK"), caFile="", verifyCertificate="false")
    way("second-address", lambda server: server.expect("carl", SECRET, "OK"),
        uri=f"ldap://127.0.0.1:{servers.free_ports(1)[0]} {slapd.uri}")
    way("wrong-reader", down("Invalid credentials"), bindPassword="not-the-readers")


def findings(build, folder, slapd):
    server = Server(build, folder, "ldap", settings_for(slapd), name="checked")

    def finds(key, text, **changed):
        out = server.check(**{"auth_ldap_" + name: value for name, value in changed.items()})
        require(key in out and text in out, f"wanted {key}: {text}; got {out}")

    require("0 errors" in server.check() and "auth.ldap" not in server.check(), server.check())
    finds("auth.ldap.uri", "is not set", uri="")
    finds("auth.ldap.uri", "is no address", uri="http://127.0.0.1")
    finds("auth.ldap.uri", "can't be asked", uri=f"ldap://127.0.0.1:{servers.free_ports(1)[0]}")
    finds("auth.ldap.filter", "asks for no user", filter="(uid=anna)")
    finds("auth.ldap.filter", "in parentheses", filter="uid=%u")
    finds("auth.ldap.filter", "do not match", filter="(uid=%u))(x=y)")
    finds("auth.ldap.filter", "No such object", base="ou=nowhere,dc=example,dc=org")
    finds("auth.ldap.base", "is not set", base="")
    finds("auth.ldap.attributes", "FIELD=ATTRIBUTE", attributes="home")
    finds("auth.ldap.bindPassword", "is not set", bindPassword="")
    finds("auth.ldap.caFile", "can't be read", caFile="/nonexistent/ca.pem")
    finds("auth.ldap.startTls", "in the clear", startTls="false", uri=f"ldap://0.0.0.0:{slapd.port}")
    out = server.check(auth_cacheUnseen="ldap, sql")
    require("auth.cacheUnseen: sql is none of auth.plugins" in out and "ldap is none" not in out, out)
    finds("auth.ldap.defaultScheme", "no password scheme", defaultScheme="ROT13")


def tests(counter, build, folder):
    slapd = Slapd(folder)
    slapd.start()
    try:
        server = Server(build, folder, "ldap", settings_for(slapd), name="over-starttls").start()
        try:
            common(counter, "starttls", server, folder)
            for test in (restarted, killed, hangs):
                counter.run(test.__name__, test, server, slapd)
            counter.run("no secret in the log", tells_nothing, server, [SECRET, READER_PASSWORD, "pass wörd"])
        finally:
            ends_well(counter, server)
        other_ways(counter, build, folder, slapd)
        counter.run("maildock check", findings, build, folder, slapd)
    finally:
        slapd.stop()


main("auth-ldap", tests)
