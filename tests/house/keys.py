#!/usr/bin/env python3
"""Fails if etc/maildock.properties does not name exactly the keys that the built program declares, with their defaults.

Usage: keys.py BUILD_FOLDER. Asks `maildock check --keys` with every module and authentication plugin of the build. In
the file a key stands once, set or commented out, below a comment of its own; a line that is commented out shows the
default; the profiles set declared keys alone, and `maildock check` takes them.
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
LINE = re.compile(r"(#?)([A-Za-z][A-Za-z0-9-]*(?:\.[A-Za-z0-9*-]+)*) ?=(?: (.*))?")
# Set, not commented out: what other programs and the README rely on.
FIXED = """imap.listen imaps.listen tls.certificate tls.key mail.location mail.layout namespace.delimiter namespace.prefix
state.path auth.plugins auth.passwdfile.path auth.plaintextWithoutTls size.plugin profile log.level""".split()


def logical_lines(text):
    """The lines, with what a backslash at the end continues."""
    return re.sub(r"\\\n#?\s*", "", text).split("\n")


def keys_in(text):
    """{key: (is set, value, has a comment above)}, and keys that stand twice."""
    keys, twins, commented = {}, [], False
    for line in logical_lines(text):
        match = LINE.fullmatch(line)
        if match:
            hidden, key, value = match.groups()
            if key in keys:
                twins.append(key)
            keys[key] = (not hidden, re.sub(r"\s+#\s.*", "", value or "").strip(), commented)
        else:
            commented = line.startswith("# ")  # a group of keys may share a comment
    return keys, twins


def self_test(counter):
    keys, twins = keys_in("# What a does.\n#a.b = 1\nc =\n\nd.e = x # why\n#f-g.* = \\\n#    y\n#a.b = 2\n"
                          "# Prose = no key?\n")
    counter.equal("keys are found", keys, {"a.b": (False, "2", False), "c": (True, "", True), "d.e": (True, "x", False),
                                           "f-g.*": (False, "y", False)})
    counter.equal("twins are found", twins, ["a.b"])


class Program:
    def __init__(self, build, folder):
        self.binary, self.folder = build / "bin" / "maildock", folder
        plugins = sorted(p.name[5:-3] for p in (build / "lib" / "maildock" / "plugins").glob("auth-*.so"))
        modules = sorted(p.stem for p in (build / "lib" / "maildock" / "modules").glob("*.so"))
        (folder / "users").write_text("anna:{PLAIN}x\n", encoding="ascii")
        (folder / "users").chmod(0o600)
        self.lines = [f"modules = {', '.join(modules)}", f"auth.plugins = {', '.join(plugins)}"]

    def run(self, arguments, lines):
        file = self.folder / "maildock.properties"
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return subprocess.run([self.binary, "check", *arguments, f"--config={file}"], capture_output=True, text=True,
                              timeout=60, check=False)

    def declared(self):
        answer = self.run(["--keys"], self.lines)
        if answer.returncode:
            sys.exit(f"maildock check --keys: {answer.stdout}{answer.stderr}")
        return {key: (kind, default) for key, kind, default, _ in
                (line.split("\t") for line in answer.stdout.splitlines())}


def check_file(counter, declared):
    keys, twins = keys_in((ROOT / "etc" / "maildock.properties").read_text(encoding="utf-8"))
    counter.equal("no key stands twice", twins, [])
    counter.equal("every declared key stands in the file", sorted(set(declared) - set(keys)), [])
    counter.equal("every key of the file is declared", sorted(set(keys) - set(declared)), [])
    counter.equal("every key is explained", sorted(key for key, (_, _, told) in keys.items() if not told), [])
    counter.equal("the fixed names are there", sorted(set(FIXED) - set(keys)), [])
    # A family (imap.id.*) and a key without default may show an example.
    wrong = {key: (value, declared[key][1]) for key, (is_set, value, _) in keys.items()
             if not is_set and key in declared and declared[key][1] not in ("", value)}
    counter.equal("what is commented out shows the defaults", wrong, {})


def check_profile(counter, program, declared, path):
    """A profile sets declared keys alone, and a configuration that names it is taken."""
    keys, twins = keys_in(path.read_text(encoding="utf-8"))
    counter.equal(f"{path.name}: no key stands twice", twins, [])
    counter.equal(f"{path.name}: every key is declared", sorted(set(keys) - set(declared)), [])
    answer = program.run([], ["auth.passwdfile.path = users", "auth.plaintextWithoutTls = true", "state.path = state",
                              f"profile = {path.stem}"])
    # Warnings are in order: a profile may name what only an installation with more plugins has.
    counter.check(f"{path.name}: maildock check takes it", answer.returncode == 0, answer.stdout + answer.stderr)


def main():
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
    counter = Counter()
    self_test(counter)
    with tempfile.TemporaryDirectory() as folder:
        program = Program(build, pathlib.Path(folder))
        declared = program.declared()
        check_file(counter, declared)
        profiles = pathlib.Path(folder) / "profiles"
        profiles.symlink_to(ROOT / "etc" / "profiles")
        for path in sorted((ROOT / "etc" / "profiles").glob("*.properties")):
            check_profile(counter, program, declared, path)
    sys.exit(counter.finish())


if __name__ == "__main__":
    main()
