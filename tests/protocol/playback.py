"""Plays one script against a server."""

import base64
import re

import pattern
from connection import Connection, Timeout

SENT_LITERAL = re.compile(r"\{\{(\+?)(@?)(.*?)\}\}", re.S)
VARIABLE = re.compile(r"<([a-z][a-z0-9_]*)>")
UIDS = re.compile(r"<uids:([0-9]+)>")  # that many odd UIDs, none next to another, and 2
FILL = re.compile(r"<fill:([0-9]+)>")


class Failure(Exception):
    """A promise that the server does not keep."""

    def __init__(self, line, expected, got):
        super().__init__(f"line {line}\n    expected: {expected}\n    got:      {got}")


def shown(response):
    text = "the end of the connection" if response is None else response.replace("\r\n", "\\r\\n")
    return text if len(text) <= 600 else text[:600] + "..."


class Peer:
    """A connection with what the script knows about it."""

    def __init__(self, number, connection):
        self.letter = chr(ord("a") + (number - 1) % 26)
        self.connection = connection
        self.sent = 0
        self.pending = []  # tags without an answer yet
        self.held = b""
        self.ignorable = []  # patterns of S*, until the next S
        self.optional = []  # patterns of S?, likewise

    def next_tag(self):
        self.sent += 1
        tag = f"{self.letter}{self.sent:03}"
        self.pending.append(tag)
        return tag


class Playback:
    def __init__(self, script, server, account, timeout, trace=None):
        self.script, self.server, self.account = script, server, account
        self.timeout = script.timeout or timeout
        self.trace = trace
        self.peers = {}
        plain = f"\0{account.user}\0{account.password}".encode()
        encode = lambda text: base64.b64encode(text.encode()).decode()
        self.variables = {"user": account.user, "password": account.password, "plain": base64.b64encode(plain).decode(),
                          "user64": encode(account.user), "password64": encode(account.password)}

    def run(self):
        try:
            for step in self.script.steps:
                if step.kind in ("send", "expect", "ignore", "maybe", "unordered", "close", "handshake"):
                    self.peer(step)
                getattr(self, step.kind)(step)
            for peer in self.peers.values():
                if peer.optional:
                    raise Failure(len(self.script.steps), "an S line after S?", "the end of the script")
        finally:
            for peer in self.peers.values():
                peer.connection.close()

    def note(self, side, number, text):
        if self.trace is not None:
            self.trace.append(f"{number}{side}: {shown(text)}")

    # --- connections

    def peer(self, step):
        if step.connection not in self.peers:
            self.connect(step, step.connection, "authenticated", False, "")
        return self.peers[step.connection]

    def open(self, step):
        self.connect(step, step.connection, step.options["state"], step.options["tls"], step.text)

    def connect(self, step, number, state, is_tls, mailbox):
        address = self.server.tls_address if is_tls else self.server.address
        peer = Peer(number, Connection(address, self.timeout, self.account.source, is_tls))
        self.peers[number] = peer
        if state == "greeting":
            return
        self.simple(step, number, None, "* OK ...")
        if state == "connected":
            return
        self.simple(step, number, f'LOGIN "{self.account.user}" "{self.account.password}"', "OK ...")
        if state in ("selected", "examined"):
            self.simple(step, number, f'{"SELECT" if state == "selected" else "EXAMINE"} "{mailbox}"', "OK ...")

    def simple(self, step, number, command, wanted):
        """A command of a fixture; whatever untagged comes with it is of no interest."""
        peer = self.peers[number]
        if command:
            peer.connection.send(f"{peer.next_tag()} {command}\r\n".encode("latin-1"))
            self.note("C", number, command)
            peer.ignorable.append("*")
        self.expect_pattern(step, peer, number, wanted, False)

    def handshake(self, step):
        peer = self.peers[step.connection]
        try:
            peer.connection.handshake()
        except OSError as error:
            raise Failure(step.line, "a TLS handshake", str(error)) from error

    def close(self, step):
        self.peers[step.connection].connection.close()

    # --- what the client sends

    def send(self, step):
        peer = self.peers[step.connection]
        text = step.text if step.is_raw else f"{peer.next_tag()} {step.text}".rstrip(" ")
        text = VARIABLE.sub(lambda m: str(self.variables.get(m[1], m[0])), text)
        text = FILL.sub(lambda m: "x" * int(m[1]), text)
        text = UIDS.sub(lambda m: ",".join(str(n) for n in range(1, 2 * int(m[1]), 2)) + ",2", text)
        self.note("C", step.connection, text)
        pos = 0
        for found in SENT_LITERAL.finditer(text):
            content = self.content(found)
            peer.held += f"{text[pos:found.start()]}{{{len(content)}{found[1]}}}\r\n".encode("latin-1")
            pos = found.end()
            if found[1]:
                peer.held += content
                continue
            self.flush(peer)
            answer = peer.connection.read()
            self.note("S", step.connection, answer)
            if answer is None or not answer.startswith("+"):
                peer.connection.give_back(answer)  # refused: the rest is not sent
                return
            peer.held += content
        peer.held += text[pos:].encode("latin-1") + b"\r\n"
        if not step.is_held:
            self.flush(peer)

    def content(self, found):
        if found[2]:
            return self.script_message(found[3])
        return pattern.unescape(found[3]).encode("latin-1")

    def script_message(self, name):
        from script import MESSAGES
        return (MESSAGES / (name + ".eml")).read_bytes().replace(b"\n", b"\r\n")

    def flush(self, peer):
        data, peer.held = peer.held, b""
        peer.connection.send(data)

    # --- what the server must answer

    def ignore(self, step):
        self.peers[step.connection].ignorable.append(step.text or "*")

    def maybe(self, step):
        self.peers[step.connection].optional.append(step.text)

    def expect(self, step):
        self.expect_pattern(step, self.peers[step.connection], step.connection, step.text, step.is_raw)

    def expect_pattern(self, step, peer, number, text, is_raw):
        wanted = self.tagged(peer, text, is_raw)
        while True:
            response = self.read(step, peer, number, text)
            if self.matches(peer, wanted, response):
                break
            if not self.passes(peer, response):
                raise Failure(step.line, text, shown(response))
        if not is_raw and wanted is not text and peer.pending:
            peer.pending.pop(0)
        peer.ignorable, peer.optional = [], []

    def unordered(self, step):
        peer = self.peers[step.connection]
        left = []
        for inner in step.steps:
            if inner.kind == "expect":
                left.append(inner)
            else:
                getattr(self, inner.kind)(inner)
        while left:
            response = self.read(step, peer, step.connection, left[0].text)
            for index, inner in enumerate(left):
                if self.matches(peer, self.tagged(peer, inner.text, inner.is_raw), response):
                    del left[index]
                    break
            else:
                if not self.passes(peer, response):
                    raise Failure(step.line, " | ".join(inner.text for inner in left), shown(response))

    def tagged(self, peer, text, is_raw):
        """The pattern with the tag of the oldest command that has no answer yet, if it is a tagged response."""
        if is_raw or text.startswith(("* ", "+")) or text in ("+", "<eof>"):
            return text
        return f"{peer.pending[0] if peer.pending else '?'} {text}"

    def read(self, step, peer, number, text):
        self.flush(peer)
        try:
            response = peer.connection.read()
        except Timeout as error:
            raise Failure(step.line, text, str(error)) from error
        self.note("S", number, response)
        return response

    def matches(self, peer, wanted, response):
        if response is None or wanted == "<eof>":
            return response is None and wanted == "<eof>"
        variables = {**self.variables, "tag": peer.pending[0]} if peer.pending else self.variables
        found = pattern.match(wanted, response, variables)
        if found is None:
            return False
        found.pop("tag", None)
        self.variables = found
        return True

    def passes(self, peer, response):
        """Whether an S* or S? line lets the response pass."""
        for wanted in peer.optional:
            if self.matches(peer, wanted, response):
                peer.optional.remove(wanted)
                return True
        if response is None or not response.startswith("*"):
            return False
        return any(wanted == "*" or pattern.match(wanted, response, self.variables) is not None
                   for wanted in peer.ignorable)

    # --- what other programs do to the files

    def deliver(self, step):
        self.account.deliver(step.text, step.options["messages"], step.options)

    def file(self, step):
        if "way" in step.options:
            self.account.rewrite(step.text, **step.options)
        else:
            self.account.change(step.text, step.options["number"], step.options["letters"])
