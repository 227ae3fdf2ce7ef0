"""A token server for tests: keys and tokens, signed by openssl, and an HTTPS server on 127.0.0.1 that publishes the keys,
answers questions about tokens (RFC 7662), and misbehaves as it is told."""

import base64
import hashlib
import hmac
import http.server
import json
import os
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse

ISSUER = "https://login.example.org/realm"
AUDIENCE = "imap"
KEY_KINDS = {"rsa": ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"], "small": ["RSA", "-pkeyopt", "rsa_keygen_bits:1024"],
             "p256": ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"], "p384": ["EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
             "p521": ["EC", "-pkeyopt", "ec_paramgen_curve:P-521"], "ed25519": ["ED25519"]}
CURVES = {"p256": ("P-256", 32), "p384": ("P-384", 48), "p521": ("P-521", 66)}


def text(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def openssl(*arguments, octets=b""):
    return subprocess.run(["openssl", *arguments], input=octets, capture_output=True, check=True).stdout


def numbers_of(der, length):
    """The two numbers of an ECDSA signature, each in full length."""
    at = 3 if der[1] & 0x80 else 2
    octets = b""
    for _ in range(2):
        size = der[at + 1]
        octets += der[at + 2:at + 2 + size].lstrip(b"\0").rjust(length, b"\0")
        at += 2 + size
    return octets


class Key:
    """A private key in a file, and what the server publishes of it."""

    def __init__(self, folder, kind, key_id):
        self.kind, self.id = kind, key_id
        self.path = os.path.join(folder, f"{key_id}.key")
        openssl("genpkey", "-algorithm", *KEY_KINDS[kind], "-out", self.path)

    def public(self):
        der = openssl("pkey", "-in", self.path, "-pubout", "-outform", "DER")
        if self.kind in ("rsa", "small"):
            modulus = bytes.fromhex(openssl("rsa", "-in", self.path, "-noout", "-modulus").decode().split("=")[1])
            return {"kty": "RSA", "n": text(modulus), "e": "AQAB"}
        if self.kind in CURVES:
            name, length = CURVES[self.kind]
            return {"kty": "EC", "crv": name, "x": text(der[-2 * length:-length]), "y": text(der[-length:])}
        return {"kty": "OKP", "crv": "Ed25519", "x": text(der[-32:])}

    def jwk(self, **more):
        return {**self.public(), "kid": self.id, "use": "sig", **more}

    def sign(self, algorithm, octets):
        if algorithm == "EdDSA":
            path = self.path + ".in"
            with open(path, "wb") as file:
                file.write(octets)
            return openssl("pkeyutl", "-sign", "-inkey", self.path, "-rawin", "-in", path)
        options = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"] if algorithm[0] == "P" else []
        signature = openssl("dgst", f"-sha{algorithm[2:]}", "-sign", self.path, *options, octets=octets)
        return numbers_of(signature, CURVES[self.kind][1]) if algorithm[0] == "E" else signature


def claims(user="anna@example.org", **changed):
    """The claims of a token that lets somebody in; None takes one away."""
    now = int(time.time())
    told = {"iss": ISSUER, "aud": AUDIENCE, "sub": "4711", "email": user, "scope": "openid mail", "iat": now,
            "exp": now + 600, **changed}
    return {name: value for name, value in told.items() if value is not None}


def token(sign, algorithm, told, **header):
    """sign(algorithm, octets) gives the signature."""
    head = {name: value for name, value in {"alg": algorithm, "typ": "JWT", **header}.items() if value is not None}
    begin = text(json.dumps(head).encode()) + "." + text(json.dumps(told).encode())
    return begin + "." + text(sign(algorithm, begin.encode()))


def signed(key, algorithm, told=None, **header):
    return token(key.sign, algorithm, claims() if told is None else told, **{"kid": key.id, **header})


def signed_by_secret(secret, algorithm, told=None, **header):
    def sign(name, octets):
        return hmac.new(secret, octets, getattr(hashlib, f"sha{name[2:]}")).digest()
    return token(sign, algorithm, claims() if told is None else told, **header)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def log_message(self, *arguments):
        pass

    def answer(self, status, body, **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        if self.server.owner.mode == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for at in range(0, len(body), 100):
                part = body[at:at + 100]
                self.wfile.write(b"%x;a=b\r\n%s\r\n" % (len(part), part))
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        self.close_connection = True

    def misbehave(self):
        """Whether the owner wants something else than an answer."""
        mode = self.server.owner.mode
        if mode == "silent":
            self.server.owner.released.wait(30)
        elif mode == "trickle":
            for octet in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200:
                self.wfile.write(bytes([octet]))
                self.wfile.flush()
                if self.server.owner.released.wait(0.1):
                    break
        elif mode == "huge":
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n{\"keys\":[")
            for _ in range(200):
                self.wfile.write(b" " * 65536)
        elif mode == "cut":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"active\":true,")
        elif mode == "rubbish":
            self.answer(200, b"<html>log in, please</html>")
        elif mode == "deep":
            self.answer(200, b"{\"keys\":" + b"[" * 5000 + b"]" * 5000 + b"}")
        elif mode == "error":
            self.answer(500, b"{}")
        elif mode == "redirect":
            self.answer(302, b"", Location=self.path)
        else:
            return False
        self.close_connection = True
        return True

    def do_GET(self):
        self.server.owner.note(self.path)
        if not self.misbehave():
            self.answer(200, json.dumps({"keys": self.server.owner.published}).encode())

    def do_POST(self):
        owner = self.server.owner
        owner.note(self.path)
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if self.misbehave():
            return
        wanted = "Basic " + base64.b64encode(b"mail%20dock:s%3Acret%25").decode()
        if self.headers.get("Authorization") != wanted:
            self.answer(401, b"{}")
            return
        told = owner.known_tokens.get(form["token"][0])
        self.answer(200, json.dumps({"active": False} if told is None else {"active": True, **told}).encode())


class Listener(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # clients that go away are what the tests are about

    def finish_request(self, request, client_address):
        if self.owner.mode == "no-handshake":
            self.owner.released.wait(30)
            return
        request.settimeout(30)
        tls = self.owner.context.wrap_socket(request, server_side=True)
        try:
            super().finish_request(tls, client_address)
            tls.unwrap()
        except OSError:
            pass
        finally:
            tls.close()


class TokenServer:
    """Misbehaves by `mode`; `published`: its keys (JWK); `known_tokens`: claims by token; `asked`: paths in order."""

    def __init__(self, certificate, key, host="127.0.0.1"):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.host, self.port = host, 0
        self.mode = ""
        self.released = threading.Event()
        self.published, self.known_tokens, self.asked = [], {}, []
        self._lock = threading.Lock()
        self.listener = None

    def note(self, path):
        with self._lock:
            self.asked.append(path)

    def url(self, path):
        return f"https://{self.host}:{self.port}{path}"

    def start(self):
        self.listener = Listener((self.host, self.port), Handler)
        self.listener.owner = self
        self.port = self.listener.server_address[1]
        threading.Thread(target=self.listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def stop(self):
        self.behave("")
        if self.listener:
            self.listener.shutdown()
            self.listener.server_close()
            self.listener = None

    def behave(self, mode):
        """From now on; whoever waits is let go."""
        before, self.released = self.released, threading.Event()
        self.mode = mode
        before.set()


def silent_port():
    """A listener that accepts nothing and whose backlog is full: connecting to it hangs. (socket, port)."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    return listener, listener.getsockname()[1]
