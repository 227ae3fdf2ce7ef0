"""The client's side of SCRAM (RFC 5802, RFC 7677), and an IMAP connection that speaks SASL, for the tests."""

import base64
import hashlib
import hmac
import os
import socket
import ssl


def b64(octets):
    return base64.b64encode(octets).decode()


class Scram:
    """One exchange: first(), then final(challenge), then check(challenge). Raises ValueError on a lying server."""

    def __init__(self, user, password, hash_name="sha256", binding=None, flag="n", authorization=""):
        """binding: (type, octets) for the PLUS form."""
        self.password, self.hash, self.binding = password, hash_name, binding
        name = user.replace("=", "=3D").replace(",", "=2C")
        acting = f"a={authorization}" if authorization else ""
        self.header = f"p={binding[0]},{acting}," if binding else f"{flag},{acting},"
        self.nonce = b64(os.urandom(18))
        self.bare = f"n={name},r={self.nonce}"

    def first(self):
        return (self.header + self.bare).encode()

    def hmac(self, key, text):
        return hmac.digest(key, text.encode() if isinstance(text, str) else text, self.hash)

    def final(self, challenge, spoil=False):
        fields = dict(part.split("=", 1) for part in challenge.decode().split(","))
        if not fields["r"].startswith(self.nonce) or fields["r"] == self.nonce:
            raise ValueError("the nonce is not ours")
        self.salt, self.iterations = base64.b64decode(fields["s"]), int(fields["i"])
        salted = hashlib.pbkdf2_hmac(self.hash, self.password.encode(), self.salt, self.iterations)
        key = self.hmac(salted, "Client Key")
        bound = base64.b64encode(self.header.encode() + (self.binding[1] if self.binding else b"")).decode()
        bare = f"c={bound},r={fields['r']}"
        message = f"{self.bare},{challenge.decode()},{bare}"
        signature = self.hmac(hashlib.new(self.hash, key).digest(), message)
        proof = bytes(a ^ b for a, b in zip(key, signature))
        self.verifier = self.hmac(self.hmac(salted, "Server Key"), message)
        return f"{bare},p={b64(proof)}".encode()

    def check(self, challenge):
        if challenge.decode() != "v=" + b64(self.verifier):
            raise ValueError("the server does not know the password")


class Connection:
    """Lines to and from an IMAP server."""

    def __init__(self, port, tls=None, timeout=40):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="127.0.0.1")
        self.file = self.socket.makefile("rb")
        self.greeting = self.file.readline()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.file.close()
        self.socket.close()

    def send(self, line):
        self.socket.sendall(line.encode() + b"\r\n")

    def answer(self):
        """The next continuation or tagged line; "" at the end of the connection."""
        while True:
            line = self.file.readline().decode().strip()
            if not line.startswith("* "):
                return line

    def command(self, text):
        """The tagged answer, and the untagged lines."""
        self.send("a " + text)
        untagged = []
        while True:
            line = self.file.readline().decode().strip()
            if not line or not line.startswith("* "):
                return line, untagged
            untagged.append(line)

    def mechanisms(self):
        _, untagged = self.command("CAPABILITY")
        return [word[5:] for word in untagged[0].split() if word.startswith("AUTH=")]

    def authenticate(self, mechanism, *answers, initial=True):
        """Sends the answers one after the other; the last line from the server."""
        answers = list(answers)
        first = " " + (b64(answers.pop(0)) or "=") if initial else ""
        self.send(f"a AUTHENTICATE {mechanism}{first}")
        line = self.answer()
        while line.startswith("+") and answers:
            self.send(b64(answers.pop(0)))
            line = self.answer()
        return line

    def scram(self, mechanism, scram, initial=True):
        """The tagged line."""
        if initial:
            self.send(f"a AUTHENTICATE {mechanism} {b64(scram.first())}")
        else:
            self.send(f"a AUTHENTICATE {mechanism}")
            line = self.answer()
            if line != "+":
                return line
            self.send(b64(scram.first()))
        line = self.answer()
        if not line.startswith("+ "):
            return line
        self.send(b64(scram.final(base64.b64decode(line[2:]))))
        line = self.answer()
        if not line.startswith("+ "):
            return line
        scram.check(base64.b64decode(line[2:]))
        self.send("")
        return self.answer()


def context(version=None, certificate=None):
    """A client's TLS that takes any certificate; version: ssl.TLSVersion to use alone."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    if version:
        tls.minimum_version = tls.maximum_version = version
    if certificate:
        tls.load_cert_chain(*certificate)
    return tls
