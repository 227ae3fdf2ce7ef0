"""Counts what a test program checked; its last line is "N passed, M failed", which the runner adds up."""

import sys
import time
import traceback


class Counter:
    """Named checks. A check that raises counts as failed and does not stop the others."""

    def __init__(self, only=None):
        self.passed = self.failed = self.skipped = 0
        self.only = only
        self._start = time.monotonic()

    def ok(self, name):
        self.passed += 1
        print(f"ok    {name}", flush=True)

    def fail(self, name, why=""):
        self.failed += 1
        print(f"FAIL  {name}" + (f": {why}" if why else ""), flush=True)

    def skip(self, name, why):
        self.skipped += 1
        print(f"skip  {name}: {why}", flush=True)

    def check(self, name, condition, why=""):
        self.ok(name) if condition else self.fail(name, why)
        return bool(condition)

    def equal(self, name, got, wanted):
        return self.check(name, got == wanted, f"got {got!r}, wanted {wanted!r}")

    def run(self, name, function, *arguments):
        """Runs one test function; it fails by raising. Returns what it returned, or None."""
        if self.only and self.only not in name:
            return None
        began = time.monotonic()
        try:
            value = function(*arguments)
        except KeyboardInterrupt:
            raise
        except Skipped as reason:
            self.skip(name, reason)
        except Exception as error:  # every failure of a test is a finding, not an end of the run
            if not isinstance(error, AssertionError):
                traceback.print_exc(file=sys.stdout)
            self.fail(name, f"{type(error).__name__}: {error}")
        else:
            self.ok(f"{name} ({time.monotonic() - began:.1f} s)")
            return value
        return None

    def finish(self):
        """Prints the line of counts; returns the exit status. Nothing run is a failure, unless all was skipped."""
        seconds = time.monotonic() - self._start
        print(f"# {seconds:.1f} s" + (f", {self.skipped} skipped" if self.skipped else ""))
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        if self.failed:
            return 1
        if not self.passed:
            return SKIP_STATUS if self.skipped else 1
        return 0


class Skipped(Exception):
    """Raised where the machine can't run a test; says why."""


SKIP_STATUS = 77    # what ctest is told to take as "skipped"


def require(condition, message):
    if not condition:
        raise AssertionError(message)
