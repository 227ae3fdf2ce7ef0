#!/usr/bin/env python3
"""Adds up the "N passed, M failed" lines of the tests in a ctest report (ctest --output-junit FILE).

A test's last such line counts. A test without one counts as one test, passed or failed as ctest says; a test that
ctest calls failed (a crash after its counts, a time-out), or could not run, has at least one failure. A test that
said by its status that the machine can't run it is skipped and counts as nothing. What a failed test said of its
failures (lines "FAIL ...") is kept, so that the end of a long log tells what is wrong.
"""

import re
import sys
import xml.etree.ElementTree as xml

_COUNTS = re.compile(r"^(\d+) passed, (\d+) failed\s*$", re.MULTILINE)
_FAILURE = re.compile(r"^\s*FAIL.*", re.MULTILINE)
MOST_FAILURES, LONGEST_FAILURE = 12, 1000       # lines of a test; characters of a line


class Summary:
    def __init__(self):
        self.passed = self.failed = 0
        self.skipped, self.bad = [], []     # names of tests, with the reason where there is one
        self.failures = {}                  # name of a test: [what it said]

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.bad += other.bad
        self.failures |= other.failures


def summary_of(report):
    """The Summary of a report's text (octets)."""
    out = Summary()
    for case in xml.fromstring(report).iter("testcase"):
        name, status = case.get("name"), case.get("status")
        text = case.findtext("system-out") or ""
        skipped = case.find("skipped")
        if status == "disabled" or (skipped is not None and "SKIP_RETURN_CODE" in skipped.get("message", "")):
            reason = next((line for line in text.split("\n") if line.startswith("skip")), "")
            out.skipped.append(f"{name} ({reason})" if reason else name)
            continue
        counts = _COUNTS.findall(text)
        good, bad = (int(counts[-1][0]), int(counts[-1][1])) if counts else (0, 0)
        if status != "run" and bad == 0:
            bad = 1
        elif not counts:
            good = 1
        if bad:
            out.bad.append(name)
            said = _FAILURE.findall(text) or text.rstrip().split("\n")[-MOST_FAILURES:]
            out.failures[name] = [line[:LONGEST_FAILURE] for line in said[:MOST_FAILURES]]
        out.passed += good
        out.failed += bad
    return out


def read(path):
    with open(path, "rb") as file:
        return summary_of(file.read())


if __name__ == "__main__":
    total = Summary()
    for argument in sys.argv[1:]:
        total.add(read(argument))
    print(f"{total.passed} passed, {total.failed} failed")
    sys.exit(1 if total.failed else 0)
