#!/usr/bin/env python3
"""Fails if a C++ file differs from what clang-format makes of it (`make format` mends that)."""

import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def main():
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.h", "*.cpp"], cwd=ROOT, text=True,
                           capture_output=True, check=True).stdout.split("\n")
    files = [f for f in files if f and os.path.exists(os.path.join(ROOT, f))]
    bad = set()
    for at in range(0, len(files), 50):
        result = subprocess.run(["clang-format", "--dry-run", *files[at:at + 50]], cwd=ROOT, text=True,
                                capture_output=True, check=False)
        if result.returncode:
            print(result.stderr)
            return 1
        bad.update(line.split(":", 1)[0] for line in result.stderr.split("\n") if "-Wclang-format-violations" in line)
    for path in sorted(bad):
        print(f"{path}: not formatted (make format)")
    print(f"{len(files) - len(bad)} passed, {len(bad)} failed")
    return 1 if bad or not files else 0


if __name__ == "__main__":
    sys.exit(main())
