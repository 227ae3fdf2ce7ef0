"""A small IMAP client for the tests: sends commands, reads responses, parses them into nested lists.

Atoms, quoted strings and literals all become bytes, NIL becomes None, a parenthesised list becomes a list: two
servers that choose different forms for the same value compare equal (RFC 3501 section 4). Nothing is repaired: what
does not parse raises ImapError with the octets around the place.
"""

import re
import socket
import ssl
import time

MAX_RESPONSE = 256 * 1024 * 1024


class ImapError(Exception):
    """The server broke the protocol, or closed the connection."""


class CommandFailed(ImapError):
    """A tagged NO or BAD where OK was needed."""

    def __init__(self, command, reply):
        super().__init__(f"{command!r}: {reply.status} {reply.text!r}")
        self.reply = reply


class Literal(bytes):
    """An argument that is sent as a literal, whatever it holds."""


class Status:
    """OK, NO, BAD, BYE or PREAUTH with its response code (a list, or None) and text."""

    def __init__(self, status, code, text):
        self.status, self.code, self.text = status, code, text

    def code_is(self, name):
        return bool(self.code) and self.code[0].upper() == name

    def __repr__(self):
        return f"{self.status} [{self.code}] {self.text!r}"


class Response:
    """An untagged response: `kind` (upper case, such as FETCH or LIST), `number` before it or None, `data`."""

    def __init__(self, kind, number, data, status=None):
        self.kind, self.number, self.data, self.status = kind, number, data, status

    def __repr__(self):
        return f"Response({self.number} {self.kind} {self.status or self.data!r})"


class Result(Status):
    """The tagged end of a command and the untagged responses before it."""

    def __init__(self, status, untagged):
        super().__init__(status.status, status.code, status.text)
        self.untagged = untagged

    def of(self, kind):
        return [r for r in self.untagged if r.kind == kind]

    def fetched(self):
        """FETCH responses merged by sequence number: {number: {item: value}}, items in upper case. Only for commands
        that no EXPUNGE interrupts: it would shift the numbers."""
        out = {}
        for response in self.of("FETCH"):
            items = out.setdefault(response.number, {})
            data = response.data
            for at in range(0, len(data) - 1, 2):
                items[data[at].decode("ascii").upper()] = data[at + 1]
        return out

    def code_value(self, name):
        """The first argument of the response code `name`, tagged or untagged; None without it."""
        for status in [self] + [r.status for r in self.untagged if r.status]:
            if status.code_is(name):
                return status.code[1] if len(status.code) > 1 else b""
        return None


# -- parsing ---------------------------------------------------------------------------------------------------------

_ATOM = re.compile(rb'[^\x00-\x20(){"\x7f\[\]]+')
_LITERAL = re.compile(rb"~?\{(\d+)\}\r\n")
_QUOTED = re.compile(rb'"((?:[^"\\\r\n]|\\["\\])*)"')


def _fail(data, at, what):
    raise ImapError(f"{what} at {at}: {bytes(data[max(0, at - 60):at])!r} >>> {bytes(data[at:at + 60])!r}")


def _parse_atom(data, at):
    """An atom, with a section in brackets and an origin (BODY[HEADER.FIELDS (To)]<0>) if it has them."""
    start = at
    while True:
        match = _ATOM.match(data, at)
        if match:
            at = match.end()
        if data[at:at + 1] != b"[" or at == start:
            break
        close = data.find(b"]", at)
        quoted = re.compile(rb'\[(?:[^"\]\r\n]|"(?:[^"\\]|\\.)*")*\]').match(data, at)
        if close < 0 or not quoted:
            _fail(data, at, "unclosed section")
        at = quoted.end()
    if at == start:
        _fail(data, at, "no value")
    word = data[start:at]
    return (None if word.upper() == b"NIL" else word), at


def parse_value(data, at):
    """One value from `at`; returns it and where it ends."""
    first = data[at:at + 1]
    if first == b'"':
        match = _QUOTED.match(data, at)
        if not match:
            _fail(data, at, "bad quoted string")
        text = match.group(1)
        return (re.sub(rb"\\(.)", rb"\1", text) if b"\\" in text else text), match.end()
    if first in (b"{", b"~"):
        match = _LITERAL.match(data, at)
        if match:
            end = match.end() + int(match.group(1))
            return data[match.end():end], end
        if first == b"{":
            _fail(data, at, "bad literal")
    if first == b"(":
        return _parse_list(data, at)
    return _parse_atom(data, at)


def _parse_list(data, at):
    stack, current = [], []
    while True:
        first = data[at:at + 1]
        if first == b"(":
            stack.append(current)
            current = []
            at += 1
        elif first == b")":
            at += 1
            done, current = current, stack.pop()
            if not stack:
                return done, at
            current.append(done)
        elif first == b" ":
            at += 1
        elif not first or first in b"\r\n":
            _fail(data, at, "unclosed list")
        else:
            value, at = parse_value(data, at)
            current.append(value)


def parse_values(data):
    """All values of a response's rest, separated by single spaces."""
    values, at = [], 0
    while at < len(data):
        value, at = parse_value(data, at)
        values.append(value)
        if at < len(data):
            if data[at:at + 1] == b" ":
                at += 1
            elif data[at:at + 1] != b"(" and data[at - 1:at] != b")":
                _fail(data, at, "no space between values")
    return values


def parse_status(kind, rest):
    code = None
    match = re.compile(rb'\[((?:[^"\]]|"(?:[^"\\]|\\.)*")*)\] ?').match(rest)
    if match:
        inner = match.group(1)
        name, _, arguments = inner.partition(b" ")
        try:
            code = [name] + (parse_values(arguments.strip()) if arguments.strip() else [])
        except ImapError:
            code = [name, arguments]
        rest = rest[match.end():]
    return Status(kind, code, rest.decode("utf-8", "replace"))


def parse_untagged(line):
    """The octets after "* ", without the line end."""
    head, _, rest = line.partition(b" ")
    number = None
    if head.isdigit():
        number = int(head)
        head, _, rest = rest.partition(b" ")
    kind = head.decode("ascii", "replace").upper()
    if kind in ("OK", "NO", "BAD", "BYE", "PREAUTH"):
        return Response(kind, number, None, parse_status(kind, rest))
    rest = rest.rstrip(b" ") if kind in ("SEARCH", "FLAGS") else rest
    values = parse_values(rest)
    if kind == "FETCH" and values:
        values = values[0]
    return Response(kind, number, values)


def number_set(text):
    """"1:3,7" as a list of numbers, ranges upwards, in the order of the text: COPYUID's two sets match by it."""
    out = []
    for part in text.decode("ascii").split(","):
        low, _, high = part.partition(":")
        low, high = sorted((int(low), int(high or low)))
        out.extend(range(low, high + 1))
    return out


# -- modified UTF-7 (RFC 3501 5.1.3) ---------------------------------------------------------------------------------

def encode_name(name):
    out, run = [], []

    def flush():
        if run:
            import base64
            raw = base64.b64encode("".join(run).encode("utf-16-be")).rstrip(b"=").replace(b"/", b",")
            out.append(b"&" + raw + b"-")
            run.clear()

    for char in name:
        if " " <= char <= "~":
            flush()
            out.append(b"&-" if char == "&" else char.encode("ascii"))
        else:
            run.append(char)
    flush()
    return b"".join(out)


def quote(text):
    """A quoted string, or a literal where RFC 3501 allows no quoted one."""
    if isinstance(text, str):
        text = text.encode("utf-8")
    if re.search(rb"[\x00\r\n\x80-\xff]", text):
        return Literal(text)
    return b'"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


# -- the connection --------------------------------------------------------------------------------------------------

class ImapClient:
    """One connection. Every wait has the deadline `timeout`; nothing loops without one."""

    def __init__(self, host, port, tls=False, timeout=60, trace=None):
        self.timeout, self.trace = timeout, trace
        self._socket = socket.create_connection((host, port), timeout=timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self._socket = _tls_context().wrap_socket(self._socket, server_hostname=host)
        self._buffer = bytearray()
        self._at = 0
        self._number = 0
        self.capabilities = set()
        self.pending = []          # untagged responses that came outside a command
        greeting = self.read_response()
        self.greeting = greeting
        if not isinstance(greeting, Response) or greeting.kind not in ("OK", "PREAUTH"):
            raise ImapError(f"greeting: {greeting!r}")
        self._note_capabilities(greeting.status)

    # - octets

    def fileno(self):
        return self._socket.fileno()

    def close(self):
        self._socket.close()

    def send(self, octets):
        if self.trace:
            self.trace(b"C: " + octets)
        self._socket.sendall(octets)

    def _fill(self):
        octets = self._socket.recv(262144)
        if not octets:
            raise ImapError("the server closed the connection")
        if self._at > 1 << 20:
            del self._buffer[:self._at]
            self._at = 0
        self._buffer += octets
        if len(self._buffer) > MAX_RESPONSE:
            raise ImapError("a response of more than 256 MB")

    def _read_line(self, searched):
        """Where the line from _at ends (after LF); `searched` octets from _at are known to hold none."""
        while True:
            found = self._buffer.find(b"\n", self._at + searched)
            if found >= 0:
                return found + 1 - self._at
            searched = len(self._buffer) - self._at
            self._fill()

    def read_raw(self):
        """One response with its literals, without the last line end."""
        length = self._read_line(0)
        while True:
            end = self._at + length
            tail = bytes(self._buffer[max(self._at, end - 24):end])
            match = re.search(rb"\{(\d+)\}\r\n$", tail)
            if not match:
                break
            need = length + int(match.group(1))
            while len(self._buffer) - self._at < need:
                self._fill()
            length = self._read_line(need)
        raw = bytes(self._buffer[self._at:self._at + length])
        self._at += length
        if self._at == len(self._buffer):
            self._buffer.clear()
            self._at = 0
        if not raw.endswith(b"\r\n"):
            raise ImapError(f"a line that does not end in CRLF: {raw[-80:]!r}")
        if self.trace:
            self.trace(b"S: " + raw)
        return raw[:-2]

    def read_response(self):
        """A Response, a (tag, Status) pair, or bytes: the text of a continuation request."""
        raw = self.read_raw()
        if raw.startswith(b"* "):
            return parse_untagged(raw[2:])
        if raw[:1] == b"+":
            return raw[2:]
        tag, _, rest = raw.partition(b" ")
        kind, _, text = rest.partition(b" ")
        kind = kind.decode("ascii", "replace").upper()
        if kind not in ("OK", "NO", "BAD"):
            raise ImapError(f"neither tagged nor untagged: {raw[:200]!r}")
        return tag, parse_status(kind, text)

    def _note_capabilities(self, status):
        if status.code_is("CAPABILITY"):
            self.capabilities = {c.decode("ascii").upper() for c in status.code[1:]}

    # - commands

    def start(self, *parts):
        """Sends a command without waiting for its end; returns its tag. Parts are joined by spaces as they are:
        str and bytes as written, lists of them in parentheses, Literal as a literal."""
        self._number += 1
        tag = b"t%d" % self._number
        line = bytearray(tag)
        for part in parts:
            line += b" "
            if isinstance(part, (list, tuple)):
                part = b"(" + b" ".join(p.encode() if isinstance(p, str) else p for p in part) + b")"
            if isinstance(part, Literal):
                line = self._send_literal(line, part)
            else:
                line += part.encode("utf-8") if isinstance(part, str) else part
        self.send(bytes(line) + b"\r\n")
        return tag

    def _send_literal(self, line, octets):
        if "LITERAL+" in self.capabilities or ("LITERAL-" in self.capabilities and len(octets) <= 4096):
            self.send(bytes(line) + b"{%d+}\r\n" % len(octets) + octets)
            return bytearray()
        self.send(bytes(line) + b"{%d}\r\n" % len(octets))
        while True:
            response = self.read_response()
            if isinstance(response, bytes):
                break
            if isinstance(response, tuple):
                raise CommandFailed("literal", response[1])
            self.pending.append(response)
        self.send(octets)
        return bytearray()

    def finish(self, tag):
        """Reads up to the tagged response of `tag`."""
        untagged, self.pending = self.pending, []
        while True:
            response = self.read_response()
            if isinstance(response, Response):
                untagged.append(response)
                if response.kind == "CAPABILITY":
                    self.capabilities = {c.decode("ascii").upper() for c in response.data}
                elif response.status:
                    self._note_capabilities(response.status)
            elif isinstance(response, tuple):
                if response[0] != tag:
                    raise ImapError(f"answer to {response[0]!r} while waiting for {tag!r}")
                self._note_capabilities(response[1])
                return Result(response[1], untagged)
            else:
                raise ImapError(f"a continuation request out of place: {response!r}")

    def command(self, *parts):
        """A command and its result, whatever it says."""
        return self.finish(self.start(*parts))

    def ok(self, *parts):
        """A command that must be answered OK."""
        result = self.command(*parts)
        if result.status != "OK":
            raise CommandFailed(parts, result)
        return result

    def login(self, user, password):
        result = self.ok("LOGIN", quote(user), quote(password))
        if not result.code_is("CAPABILITY"):
            self.ok("CAPABILITY")
        return result

    def starttls(self):
        self.ok("STARTTLS")
        self._socket = _tls_context().wrap_socket(self._socket)
        self.capabilities = set()
        self.ok("CAPABILITY")

    def append(self, mailbox, octets, flags=(), date=None):
        parts = ["APPEND", mailbox_argument(mailbox)]
        if flags:
            parts.append(list(flags))
        if date:
            parts.append(b'"' + (date.encode() if isinstance(date, str) else date) + b'"')
        return self.ok(*parts, Literal(octets))

    def select(self, mailbox, how="SELECT"):
        return self.ok(how, mailbox_argument(mailbox))

    def idle(self):
        """Enters IDLE; leave it with done()."""
        tag = self.start("IDLE")
        while True:
            response = self.read_response()
            if isinstance(response, bytes):
                return tag
            if isinstance(response, tuple):
                raise CommandFailed("IDLE", response[1])
            self.pending.append(response)

    def done(self, tag):
        self.send(b"DONE\r\n")
        return self.finish(tag)

    def wait_for(self, wanted, deadline):
        """Reads untagged responses until wanted(response) is true; raises after `deadline` seconds."""
        end = time.monotonic() + deadline
        while True:
            left = end - time.monotonic()
            if left <= 0:
                raise ImapError(f"nothing within {deadline} s")
            self._socket.settimeout(left)
            try:
                response = self.read_response()
            except (socket.timeout, ssl.SSLWantReadError) as error:
                raise ImapError(f"nothing within {deadline} s") from error
            finally:
                self._socket.settimeout(self.timeout)
            if isinstance(response, Response) and wanted(response):
                return response

    def logout(self):
        try:
            self.command("LOGOUT")
        except (ImapError, OSError):
            pass
        self.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.logout()


def mailbox_argument(mailbox):
    """A mailbox name: str is encoded in modified UTF-7, bytes are taken as they are."""
    return quote(encode_name(mailbox) if isinstance(mailbox, str) else mailbox)


def _tls_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False          # the certificate is one that the test made a moment ago
    context.verify_mode = ssl.CERT_NONE
    return context
