#!/usr/bin/env python3
"""`make check`: builds the program four ways and runs every test through ctest; --soak runs the long forms.

Each build folder has the same list of tests (tests/check/CMakeLists.txt and those of the folders); labels say what a
folder leaves out, so that a test which nobody thought of runs everywhere. The last line is "N passed, M failed",
summed over the tests inside the test programs.
"""

import argparse
import os
import subprocess
import sys
import time

import summary

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LONG = ["soak"]
OUTSIDE = ["house", "clients", "peers", "peer", "plugins"]   # says nothing more about the code under a sanitizer

# preset: (targets to build, options that choose tests)
CHECK = {
    "release": ([], ["-LE", LONG + ["fuzz"]]),
    "asan": ([], ["-LE", LONG + OUTSIDE + ["fuzz"]]),
    "tsan": ([], ["-LE", LONG + OUTSIDE + ["fuzz", "program"]]),
    "fuzz": (["fuzzers"], ["-L", ["fuzz"]]),
}
SOAK = {
    "release": ([], ["-L", ["soak"]]),
    "asan": ([], ["-L", ["soak"]]),
    "tsan": ([], ["-L", ["soak"]]),
    "fuzz": (["fuzzers"], ["-L", ["soak"]]),
}
ENVIRONMENT = {
    "ASAN_OPTIONS": "abort_on_error=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": f"second_deadlock_stack=1:suppressions={ROOT}/tests/check/tsan.supp",
}


def build_folder(preset):
    return os.path.join(ROOT, "build" if preset == "release" else f"build-{preset}")


def run(command, **options):
    print("$ " + " ".join(command), flush=True)
    return subprocess.run(command, cwd=ROOT, check=False, **options).returncode


def build(preset, targets, jobs):
    chosen = ["--target", *targets] if targets else []
    return (run(["cmake", "--preset", preset, "--log-level=WARNING"]) == 0
            and run(["cmake", "--build", "--preset", preset, *chosen, "--", f"-j{jobs}"]) == 0)


def ctest(preset, choice, jobs):
    """Runs the tests; returns a Summary, or None if ctest itself could not run."""
    report = os.path.join(build_folder(preset), "ctest.xml")
    if os.path.exists(report):
        os.unlink(report)
    option, labels = choice
    status = run(["ctest", "--test-dir", build_folder(preset), option, f"^({'|'.join(labels)})$", "-j", str(jobs),
                  "--output-on-failure", "--no-tests=error", "--output-junit", report,
                  "--test-output-size-passed", "100000000", "--test-output-size-failed", "100000000"],
                 stdin=subprocess.DEVNULL, env={**ENVIRONMENT, **os.environ})
    if not os.path.exists(report):
        return None
    found = summary.read(report)
    if status != 0 and found.failed == 0:
        found.failed = 1  # never say that all passed when ctest does not
    return found


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--soak", action="store_true", help="the long forms (an hour and more)")
    arguments.add_argument("--only", choices=list(CHECK), help="only this build")
    options = arguments.parse_args()
    jobs = len(os.sched_getaffinity(0))
    total, lines = summary.Summary(), []
    for preset, (targets, choice) in (SOAK if options.soak else CHECK).items():
        if options.only not in (None, preset):
            continue
        print(f"\n=== {preset}", flush=True)
        began = time.monotonic()
        built = build(preset, targets, jobs)
        middle = time.monotonic()
        found = ctest(preset, choice, jobs) if built else None
        took = f"built in {middle - began:.0f} s, tested in {time.monotonic() - middle:.0f} s"
        if found is None:
            lines.append(f"{preset}: could not be built or run")
            total.failed += 1
            continue
        lines.append(f"{preset}: {found.passed} passed and {found.failed} failed, {took}")
        for name in found.bad:
            lines += [f"  failed: {name}"] + [f"    {line}" for line in found.failures[name]]
        lines += [f"  skipped: {name}" for name in found.skipped]
        total.add(found)
    print("\n" + "\n".join(lines))
    print(f"{total.passed} passed, {total.failed} failed", flush=True)
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())
