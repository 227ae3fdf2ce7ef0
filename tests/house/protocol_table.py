#!/usr/bin/env python3
"""Fails if the tables of docs/protocol.md and what the program has differ, both ways: capabilities, commands, and what is
taken beyond the grammar, whose transcripts must be there."""

import os
import pathlib
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))

from counting import Counter  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]


def told(text, heading):
    """The first cells of the table under a heading."""
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return sorted(re.findall(r"^\| `([^`]+)` \|", section[1] if section else "", re.MULTILINE))


def main():
    counter = Counter()
    counter.equal("a table is read", told("## A\n| `x` | 1 |\n| y | 2 |\n\n## B\n| `z` | 3 |\n", "A"), ["x"])
    text = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    source = (ROOT / "imapd" / "commands" / "Capability.cpp").read_text(encoding="utf-8")
    names = re.findall(r'^    \{"([^"]+)", When::', source, re.MULTILINE) + re.findall(r'\boffer\("([^"]+)"', source)
    counter.equal("capabilities", told(text, "Capabilities"), sorted(set(names)))
    source = (ROOT / "imapd" / "commands" / "CommandTable.cpp").read_text(encoding="utf-8")
    counter.equal("commands", told(text, "Commands"), sorted(re.findall(r'\brow<\w+>\("([A-Z]+)"', source)))
    source = (ROOT / "imapd" / "parser" / "Cursor.h").read_text(encoding="utf-8")
    leniencies = re.search(r"^enum class Leniency \{\n(.*?)^\};", source, re.MULTILINE | re.DOTALL)[1]
    counter.equal("beyond the grammar", told(text, "Beyond the grammar"),
                  sorted(re.findall(r"^    (\w+),", leniencies, re.MULTILINE)))
    named = re.findall(r"`(rfc[0-9]+/[\w-]+)`", re.search(r"^## Beyond.*?(?=^## )", text, re.MULTILINE | re.DOTALL)[0])
    counter.check("beyond the grammar: transcripts are named", named)
    counter.equal("beyond the grammar: they are there",
                  [name for name in named if not (ROOT / "tests" / "protocol" / name).is_file()], [])
    sys.exit(counter.finish())


if __name__ == "__main__":
    main()
