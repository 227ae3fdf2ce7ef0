"""Makes mail of many kinds, sizes and line ends, for tests that compare what a server says of the same messages: odd
ones of oddmessages.py, real ones of messages.py, and some around a size that is the boundary of something.

    all_messages(count, boundary)     the octets of each, the same at each run, in no particular order
"""

import os
import random
import sys

sys.path[:0] = [os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib")]

import messages  # noqa: E402
import oddmessages as odd  # noqa: E402


def mixed_ends(text, number):
    """Lines that end in LF, in CRLF, or some in each."""
    if number % 3 == 0:
        return text
    if number % 3 == 1:
        return odd.crlf(text)
    *lines, last = text.replace(b"\r\n", b"\n").split(b"\n")
    chance = random.Random(number)
    return b"".join(line + chance.choice([b"\n", b"\r\n"]) for line in lines) + last


def long_text(number, octets):
    words = random.Random(number)
    block = messages.paragraphs(words, 40, special=True).encode()
    return (block * (octets // len(block) + 1))[:octets]


def large(number, octets):
    """A message of so many octets in all, in parts or not."""
    if number % 2:
        start, end = odd.message(b"text/plain; charset=utf-8", b""), b""
    else:
        parts = [odd.part(b"<p>first, an offer\n", b"text/html"), odd.part(b"@@@")]
        start, _, end = odd.multipart(b"b", parts).partition(b"@@@")
    return start + long_text(number, octets - len(start) - len(end)) + end


def forwarded(number):
    """A message that is nothing but another."""
    return odd.message(b"message/rfc822", messages.message(number), b"From: anna@example.org\nSubject: Fwd: minutes\n")


def with_nuls(number):
    text = bytearray(messages.message(number))
    for at in range(len(text) // 2, len(text), 97):
        text[at] = 0
    return bytes(text)


def unknown_encoding(number):
    head = odd.HEAD + b"Content-Transfer-Encoding: x-unheard-of\n"
    if number % 2:
        return odd.message(b"text/plain", b"an offer that nobody can read\n", head)
    return odd.multipart(b"b", [odd.part(odd.LINE), odd.part(b"please\n", more=b"Content-Transfer-Encoding: x-odd\n")])


def encoded_binary(number):
    return odd.multipart(b"b", [
        odd.part(odd.base64.encodebytes(odd.octets(number, 9000)), b"application/octet-stream",
                 b"Content-Transfer-Encoding: base64\n"),
        odd.part(odd.octets(number + 1, 3000), b"application/octet-stream", b"Content-Transfer-Encoding: binary\n")])


KINDS = [messages.message] * 6 + [forwarded, with_nuls, encoded_binary, unknown_encoding]


def odd_messages(most):
    for name in sorted(odd.KINDS):
        content = odd.KINDS[name]()
        pieces, made = iter([content] if isinstance(content, bytes) else content), b""
        while len(made) <= most and (piece := next(pieces, None)) is not None:
            made += piece
        if len(made) <= most:
            yield made


def all_messages(count, boundary):
    """One of 3 MiB, some of just the boundary in octets, some larger, and odd ones that are not."""
    made = [*odd_messages(boundary), large(0, 3 << 20)]
    made += [large(number, boundary + number // 2 - 1) for number in range(6)]
    made += [mixed_ends(large(number, 135_000 + 9_000 * number), number) for number in range(12)]
    made += [mixed_ends(KINDS[number % 10](number), number // 10) for number in range(count - len(made))]
    random.Random(1).shuffle(made)
    return made
