"""Makes mail: deterministic messages of many kinds, as real mail has them. The same number gives the same octets."""

import base64
import quopri
import random
from email.header import Header
from email.utils import formatdate

PEOPLE = [("Anna Schmidt", "anna.schmidt@example.org"), ("Jürgen Groß", "j.gross@example.net"),
          ("", "list-request@lists.example.org"), ("O'Brien, Pat", "pat@example.com"),
          ("Žofia Nováková", "zofia@example.cz"), ("山田太郎", "taro@example.jp"),
          ('Bob "The Builder"', "bob@example.org"), ("Мария Иванова", "maria@example.ru")]
SUBJECTS = ["Minutes of the meeting", "Re: Minutes of the meeting", "Grüße aus München", "会議の議事録",
            "Rechnung Nr. 4711", "[list] Release candidate", "Счёт за ноябрь", "Fwd: holiday pictures",
            "A rather long subject that a careful sender folds over two lines, since it would not fit into one",
            "", "naïve café déjà vu", "Re: [list] Release candidate"]
WORDS = ("the mail server stores each message in a file of its own and names say what is known of it "
         "please find attached our offer for next year with kind regards from the whole team").split()
SPECIAL = ["Größe", "façade", "naïve", "Übung", "señor", "smørrebrød", "Ångström", "čaj"]
EPOCH = 1_600_000_000


def encoded(text, charset="utf-8"):
    """Text for a header line: as it is when ASCII, else as encoded words."""
    return text if text.isascii() else Header(text, charset, maxlinelen=70).encode()


def address(person):
    name, mail = person
    if not name:
        return mail
    if not name.isascii():
        return f"{encoded(name)} <{mail}>"
    if any(c in name for c in ",\"'()."):
        name = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{name} <{mail}>"


def paragraphs(rng, count, special=False):
    lines = []
    for _ in range(count):
        words = [rng.choice(SPECIAL) if special and rng.random() < 0.15 else rng.choice(WORDS)
                 for _ in range(rng.randint(5, 60))]
        line = ""
        for word in words:
            if len(line) + len(word) > 71:
                lines.append(line)
                line = ""
            line += (" " if line else "") + word
        lines += [line, ""]
    return "\n".join(lines)


def wrapped(octets):
    return base64.encodebytes(octets).decode("ascii")


def text_part(rng, kind):
    """(header lines, body octets) of one text part."""
    text = paragraphs(rng, rng.randint(1, 6), special=kind != "ascii")
    if kind == "ascii":
        return ["Content-Type: text/plain; charset=us-ascii"], text.encode("ascii")
    if kind == "8bit":
        return ["Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit"], text.encode("utf-8")
    if kind == "quoted-printable":
        body = quopri.encodestring(text.encode("iso-8859-15", "replace"))
        return ['Content-Type: text/plain; charset="ISO-8859-15"; format=flowed',
                "Content-Transfer-Encoding: quoted-printable"], body
    if kind == "base64":
        return ["Content-Type: text/plain;", '\tcharset="windows-1252"', "Content-Transfer-Encoding: BASE64"], \
            wrapped(text.encode("windows-1252", "replace")).encode("ascii")
    body = f"<html><body><p>{text}</p></body></html>\n"
    return ["Content-Type: text/html; charset=UTF-8", "Content-Transfer-Encoding: 8bit"], body.encode("utf-8")


def multipart(rng, subtype, parts):
    boundary = f"----=_Part_{rng.getrandbits(48):012x}"
    body = b"This is a message in several parts.\n" if rng.random() < 0.5 else b""
    for head, content in parts:
        body += f"--{boundary}\n".encode() + ("\n".join(head) + "\n\n").encode() + content
        body += b"" if content.endswith(b"\n") else b"\n"
    body += f"--{boundary}--\n".encode()
    return [f'Content-Type: multipart/{subtype};', f' boundary="{boundary}"'], body


def attachment(rng, name, kind="application/octet-stream"):
    content = rng.randbytes(rng.randint(10, 6000))
    if name.isascii():
        disposition = [f'Content-Disposition: attachment; filename="{name}"']
    else:
        disposition = ["Content-Disposition: attachment;",
                       " filename*=utf-8''" + "".join(c if c.isascii() and c.isalnum() or c == "." else
                                                      "".join(f"%{o:02X}" for o in c.encode()) for c in name)]
    return [f'Content-Type: {kind}; name="{encoded(name)}"', "Content-Transfer-Encoding: base64", *disposition,
            f"Content-ID: <{rng.getrandbits(40):x}@example.org>"], wrapped(content).encode("ascii")


def content(rng, number):
    """(header lines, body octets) of message `number`: a mixture."""
    kinds = ["ascii", "8bit", "quoted-printable", "base64", "html"]
    shape = number % 12
    if shape < 5:
        return text_part(rng, kinds[shape])
    if shape == 5:
        return multipart(rng, "alternative", [text_part(rng, "quoted-printable"), text_part(rng, "html")])
    if shape in (6, 7):
        return multipart(rng, "mixed", [text_part(rng, rng.choice(kinds)), attachment(rng, "offer.pdf", "application/pdf"),
                                        *([attachment(rng, "Übersicht 2024.ods")] if shape == 7 else [])])
    if shape == 8:
        inner = multipart(rng, "alternative", [text_part(rng, "8bit"), multipart(
            rng, "related", [text_part(rng, "html"), attachment(rng, "logo.png", "image/png")])])
        return multipart(rng, "mixed", [inner, attachment(rng, "data.csv", "text/csv")])
    if shape == 9:
        forwarded = message(number * 7 + 1, inner=True)
        return multipart(rng, "mixed", [text_part(rng, "ascii"),
                                        (["Content-Type: message/rfc822", "Content-Disposition: inline"], forwarded)])
    if shape == 10:
        report = (["Content-Type: message/delivery-status"],
                  b"Reporting-MTA: dns; mail.example.org\n\nFinal-Recipient: rfc822; gone@example.org\nAction: failed\n"
                  b"Status: 5.1.1\n")
        return multipart(rng, "report; report-type=delivery-status",
                         [text_part(rng, "ascii"), report,
                          (["Content-Type: text/rfc822-headers"], b"Subject: what was sent\nTo: gone@example.org\n")])
    return [], paragraphs(rng, 3).encode("ascii")


def message(number, inner=False, mark=None):
    """The octets of message `number`, with LF line ends. `mark` is put into an X-Mark header line."""
    rng = random.Random(number)
    head, body = content(rng, number if not inner else number % 5)
    date = EPOCH + number * 3607
    sender, to = rng.choice(PEOPLE), rng.sample(PEOPLE, rng.randint(1, 3))
    subject = SUBJECTS[number % len(SUBJECTS)]
    charset = "iso-8859-1" if number % 3 == 0 and all(ord(c) < 256 for c in subject) else "utf-8"
    lines = ["Return-Path: <bounce@example.org>",
             f"Received: from mx{number % 5}.example.org (mx.example.org [192.0.2.{number % 250}])",
             f"\tby mail.example.com (Postfix) with ESMTPS id {number:08X}", f"\tfor <demo@example.com>; {formatdate(date)}",
             f"From: {address(sender)}", "To: " + ",\n ".join(address(p) for p in to)]
    if number % 4 == 0:
        lines.append("Cc: undisclosed-recipients:;" if number % 8 else "Cc: team: " + address(PEOPLE[0]) + ";")
    if number % 6 == 0:
        lines.append(f"Reply-To: {address(PEOPLE[number % len(PEOPLE)])}")
    lines += [f"Subject: {encoded(subject, charset)}", f"Date: {formatdate(date, localtime=False)}",
              f"Message-ID: <{number}.{rng.getrandbits(32):x}@example.org>"]
    if "Re:" in subject:
        lines += [f"In-Reply-To: <{number - 1}.1@example.org>",
                  f"References: <{number - 2}.1@example.org>\n <{number - 1}.1@example.org>"]
    if mark:
        lines.append(f"X-Mark: {mark}")
    if number % 5 == 0:
        lines.append("X-Mailer: Mutt (trial)\nContent-Language: en")
    return ("\n".join(lines + ["MIME-Version: 1.0"] + head) + "\n\n").encode("utf-8") + body


def wire(octets):
    """Octets as IMAP sends them: CRLF line ends."""
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def internal_date(number):
    """A date for APPEND that belongs to message `number`."""
    import time
    moment = time.gmtime(EPOCH + number * 3607 + 5)
    months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
    return time.strftime(f"%d-{months[moment.tm_mon - 1]}-%Y %H:%M:%S +0000", moment)
