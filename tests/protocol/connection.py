"""One connection to a server: bytes out, whole responses in, never waiting past a deadline."""

import re
import socket
import ssl
import time

LITERAL_AT_END = re.compile(rb"\{([0-9]+)\+?\}\r\n\Z")
LONGEST_LITERAL = 64 << 20


class Timeout(Exception):
    """The server did not answer in time."""


def insecure_context():
    """TLS without a look at the certificate, which the runner itself made."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Connection:
    def __init__(self, address, timeout, source="", tls=False):
        self.timeout = timeout
        self.buffer = b""
        self.returned = []  # responses put back
        self.ended = False
        self.socket = socket.create_connection(address, timeout=timeout, source_address=(source, 0) if source else None)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.handshake()

    def handshake(self):
        """TLS from here on; what the server sent in plain text before counts as a fault."""
        if self.buffer or self.returned:
            raise ssl.SSLError("octets in plain text after the answer to STARTTLS")
        self.socket = insecure_context().wrap_socket(self.socket)

    def send(self, data):
        try:
            self.socket.settimeout(self.timeout)
            self.socket.sendall(data)
        except TimeoutError as error:
            raise Timeout("the server does not read what is sent") from error
        except OSError:
            pass  # the server has closed: reading tells what it said

    def _fill(self, deadline):
        """More octets into the buffer; False at the end of the connection."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise Timeout(f"nothing more within {self.timeout:g} s")
        self.socket.settimeout(left)
        try:
            data = self.socket.recv(1 << 16)
        except TimeoutError as error:
            raise Timeout(f"nothing more within {self.timeout:g} s") from error
        except OSError:
            data = b""
        self.buffer += data
        return bool(data)

    def read(self):
        """One whole response, literals included, without its last CRLF; None at the end of the connection."""
        if self.returned:
            return self.returned.pop()
        deadline = time.monotonic() + self.timeout
        start = 0
        while not self.ended:
            end = self.buffer.find(b"\r\n", start)
            if end < 0:
                self.ended = not self._fill(deadline)
                continue
            found = LITERAL_AT_END.search(self.buffer, start, end + 2)
            if not found or not self.buffer.startswith(b"* "):
                line, self.buffer = self.buffer[:end], self.buffer[end + 2:]
                return line.decode("latin-1")
            start = end + 2 + min(int(found[1]), LONGEST_LITERAL)
            while len(self.buffer) < start and not self.ended:
                self.ended = not self._fill(deadline)
        return None

    def give_back(self, response):
        self.returned.append(response)

    def close(self):
        try:
            self.socket.close()
        except OSError:
            pass
