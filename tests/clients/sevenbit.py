#!/usr/bin/env python3
"""Messages as imap.sevenBit shows them (row V0007): nothing above 127 comes, all sizes are those of what comes, and
Python's email package finds the same parts with the same content as in the message as stored.

    sevenbit.py BUILD [--only KIND]
"""

import argparse
import email
import email.policy
import os
import random
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("lib", "data"):
    sys.path.insert(0, os.path.join(os.path.dirname(HERE), folder))

import oddmessages  # noqa: E402
import servers  # noqa: E402
from counting import Counter, require  # noqa: E402

# Where the email package cannot find in the rendering what it finds in the stored message, and why that is right.
EXCEPTIONS = {
    # A line with 8-bit octets or NULs where a field's name should be ends the header for it, and all that follows is
    # body. A mended name ends nothing.
    "binary-rubbish", "header-8bit-latin1", "nul-octets", "nul-only",
    # It does not find boundaries that are not ASCII.
    "seven-boundary",
}

MORE = {}  # kinds beyond those of oddmessages.py


def more(name, text):
    MORE[name] = text if isinstance(text, bytes) else text.encode("utf-8")


def alternatives(boundary, *parts):
    return "".join(f"--{boundary}\n{part}\n" for part in parts) + f"--{boundary}--\n"


more("seven-text-8bit", "Subject: Grüße\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
     "Content-Transfer-Encoding: 8bit\n\nÜber = allem \n--\nist Ruh.\n")
more("seven-text-without-mime", "Subject: plain\n\nÜber allem\n")
more("seven-latin1", b"Subject: caf\xe9\nFrom: J\xf6rg <j@example.org>\nContent-Type: text/plain; charset=iso-8859-1\n\n\xe9\n")
more("seven-lie", "Content-Transfer-Encoding: 7bit\nContent-Type: text/html; charset=utf-8\n\n<p>größer</p>\n")
more("seven-binary", b"Content-Type: application/octet-stream; name=\"f\xfcr.bin\"\nContent-Transfer-Encoding: binary\n\n"
     + bytes(range(256)) * 40)
more("seven-utf16", b"Content-Type: text/plain; charset=utf-16le\nContent-Transfer-Encoding: 8bit\n\n"
     + "Grüße, 日本".encode("utf-16le"))
more("seven-mixed", "Subject: Teile\nContent-Transfer-Encoding: 8bit\nContent-Type: multipart/mixed; boundary=b\n\nfür\n"
     + alternatives("b", "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nfür\n",
                    "Content-Type: text/plain\n\nseven\n",
                    "Content-Type: image/png; name=bild\nContent-Disposition: attachment; filename=\"größe.png\"\n\nPNGé",
                    "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n=C3=BCü=\nx")
     + "nach für\n")
more("seven-enclosed", "Subject: außen\nContent-Type: message/rfc822\nContent-Transfer-Encoding: 8bit\n\n"
     "Subject: innen ü\nContent-Type: multipart/alternative; boundary=i\nContent-Transfer-Encoding: 8bit\n\n"
     + alternatives("i", "Content-Type: text/plain; charset=utf-8\n\nfür", "Content-Type: text/html; charset=utf-8\n\n<b>ü"))
more("seven-signed", "Content-Type: multipart/signed; boundary=s; protocol=\"application/pgp-signature\"\n\n"
     + alternatives("s", "Content-Type: text/plain; charset=utf-8\n\nsignéd", "Content-Type: application/pgp-signature\n\nabc"))
more("seven-boundary", "Content-Type: multipart/mixed; boundary=\"ü\"\n\n"
     + alternatives("ü", "Content-Type: text/plain\n\none", "Content-Type: text/plain\n\n--=_7bit-aa-1="))
more("seven-long-lines", "Content-Type: text/plain; charset=utf-8\n\n" + "ü--b " * 3000)
more("seven-nul", b"Subject: a\0b\nContent-Type: text/plain; charset=utf-8\n\na\0b\n")
more("seven-base64-rubbish", b"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\nQUJD\xe9\xe9\nREVG\n")


def random_octets(count):
    return random.Random(7).randbytes(count)


def messages(folder, only):
    """Writes all kinds into the folder of a mailbox; returns their names in the order of their UIDs."""
    kinds = [name for name in sorted(oddmessages.KINDS) if name != "message-50mb"]
    names = []
    for name in kinds + sorted(MORE):
        if only and only not in name:
            continue
        content = MORE[name] if name in MORE else oddmessages.KINDS[name]()
        names.append(name)
        # UIDs go by the names of files.
        with open(os.path.join(folder, f"{1600000000 + len(names)}.M1P1.host:2,"), "wb") as file:
            for piece in (content,) if isinstance(content, bytes) else content:
                file.write(piece)
    return names


class Trace:
    """What came from the server; `is_clean` until an octet above 127 did."""

    def __init__(self):
        self.is_clean = True

    def __call__(self, line):
        if line.startswith(b"S: ") and not line.isascii():
            self.is_clean = False


def leaves(structure, prefix=""):
    """(part number, BODYSTRUCTURE) of each part that is neither multipart nor message."""
    if isinstance(structure[0], list):
        number = 0
        for child in structure:
            if not isinstance(child, list):
                break
            number += 1
            yield from leaves(child, f"{prefix}{number}.")
    elif structure[0].lower() == b"message" and structure[1].lower() in (b"rfc822", b"global") and len(structure) > 8 \
            and isinstance(structure[8], list):
        inner, prefix = structure[8], prefix or "1."
        yield from leaves(inner, prefix if isinstance(inner[0], list) else prefix + "1.")
    else:
        yield prefix.rstrip(".") or "1", structure


def parts_found(octets):
    """(type, decoded content) of all leaves as Python's email package has them; line ends as LF."""
    found = []
    for part in email.message_from_bytes(octets, policy=email.policy.compat32).walk():
        if part.is_multipart():
            found.append((part.get_content_type(), None))
            continue
        content = part.get_payload(decode=True) or b""
        found.append((part.get_content_type(), content.replace(b"\r\n", b"\n")))
    return found


def same_sizes(imap, number, items, octets):
    """Sections, sizes and line counts agree with each other."""
    require(int(items["RFC822.SIZE"]) == len(octets), f"RFC822.SIZE {items['RFC822.SIZE']}, {len(octets)} octets came")
    require(items["BODY[HEADER]"] + items["BODY[TEXT]"] == octets, "HEADER and TEXT are not the message")
    if len(octets) < 200000:
        pieces, size = [], max(len(octets) // 7, 11)
        for at in range(0, len(octets) + size, size):
            item = imap.ok("FETCH", str(number), f"BODY.PEEK[]<{at}.{size}>").fetched()[number]
            pieces.append(item[f"BODY[]<{at}>"])
        require(b"".join(pieces) == octets, "the message in pieces is another one")
    for section, structure in list(leaves(items["BODYSTRUCTURE"]))[:12]:
        body = imap.ok("FETCH", str(number), f"BODY.PEEK[{section}]").fetched()[number][f"BODY[{section}]"]
        require(int(structure[6]) == len(body), f"part {section}: {structure[6]} octets told, {len(body)} came")
        if structure[0].lower() == b"text":
            require(int(structure[7]) == body.count(b"\n"), f"part {section}: {structure[7]} lines told")


def same_binary(rendered, stored, number, structure):
    """BINARY gives what it gives of the stored message; it is what a client asks 8-bit octets by."""
    for section, part in list(leaves(structure))[:12]:
        item = f"BINARY.PEEK[{section}]"
        ours, theirs = (imap.command("FETCH", str(number), item) for imap in (rendered, stored))
        if theirs.status != "OK":
            continue  # an encoding that nobody knows; what was encoded anew can be decoded
        name = f"BINARY[{section}]"
        if part[0].lower() == b"message":
            continue
        require(ours.fetched()[number][name] == theirs.fetched()[number][name], f"{name} differs")
        size = rendered.ok("FETCH", str(number), f"BINARY.SIZE[{section}]").fetched()[number]
        require(int(size[f"BINARY.SIZE[{section}]"]) == len(ours.fetched()[number][name]), f"size of {name}")


def one_message(name, number, rendered, binary, stored, trace):
    wanted = "(RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY.PEEK[] BODY.PEEK[HEADER] BODY.PEEK[TEXT] " \
             "BODY.PEEK[HEADER.FIELDS (SUBJECT FROM TO CONTENT-TYPE)] BODY.PEEK[1] BODY.PEEK[1.MIME])"
    trace.is_clean = True
    items = rendered.ok("FETCH", str(number), wanted).fetched()[number]
    octets = items["BODY[]"]
    require(b"\0" not in octets, "a NUL came")
    same_sizes(rendered, number, items, octets)
    require(trace.is_clean, "an octet above 127 came")
    original = stored.ok("FETCH", str(number), "(BODY.PEEK[] BODYSTRUCTURE)").fetched()[number]
    with open(name[1], "rb") as file:
        file_octets = file.read()
    if file_octets.isascii() and b"\0" not in file_octets:
        require(octets == original["BODY[]"], "changed without need")
        return
    same_binary(binary, stored, number, items["BODYSTRUCTURE"])
    if name[0] in EXCEPTIONS or len(octets) > 4 << 20:
        return
    ours, theirs = parts_found(octets), parts_found(file_octets)
    require([kind for kind, _ in ours] == [kind for kind, _ in theirs], f"parts {ours[:5]!r}, stored {theirs[:5]!r}")
    for (kind, mine), (_, other) in zip(ours, theirs):
        require(mine == other, f"{kind}: {mine and mine[:200]!r}, stored {other and other[:200]!r}")


def large_message(server, folder):
    """A message of 50 MB: what is told is what comes, and the server does not hold it in memory."""
    path = os.path.join(folder, "1700000000.M1P1.host:2,")
    with open(path, "wb") as file:
        file.write(b"Subject: gro\xc3\x9f\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: application/x\n\n")
        for _ in range(50):
            file.write(random_octets(1 << 20))
        file.write(b"\n--b--\n")
    servers.give_to_owner(folder)
    trace = Trace()
    with server.connect(trace=trace) as imap:
        imap.select("INBOX")
        number = int(imap.ok("SEARCH", "LARGER", "40000000").of("SEARCH")[0].data[-1])
        size = int(imap.ok("FETCH", str(number), "RFC822.SIZE").fetched()[number]["RFC822.SIZE"])
        got, step = 0, 1 << 20
        while True:
            items = imap.ok("FETCH", str(number), f"BODY.PEEK[]<{got}.{step}>").fetched()[number]
            piece = items[f"BODY[]<{got}>"]
            if not piece:
                break
            got += len(piece)
    require(got == size, f"{size} octets told, {got} came")
    require(trace.is_clean, "an octet above 127 came")
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as file:
        peak = int(re.search(r"VmHWM:\s+(\d+)", file.read())[1])
    return peak


def unchanged_files(folder, before):
    for name, content in before.items():
        with open(os.path.join(folder, name), "rb") as file:
            require(file.read() == content, f"{name} was changed")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", help="build folder with bin/maildock")
    parser.add_argument("--only", help="only kinds whose name contains this")
    options = parser.parse_args()
    counter = Counter()
    with servers.WorkFolder("sevenbit") as work:
        trees = {}
        for name in ("rendered", "stored"):
            folder = os.path.join(work, name)
            os.makedirs(folder)
            server = servers.Maildock(options.build, folder,
                                      settings={"imap.sevenBit": "true" if name == "rendered" else "false"})
            for one in ("cur", "new", "tmp"):
                os.makedirs(os.path.join(server.maildir(), one))
            kinds = messages(os.path.join(server.maildir(), "cur"), options.only)
            servers.give_to_owner(server.mail_root)
            trees[name] = server
        cur = os.path.join(trees["rendered"].maildir(), "cur")
        before = {}
        for name in os.listdir(cur):
            with open(os.path.join(cur, name), "rb") as file:
                before[name] = file.read()
        with trees["rendered"] as server, trees["stored"] as other:
            trace = Trace()
            with server.connect(trace=trace) as rendered, server.connect() as binary, other.connect() as stored:
                for imap in (rendered, binary, stored):
                    imap.select("INBOX")
                for number, kind in enumerate(kinds, 1):
                    path = os.path.join(trees["stored"].maildir(), "cur", f"{1600000000 + number}.M1P1.host:2,")
                    counter.run(kind, one_message, (kind, path), number, rendered, binary, stored, trace)
                total = sum(int(items["RFC822.SIZE"]) for items in rendered.ok("FETCH", "1:*", "RFC822.SIZE").fetched().values())
                told = rendered.ok("STATUS", "INBOX", "(SIZE)").of("STATUS")[0].data[1][1]
                counter.equal("STATUS SIZE is the sum of sizes", int(told), total)
                counter.run("files are as they were", unchanged_files, cur, before)
            if not options.only:
                peak = counter.run("a message of 50 MB", large_message, server, cur)
                counter.check("its memory stays bounded", peak is not None and peak < 200 * 1024, f"{peak} KiB")
                print(f"# peak of the server's memory: {peak} KiB")
            counter.check("the server still runs", server.process.poll() is None, server.log_tail())
    sys.exit(counter.finish())


if __name__ == "__main__":
    main()
