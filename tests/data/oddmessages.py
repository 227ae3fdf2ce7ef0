#!/usr/bin/env python3
"""Writes messages as a mail server meets them in the wild and in attacks, one file a kind, named by the kind.

    make_odd_messages(directory)     from Python; returns the names, sorted
    oddmessages.py DIRECTORY [KIND ...]

The same files come out at every run. Lines end in LF unless the kind is about line ends.
"""

import base64
import os
import quopri
import random
import sys

KINDS = {}

HEAD = b"""From: Ann Example <ann@example.org>
To: Bob Example <bob@example.org>
Subject: odd message
Date: Tue, 14 Mar 2023 09:26:53 +0100
Message-ID: <odd@example.org>
MIME-Version: 1.0
"""

LINE = b"The quick brown fox jumps over the lazy dog and looks back at 0123456789.\n"


def kind(function):
    """Registers a function that returns the octets of a message, or yields them in pieces."""
    KINDS[function.__name__.replace("_", "-")] = function
    return function


def octets(seed, count):
    return random.Random(seed).randbytes(count)


def message(content_type, body, head=HEAD):
    """A message with that Content-Type (nothing: no such field) and body."""
    field = b"Content-Type: " + content_type + b"\n" if content_type is not None else b""
    return head + field + b"\n" + body


def part(body, content_type=b"text/plain", more=b""):
    return b"Content-Type: " + content_type + b"\n" + more + b"\n" + body


def multipart(boundary, parts, subtype=b"mixed", head=HEAD, preamble=b"", epilogue=b"", close=True):
    body = preamble
    for one in parts:
        body += b"--" + boundary + b"\n" + one + b"\n"
    if close:
        body += b"--" + boundary + b"--\n"
    return message(b"multipart/" + subtype + b'; boundary="' + boundary + b'"', body + epilogue, head)


def crlf(text):
    return text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


# Plain shapes

@kind
def empty_file():
    return b""


@kind
def single_newline():
    return b"\n"


@kind
def single_crlf():
    return b"\r\n"


@kind
def single_letter():
    return b"x"


@kind
def single_cr():
    return b"\r"


@kind
def only_a_header():
    return HEAD


@kind
def only_a_header_and_empty_line():
    return HEAD + b"\n"


@kind
def header_without_final_newline():
    return HEAD[:-1]


@kind
def no_header():
    return b"\n" + LINE * 3


@kind
def text_without_header_or_empty_line():
    return LINE * 3


@kind
def text_with_paragraphs_and_no_header():
    return b"Dear all\nthis has no header\n\nsecond paragraph\n\nthird\n"


@kind
def plain_lf():
    return message(None, LINE * 5)


@kind
def plain_crlf():
    return crlf(message(None, LINE * 5))


@kind
def mixed_line_ends():
    return crlf(HEAD) + b"X-Mixed: yes\n\r\n" + LINE + crlf(LINE) + b"\n\r\n\n" + LINE + b"end\r\n"


@kind
def header_crlf_body_lf():
    return crlf(HEAD) + b"\r\n" + LINE * 4


@kind
def header_lf_body_crlf():
    return HEAD + b"\n" + crlf(LINE * 4)


@kind
def lone_cr():
    return HEAD + b"X-Cr: a\rb\r\n\nfirst\rsecond\r\rthird\r\r\nfourth\n\rfifth\r"


@kind
def lone_cr_only():
    return b"From: a@example.org\rTo: b@example.org\rSubject: macintosh\r\rbody\rbody\r"


@kind
def crlf_and_only_empty_lines():
    return b"\r\n" * 40


@kind
def no_final_newline():
    return message(b"text/plain", LINE + b"no newline here")


@kind
def no_final_newline_crlf():
    return crlf(message(b"text/plain", LINE)) + b"no newline here"


@kind
def final_cr():
    return message(b"text/plain", LINE + b"ends in CR\r")


@kind
def nul_octets():
    return HEAD + b"X-Nul: a\0b\nSub\0ject: c\n\nbo\0dy\n\0\0\n" + LINE + b"\0"


@kind
def nul_only():
    return b"\0" * 1000


@kind
def binary_rubbish():
    return octets(1, 50000)


@kind
def body_of_newlines():
    return message(b"text/plain", b"\n" * 5000)


@kind
def dots():
    return message(b"text/plain", b".\n..\n.hidden\n" + LINE + b".\n")


@kind
def dashes_without_multipart():
    return message(b"text/plain", b"--\n--odd\n-- \nAnn\n--odd--\n")


# Headers

@kind
def header_8bit_utf8():
    return message(None, b"b\n", "From: Jürgen Müller <jm@example.org>\nTo: 日本 <nihon@example.org>\n"
                   "Subject: Grüße aus Łódź – 日本語\n".encode())


@kind
def header_8bit_latin1():
    return message(None, b"b\n", "From: Jürgen <jm@example.org>\nSubject: Grüße\nX-Ä: b\n".encode("latin-1"))


@kind
def header_line_1mb():
    return HEAD + b"X-Long: " + b"a" * (1 << 20) + b"\nSubject: second\n\nbody\n"


@kind
def subject_1mb():
    return b"From: a@example.org\nSubject: " + b"s" * (1 << 20) + b"\nTo: b@example.org\n\nbody\n"


@kind
def subject_1mb_folded():
    return b"From: a@example.org\nSubject: start\n" + (b" " + b"s" * 70 + b"\n") * 14564 + b"\nbody\n"


@kind
def to_10000_addresses():
    return b"From: a@example.org\nTo: " + b",\n ".join(
        b'"Person %d" <p%d@example.org>' % (i, i) for i in range(10000)) + b"\n\nbody\n"


@kind
def header_20000_fields():
    return HEAD + b"".join(b"X-Field-%d: value %d\n" % (i, i) for i in range(20000)) + b"\nbody\n"


@kind
def header_name_1mb():
    return HEAD + b"X" * (1 << 20) + b": value\n\nbody\n"


@kind
def header_12mb():
    yield b"From: early@example.org\nSubject: early\n"
    for i in range(12):
        yield b"X-Filler-%d: " % i + b"f" * (1 << 20) + b"\n"
    yield b"To: late@example.org\n\nbody\n"


@kind
def header_no_space_after_colon():
    return b"From:a@example.org\nTo:b@example.org\nSubject:tight\nContent-Type:text/html\n\n<p>b\n"


@kind
def header_space_before_colon():
    return b"From : a@example.org\nSubject \t: spaced\nContent-Type : text/html; charset=utf-8\n\n<p>b\n"


@kind
def header_tabs():
    return b"From:\ta@example.org\t\nSubject:\ttabs\tinside\t\nTo:\n\tb@example.org,\n\t\tc@example.org\n\nb\n"


@kind
def header_starts_with_fold():
    return b" folded from nothing\nFrom: a@example.org\nSubject: s\n\nb\n"


@kind
def header_fold_of_blanks():
    return b"From: a@example.org\nSubject: one\n \n\t\n two\nTo: b@example.org\n\nb\n"


@kind
def header_junk_lines():
    return b"From: a@example.org\nthis line is no field\n: no name\n:\nSubject: s\n>From someone\n===\n\nb\n"


@kind
def mbox_from_line_first():
    return b"From ann@example.org Tue Mar 14 09:26:53 2023\n" + message(b"text/plain", LINE + b">From here\n")


@kind
def duplicate_headers():
    return (b"From: first@example.org\nFrom: second@example.org\nTo: a@example.org\nTo: b@example.org\n"
            b"Subject: first\nSubject: second\nDate: Tue, 14 Mar 2023 09:26:53 +0100\n"
            b"Date: Wed, 15 Mar 2023 09:26:53 +0100\nMessage-ID: <1@x>\nMessage-ID: <2@x>\n"
            b"In-Reply-To: <3@x>\nIn-Reply-To: <4@x>\n"
            b"Content-Type: text/html\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n"
            b"Content-Transfer-Encoding: 8bit\nContent-ID: <c1>\nContent-ID: <c2>\n\nYQ==\n")


@kind
def empty_fields():
    return b"From:\nTo: \nCc:\t\nSubject:\nDate:\nMessage-ID:\nIn-Reply-To:\nReply-To:\n\nb\n"


@kind
def subject_empty():
    return b"From: a@example.org\nSubject:\n\nb\n"


@kind
def subject_quotes():
    return b'From: a@example.org\nSubject: say "hi" \\ and {5}\n ok\n\nb\n'


@kind
def encoded_words():
    return (b"From: =?ISO-8859-1?Q?Patrik_F=E4ltstr=F6m?= <paf@example.org>\n"
            b"To: =?utf-8?b?w4TDtsO8?= <u@example.org>, =?US-ASCII?Q?Keith?= =?us-ascii?q?_Moore?= <m@example.org>\n"
            b"Subject: =?ISO-2022-JP?B?GyRCRnxLXDhsGyhC?= =?UTF-8*de?Q?gr=C3=BC=C3=9Fe?=\n\nb\n")


@kind
def encoded_words_broken():
    return (b"From: =?utf-8?Q?broken <a@example.org>\nSubject: =?utf-8?X?abc?= =?nocharset?Q?abc?= =?utf-8?B?w4?= "
            b"=?utf-8?B?!!!!?= =?utf-8?Q?=C3?= =?utf-8?Q?=A4?= =?utf-8?Q?a b?= =?utf-8??= =?=?=\n\nb\n")


@kind
def encoded_word_split_character():
    return b"Subject: =?utf-8?Q?sch=C3?=\n =?utf-8?Q?=B6n?= =?utf-8?B?8J+Y?= =?utf-8?B?gA==?=\n\nb\n"


@kind
def address_groups():
    return (b"From: a@example.org\nTo: Friends: ann@example.org, Bob <bob@example.org>;, carl@example.org\n"
            b"Cc: undisclosed-recipients:;\nBcc: Outer: Inner: x@example.org;;\nReply-To: Unclosed: y@example.org\n\nb\n")


@kind
def address_source_routes():
    return (b"From: <@hop1.example,@hop2.example:a@example.org>\nTo: B <@hop1.example:b@example.org>\n"
            b"Cc: <@:c@example.org>, <@hop>\n\nb\n")


@kind
def address_comments():
    return (b"From: a@example.org (Ann (nested) Example)\nTo: (lead) b @ (host) example . org (trail)\n"
            b"Cc: Name (c) <d@example.org> (e), \"Quoted \\\"Name\\\"\" <f@example.org>\n\nb\n")


@kind
def address_broken():
    return (b"From: <>\nSender: @\nTo: a, b@, @c, <d, e>, f g h, \"unclosed <i@example.org>\n"
            b"Cc: ,,, ;;; , j@example.org,,k@example.org l@example.org\nReply-To: (unclosed comment m@example.org\n"
            b"Bcc: Mr. Dot <n@example.org>, o@[127.0.0.1], \"p q\"@example.org, r..s@example.org.\n\nb\n")


@kind
def address_nested_comment_deep():
    return b"From: " + b"(" * 20000 + b" a@example.org\nTo: " + b"<" * 20000 + b"\nCc: " + b"x:" * 20000 + b"\n\nb\n"


@kind
def dates_bad():
    return b"From: a@example.org\nDate: Yesterday at noon\n\nb\n"


@kind
def date_out_of_range():
    return b"From: a@example.org\nDate: Tue, 45 Foo 99999 77:88:99 +9999\n\nb\n"


@kind
def date_old_forms():
    return b"From: a@example.org\nDate: Tuesday, 14-Mar-99 9:26 EST (comment)\n\nb\n"


# MIME

@kind
def multipart_simple():
    return multipart(b"b", [part(LINE), part(b"<p>x\n", b"text/html; charset=utf-8")])


@kind
def multipart_crlf():
    return crlf(multipart(b"b", [part(LINE), part(b"<p>x\n", b"text/html")], preamble=b"pre\n", epilogue=b"epi\n"))


@kind
def multipart_mixed_line_ends():
    return (HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\n--b\r\n\nlf end\n--b\nX: y\r\n\r\ncrlf end\r\n"
            b"--b\r\n\r\nbare\r\n\n--b--\r\n")


@kind
def multipart_preamble_epilogue():
    return multipart(b"b", [part(LINE)], preamble=b"This is a message\nin MIME format.\n",
                     epilogue=b"epilogue\n--b\nnot a part\n--b--\n")


@kind
def multipart_never_closed():
    return multipart(b"b", [part(LINE), part(LINE)], close=False)


@kind
def multipart_nested_never_closed():
    inner = (b"Content-Type: multipart/alternative; boundary=inner\n\n--inner\n\nplain\n--inner\n"
             b"Content-Type: text/html\n\n<p>html\n")
    return multipart(b"outer", [inner, part(LINE)])


@kind
def multipart_outer_never_closed():
    inner = b"Content-Type: multipart/alternative; boundary=inner\n\n--inner\n\nplain\n--inner--\nepilogue\n"
    return multipart(b"outer", [inner], close=False)


@kind
def multipart_boundary_prefix():
    inner = (b"Content-Type: multipart/mixed; boundary=abcd\n\n--abcd\n\none\n--abcd\n\ntwo\n--abcd--\n")
    return multipart(b"abc", [inner, part(LINE)])


@kind
def multipart_boundary_prefix_of_outer():
    inner = (b"Content-Type: multipart/mixed; boundary=abc\n\n--abc\n\none\n--abc\n\ntwo\n--abc--\n")
    return multipart(b"abcd", [inner, part(LINE)])


@kind
def multipart_same_boundary_nested():
    inner = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b--\n"
    return multipart(b"b", [inner, part(LINE)])


@kind
def multipart_boundary_with_dashes():
    return multipart(b"--b--", [part(LINE), part(LINE)])


@kind
def multipart_boundary_trailing_text():
    return (HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n--b trailing\n\none\n--bcd\n\ntwo\n--b  \t\n\nthree\n"
            b"--b-\n\nfour\n--b--garbage\nepilogue\n")


@kind
def multipart_boundary_missing():
    return message(b"multipart/mixed", b"--b\n\none\n--b--\n")


@kind
def multipart_boundary_empty():
    return message(b'multipart/mixed; boundary=""', b"--\n\none\n--x\n\ntwo\n----\nend\n")


@kind
def multipart_boundary_long():
    boundary = b"x" * 300
    return multipart(boundary, [part(LINE), part(LINE)])


@kind
def multipart_boundary_2231():
    return message(b"multipart/mixed; boundary*0=ab; boundary*1=cd", b"--abcd\n\none\n--abcd--\n")


@kind
def multipart_boundary_odd_characters():
    return multipart(b"=_'()+_,-./:=? x", [part(LINE), part(LINE)])


@kind
def multipart_boundary_in_header():
    return (HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n--b\n"
            b"Content-Type: text/plain\nX-Last: x\n--b--\n")


@kind
def multipart_boundary_in_message_header():
    return HEAD + b"Content-Type: multipart/mixed; boundary=b\n--b\nContent-Type: text/html\n\nx\n--b--\n"


@kind
def multipart_boundary_at_end():
    return HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b"


@kind
def multipart_boundary_then_newline_at_end():
    return HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\n"


@kind
def multipart_close_without_newline():
    return multipart(b"b", [part(LINE)])[:-1]


@kind
def multipart_closed_at_once():
    return multipart(b"b", [])


@kind
def multipart_empty():
    return message(b"multipart/mixed; boundary=b", b"")


@kind
def multipart_no_boundary_line():
    return message(b"multipart/mixed; boundary=b", LINE * 3)


@kind
def multipart_empty_parts():
    return message(b"multipart/mixed; boundary=b", b"--b\n--b\n\n--b\n\n\n--b\n\n\n\n--b--\n")


@kind
def multipart_without_mime_version():
    return multipart(b"b", [part(LINE)], head=b"From: a@example.org\n")


@kind
def multipart_part_without_header_or_empty_line():
    return message(b"multipart/mixed; boundary=b", b"--b\njust text\nmore text\n--b--\n")


@kind
def multipart_digest():
    one = b"\nFrom: d1@example.org\nSubject: digest one\n\nfirst\n"
    two = b"Content-Type: text/plain\n\nsecond, plain\n"
    three = b"X-Other: y\n\nSubject: digest three\n\nthird\n"
    return multipart(b"b", [one, two, three], b"digest")


@kind
def multipart_base64():
    return message(b"multipart/mixed; boundary=b", base64.encodebytes(b"--b\n\none\n--b--\n"),
                   HEAD + b"Content-Transfer-Encoding: base64\n")


@kind
def multipart_depth_200():
    yield HEAD
    for i in range(200):
        yield b'Content-Type: multipart/mixed; boundary="n%d"\n\n--n%d\n' % (i, i)
    yield b"\ndeep\n"
    for i in reversed(range(200)):
        yield b"--n%d--\n" % i


@kind
def multipart_depth_200_same_boundary():
    yield HEAD
    for _ in range(200):
        yield b"Content-Type: multipart/mixed; boundary=b\n\n--b\n"
    yield b"\ndeep\n--b--\n"


@kind
def multipart_20000_parts():
    yield message(b"multipart/mixed; boundary=b", b"")
    for i in range(20000):
        yield b"--b\n\npart %d\n" % i
    yield b"--b--\n"


@kind
def multipart_100000_empty_parts():
    yield message(b"multipart/mixed; boundary=b", b"")
    for _ in range(100):
        yield b"--b\n" * 1000


@kind
def multipart_almost_boundaries():
    return multipart(b"boundary", [part(b"--boundar\n-boundary\n --boundary\n--Boundary\n---boundary\n" * 2000)])


@kind
def multipart_alternative_related():
    related = multipart(b"rel", [part(b"<img src=cid:i@x>\n", b"text/html"),
                                 part(base64.encodebytes(octets(2, 3000)), b"image/png; name=\"p\xc3\xa4.png\"",
                                      b"Content-Transfer-Encoding: base64\nContent-ID: <i@x>\n"
                                      b"Content-Disposition: inline; filename=\"p.png\"\n")], b"related", b"")
    return multipart(b"alt", [part(LINE), related], b"alternative")


# Enclosed messages

@kind
def message_nested():
    inner = message(b"text/html", b"<p>inner\n", b"From: inner@example.org\nSubject: inner\n")
    return multipart(b"b", [part(LINE), part(inner, b"message/rfc822", b"Content-Description: forwarded\n")])


@kind
def message_nested_8_deep():
    inner = message(b"text/plain", LINE, b"Subject: level 8\n")
    for level in reversed(range(8)):
        inner = message(b"message/rfc822", inner, b"Subject: level %d\n" % level)
    return inner


@kind
def message_nested_200_deep():
    yield b"Subject: top\n"
    for i in range(200):
        yield b"Content-Type: message/rfc822\n\nSubject: level %d\n" % i
    yield b"\ndeep\n"


@kind
def message_multipart_nested_3_deep():
    inner = multipart(b"b3", [part(LINE), part(b"<p>3\n", b"text/html")], head=b"Subject: third\n")
    inner = multipart(b"b2", [part(LINE), part(inner, b"message/rfc822")], head=b"Subject: second\n")
    return multipart(b"b1", [part(LINE), part(inner, b"message/rfc822"), part(LINE)], head=b"Subject: first\n")


@kind
def message_rfc822_base64():
    inner = message(b"text/plain", b"inner\n", b"Subject: encoded\n")
    return multipart(b"b", [part(base64.encodebytes(inner), b"message/rfc822", b"Content-Transfer-Encoding: base64\n")])


@kind
def message_rfc822_empty():
    return multipart(b"b", [b"Content-Type: message/rfc822\n\n", b"Content-Type: message/rfc822\n"])


@kind
def message_rfc822_at_end():
    return b"Subject: outer\nContent-Type: message/rfc822\n\n"


@kind
def message_rfc822_header_only():
    return b"Subject: outer\nContent-Type: message/rfc822\n\nSubject: inner\n"


@kind
def message_global():
    return multipart(b"b", [part(message(None, "Grüße\n".encode(), "Subject: größer\n".encode()), b"message/global")])


@kind
def message_partial_and_external():
    return multipart(b"b", [part(b"From: x@example.org\n\ny\n", b'message/partial; id="a@b"; number=2; total=3'),
                            part(b"Content-Type: image/gif\n\n", b"message/external-body; access-type=local-file"),
                            part(b"Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822; y@x\n", b"message/delivery-status")],
                     b"report; report-type=delivery-status")


# Content fields

@kind
def content_type_garbage():
    parts = [part(LINE, t) for t in (b"garbage", b"/", b"text/", b"/plain", b";;;", b"text/plain;;; ;charset",
                                     b"text plain", b"text / html ; charset = \"utf-8\"", b"TEXT/HTML (comment) ; a=b",
                                     b"", b"\"text\"/\"plain\"", b"text/plain; charset=", b"text/plain; =x; y=z",
                                     b"text/plain charset=utf-8", b"a/b/c; d=e", b"text/plain; charset==utf-8")]
    return multipart(b"b", parts)


@kind
def content_type_unterminated():
    return (HEAD + b"Content-Type: text/plain; charset=\"utf-8; name=\"x\nContent-Disposition: attachment; filename=\"un\\\n"
            b"\n" + LINE)


@kind
def content_type_many_parameters():
    return message(b"text/plain" + b"".join(b";\n p%d=v%d" % (i, i) for i in range(5000)), LINE)


@kind
def content_type_folded_and_commented():
    return message(b"(c) text (c)\n / (c) html (c (d)) ;\n\tcharset (c) = (c) \"iso-8859-1\" (c)", LINE)


@kind
def content_fields_all():
    return HEAD + (b"Content-Type: text/plain; charset=utf-8; format=flowed; delsp=yes\n"
                   b"Content-Transfer-Encoding: 8BIT\nContent-ID: <part@example.org>\n"
                   b"Content-Description: =?utf-8?Q?h=C3=A4?= \"q\"\nContent-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\n"
                   b"Content-Disposition: ATTACHMENT; filename=\"a \\\"b\\\" c.txt\"; size=5;\n creation-date=\"x\"\n"
                   b"Content-Language: en, de-DE , fr\nContent-Location: http://example.org/a b\n\n") + LINE


@kind
def content_language_lists():
    return multipart(b"b", [part(b"x\n", more=b"Content-Language: " + v + b"\n") for v in
                            (b"en", b"en,de", b" en , , de (German) ,", b"", b"i-mingo, \"x y\"", b"en de")])


@kind
def content_disposition_odd():
    return multipart(b"b", [part(b"x\n", more=b"Content-Disposition: " + v + b"\n") for v in
                            (b"inline", b"attachment;filename=a b.txt", b"", b"; filename=x", b"attachment; filename",
                             b"attachment; filename=\"\"", b"a/b; c=d", b"attachment; filename=\"x\" \"y\"",
                             b"attachment; filename=\xe4.txt", b"(c) attachment (d); a=b")])


@kind
def content_transfer_encoding_odd():
    return multipart(b"b", [part(b"eA==\n", more=b"Content-Transfer-Encoding: " + v + b"\n") for v in
                            (b"base64", b"\"base64\"", b" Base64 (c)", b"", b"7 bit", b"x-uuencode", b"8-bit", b"binary;",
                             b"quoted-printable\n ")])


@kind
def rfc2231_continuations():
    return HEAD + (b"Content-Type: application/x-stuff;\n title*0*=us-ascii'en'This%20is%20even%20more%20;\n"
                   b" title*1*=%2A%2A%2Afun%2A%2A%2A%20;\n title*2=\"isn't it!\"\n"
                   b"Content-Disposition: attachment;\n filename*=UTF-8''na%C3%AFve%20file.txt\n\nx\n")


@kind
def rfc2231_broken():
    return HEAD + (b"Content-Type: application/x-stuff; a*1=b; c*0=d; c*2=f; e*=; g*='; h*=x''%zz; i*00=j; k*0=l; k*0=m;"
                   b" n*99999999999=o; *=p; q**=r; s*0*=utf-8'; t=u; t*=utf-8''v\n\nx\n")


@kind
def uuencode():
    data = octets(3, 450)
    lines = b"".join(b"M" + base64_to_uu(data[i:i + 45]) + b"\n" for i in range(0, 450, 45))
    return message(None, b"see below\n\nbegin 644 file.bin\n" + lines + b"`\nend\n")


def base64_to_uu(data):
    out = bytearray()
    for i in range(0, len(data), 3):
        word = int.from_bytes(data[i:i + 3].ljust(3, b"\0"), "big")
        out += bytes(((word >> shift) & 63) + 32 if (word >> shift) & 63 else 96 for shift in (18, 12, 6, 0))
    return bytes(out)


@kind
def format_flowed():
    return message(b"text/plain; format=flowed", b"a line that flows \non and \non\n> quoted \n> too\n-- \nAnn\n")


@kind
def quoted_printable():
    text = "Käse = fromage, sehr lang " * 20 + "\n"
    return message(b"text/plain; charset=iso-8859-1", quopri.encodestring(text.encode("latin-1")),
                   HEAD + b"Content-Transfer-Encoding: quoted-printable\n")


@kind
def quoted_printable_broken():
    return message(b"text/plain; charset=utf-8", b"a=\nb=  \nc=3\nd=XX=C3\n=A4 tail =", HEAD
                   + b"Content-Transfer-Encoding: quoted-printable\n")


@kind
def base64_broken():
    return message(b"text/plain", b"SGVs\nbG8g*d29y\nbGQ\n=\n=====IGFnYWlu\nA", HEAD + b"Content-Transfer-Encoding: base64\n")


@kind
def base64_without_newlines():
    return message(b"application/octet-stream", base64.b64encode(octets(4, 1500000)),
                   HEAD + b"Content-Transfer-Encoding: base64\n")


@kind
def binary_part():
    return multipart(b"b", [part(LINE), part(octets(5, 100000), b"application/octet-stream",
                                             b"Content-Transfer-Encoding: binary\n"), part(LINE)])


@kind
def charsets():
    text = "Größe Straße Ärger 日本"
    parts = [part(text.encode(c, "replace") + b"\n", b"text/plain; charset=" + c.encode())
             for c in ("utf-8", "iso-8859-1", "utf-16", "koi8-r", "iso-2022-jp", "shift_jis", "gb18030", "utf-7", "cp1252")]
    return multipart(b"b", parts + [part(b"x\n", b"text/plain; charset=" + c)
                                    for c in (b"x-unknown", b"\"\"", b"../../etc/passwd", b"a" * 5000)])


@kind
def line_very_long():
    return message(b"text/plain", b"z" * (5 << 20) + b"\nshort\n")


@kind
def line_998_and_2000():
    return message(b"text/plain", b"a" * 998 + b"\n" + b"b" * 2000 + b"\n")


@kind
def message_50mb():
    yield HEAD + b"Content-Type: multipart/mixed; boundary=big\n\n--big\n\ntext first\n--big\n"
    yield b"Content-Type: application/octet-stream; name=big.bin\nContent-Transfer-Encoding: base64\n\n"
    block = base64.encodebytes(octets(6, 57 * 1024))
    for _ in range((50 << 20) // len(block)):
        yield block
    yield b"--big--\n"


def make_odd_messages(directory, only=None):
    """Writes the messages into directory (made if need be); only: names of the kinds wanted. Returns the names."""
    os.makedirs(directory, exist_ok=True)
    names = sorted(KINDS if only is None else only)
    for name in names:
        content = KINDS[name]()
        with open(os.path.join(directory, name), "wb") as file:
            for piece in (content,) if isinstance(content, bytes) else content:
                file.write(piece)
    return names


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: oddmessages.py DIRECTORY [KIND ...]")
    written = make_odd_messages(sys.argv[1], sys.argv[2:] or None)
    print(f"{len(written)} messages in {sys.argv[1]}")
