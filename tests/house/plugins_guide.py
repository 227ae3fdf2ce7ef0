#!/usr/bin/env python3
"""Follows docs/plugins.md: builds both examples out of tree by the commands printed there, and serves with them.

Usage: plugins_guide.py BUILD_FOLDER.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))

from counting import Counter, require  # noqa: E402
from imapclient import ImapClient  # noqa: E402
from servers import HOST, free_ports  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE = re.compile(r"^`(\w+\.cpp)`:\n\n```cpp\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SETTINGS = re.compile(r"^    ((?:auth|size)\.[\w.]+ = .*)$", re.MULTILINE)


def prepare(build, folder, text):
    """A folder of libraries as an installation has it, with what the guide's commands put there."""
    (folder / "lib" / "plugins").mkdir(parents=True)
    (folder / "lib" / "modules").symlink_to(build / "lib" / "maildock" / "modules")
    for library in (build / "lib" / "maildock" / "plugins").glob("*.so"):
        (folder / "lib" / "plugins" / library.name).symlink_to(library)
    headers = folder / "include" / "modules" / "api"  # only what an installation has: nothing else of ours may be needed
    shutil.copytree(ROOT / "modules" / "api", headers, ignore=shutil.ignore_patterns("CMakeLists.txt"))
    for name, source in SOURCE.findall(text):
        (folder / name).write_text(source, encoding="utf-8")
    environment = {**os.environ, "MAILDOCK": str(folder / "include"), "PLUGINS": str(folder / "lib" / "plugins")}
    for commands in COMMANDS.findall(text):
        result = subprocess.run(["sh", "-e"], input=commands, cwd=folder, env=environment, capture_output=True, text=True,
                                timeout=300, check=False)
        yield commands.split("\n")[0].split()[-2], result.returncode == 0 and not result.stderr, result.stderr


def configuration(folder, text):
    (folder / "users").write_text("anna:{PLAIN}secret\n", encoding="ascii")
    (folder / "users").chmod(0o600)
    file = folder / "maildock.properties"
    file.write_text("\n".join(["library.path = lib", "auth.passwdfile.path = users", "auth.plaintextWithoutTls = true",
                               "state.path = state", *SETTINGS.findall(text), ""]), encoding="utf-8")
    return file


def serves(build, folder, file):
    """Both plugins are loaded and asked: the one lets its user in, the other tells a size that is only recorded."""
    text = file.read_text(encoding="utf-8")
    user, password = (re.search(rf"^auth\.single\.{key} = (.*)$", text, re.MULTILINE)[1] for key in ("user", "password"))
    cur = folder / "mail" / user / "cur"
    for part in (cur, cur.parent / "new", cur.parent / "tmp"):
        part.mkdir(parents=True)
    (cur / "1600000000.a,W=4711:2,S").write_bytes(b"Subject: x\n\nx\n")
    (cur / "1600000001.b:2,S").write_bytes(b"Subject: x\n\nx\n")
    port = free_ports(1)[0]
    text += f"imap.listen = {HOST}:{port}\nmail.location = {folder / 'mail'}/%u\n"
    (folder / "serving.properties").write_text(text, encoding="utf-8")
    (folder / "state").mkdir(exist_ok=True)
    process = subprocess.Popen([build / "bin" / "maildock", f"--config={folder / 'serving.properties'}"],
                               stderr=subprocess.PIPE, text=True)
    try:
        said = []
        for line in process.stderr:
            said.append(line)
            if line == "maildock ready\n":
                break
        require(process.poll() is None and said and said[-1] == "maildock ready\n", "".join(said))
        with ImapClient(HOST, port) as client:
            client.login(user, password)
            client.select("INBOX")
            fetched = client.ok(b"FETCH 1:2 (RFC822.SIZE)").fetched()
            require([fetched[n]["RFC822.SIZE"] for n in (1, 2)] == [b"4711", b"17"], f"other sizes: {fetched}")
    finally:
        process.terminate()
        process.communicate(timeout=60)


def main():
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
    text = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    counter = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for what, is_good, why in prepare(build, folder, text):
            counter.check(f"{what} builds without a warning", is_good, why)
        file = configuration(folder, text)

        def program(*arguments):
            return subprocess.run([build / "bin" / "maildock", *arguments, f"--config={file}"], capture_output=True,
                                  text=True, timeout=60, check=False)
        answer = program("check")
        counter.check("maildock check takes both", answer.returncode == 0 and "0 warnings" in answer.stdout, answer.stdout)
        counter.run("a server loads and asks both", serves, build, folder, file)
        keys = program("check", "--keys").stdout
        counter.check("the plugin's keys are listed", keys.count("\nauth.single.") == 3, keys)
        file.write_text(file.read_text(encoding="utf-8").replace("auth.single.user = postmaster", ""), encoding="utf-8")
        answer = program("check")
        counter.check("what the plugin finds wrong is told", "auth.single.user: is not set" in answer.stdout, answer.stdout)
    sys.exit(counter.finish())


if __name__ == "__main__":
    main()
