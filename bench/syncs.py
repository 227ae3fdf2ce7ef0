"""Which files a server syncs for one APPEND before it answers OK, as strace sees it."""

import os
import re
import shutil
import signal
import subprocess
import time

SYNC = re.compile(r"\b(?:fsync|fdatasync)\((\d+)<([^>]*)>|\bsync_file_range\((\d+)<([^>]*)>")
OK_SENT = re.compile(r"\b(?:write|writev|sendto|sendmsg)\(.*bench-q\d+ OK")
ATTACHED_WITHIN = 10    # seconds
NO_TELLING = ("no strace", "not allowed to trace")


def kind_of(path):
    """message, folder or list; None for what does not matter here."""
    parent, name = os.path.split(path)
    if name in ("cur", "new"):
        return "folder"
    if name.startswith("dovecot-uidlist"):
        return "list"
    if os.path.basename(parent) in ("tmp", "cur", "new"):
        return "message"
    return None


def synced_before_ok(trace):
    """The kinds of files that were synced before OK was sent; raises ValueError without an OK."""
    found = []
    for line in trace.splitlines():
        if OK_SENT.search(line):
            return found
        match = SYNC.search(line)
        if match:
            kind = kind_of(match[2] or match[4])
            if kind and kind not in found:
                found.append(kind)
    raise ValueError("the trace has no OK")


def of_append(server, octets):
    """"message, folder, list" if all three are synced; says so if there is no telling."""
    strace = shutil.which("strace")
    if not strace:
        return NO_TELLING[0]
    session = server.session()
    session.command('CREATE "Traced"')
    session.append("Traced", octets)    # the mailbox has its files now
    output = server.path("strace.txt")
    pids = [argument for pid in server.pids() for argument in ("-p", str(pid))]
    with open(output, "wb") as file:
        tracer = subprocess.Popen([strace, "-f", "-y", "-s", "64", "-e",
                                   "trace=fsync,fdatasync,sync_file_range,write,writev,sendto,sendmsg", *pids],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=file)
    try:
        deadline = time.monotonic() + ATTACHED_WITHIN
        while time.monotonic() < deadline and tracer.poll() is None:
            with open(output, encoding="utf-8", errors="replace") as file:
                if file.read().count("attached") >= len(pids) // 2:
                    break
            time.sleep(0.05)
        if tracer.poll() is not None:
            return NO_TELLING[1]
        session.append("Traced", octets)
        session.logout()
    finally:
        if tracer.poll() is None:
            tracer.send_signal(signal.SIGINT)   # strace lets go of the processes and ends
        try:
            tracer.wait(ATTACHED_WITHIN)
        except subprocess.TimeoutExpired:
            tracer.kill()
            tracer.wait()
    with open(output, encoding="utf-8", errors="replace") as file:
        return ", ".join(synced_before_ok(file.read())) or "nothing"
