#!/usr/bin/env python3
"""Clients that programs are built on, each with a whole session: npm's imap, imapflow and emailjs-imap-client, Ruby's
net-imap, PHP's c-client, Perl's Mail::IMAPClient. What they are told to do is in scripts/; npm's are downloaded, in the
versions of scripts/package-lock.json."""

import os
import shutil

from client_test import main, quote, require, run, state

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "scripts")
NPM = {"imap": "npm's imap", "imapflow": "imapflow", "emailjs": "emailjs-imap-client"}
OTHERS = {"net-imap": ["ruby", "session.rb"], "c-client": ["php", "session.php"], "Mail::IMAPClient": ["perl", "session.pl"]}


def install(folder):
    """The clients of npm; a download that fails is a failure."""
    for name in os.listdir(SCRIPTS):
        if name.endswith((".json", ".js")):
            shutil.copy(os.path.join(SCRIPTS, name), folder)
    run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder, env={"HOME": folder}, seconds=300)


def empty(server):
    """What a session that failed left over is no matter of the next one."""
    with server.connect() as imap:
        imap.select("INBOX")
        imap.ok("STORE 1:* +FLAGS.SILENT (\\Deleted)") if imap.ok("SEARCH ALL").of("SEARCH")[0].data else None
        imap.ok("EXPUNGE")
        for response in imap.ok('LIST "" *').of("LIST"):
            if response.data[2] in (b"Pr&APw-fung", b"Ablage"):
                imap.ok("DELETE", quote(response.data[2].decode("ascii")))


def session(server, command, zone="UTC", *rest):
    empty(server)
    before = state(server)
    done = run([*command, "127.0.0.1", str(server.port), server.users[0], server.password, *rest], env={"TZ": zone},
               seconds=60)
    require(done.stdout.rstrip().endswith(b"done"), f"{command[0]} said {done.stdout[-500:]!r}")
    require(state(server) == before, f"something is left over: {state(server)}")


def tests(counter, server, folder):
    npm = os.path.join(folder, "npm")
    os.mkdir(npm)
    counter.run("npm's clients are installed", install, npm)
    for name, shown in NPM.items():
        counter.run(f"{shown}: a whole session", session, server, ["node", os.path.join(npm, name + ".js")])
    script = ["node", os.path.join(npm, "imap.js")]
    counter.run("npm's imap in New York", session, server, script, "America/New_York")
    counter.run("npm's imap in India", session, server, script, "Asia/Kolkata")
    counter.run("npm's imap in Iran, whose zone it garbles", session, server, script, "Asia/Tehran", "odd")
    for name, (program, file) in OTHERS.items():
        counter.run(f"{name}: a whole session", session, server, [program, os.path.join(SCRIPTS, file)])


main("languages", tests)
