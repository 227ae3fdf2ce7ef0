#!/usr/bin/env python3
"""Plays IMAP scripts against a server: Maildock from a build folder, Debian's Dovecot, or one that runs elsewhere."""

import argparse
import collections
import concurrent.futures
import pathlib
import shutil
import sys
import tempfile
import threading
import traceback

import script as scripts
import servers
from playback import Failure, Playback

NOT_INSTALLED = 77  # what ctest takes as "skipped"


class Pool:
    """One server for each set of settings, started when the first script needs it."""

    def __init__(self, make, users):
        self.make, self.users = make, users
        self.lock = threading.Lock()
        self.servers = {}  # settings: a server, or why there is none

    def get(self, settings):
        key = tuple(sorted(settings.items()))
        with self.lock:
            if key not in self.servers:
                try:
                    server = self.make(len(self.servers), settings, self.users[key])
                    self.servers[key] = server
                    server.start()
                except (servers.ServerError, OSError) as error:
                    self.servers[key] = (self.servers.get(key), error)
            found = self.servers[key]
            if isinstance(found, tuple):
                raise found[1] if isinstance(found[1], servers.ServerError) else servers.ServerError(str(found[1]))
            return found

    def stop(self):
        """What went wrong while the servers ended."""
        every = [s[0] if isinstance(s, tuple) else s for s in self.servers.values()]
        return [fault for fault in (server.stop() for server in every if server) if fault]


def exception(script, kind):
    """Why the server is excused from the script's promise."""
    if script.only and script.only != kind:
        return f"only {script.only}: {script.only_reason or 'its own decision'}"
    return f"except {kind}: {script.exceptions[kind]}" if kind in script.exceptions else ""


def skip_reason(script, kind, exceptions_only):
    if bool(exception(script, kind)) != exceptions_only:
        return exception(script, kind) or "no exception"
    if kind == "foreign" and (script.config or script.needs_files() or script.needs_tls_port()):
        return "needs a server of the runner's own"
    if kind != "maildock" and script.config and kind not in script.config:
        return f"its settings are not those of {kind}"
    return ""


def play(script, pool, kind, options):
    """(outcome, text): passed, failed or skipped."""
    reason = skip_reason(script, kind, options.exceptions)
    if reason:
        return "skipped", reason
    trace = [] if options.verbose else None
    try:
        server = pool.get(script.config.get(kind, {}))
        missing = [name for name, is_optional in script.require
                   if name not in server.capabilities and (kind != "maildock" or is_optional)]
        if missing:
            return "skipped", f"no {' '.join(missing)}"
        missing = [name for name, _ in script.require if name not in server.capabilities]
        if missing:
            return "failed", f"the server does not offer {' '.join(missing)}"
        with options.account_lock:
            account = server.account()
        Playback(script, server, account, options.timeout, trace).run()
        return "passed", ""
    except Failure as failure:
        text = str(failure)
    except (servers.ServerError, OSError) as error:
        text = str(error)
    except Exception:  # a fault of the runner or the script must not hide the others
        text = traceback.format_exc(limit=-3)
    return "failed", text + "".join(f"\n    {line}" for line in trace or [])


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--build", metavar="DIR", help="the build folder of Maildock: DIR/bin/maildock is started")
    target.add_argument("--dovecot", action="store_true", help="start Debian's Dovecot")
    target.add_argument("--address", metavar="HOST:PORT", help="a server that runs; THE ACCOUNT IS EMPTIED")
    parser.add_argument("--user", help="with --address; a format such as u%%04d gives each script a user of its own")
    parser.add_argument("--password", help="with --address")
    parser.add_argument("--jobs", type=int, default=4, metavar="N", help="scripts at a time (4)")
    parser.add_argument("--timeout", type=float, default=5, metavar="S", help="seconds to wait for a response (5)")
    parser.add_argument("--keep", action="store_true", help="keep the servers' folder and say where it is")
    parser.add_argument("--exceptions", action="store_true",
                        help="run only what the server is excused from: what passes needs no excuse any more")
    parser.add_argument("-v", "--verbose", action="store_true", help="each script's outcome; failures with all lines")
    parser.add_argument("paths", nargs="*", help="script files or folders; all by default")
    options = parser.parse_args()
    if options.address and not (options.user and options.password):
        parser.error("--address needs --user and --password")
    options.account_lock = threading.Lock()
    return options


def maker(options, root):
    """(kind, a function that makes a server)."""
    if options.build:
        return "maildock", lambda n, settings, users: servers.Maildock(root / f"{n}", settings, users, options.build)
    if options.dovecot:
        return "dovecot", lambda n, settings, users: servers.Dovecot(root / f"{n}", settings, users)
    return "foreign", lambda n, settings, users: servers.Foreign(options.address, options.user, options.password)


def report(script, outcome, text, options, counts, reasons):
    counts[outcome] += 1
    if outcome == "failed":
        print(f"FAIL {script.name}: {' '.join(script.promise)}\n  {text}", flush=True)
    elif outcome == "skipped":
        reasons[text] += 1
        if options.verbose:
            print(f"skip {script.name}: {text}")
    elif options.verbose:
        print(f"ok   {script.name}")


def main():
    options = arguments()
    try:
        every = [scripts.read(path) for path in scripts.find(options.paths)]
    except scripts.ScriptError as error:
        print(error, file=sys.stderr)
        return 2
    if options.dovecot and not shutil.which("dovecot", path="/usr/sbin:/usr/local/sbin"):
        print("dovecot is not installed", file=sys.stderr)
        return NOT_INSTALLED
    root = pathlib.Path(tempfile.mkdtemp(prefix="protocol-"))
    root.chmod(0o755)
    kind, make = maker(options, root)
    jobs = 1 if kind == "foreign" else max(1, options.jobs)
    users = collections.Counter(tuple(sorted(s.config.get(kind, {}).items())) for s in every)
    counts, reasons = collections.Counter(), collections.Counter()
    pool = Pool(make, users)
    try:
        with concurrent.futures.ThreadPoolExecutor(jobs) as executor:
            for script, future in [(s, executor.submit(play, s, pool, kind, options)) for s in every]:
                outcome, text = future.result()
                report(script, outcome, text, options, counts, reasons)
    finally:
        faults = pool.stop()
        if options.keep:
            print(f"kept: {root}")
        else:
            shutil.rmtree(root, ignore_errors=True)
    for fault in faults:
        counts["failed"] += 1
        print(f"FAIL {fault}")
    for reason, count in sorted(reasons.items()):
        print(f"skipped {count}: {reason}")
    print(f"{counts['passed']} passed, {counts['failed']} failed")
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
