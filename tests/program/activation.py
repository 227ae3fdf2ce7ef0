#!/usr/bin/env python3
"""Sockets that systemd bound: the server takes them by name, and says what it can't take.

Usage: activation.py BUILD_FOLDER. Ends with the line "N passed, M failed"; status 77 without systemd-socket-activate.
"""

import os
import shutil
import subprocess
import sys
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib")]

import servers  # noqa: E402
from counting import Counter, require  # noqa: E402

ACTIVATE = "systemd-socket-activate"


class Activated(servers.Maildock):
    """Started by the first connection to one of its sockets."""

    def __init__(self, build, folder, addresses="systemd:imap"):
        super().__init__(build, folder, settings={"imap.listen": addresses, "imaps.listen": "systemd:imaps"})
        self.first = None

    def command(self):
        return [ACTIVATE, f"--listen=127.0.0.1:{self.port}", f"--listen=127.0.0.1:{self.tls_port}",
                "--fdname=imap:imaps", *super().command()]

    def wait_ready(self, deadline):
        while time.monotonic() < deadline:
            try:
                self.first = servers.ImapClient(servers.HOST, self.port)  # waits for the greeting of who is to come
                break
            except ConnectionRefusedError:
                require(self.process.poll() is None, self.log_tail())
                time.sleep(0.02)  # it tells nobody that it listens
        super().wait_ready(deadline)


def served(build, folder):
    with Activated(build, folder) as server:
        server.first.login("test", server.password)
        server.first.append("INBOX", b"Subject: x\r\n\r\n")
        server.first.logout()
        with server.connect() as client, server.connect(tls=True) as secure:
            require(client.select("INBOX").status == "OK" and secure.select("INBOX").status == "OK", server.log_tail())
        log = server.log_tail()
        for port in (server.port, server.tls_port):
            require(f"imapd listens on 127.0.0.1:{port}" in log, log)
        require(server.stop() == 0, server.log_tail())


def refused(build, folder):
    """Names that nothing was passed for, and sockets that do not listen for TCP."""
    for name, addresses, is_datagram, wanted in (
            ("other-name", "systemd:imap, systemd:submission", False, "called submission: it has passed none"),
            ("datagrams", "systemd:imap", True, "no listening socket of TCP"),
            ("nameless", "systemd:", False, "imap.listen")):
        server = Activated(build, os.path.join(folder, name), addresses)
        server.port, server.tls_port = servers.free_ports(2)
        server.configure()
        # The program alone, with the variables that systemd sets: it has to end by itself.
        kind = "SOCK_DGRAM" if is_datagram else "SOCK_STREAM"
        script = (f"import os, socket, sys; s = socket.socket(type=socket.{kind}); s.bind(('127.0.0.1', 0))\n"
                  + ("" if is_datagram else "s.listen()\n") +
                  "os.dup2(s.fileno(), 3); os.set_inheritable(3, True)\n"
                  "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1', LISTEN_FDNAMES='imap')\n"
                  "os.execv(sys.argv[1], sys.argv[1:])")
        done = subprocess.run([sys.executable, "-c", script, server.binary, f"--config={server.path('maildock.properties')}"],
                              capture_output=True, text=True, timeout=60, check=False)
        require(done.returncode not in (0, -9) and wanted in done.stderr, f"{name}: {done.returncode} {done.stderr}")


def not_for_us(build, folder):
    """Variables that are meant for another process count for nothing."""
    server = Activated(build, folder)
    server.port, server.tls_port = servers.free_ports(2)
    server.configure()
    done = subprocess.run([server.binary, f"--config={server.path('maildock.properties')}"], capture_output=True, text=True,
                          timeout=60, check=False, env={**os.environ, "LISTEN_PID": "1", "LISTEN_FDS": "2",
                                                        "LISTEN_FDNAMES": "imap:imaps"})
    require(done.returncode != 0 and "called imap: it has passed none" in done.stderr, done.stderr)


def main():
    build = sys.argv[1] if len(sys.argv) > 1 else "build"
    if not shutil.which(ACTIVATE):
        print(f"there is no {ACTIVATE}")
        sys.exit(77)
    counter = Counter()
    for test in (served, refused, not_for_us):
        with servers.WorkFolder("activation") as folder:
            counter.run(test.__name__, test, build, folder)
    sys.exit(counter.finish())


if __name__ == "__main__":
    main()
