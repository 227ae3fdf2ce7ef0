#!/usr/bin/env python3
"""Fails if docs/standards-support.md drifts: from the statements that there are, from the tests, from the switches.

Usage: standards_support.py BUILD_FOLDER. Every statement has one row; every test that a row names exists and says the
statement's id; every transcript of the reference document is named by a row; every switch is a key that the program
declares; every key that the profile sets stands in a row.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))

from counting import Counter  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
TRANSCRIPTS = ROOT / "tests" / "protocol" / "stanximap"
# The statements of the document, in its order; it refers to an E0005 that it does not contain.
STATEMENTS = """
    2.1.1 2.1.2 2.1.3 2.1.4 2.1.5 2.1.6 2.1.7
    C0001 V0001 V0002 V0003 V0004 E0001 V0005 V0006 V0007 V0008 V0009 V0010 V0011 V0012 C0002 C0003 V0013 V0014 V0015
    E0002 V0016 V0017 V0018 V0019 V0020 V0021 E0003 V0022 E0004 V0023 V0024 V0025 V0026 V0027 V0028 V0029 V0030 V0031
    V0032 V0033 V0034 V0035 V0036 V0037 V0038 V0039 V0040 V0041 V0042 V0043 V0044 V0045 V0046 V0047 V0048 V0049 V0050
    V0051 V0052 V0053 V0054 V0055 V0056 V0057 V0058 V0059 V0060 V0061 2.3""".split()
ROW = re.compile(r"^\| ([CVE][0-9]{4}|2\.[0-9](?:\.[0-9]+)?) \| (.*) \|$", re.MULTILINE)


def rows_in(text):
    """{id: (standard, exchange, switches, tests)}, and ids that have two rows."""
    rows, twins = {}, []
    for found in ROW.finditer(text):
        cells = [cell.strip() for cell in found[2].split(" | ")]
        if found[1] in rows:
            twins.append(found[1])
        _, standard, exchange, switches, tests = cells if len(cells) == 5 else ("", "", "", "", "")
        rows[found[1]] = (standard, exchange, re.findall(r"`([^`]+)`", switches), re.findall(r"`([^`]+)`", tests))
    return rows, twins


def test_file(name):
    """Where a test is: a transcript of the reference document, or a file of another kind behind its path."""
    return ROOT / "tests" / name if "/" in name else TRANSCRIPTS / name


def declared_keys(build):
    plugins = sorted(p.name[5:-3] for p in (build / "lib" / "maildock" / "plugins").glob("auth-*.so"))
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "maildock.properties"
        file.write_text(f"auth.plugins = {', '.join(plugins)}\n", encoding="ascii")
        answer = subprocess.run([build / "bin" / "maildock", "check", "--keys", f"--config={file}"],
                                capture_output=True, text=True, timeout=60, check=False)
    return {line.split("\t")[0] for line in answer.stdout.splitlines()}


def check_rows(counter, rows, keys):
    for statement, (standard, exchange, switches, tests) in rows.items():
        counter.check(f"{statement}: both profiles are told", standard and exchange)
        counter.equal(f"{statement}: its switches are keys", [key for key in switches if key not in keys], [])
        counter.check(f"{statement}: has a test", tests)
        wanted = statement.replace(".", "-") if statement[0] == "2" else statement
        for name in tests:
            file = test_file(name)
            text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
            says = statement in text or wanted in file.name
            counter.check(f"{statement}: {name} is about it", says, "" if text else "there is no such file")


def main():
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
    counter = Counter()
    rows, twins = rows_in("| V0001 | a | b | c | `x` | `V0001`, `unit/y.cpp` |\n| V0001 | a | b | c | – | – |\nV0002\n")
    counter.equal("a table is read", rows, {"V0001": ("b", "c", [], [])})
    counter.equal("twins are found", twins, ["V0001"])
    rows, twins = rows_in((ROOT / "docs" / "standards-support.md").read_text(encoding="utf-8"))
    counter.equal("no statement has two rows", twins, [])
    counter.equal("every statement has a row, in the order of the document", list(rows), STATEMENTS)
    check_rows(counter, rows, declared_keys(build))
    named = {name for *_, tests in rows.values() for name in tests}
    there = {path.name for path in TRANSCRIPTS.iterdir() if path.is_file()}
    counter.equal("every transcript is named by a row", sorted(there - named), [])
    profile = (ROOT / "etc" / "profiles" / "exchange.properties").read_text(encoding="utf-8")
    told = {key for _, _, switches, _ in rows.values() for key in switches} | {"imap.capabilities"}
    counter.equal("every switch of the profile has a row",
                  sorted(set(re.findall(r"^([a-z][\w.]+) =", profile, re.MULTILINE)) - told), [])
    sys.exit(counter.finish())


if __name__ == "__main__":
    main()
