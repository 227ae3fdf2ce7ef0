"""Compares one response of a server with the pattern that a script expects.

Both become small trees of words, strings and lists, so that a literal, a quoted string and an atom of the same value
are equal, and so that what IMAP leaves unordered (flags, FETCH items, attributes of LIST ...) may come in any order.
All text is octets decoded as Latin-1.
"""

import re
from typing import NamedTuple

VARIABLE = re.compile(r"<([a-z][a-z0-9_]*)(?::([^>]*))?>")
SEQUENCE_SET = re.compile(r"[0-9]+(?::[0-9]+)?(?:,[0-9]+(?::[0-9]+)?)*")
LITERAL = re.compile(r"~?\{([0-9]+)\+?\}\r\n")
STATUS_WORDS = ("OK", "NO", "BAD", "BYE", "PREAUTH")
KINDS = ("literal", "quoted", "string")  # <literal>, <quoted>: how a string must have been sent
LONGEST_SET = 1_000_000


class Malformed(Exception):
    """A line that does not follow IMAP's grammar."""


class Leaf(NamedTuple):
    kind: str  # atom, quoted or literal
    text: str


class Status(NamedTuple):
    word: str
    code: list  # None where there is none
    text: str


def unescape(text):
    """The escapes that scripts may use inside strings: \\r \\n \\t \\0 \\xNN, and the character itself for others."""
    plain = {"r": "\r", "n": "\n", "t": "\t", "0": "\0"}
    return re.sub(r"\\(x[0-9a-fA-F]{2}|.)",
                  lambda m: chr(int(m[1][1:], 16)) if len(m[1]) == 3 else plain.get(m[1], m[1]), text, flags=re.S)


class Tokens:
    """Reads words from a line; is_pattern allows what only scripts contain."""

    def __init__(self, text, is_pattern, pos=0):
        self.text, self.is_pattern, self.pos = text, is_pattern, pos

    def peek(self):
        return self.text[self.pos:self.pos + 1]

    def words(self, end):
        """Nodes up to the character end ('' for the end of the line), which is consumed."""
        nodes = []
        while True:
            char = self.peek()
            if char == end:
                self.pos += 1
                return nodes
            if char == "":
                raise Malformed(f"'{end}' is missing")
            if char == " ":
                self.pos += 1
            elif char == "(":
                self.pos += 1
                nodes.append(self.words(")"))
            elif char == '"':
                nodes.append(Leaf("quoted", self.quoted()))
            elif not self.is_pattern and char in "{~" and LITERAL.match(self.text, self.pos):
                nodes.append(Leaf("literal", self.literal()))
            else:
                nodes.append(Leaf("atom", self.atom(end)))

    def quoted(self):
        found = re.compile(r'"((?:[^"\\]|\\.)*)"', re.S).match(self.text, self.pos)
        if not found:
            raise Malformed("a quoted string does not end")
        if not self.is_pattern and re.search(r"[\r\n]", found[1]):
            raise Malformed("a quoted string holds CR or LF")
        self.pos = found.end()
        return unescape(found[1]) if self.is_pattern else re.sub(r"\\(.)", r"\1", found[1])

    def literal(self):
        found = LITERAL.match(self.text, self.pos)
        start, size = found.end(), int(found[1])
        self.pos = start + size
        return self.text[start:self.pos]

    def atom(self, end):
        start, depth = self.pos, 0
        while self.pos < len(self.text):
            char = self.text[self.pos]
            variable = VARIABLE.match(self.text, self.pos) if self.is_pattern and char == "<" else None
            if variable:
                self.pos = variable.end()
                continue
            if depth == 0 and (char in ' )' or char == end or (char == "(" and self.pos > start)):
                break
            depth += (char == "[") - (char == "]" and depth > 0)
            self.pos += 1
        if self.pos == start:
            raise Malformed(f"'{self.peek()}' is out of place")
        return self.text[start:self.pos]


def parse(line, is_pattern):
    """(kind, first word, rest): kind is 'go' for '+', 'status' with a Status, or 'data' with nodes."""
    first, _, rest = line.partition(" ")
    if first == "+":
        return "go", first, rest
    word = rest.partition(" ")[0]
    if word.upper() in STATUS_WORDS or first != "*":
        text, code = rest[len(word):].lstrip(" "), None
        if text.startswith("[") and not (is_pattern and text.startswith("[...")):
            try:
                tokens = Tokens(text, is_pattern, 1)
                code = tokens.words("]")
                text = text[tokens.pos:].lstrip(" ")
            except Malformed:
                code = None  # only text, and compared as such
        return "status", first, Status(word, code, text)
    return "data", first, Tokens(rest, is_pattern).words("")


class Match:
    """One comparison; variables holds what was captured, before and during it."""

    def __init__(self, variables):
        self.variables = dict(variables)

    # --- text

    def regex(self, pattern, rest_allowed):
        """A regular expression for a pattern with variables; group names are new captures."""
        out, pos, new = "", 0, []
        if rest_allowed and pattern.endswith("..."):
            pattern, tail = pattern[:-3].rstrip(" "), "(?s:.*)"
        else:
            tail = ""
        for found in VARIABLE.finditer(pattern):
            out += re.escape(pattern[pos:found.start()])
            pos = found.end()
            name, expression = found[1], found[2]
            if name in self.variables:
                out += re.escape(str(self.variables[name]))
            elif name == "any" or name in KINDS:
                out += f"(?s:{expression or '.*?'})"
            elif name in new:
                out += f"(?P={name})"
            else:
                new.append(name)
                out += f"(?P<{name}>{expression or '[0-9]+'})"
        return out + re.escape(pattern[pos:]) + tail

    def text(self, pattern, text, ignore_case=True, rest_allowed=False):
        found = re.fullmatch(self.regex(pattern, rest_allowed), text, re.I if ignore_case else 0)
        if found:
            self.variables.update({k: v for k, v in found.groupdict().items() if v is not None})
        return bool(found)

    # --- nodes

    def node(self, pattern, node):
        if isinstance(pattern, list):
            return isinstance(node, list) and self.ordered(pattern, node)
        variable = VARIABLE.fullmatch(pattern.text) if pattern.kind == "atom" else None
        if variable and variable[1] == "any" and not variable[2]:
            return True
        if isinstance(node, list):
            return bool(variable) and self.text(pattern.text, written(node))
        if variable and variable[1] in KINDS:
            if node.kind not in ("quoted", "literal") if variable[1] == "string" else node.kind != variable[1]:
                return False
        if pattern.kind == "quoted":
            if node.kind == "atom" and node.text.upper() == "NIL":
                return False
            return self.text(pattern.text, node.text, ignore_case=False)
        if pattern.text.upper() == "NIL":
            return node.kind == "atom" and node.text.upper() == "NIL"
        if SEQUENCE_SET.fullmatch(pattern.text) and SEQUENCE_SET.fullmatch(node.text):
            return expand(pattern.text) == expand(node.text)
        if "[" in pattern.text:  # BODY[HEADER.FIELDS ("Subject")]: the names' case and quotes do not matter
            return self.text(pattern.text.replace('"', ""), node.text.replace('"', ""))
        return self.text(pattern.text, node.text)

    def ordered(self, patterns, nodes):
        if is_rest(patterns[-1:]):
            patterns, nodes = patterns[:-1], nodes[:len(patterns) - 1]
        return len(patterns) == len(nodes) and all(self.node(p, n) for p, n in zip(patterns, nodes))

    def unordered(self, patterns, nodes, compare=None):
        """Each pattern has its node, in any order; '...' allows others."""
        compare = compare or self.node
        extra = is_rest(patterns[-1:])
        patterns = patterns[:-1] if extra else patterns
        left = list(nodes)
        for pattern in sorted(patterns, key=has_variable):
            for index, node in enumerate(left):
                before = dict(self.variables)
                if compare(pattern, node):
                    del left[index]
                    break
                self.variables = before
            else:
                return False
        return extra or not left

    def flags(self, pattern, node):
        """A list of flags; \\Recent, which depends on who looked first, counts only where the pattern names it."""
        if not isinstance(pattern, list) or not isinstance(node, list):
            return self.node(pattern, node)
        if not any(isinstance(p, Leaf) and p.text.lower() == "\\recent" for p in pattern):
            node = [n for n in node if isinstance(n, list) or n.text.lower() != "\\recent"]
        return self.unordered(pattern, node)

    def pair(self, pattern, node):
        if not self.node(pattern[0], node[0]):
            return False
        name = pattern[0].text.upper() if isinstance(pattern[0], Leaf) else ""
        return self.flags(pattern[1], node[1]) if name == "FLAGS" else self.node(pattern[1], node[1])

    def pairs(self, patterns, nodes):
        extra = patterns[-1:] if is_rest(patterns[-1:]) else []
        patterns = patterns[:len(patterns) - len(extra)]
        if len(patterns) % 2 or len(nodes) % 2:
            return False
        return self.unordered(list(zip(patterns[::2], patterns[1::2])) + extra, list(zip(nodes[::2], nodes[1::2])),
                              self.pair)

    # --- lines

    def data(self, patterns, nodes):
        def word(index):
            node = patterns[index] if index < len(patterns) else None
            return node.text.upper() if isinstance(node, Leaf) else ""

        def both_lists(index):
            return all(len(x) > index and isinstance(x[index], list) for x in (patterns, nodes))

        name = word(0)
        if word(1) == "FETCH" and both_lists(2):
            return self.ordered(patterns[:2], nodes[:2]) and len(nodes) == 3 and self.pairs(patterns[2], nodes[2])
        if name == "STATUS" and both_lists(2):
            return self.ordered(patterns[:2], nodes[:2]) and len(nodes) == 3 and self.pairs(patterns[2], nodes[2])
        if name in ("LIST", "LSUB", "XLIST") and both_lists(1):
            return (self.ordered(patterns[:1], nodes[:1]) and self.unordered(patterns[1], nodes[1])
                    and self.ordered(patterns[2:], nodes[2:]))
        if name == "FLAGS" and both_lists(1):
            return self.node(patterns[0], nodes[0]) and len(nodes) == 2 and self.flags(patterns[1], nodes[1])
        if name in ("SEARCH", "CAPABILITY", "ENABLED"):
            return self.ordered(patterns[:1], nodes[:1]) and self.unordered(patterns[1:], nodes[1:])
        if name == "ID" and both_lists(1):
            return self.node(patterns[0], nodes[0]) and self.pairs(patterns[1], nodes[1])
        if name == "ESEARCH":
            return self.esearch(patterns, nodes)
        return self.ordered(patterns, nodes)

    def esearch(self, patterns, nodes):
        head = 1 + sum(1 for p in patterns[1:3] if isinstance(p, list) or p.text.upper() == "UID")
        return self.ordered(patterns[:head], nodes[:head]) and self.pairs(patterns[head:], nodes[head:])

    def code(self, patterns, nodes):
        if nodes is None:
            return False
        name = patterns[0].text.upper() if patterns and isinstance(patterns[0], Leaf) else ""
        if name == "CAPABILITY":
            return self.unordered(patterns, nodes)
        if name in ("PERMANENTFLAGS", "BADCHARSET") and len(nodes) == 2 and isinstance(patterns[-1], list):
            return (len(patterns) == 2 and self.node(patterns[0], nodes[0]) and isinstance(nodes[1], list)
                    and self.unordered(patterns[1], nodes[1]))
        return self.ordered(patterns, nodes)

    def line(self, pattern, line):
        kind, first, rest = parse(line, False)
        wanted_kind, wanted_first, wanted = parse(pattern, True)
        if kind != wanted_kind or not (first == wanted_first or self.text(wanted_first, first, ignore_case=False)):
            return False
        if kind == "go":
            return self.text(wanted, rest, rest_allowed=True)
        if kind == "data":
            return self.data(wanted, rest)
        if not self.text(wanted.word, rest.word):
            return False
        if wanted.code is not None and not self.code(wanted.code, rest.code):
            return False
        return self.text(wanted.text, rest.text, rest_allowed=True)


def written(node):
    return "(" + " ".join(map(written, node)) + ")" if isinstance(node, list) else node.text


def is_rest(nodes):
    return bool(nodes) and nodes[0] == Leaf("atom", "...")


def has_variable(node):
    if isinstance(node, Leaf):
        return bool(VARIABLE.search(node.text))
    return any(has_variable(n) for n in node)


def expand(text):
    """The numbers of a sequence set, in order; the text itself where that would be unreasonably many."""
    numbers = []
    for part in text.split(","):
        first, _, last = part.partition(":")
        low, high = sorted((int(first), int(last or first)))
        if high - low > LONGEST_SET:
            return text
        numbers.extend(range(low, high + 1))
    return numbers


def match(pattern, line, variables):
    """The variables after a match, or None."""
    attempt = Match(variables)
    try:
        return attempt.variables if attempt.line(pattern, line) else None
    except Malformed:
        return None
