"""Makes the Maildirs that are measured: the same number and kind give the same octets, names, flags and times.

Two kinds. "many": what a large inbox is made of, mostly short text. "heavy": a tenth as many messages with a tenth of
them carrying attachments, 35 KB in the mean. Words that occur nowhere else are put into every so-and-so-many-th
message, so that what a search must find is known.
"""

import base64
import multiprocessing
import os
import quopri
import random
import shutil
import time
from email.header import Header

NEWEST = 1_717_200_000                  # 2024-06-01, the time of the newest message
SPAN = 3 * 365 * 86_400                 # the others lie within three years before it
SINCE = NEWEST - 20 * 86_400            # what the searches by date ask for: begin of a day

SUBJECT_WORD, BODY_WORD, FROM_WORD = "quincunx", "zymurgyst", "thistlewort"
EVERY = {"subject": (97, 5), "body": (89, 7), "from": (83, 11)}    # word: (every n-th message, beginning with)

KINDS = {  # text blocks in a message (most), share with an attachment, octets of one (mean)
    "many": (4, 0.01, 20_000),
    "heavy": (8, 0.20, 140_000),
}

SYLLABLES = "an be cor da el fin go hal is jo ka lem mor nu ost pra qua ri sen ta um ver wo yan zi".split()
HOSTS = "example.com example.org example.net mail.example.com corp.example lists.example.org".split()
NAMES = ["Anna Berg", "Ben Castle", "Chloé Dubois", "Daniel Eze", "Emīlija Ozola", "Farid Haddad", "Greta Lind",
         "Hiro Tanaka", "Inés Ortega", "Jörg Weiß", "Kasia Wójcik", "Liam O'Connor", "Мария Попова", "Noor Aziz"]
ACCENTED = ["Prüfung", "señal", "façade", "čtvrtek", "smörgås", "предложение"]
LINE = 57                               # octets that one line of base64 holds


def is_marked(word, number):
    step, first = EVERY[word]
    return number % step == first


class Material:
    """Text blocks in each encoding and a store of base64 lines; messages are put together from these."""

    def __init__(self):
        rng = random.Random("material")
        words = sorted({"".join(rng.choices(SYLLABLES, k=rng.randint(1, 4))) for _ in range(3000)})
        self.subjects = [" ".join(rng.choices(words, k=rng.randint(2, 9))).capitalize() for _ in range(2000)]
        self.people = []
        for _ in range(500):
            name = rng.choice(NAMES)
            shown = f'"{name}"' if name.isascii() else Header(name, "utf-8").encode()
            self.people.append(f"{shown} <{rng.choice(words)}.{rng.choice(words)}@{rng.choice(HOSTS)}>")
        self.blocks = {kind: [] for kind in ("7bit", "8bit", "quoted-printable", "base64")}
        for _ in range(300):
            text = self.text(rng, words, rng.randint(300, 1600))
            for kind in self.blocks:
                self.blocks[kind].append(encode(kind, text))
        self.lines = base64.encodebytes(rng.randbytes(LINE * 40_000))
        self.hosts = [f"mx{number}.{rng.choice(HOSTS)}" for number in range(50)]

    @staticmethod
    def text(rng, words, octets):
        lines, line = [], ""
        while sum(map(len, lines)) < octets:
            word = rng.choice(ACCENTED) if rng.random() < 0.03 else rng.choice(words)
            if len(line) + len(word) > 70:
                lines.append(line + "\n")
                line = ""
            line += (" " if line else "") + word
        return "".join(lines) + "\n"

    def attachment(self, rng, octets):
        """About so many octets of base64, whole lines."""
        wide = len(self.lines) // 40_000
        count = min(max(1, octets // wide), 39_000)
        begin = rng.randrange(40_000 - count) * wide
        return self.lines[begin:begin + count * wide]


def encode(kind, text):
    """Encoded so that the encodings of several texts may stand one after the other."""
    if kind == "7bit":
        return text.encode("ascii", "replace")
    octets = text.encode("utf-8")
    if kind == "8bit":
        return octets
    if kind == "quoted-printable":
        return quopri.encodestring(octets)
    return base64.encodebytes(octets + b" " * (-len(octets) % LINE))


def text_part(material, rng, number, subtype, most):
    """(header, body) of a text part, with the word to be found where this message has it."""
    kind = rng.choice(list(material.blocks))
    charset = "us-ascii" if kind == "7bit" else "utf-8"
    pieces = rng.choices(material.blocks[kind], k=rng.randint(1, most))
    if is_marked("body", number):
        pieces.insert(rng.randint(0, len(pieces)), encode(kind, f"Said the {BODY_WORD} to the brewer.\n"))
    if subtype == "html":
        pieces = [encode(kind, '<!DOCTYPE html>\n<html><body>\n<p style="margin:0">\n'), *pieces,
                  encode(kind, "</p>\n</body></html>\n")]
    head = f"Content-Type: text/{subtype}; charset={charset}\nContent-Transfer-Encoding: {kind}\n"
    return head.encode("ascii"), b"".join(pieces)


def multipart(rng, subtype, parts):
    edge = b"=_%032x" % rng.getrandbits(128)
    body = b"".join(b"--" + edge + b"\n" + head + b"\n" + content + b"\n" for head, content in parts)
    head = b"Content-Type: multipart/" + subtype + b";\n\tboundary=\"" + edge + b"\"\n"
    return head, b"This is a multi-part message in MIME format.\n\n" + body + b"--" + edge + b"--\n"


def content(material, rng, number, kind):
    most, with_attachment, octets = KINDS[kind]
    shape = rng.random()
    if shape < 0.35:
        part = multipart(rng, b"alternative", [text_part(material, rng, number, "plain", most),
                                               text_part(material, rng, number, "html", most)])
    else:
        part = text_part(material, rng, number, "html" if shape < 0.5 else "plain", most)
    if rng.random() < with_attachment:
        name = b"file%d.%s" % (number, rng.choice([b"pdf", b"jpg", b"zip"]))
        head = (b"Content-Type: application/octet-stream;\n\tname=\"" + name + b"\"\nContent-Transfer-Encoding: base64\n"
                b"Content-Disposition: attachment; filename=\"" + name + b"\"\n")
        part = multipart(rng, b"mixed", [part, (head, material.attachment(rng, int(rng.expovariate(1 / octets))))])
    return part


def message(material, number, kind, stamp):
    """The octets of one message, with LF line ends."""
    rng = random.Random(f"{kind}-{number}")
    date = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(stamp))
    sender = f"Tess <{FROM_WORD}@example.org>" if is_marked("from", number) else rng.choice(material.people)
    lines = [f"Return-Path: <bounce-{number}@{rng.choice(HOSTS)}>"]
    for _ in range(rng.randint(2, 5)):
        host = rng.choice(material.hosts)
        lines.append(f"Received: from {rng.choice(material.hosts)} ({host} [192.0.2.{rng.randint(1, 254)}])\n"
                     f"\tby {host} (Postfix) with ESMTPS id {rng.getrandbits(44):011X}\n\tfor <bench@example.com>; {date}")
    if rng.random() < 0.7:
        signature = material.attachment(rng, 400).decode("ascii").rstrip("\n").replace("\n", "\n\t ")
        lines.append(f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d={rng.choice(HOSTS)}; s=k1;\n"
                     f"\th=from:to:subject:date:message-id; b={signature}")
    subject = rng.choice(material.subjects)
    if rng.random() < 0.3:
        subject = "Re: " + subject
    if is_marked("subject", number):
        subject += " " + SUBJECT_WORD
    if rng.random() < 0.15:
        subject = Header(f"{rng.choice(ACCENTED)} {subject}", "utf-8", maxlinelen=70).encode()
    lines += [f"From: {sender}", "To: " + ",\n ".join(rng.choices(material.people, k=1 + int(rng.expovariate(1.5)))),
              f"Subject: {subject}", f"Date: {date}", f"Message-ID: <{number}.{rng.getrandbits(48):x}@example.com>"]
    if rng.random() < 0.2:
        lines.append("Cc: " + ",\n ".join(rng.choices(material.people, k=rng.randint(1, 6))))
    if rng.random() < 0.4:
        before = [f"<{number - back}.{rng.getrandbits(48):x}@example.com>" for back in range(rng.randint(1, 8), 0, -1)]
        lines += ["In-Reply-To: " + before[-1], "References: " + "\n ".join(before)]
    if rng.random() < 0.2:
        lines.append("List-Id: Announcements <announce.lists.example.org>\nPrecedence: list")
    if rng.random() < 0.05:
        lines.append("X-Priority: 1")
    head, body = content(material, rng, number, kind)
    return ("\n".join(lines) + "\nMIME-Version: 1.0\n").encode("utf-8") + head + b"\n" + body


def place(number, octets, stamp):
    """Where message `number` lies in the Maildir, flags included."""
    rng = random.Random(f"place-{number}")
    name = f"{stamp}.M{rng.randrange(1_000_000)}P{number % 32768}_{number}.mx1"
    draw = rng.random()
    if draw < 0.5:
        name += f",S={len(octets)}"
    if draw < 0.25:
        name += f",W={len(octets) + octets.count(10)}"
    if rng.random() < 0.005:
        return "new/" + name
    flags = "".join(flag for flag, share in (("F", 0.05), ("R", 0.15), ("S", 0.75)) if rng.random() < share)
    return f"cur/{name}:2,{flags}"


def _write(work):
    material, maildir, kind, count, numbers = work
    octets = 0
    for number in numbers:
        stamp = NEWEST - SPAN + int(SPAN * (number + 1) / count)
        data = message(material, number, kind, stamp)
        path = os.path.join(maildir, place(number, data, stamp))
        with open(path, "xb", buffering=0) as file:
            file.write(data)
        os.utime(path, (stamp, stamp))
        octets += len(data)
    return octets


class Corpus:
    """One Maildir that nobody serves; servers get copies by hard link, since neither writes into a message file."""

    def __init__(self, folder, kind, count):
        self.kind, self.count = kind, count
        self.maildir = os.path.join(folder, f"{kind}-{count}")
        self.octets = 0
        self.expected = {word: sum(is_marked(word, number) for number in range(count)) for word in EVERY}
        self.expected["since"] = sum(NEWEST - SPAN + int(SPAN * (n + 1) / count) >= SINCE for n in range(count))

    def make(self, owner):
        """Writes it unless it is there already (whole: the file `octets` is written last)."""
        done = self.maildir + ".octets"
        if not os.path.exists(done):
            shutil.rmtree(self.maildir, ignore_errors=True)
            make_maildir(self.maildir, None)
            material = Material()
            works = [(material, self.maildir, self.kind, self.count, range(first, min(first + 500, self.count)))
                     for first in range(0, self.count, 500)]
            with multiprocessing.get_context("fork").Pool() as pool:
                octets = sum(pool.imap_unordered(_write, works))
            for sub in ("cur", "new"):
                for entry in os.scandir(os.path.join(self.maildir, sub)):
                    os.chown(entry.path, *owner)
            with open(done, "w", encoding="ascii") as file:
                file.write(str(octets))
        with open(done, encoding="ascii") as file:
            self.octets = int(file.read())
        return self

    def copy_to(self, maildir, owner, most=None, linked=True):
        """A fresh tree at `maildir`; of `most` messages. Not `linked`: files of its own, which nothing touches later."""
        shutil.rmtree(maildir, ignore_errors=True)
        make_maildir(maildir, owner)
        left = self.count if most is None else most
        for sub in ("new", "cur"):
            names = sorted(os.listdir(os.path.join(self.maildir, sub)))[:left]
            left -= len(names)
            source, target = (os.open(os.path.join(place, sub), os.O_RDONLY) for place in (self.maildir, maildir))
            for name in names:
                if linked:
                    os.link(name, name, src_dir_fd=source, dst_dir_fd=target)
                else:
                    path = os.path.join(maildir, sub, name)
                    shutil.copy2(os.path.join(self.maildir, sub, name), path)
                    os.chown(path, *owner)
            os.close(source)
            os.close(target)

    def samples(self, count, largest=100_000):
        """Some messages as APPEND sends them."""
        folder, found = os.path.join(self.maildir, "cur"), []
        for name in sorted(os.listdir(folder)):
            if os.path.getsize(os.path.join(folder, name)) <= largest:
                with open(os.path.join(folder, name), "rb") as file:
                    found.append(file.read().replace(b"\n", b"\r\n"))
            if len(found) == count:
                break
        return found


def make_maildir(maildir, owner):
    os.makedirs(maildir)
    for sub in ("cur", "new", "tmp"):
        os.mkdir(os.path.join(maildir, sub))
    if owner:
        for sub in ("", "cur", "new", "tmp"):
            os.chown(os.path.join(maildir, sub), *owner)


def deliver(maildir, owner, octets, number):
    """As a delivery agent does: written into tmp/, renamed into new/. Returns when it was renamed."""
    name = f"{int(time.time())}.M{number}P{os.getpid()}.bench"
    path = os.path.join(maildir, "tmp", name)
    with open(path, "xb") as file:
        file.write(octets)
    os.chown(path, *owner)
    moment = time.perf_counter()
    os.rename(path, os.path.join(maildir, "new", name))
    return moment
