"""Reads a script file into steps. The format is described in README.md."""

import pathlib
import re
from dataclasses import dataclass, field

HERE = pathlib.Path(__file__).resolve().parent
MESSAGES = HERE / "messages"
LINE = re.compile(r"([0-9]*)([CS])([&*?]?)([:|])(?: (.*))?")
STATES = ("greeting", "connected", "authenticated", "selected", "examined")


class ScriptError(Exception):
    """A script that cannot be understood: file, line and what is wrong."""


@dataclass
class Step:
    line: int
    kind: str  # send, expect, ignore, maybe, unordered, open, deliver, file, handshake, close
    connection: int = 1
    text: str = ""
    is_raw: bool = False  # '|': no tag is added
    is_held: bool = False  # 'C&': goes out together with the next line
    steps: list = field(default_factory=list)  # of an unordered block
    options: dict = field(default_factory=dict)


@dataclass
class Script:
    path: pathlib.Path
    name: str
    promise: list = field(default_factory=list)
    steps: list = field(default_factory=list)
    require: list = field(default_factory=list)  # (capability, is optional)
    only: str = ""
    only_reason: str = ""
    exceptions: dict = field(default_factory=dict)  # server: reason
    config: dict = field(default_factory=dict)  # server: {key: value}
    timeout: float = 0.0

    def needs_files(self):
        return any(step.kind == "file" for step in self.steps)

    def needs_tls_port(self):
        return any(step.options.get("tls") for step in self.steps)


class Reader:
    def __init__(self, path):
        self.path = path
        name = path.resolve()
        self.script = Script(path, str(name.relative_to(HERE) if name.is_relative_to(HERE) else path))
        self.lines = path.read_bytes().decode("latin-1").split("\n")
        self.index = 0

    def error(self, reason):
        return ScriptError(f"{self.script.name}:{self.index}: {reason}")

    def next_line(self):
        line = self.lines[self.index]
        self.index += 1
        return line.rstrip("\r")

    def read(self):
        while self.index < len(self.lines):
            step = self.one(self.next_line())
            if step:
                self.script.steps.append(step)
        if not self.script.promise:
            raise self.error("the first lines must say the RFC section and the promise, behind '#'")
        if not self.script.steps:
            raise self.error("the script does nothing")
        return self.script

    def one(self, line):
        """The step of a line, or None for a comment or a directive about the script."""
        if not line.strip():
            return None
        if line.startswith("#"):
            if not self.script.steps:
                self.script.promise.append(line.lstrip("# "))
            return None
        found = LINE.fullmatch(line)
        if found:
            return self.transcript_line(found)
        word, _, rest = line.partition(" ")
        method = getattr(self, "do_" + word.replace("-", "_"), None)
        if method is None:
            raise self.error(f"unknown directive '{word}'")
        return method(rest.strip())

    def transcript_line(self, found):
        number, side, mark, colon, text = found.groups()
        kinds = {"C": "send", "C&": "send", "S": "expect", "S*": "ignore", "S?": "maybe"}
        kind = kinds.get(side + mark)
        if kind is None:
            raise self.error(f"'{side}{mark}' is no kind of line")
        return Step(self.index, kind, int(number or 1), text or "", colon == "|", mark == "&")

    # --- about the script

    def do_require(self, rest):
        capability, _, mark = rest.partition(" ")
        self.script.require.append((capability.upper(), mark == "optional"))

    def do_only(self, rest):
        self.script.only, _, self.script.only_reason = (part.strip() for part in rest.partition(":"))

    def do_except(self, rest):
        server, colon, reason = rest.partition(":")
        if not colon or not reason.strip():
            raise self.error("except needs a reason: 'except dovecot: why'")
        self.script.exceptions[server.strip()] = reason.strip()

    def do_config(self, rest):
        found = re.fullmatch(r"(?:(dovecot) )?([\w.%-]+)\s*=\s*(.*)", rest)
        if not found:
            raise self.error("config needs 'key = value'")
        self.script.config.setdefault(found[1] or "maildock", {})[found[2]] = found[3]

    def do_timeout(self, rest):
        self.script.timeout = float(rest)

    # --- steps

    def opening(self, number, rest):
        words = rest.split(" ", 1)
        is_tls = words[0] == "tls"
        if is_tls:
            words = words[1].split(" ", 1) if len(words) > 1 else ["authenticated"]
        state, mailbox = words[0] or "authenticated", words[1] if len(words) > 1 else ""
        if state not in STATES or (state in ("selected", "examined")) != bool(mailbox):
            raise self.error(f"'{rest}' is no state: {', '.join(STATES)}; the last two with a mailbox")
        return Step(self.index, "open", number, mailbox, options={"state": state, "tls": is_tls})

    def do_state(self, rest):
        return self.opening(1, rest)

    def do_connection(self, rest):
        number, _, state = rest.partition(" ")
        if not number.isdigit():
            raise self.error("connection needs a number")
        return self.opening(int(number), state)

    def do_deliver(self, rest):
        mailbox, options, words = self.options(rest)
        if len(words) == 2 and words[0].isdigit() and words[1].startswith("message"):
            messages = [numbered(n + 1) for n in range(int(words[0]))]
        elif words:
            messages = [self.message_file(name.rstrip(",")) for name in words]
        else:
            messages = [self.inline()]
        return Step(self.index, "deliver", 0, mailbox, options={**options, "messages": messages})

    def do_unordered(self, rest):
        block = Step(self.index, "unordered")
        while True:
            if self.index >= len(self.lines):
                raise self.error("'end' is missing")
            line = self.next_line()
            if line.strip() == "end":
                break
            step = self.one(line)
            if step is None or step.kind not in ("expect", "ignore", "maybe"):
                raise self.error("an unordered block has only S lines")
            block.steps.append(step)
        if len({step.connection for step in block.steps}) != 1:
            raise self.error("an unordered block is about one connection")
        block.connection = block.steps[0].connection
        return block

    def do_flag(self, rest):
        """Another program renames the file of a message: flag MAILBOX NUMBER LETTERS."""
        mailbox, number, letters = (rest.split() + [""])[:3]
        return Step(self.index, "file", 0, mailbox, options={"number": int(number), "letters": letters})

    def do_remove(self, rest):
        """Another program removes the file of a message: remove MAILBOX NUMBER."""
        mailbox, number = rest.split()
        return Step(self.index, "file", 0, mailbox, options={"number": int(number), "letters": None})

    def do_rewrite(self, rest):
        """Another program changes the file of a message: rewrite MAILBOX NUMBER WAY [MESSAGE]."""
        mailbox, number, way, *message = rest.split()
        if way not in ("edited", "replaced", "restored", "touched") or bool(message) == (way == "touched"):
            raise self.error("rewrite needs edited, replaced or restored with a message, or touched without")
        content = self.message_file(message[0]) if message else None
        return Step(self.index, "file", 0, mailbox, options={"number": int(number), "way": way, "content": content})

    def do_handshake(self, rest):
        return Step(self.index, "handshake", int(rest or 1))

    def do_close(self, rest):
        return Step(self.index, "close", int(rest or 1))

    # --- messages

    def options(self, rest):
        """MAILBOX, then name=value options (a value may be quoted), then words."""
        parts = [(m[1], m[2] or m[3] or m[4]) for m in re.finditer(r'(?:(\w+)=)?(?:"([^"]*)"|(\S+))()', rest)]
        if not parts:
            raise self.error("deliver needs a mailbox")
        return (parts[0][1], {name: value for name, value in parts[1:] if name},
                [value for name, value in parts[1:] if not name])

    def message_file(self, name):
        path = MESSAGES / (name + ".eml")
        if not path.is_file():
            raise self.error(f"there is no message '{name}'")
        return path.read_bytes()

    def inline(self):
        lines = []
        while self.index < len(self.lines) and self.lines[self.index].startswith("|"):
            lines.append(self.next_line()[1:].removeprefix(" "))
        if not lines:
            raise self.error("a message was expected, its lines behind '| '")
        return ("\n".join(lines) + "\n").encode("latin-1")


def numbered(number):
    """The small messages of 'deliver INBOX 3 messages'; message 1 has 161 octets with CRLF."""
    return (f"From: Sender {number} <sender{number}@example.org>\nTo: reader@example.org\n"
            f"Subject: Message {number}\nDate: Mon, {number:02} Feb 2021 10:00:00 +0000\n"
            f"Message-ID: <m{number}@example.org>\n\nBody {number}\n").encode()


def read(path):
    return Reader(pathlib.Path(path)).read()


def find(paths):
    """The script files below paths (all folders beside this file, if none is given), sorted."""
    roots = [pathlib.Path(p) if pathlib.Path(p).exists() else HERE / p for p in paths] or [HERE]
    found = []
    for root in roots:
        if root.is_file():
            found.append(root)
        elif root.is_dir():
            found += [p for p in root.rglob("*") if p.is_file() and not p.suffix and p.parent != HERE
                      and MESSAGES not in p.parents and "__pycache__" not in p.parts]
        else:
            raise ScriptError(f"there is no script '{root}'")
    return sorted(set(found))
