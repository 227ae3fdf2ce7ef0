#!/usr/bin/env python3
"""Behind a proxy that speaks the PROXY protocol: the log, the limits and users' allowed networks mean the client.

Usage: proxy.py BUILD_FOLDER. Ends with the line "N passed, M failed".
"""

import contextlib
import os
import socket
import ssl
import struct
import sys

sys.path[:0] = [os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib")]

import servers  # noqa: E402
from counting import Counter, require  # noqa: E402

PATIENCE = 30


def line(client, port=40000):
    return f"PROXY TCP4 {client} 127.0.0.1 {port} 143\r\n".encode()


def binary(client, tls):
    body = socket.inet_aton(client) + socket.inet_aton("127.0.0.1") + struct.pack("!HH", 40000, 143)
    if tls:
        body += struct.pack("!BHBI", 0x20, 5, 1, 0)
    return b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack("!H", len(body)) + body


class Talk:
    """A connection as the proxy makes it: header, then the client's octets."""

    def __init__(self, port, header, tls=False):
        self.socket = socket.create_connection((servers.HOST, port), timeout=PATIENCE)
        self.socket.sendall(header)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self.socket = context.wrap_socket(self.socket)
        self.file = self.socket.makefile("rb")
        try:
            self.greeting = self.file.readline()
        except ConnectionResetError:  # closed with octets unread
            self.greeting = b""

    def ask(self, command):
        """The tagged answer."""
        self.socket.sendall(b"t " + command + b"\r\n")
        while True:
            answer = self.file.readline()
            if not answer or answer.startswith(b"t "):
                return answer

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.file.close()
        self.socket.close()


def logs_the_client(server, port, secure_port):
    for number, (header, tls) in enumerate(((line("192.0.2.7"), False), (binary("192.0.2.7", False), False),
                                            (line("192.0.2.7"), True))):
        with Talk(secure_port if tls else port, header, tls) as talk:
            require(talk.greeting.startswith(b"* OK"), talk.greeting)
            require(talk.ask(b"LOGIN test secret").startswith(b"t OK"), "LOGIN")
            require(server.log_tail(100000).count("peer 192.0.2.7:40000: logged in") == number + 1,
                    server.log_tail())


def allowed_networks(server, port):
    with Talk(port, line("192.0.2.7")) as talk:
        require(talk.ask(b"LOGIN near secret").startswith(b"t OK"), "refused within the network")
    with Talk(port, line("198.51.100.7")) as talk:
        require(talk.ask(b"LOGIN near secret").startswith(b"t NO"), "taken from outside the network")
    with server.connect("test") as direct:
        direct.ok("NOOP")


def limits_per_address(port):
    with Talk(port, line("203.0.113.1")), Talk(port, line("203.0.113.1")), Talk(port, line("203.0.113.1")) as third:
        require(third.greeting.startswith(b"* BYE"), third.greeting)
        with Talk(port, line("203.0.113.2")) as other:
            require(other.greeting.startswith(b"* OK"), other.greeting)


def limits_per_network(port):
    """Hosts of one /64 are one customer's, however many addresses it takes."""
    def from_host(network, number):
        return f"PROXY TCP6 2001:db8:{network}::{number} ::1 40000 143\r\n".encode()
    with contextlib.ExitStack() as stack:
        talks = [stack.enter_context(Talk(port, from_host(1, number))) for number in range(1, 41)]
        taken = sum(talk.greeting.startswith(b"* OK") for talk in talks)
        require(taken == 2, f"{taken} of 40 connections from one network")
        other = stack.enter_context(Talk(port, from_host(2, 1)))
        require(other.greeting.startswith(b"* OK"), other.greeting)


def tls_at_the_proxy(port):
    with Talk(port, binary("192.0.2.9", tls=True)) as talk:
        require(talk.ask(b"LOGIN test secret").startswith(b"t OK"), "a password over TLS at the proxy is refused")
    with Talk(port, binary("192.0.2.9", tls=False)) as talk:
        require(b"PRIVACYREQUIRED" in talk.ask(b"LOGIN test secret"), "a password in the clear is taken")


def is_closed(port, header):
    with Talk(port, header) as talk:
        return talk.greeting == b""


def malformed_or_missing(server, port):
    require(is_closed(port, b"a LOGIN test secret\r\n"), "no header")
    require(is_closed(port, b"PROXY TCP4 1.2.3.4 1.2.3.4 1 70000\r\n"), "a malformed line")
    require(is_closed(port, b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x04abcd"), "a malformed binary header")
    log = server.log_tail(100000)
    require(log.count("malformed PROXY header") == 3, log[-1500:])
    # Where no proxy is expected the header is a command as any other.
    with Talk(server.port, line("192.0.2.7")) as talk:
        require(talk.greeting.startswith(b"* OK") and talk.file.readline().startswith(b"PROXY BAD"), "plain port")


def untrusted(server, port):
    require(is_closed(port, line("192.0.2.7")), "an untrusted proxy is believed")
    require("closed, since it is no trusted proxy" in server.log_tail(100000), server.log_tail())


class Server(servers.Maildock):
    def configure(self):
        super().configure()
        with open(self.path("users"), "r+", encoding="ascii") as file:
            lines = [line.rstrip("\n") + ("allow_nets=192.0.2.0/24" if line.startswith("near:") else "") for line in file]
            file.seek(0)
            file.write("\n".join(lines) + "\n")


def server_for(build, folder, trusted):
    plain, secure = servers.free_ports(2)
    settings = {"imap.proxy.listen": f"{servers.HOST}:{plain}", "imaps.proxy.listen": f"{servers.HOST}:{secure}",
                "imap.proxy.trusted": trusted, "auth.plaintextWithoutTls": "true", "imap.limit.perAddress": "2"}
    return Server(build, folder, settings=settings, users=("test", "near")), plain, secure


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: proxy.py BUILD_FOLDER")
    counter = Counter()
    build = os.path.abspath(sys.argv[1])
    with servers.WorkFolder("proxy") as folder:
        server, plain, secure = server_for(build, os.path.join(folder, "trusted"), "198.51.100.0/24, local")
        with server:
            counter.run("the log names the client", logs_the_client, server, plain, secure)
            counter.run("allowed networks mean the client", allowed_networks, server, plain)
            counter.run("limits per address mean the client", limits_per_address, plain)
            counter.run("limits count networks", limits_per_network, plain)
            counter.run("malformed or missing headers", malformed_or_missing, server, plain)
        server, plain, _ = server_for(build, os.path.join(folder, "strict"), "local")
        server.settings["auth.plaintextWithoutTls"] = "false"
        with server:
            counter.run("TLS between client and proxy counts", tls_at_the_proxy, plain)
        server, plain, _ = server_for(build, os.path.join(folder, "untrusted"), "198.51.100.0/24")
        with server:
            counter.run("untrusted proxies are closed", untrusted, server, plain)
    sys.exit(counter.finish())


if __name__ == "__main__":
    main()
