#!/usr/bin/env python3
"""Tests of tests/check/summary.py against what ctest itself writes: a runner that miscounts would hide failures."""

import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "check"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))

import summary  # noqa: E402
from counting import Counter  # noqa: E402

# name, shell command (nothing: a program that does not exist), its part of the sum
CASES = [
    ("counts are added up", "echo 3 passed, 0 failed", (3, 0)),
    ("failures too", "echo 4 passed, 1 failed; exit 1", (4, 1)),
    ("the last count line counts", "echo 1 passed, 1 failed; echo 5 passed, 0 failed", (5, 0)),
    ("a count inside a line is none", "echo inner: 7 passed, 0 failed", (1, 0)),
    ("a test without counts is one", "true", (1, 0)),
    ("one that fails too", "false", (0, 1)),
    ("a crash after the counts is a failure", "echo 9 passed, 0 failed; kill -SEGV $$", (9, 1)),
    ("a skipped test is nothing", "echo skip  courier: no root; exit 77", (0, 0)),
    ("a program that is not there failed", None, (0, 1)),
    ("much output is not cut off", "seq 200000; echo 2 passed, 0 failed", (2, 0)),
]


def report_of(cases):
    """ctest's report on these commands, by a CMake project of their own."""
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "CTestTestfile.cmake"), "w", encoding="utf-8") as file:
            for at, (_, command, _) in enumerate(cases):
                program = f'"/bin/sh" "-c" [==[{command}]==]' if command else f'"{folder}/missing"'
                file.write(f'add_test(t{at} {program})\nset_tests_properties(t{at} PROPERTIES SKIP_RETURN_CODE 77)\n')
        report = os.path.join(folder, "report.xml")
        subprocess.run(["ctest", "--test-dir", folder, "--output-junit", report, "--test-output-size-passed", "100000000",
                        "--test-output-size-failed", "100000000"], capture_output=True, check=False)
        with open(report, "rb") as file:
            return file.read()


def main():
    counter = Counter()
    for case in CASES:
        got = summary.summary_of(report_of([case]))
        counter.equal(case[0], (got.passed, got.failed), case[2])
    got = summary.summary_of(report_of(CASES))
    counter.equal("all of them together", (got.passed, got.failed),
                  (sum(c[2][0] for c in CASES), sum(c[2][1] for c in CASES)))
    counter.equal("names of what failed", len(got.bad), 4)
    counter.equal("a skipped test is named with its reason", got.skipped, ["t7 (skip courier: no root)"])
    got = summary.summary_of(report_of([(None, "echo ok a; echo FAIL b: why; echo 1 passed, 1 failed; exit 1", None)]))
    counter.equal("what a failed test said of it", got.failures, {"t0": ["FAIL b: why"]})
    got = summary.summary_of(report_of([(None, "echo assertion in line 3; exit 1", None)]))
    counter.equal("or its last lines", got.failures, {"t0": ["assertion in line 3"]})
    sys.exit(counter.finish())


main()
