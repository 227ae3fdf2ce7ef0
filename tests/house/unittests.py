#!/usr/bin/env python3
"""Fails if a CppUnit test is written but not run.

Usage: unittests.py BUILD_FOLDER. Reads the sources below tests/unit: every suite is registered, every test of a fixture
stands in its suite once, and each unit test program of the build knows as many tests (`--count`) as its sources list.
"""

import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))

from counting import Counter  # noqa: E402

UNIT = pathlib.Path(__file__).resolve().parents[1] / "unit"
SUITE = re.compile(r"CPPUNIT_TEST_SUITE\((\w+)\);(.*?)CPPUNIT_TEST_SUITE_END\(\)", re.DOTALL)
LISTED = re.compile(r"CPPUNIT_TEST\((\w+)\)")
METHOD = re.compile(r"^    void (\w+)\(\)(?: override)?(?: \{|;|$)", re.MULTILINE)


def without_comments(text):
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL)


def faults_of(text):
    """What is wrong in one source, and how many tests it lists."""
    text = without_comments(text)
    faults, count = [], 0
    for suite in SUITE.finditer(text):
        name, listed = suite[1], LISTED.findall(suite[2])
        count += len(listed)
        if not re.search(rf"CPPUNIT_TEST_SUITE_REGISTRATION\((?:\w+::)*{name}\)", text):
            faults.append(f"{name} is not registered")
        faults += [f"{name}::{test} is listed twice" for test in sorted(set(listed)) if listed.count(test) > 1]
        body = text[suite.end():].split("\n};", 1)[0]
        for method in METHOD.findall(body):
            is_called = re.search(rf"\b{method}\(\)", body.replace(f"void {method}()", ""))
            if method not in listed and method not in ("setUp", "tearDown") and not is_called:
                faults.append(f"{name}::{method} is never run")
    return faults, count


def self_test(counter):
    text = ("class A : public F {\n    CPPUNIT_TEST_SUITE(A);\n    CPPUNIT_TEST(one);\n    CPPUNIT_TEST(one);\n"
            "    // CPPUNIT_TEST(two);\n    CPPUNIT_TEST_SUITE_END();\n\npublic:\n    void setUp() override {\n    }\n"
            "    void one() {\n        helper();\n    }\n    void two() {\n    }\n    void helper() {\n    }\n};\n")
    counter.equal("faults are found", faults_of(text),
                  (["A is not registered", "A::one is listed twice", "A::two is never run"], 2))


def main():
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
    counter = Counter()
    self_test(counter)
    counts = {}
    for path in sorted(UNIT.rglob("*.cpp")):
        faults, count = faults_of(path.read_text(encoding="utf-8"))
        if count:
            counter.equal(str(path.relative_to(UNIT)), faults, [])
            folder = path.parent.relative_to(UNIT)
            counts[folder] = counts.get(folder, 0) + count
    for folder, count in counts.items():
        program = build / "bin" / ("unit_" + re.sub(r"\W", "_", str(folder)))
        if not program.exists():
            counter.fail(f"{folder}: {count} tests", f"the build has no program {program.name}")
            continue
        answer = subprocess.run([program, "--count"], capture_output=True, text=True, timeout=60, check=False)
        counter.equal(f"{folder}: {count} tests", (answer.returncode, answer.stdout.strip()), (0, str(count)))
    sys.exit(counter.finish())


if __name__ == "__main__":
    main()
