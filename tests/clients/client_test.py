"""What the client tests share: the command line, the server, a filled mailbox tree, running a program.

Every client test is run as `NAME.py BUILD` against build/bin/maildock of that folder, or as `NAME.py --dovecot`
against Debian's Dovecot, which shows that the test itself is right.
"""

import argparse
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))

import messages  # noqa: E402,F401
import servers  # noqa: E402
from counting import SKIP_STATUS, Counter, Skipped, require  # noqa: E402,F401
from imapclient import encode_name, number_set, quote  # noqa: E402,F401


def main(name, tests):
    """Starts the server, runs tests(counter, server, folder) and ends with the counts."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("build", nargs="?", help="build folder with bin/maildock")
    parser.add_argument("--dovecot", action="store_true", help="run against Dovecot instead")
    parser.add_argument("--only", help="only tests whose name contains this")
    options = parser.parse_args()
    if not options.build and not options.dovecot:
        parser.error("a build folder or --dovecot")
    counter = Counter(options.only)
    try:
        with servers.WorkFolder(name) as folder:
            users = ["test", "other"]
            make = servers.Dovecot if options.dovecot else lambda f, **k: servers.Maildock(options.build, f, **k)
            server = make(folder, users=users)
            with server:
                tests(counter, server, folder)
                counter.check("the server still runs", server.process.poll() is None, server.log_tail())
            counter.check("the server ended well", server_is_quiet(server), server.log_tail())
    except Skipped as reason:
        counter.skip(name, reason)
    except servers.ServerError as error:
        counter.fail("the server runs", error)
    sys.exit(counter.finish())


def server_is_quiet(server):
    """No sign of a crash or a sanitizer's finding in what the server wrote."""
    text = server.log_tail(1 << 20)
    return not any(sign in text for sign in ("Sanitizer", "runtime error:", "SERVERBUG", "Panic:", "terminate called"))


def run(arguments, stdin=None, env=None, cwd=None, seconds=120, ok=True):
    """Runs a program with a deadline; returns the completed process (octets). A failure raises unless ok is False."""
    done = subprocess.run(arguments, input=stdin if stdin is not None else b"", capture_output=True, cwd=cwd,
                          env={**os.environ, "LC_ALL": "C.UTF-8", **(env or {})}, timeout=seconds, check=False)
    if ok and done.returncode:
        raise AssertionError(f"{arguments[0]} ended with {done.returncode}:\n{done.stdout[-1500:].decode(errors='replace')}"
                             f"\n{done.stderr[-3000:].decode(errors='replace')}")
    return done


# What fill() makes: mailbox name (as a person sees it, "/" between levels) and the numbers of its messages.
TREE = {"INBOX": range(0, 20), "Archive/2019/Q4": range(20, 26), "Müller & Söhne": range(26, 30),
        "日本語": range(30, 32), "a.b": range(32, 34), "leer": range(0)}


def fill(server, user=None):
    """Makes TREE for a user, with flags, over IMAP. Returns {mailbox: {mark: octets as sent}}."""
    out = {}
    with server.connect(user) as imap:
        for name, numbers in TREE.items():
            if "." in name and server.name == "dovecot":
                continue  # Dovecot stores no "." in a Maildir++ name unless a plugin escapes it
            if name != "INBOX":
                imap.ok("CREATE", quote(encode_name(name)))
                imap.ok("SUBSCRIBE", quote(encode_name(name)))
            out[name] = {}
            for number in numbers:
                mark = f"m{number}"
                octets = messages.wire(messages.message(number, mark=mark))
                flags = ["\\Seen"] * (number % 2) + ["\\Flagged"] * (number % 5 == 0)
                imap.append(name, octets, flags, messages.internal_date(number))
                out[name][mark] = octets
    return out


def marks(octets):
    """The X-Mark of a message."""
    for line in octets.split(b"\n"):
        if line.lower().startswith(b"x-mark:"):
            return line.split(b":", 1)[1].strip().decode("ascii")
    return None


def state(server, user=None):
    """{mailbox: {mark: sorted flags without \\Recent}} as the server tells; the marks must be different."""
    out = {}
    with server.connect(user) as imap:
        for response in imap.ok('LIST "" *').of("LIST"):
            if any(f.lower() == b"\\noselect" for f in response.data[0]):
                continue
            name = response.data[2]
            imap.select(name, "EXAMINE")
            box = out[name.decode("ascii")] = {}
            for items in imap.ok("UID FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (X-Mark)])").fetched().values():
                body = next(v for k, v in items.items() if k.startswith("BODY["))
                mark = marks(body) or f"uid {items['UID'].decode()}"
                require(mark not in box, f"{mark} twice in {name!r}")
                box[mark] = sorted(f.decode("ascii") for f in items["FLAGS"] if f.lower() != b"\\recent")
    return out
