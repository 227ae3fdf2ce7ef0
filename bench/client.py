"""The client that measures: as little work as possible between a command and its tagged line.

An answer is received into one large buffer that all connections share (one connection is used at a time in a
process); only its end is looked at, for the tagged line. What the answer says is counted afterwards, outside of the
time that was measured. A tag is long enough that no message holds such a line.
"""

import re
import socket
import ssl
import threading
import time
import zlib

TAIL = 4096                             # a tagged line is shorter
WINDOW = 1 << 20                        # what drain() keeps of an answer
LITERAL = re.compile(rb"\{(\d+)\}\r\n")
ANSWERED = re.compile(rb"^bench-q\d+ OK ", re.MULTILINE)
SIZE = re.compile(rb"RFC822\.SIZE (\d+)")


class BenchError(Exception):
    """An answer that the benchmark did not expect: the row fails."""


class Buffer:
    """Memory that was touched before, so that receiving into it costs no page faults."""

    def __init__(self, octets):
        self.grow(octets)

    def grow(self, octets, keep=0):
        fresh = bytearray(octets)
        for page in range(0, octets, 4096):
            fresh[page] = 0
        if keep:
            fresh[:keep] = self.octets[:keep]
        self.octets, self.view = fresh, memoryview(fresh)


buffer = Buffer(4 << 20)


class Reply:
    """One answer: the first `end` octets of the shared buffer, the text of the tagged line left out. The next command
    of any connection overwrites it."""

    def __init__(self, end, total, began, tagged):
        self.end, self.total, self.tagged = end - len(tagged), total, tagged
        self.seconds = time.perf_counter() - began

    @property
    def data(self):
        return bytes(buffer.view[:self.end])

    def summary(self):
        """(untagged responses, literals, their octets, a checksum that does not depend on their order)."""
        data, view = buffer.octets, buffer.view
        position = responses = literals = octets = checksum = 0
        previous = 0
        while True:
            match = LITERAL.search(data, position, self.end)
            stop = match.start() if match else self.end
            responses += data.count(b"\r\n* ", max(0, previous - 2), stop)
            if not match:
                break
            begin, size = match.end(), int(match[1])
            literals, octets = literals + 1, octets + size
            checksum = (checksum + zlib.crc32(view[begin:begin + size])) & (1 << 64) - 1
            position = previous = begin + size
        return responses + data.startswith(b"* ", 0, 2), literals, octets, checksum

    def sizes(self):
        """The sum of RFC822.SIZE."""
        return sum(int(match[1]) for match in SIZE.finditer(buffer.view[:self.end]))

    def hits(self):
        """How many messages a SEARCH found."""
        return sum(len(line.split()) - 2 for line in self.data.split(b"\r\n") if line.startswith(b"* SEARCH"))

    def number(self, word):
        """The number before `word`, as in "* 5 EXISTS", or after it, as in "MESSAGES 5"."""
        match = re.search(rb"\* (\d+) " + word + rb"\r\n|" + word + rb" (\d+)", self.data)
        if not match:
            raise BenchError(f"no {word.decode()} in {self.data[:200]!r}")
        return int(match[1] or match[2])


def tls_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Client:
    def __init__(self, host, port, tls=False, timeout=300):
        self.socket = socket.create_connection((host, port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.socket = (tls if isinstance(tls, ssl.SSLContext) else tls_context()).wrap_socket(self.socket)
        self._tags = 0
        self._pending = b""
        self.greeting = self.line()
        if not self.greeting.startswith(b"* OK"):
            raise BenchError(f"greeting {self.greeting[:100]!r}")
        self.capabilities = b""

    # - sending

    def send(self, command):
        """Sends one command; returns its tag."""
        self._tags += 1
        tag = b"bench-q%d" % self._tags
        self.socket.sendall(b"%s %s\r\n" % (tag, command if isinstance(command, bytes) else command.encode()))
        return tag

    def command(self, command, expect=b"OK"):
        """Sends a command and receives all of its answer."""
        began = time.perf_counter()
        return self._checked(command, self._receive(self.send(command), began, keep=True), expect)

    def drain(self, command):
        """The same for answers of hundreds of megabytes, of which only the number of octets is kept."""
        began = time.perf_counter()
        return self._checked(command, self._receive(self.send(command), began, keep=False), b"OK")

    @staticmethod
    def _checked(command, reply, expect):
        if expect and not reply.tagged.startswith(expect):
            raise BenchError(f"{command[:80]!r}: {reply.tagged[:200]!r}")
        return reply

    # - receiving

    def _receive(self, tag, began, keep):
        mark, end, total = tag + b" ", len(self._pending), len(self._pending)
        buffer.view[:end] = self._pending
        self._pending = b""
        while True:
            if len(buffer.octets) - end < TAIL:
                buffer.grow(2 * len(buffer.octets), keep=end)
            got = self.socket.recv_into(buffer.view[end:])
            if not got:
                raise BenchError("the server closed the connection")
            end += got
            total += got
            octets = buffer.octets
            if octets[end - 1] == 10:
                start = octets.rfind(b"\r\n", max(0, end - TAIL), end - 2)
                start = 0 if start < 0 and end <= TAIL else start + 2
                if octets.startswith(mark, start):
                    return Reply(end, total, began, bytes(buffer.view[start + len(mark):end - 2]))
            if not keep and end > WINDOW:
                octets[:TAIL] = octets[end - TAIL:end]
                end = TAIL

    def line(self):
        """One line without its CRLF."""
        while b"\r\n" not in self._pending:
            got = self.socket.recv(65536)
            if not got:
                raise BenchError("the server closed the connection")
            self._pending += got
        line, self._pending = self._pending.split(b"\r\n", 1)
        return line

    def wait_for(self, word, seconds):
        """Reads lines until one has `word`; returns when it came, None if it does not come in time."""
        before = self.socket.gettimeout()
        deadline = time.monotonic() + seconds
        try:
            while True:
                self.socket.settimeout(max(0.001, deadline - time.monotonic()))
                if word in self.line():
                    return time.perf_counter()
        except TimeoutError:
            return None
        finally:
            self.socket.settimeout(before)

    # - commands that need more than a line

    def login(self, user, password):
        self.capabilities = self.command(f'LOGIN "{user}" "{password}"').tagged
        if b"CAPABILITY" not in self.capabilities:
            self.capabilities = self.command("CAPABILITY").data

    def select(self, mailbox="INBOX"):
        """(seconds, number of messages)"""
        reply = self.command(f'SELECT "{mailbox}"')
        return reply.seconds, reply.number(b"EXISTS")

    def append(self, mailbox, octets):
        if b"LITERAL+" not in self.capabilities:
            raise BenchError("LITERAL+ is not offered")
        began = time.perf_counter()
        tag = self.send(b'APPEND "%s" (\\Seen) {%d+}\r\n%s' % (mailbox.encode(), len(octets), octets))
        return self._checked("APPEND", self._receive(tag, began, keep=True), b"OK")

    def pipeline(self, commands):
        """All commands at once; the seconds until the last one is answered. They must not be answered out of order."""
        lines = []
        for command in commands:
            self._tags += 1
            lines.append(b"bench-q%d %s\r\n" % (self._tags, command.encode()))
        data, last = memoryview(b"".join(lines)), b"bench-q%d" % self._tags
        sender = threading.Thread(target=self.socket.sendall, args=(data,), daemon=True)
        began = time.perf_counter()
        sender.start()   # while this thread receives: neither side may wait for the other with full buffers
        reply = self._checked("pipeline", self._receive(last, began, keep=True), b"OK")
        sender.join()
        if len(ANSWERED.findall(reply.data)) + 1 != len(lines):     # the last one is not part of the data
            raise BenchError(f"not every one of {len(lines)} commands was answered OK")
        return reply

    def idle(self):
        """Begins IDLE; returns the tag for done()."""
        tag = self.send("IDLE")
        while not self.line().startswith(b"+"):
            pass
        return tag

    def done(self, tag):
        self.socket.sendall(b"DONE\r\n")
        line = b""
        while not line.startswith(tag):
            line = self.line()

    def logout(self):
        try:
            self.command("LOGOUT")
        finally:
            self.close()

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, failed, *rest):
        if failed:
            self.close()
        else:
            self.logout()
