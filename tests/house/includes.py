#!/usr/bin/env python3
"""Reads every #include of ours and fails on an arrow between folders that the architecture forbids.

Dependencies point one way: plugins -> modules/api; imapd -> modules/api, maildir; maildir -> nothing of ours; nothing
includes imapd but itself; base/ is everybody's, and uses nobody. RULES names, per folder, which of our folders and which libraries it may use; the most
specific folder counts, and a folder may always use itself. Standard and POSIX headers that RULES do not restrict are
recognised by having no slash and no known library's name.
"""

import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

POCO_FOUNDATION = r"Poco/[^/]+\.h"
POCO_NET = r"Poco/Net/[^/]+\.h"
POCO_SOCKETS = r"Poco/Net/(Stream|Server|Secure)?Socket(Address|Impl)?\.h"
POCO_UTIL = r"Poco/Util/[^/]+\.h"
OPENSSL = r"openssl/[^/]+\.h"
ICU = r"unicode/[^/]+\.h"
POSIX = (r"sys/[^/]+\.h|linux/[^/]+\.h|netinet/[^/]+\.h|arpa/[^/]+\.h|unistd\.h|fcntl\.h|dirent\.h|poll\.h|utime\.h|"
         r"pthread\.h|signal\.h|pwd\.h|grp\.h|dlfcn\.h|netdb\.h|sched\.h|syslog\.h|termios\.h")

# folder: (our folders that it may use, library headers that it may use; standard headers are always allowed)
RULES = {
    "base": ([], [POSIX]),  # small things that everybody but the installed interfaces uses
    "modules/api": ([], [POCO_FOUNDATION, POCO_SOCKETS]),
    # GNU SASL for mechanisms and names, OpenSSL for digests, inet_pton() for what an address says.
    "modules/signin": (["base", "modules/api"], [POCO_FOUNDATION, OPENSSL, POSIX, r"gsasl\.h"]),
    "modules/host": (["modules/api", "modules/signin"], [POCO_FOUNDATION, POCO_UTIL, POCO_NET, POSIX]),
    # OpenSSL: `maildock check` looks into the certificate and the key; the others: `maildock passwd` makes hashes.
    "modules/maildock": (["base", "modules/api", "modules/host", "modules/signin"],
                         [POCO_FOUNDATION, POCO_UTIL, POCO_NET, OPENSSL, POSIX, r"gsasl\.h", r"argon2\.h", r"crypt\.h"]),
    "plugins": (["base", "modules/api"], [r".*"]),
    "maildir": ([], [POSIX, POCO_FOUNDATION]),  # Types.h, Error.h, FileOps.h: what all of maildir shares
    "maildir/message": (["maildir"], [ICU, POSIX, r"zlib\.h", r"zstd\.h"]),
    "maildir/names": (["base", "maildir"], [ICU, POSIX]),
    "maildir/cache": (["maildir", "maildir/message"], [POSIX, POCO_FOUNDATION]),
    "maildir/watch": (["maildir"], [POSIX, POCO_FOUNDATION]),
    "maildir/mailbox": (["maildir", "maildir/message", "maildir/names", "maildir/cache", "maildir/watch"],
                        [POSIX, POCO_FOUNDATION]),
    "imapd": (["imapd/*", "modules/api"], [POCO_FOUNDATION]),  # ImapdModule: nothing else includes it
    "imapd/parser": (["base"], []),
    "imapd/response": (["imapd/parser", "maildir", "maildir/*"], []),
    # Conversation.h is the interface by which a session and its commands reach their connection.
    "imapd/session": (["base", "imapd/parser", "imapd/response", "maildir", "maildir/*", "modules/api", "modules/signin",
                       "imapd/connection/Conversation.h"],
                      [POCO_FOUNDATION, r"arpa/inet\.h"]),  # inet_pton(): what an address says, no socket
    "imapd/fetch": (["imapd/parser", "imapd/response", "imapd/session", "maildir", "maildir/*", "modules/api",
                     "imapd/connection/Conversation.h"], [POCO_FOUNDATION]),
    "imapd/search": (["imapd/parser", "imapd/response", "imapd/session", "imapd/fetch", "maildir", "maildir/*",
                      "imapd/connection/Conversation.h"], [POCO_FOUNDATION]),
    "imapd/commands": (["base", "imapd/parser", "imapd/response", "imapd/session", "imapd/fetch", "imapd/search",
                        "maildir", "maildir/*", "modules/api", "modules/signin", "imapd/connection/Conversation.h"],
                       [POCO_FOUNDATION]),
    "imapd/connection": (["base", "imapd/*", "modules/api"],
                         [POCO_FOUNDATION, POCO_NET, POCO_UTIL, OPENSSL, POSIX, r"zlib\.h"]),
}
LIBRARY = re.compile("|".join([r"Poco/.*", OPENSSL, ICU, POSIX, r"zlib\.h", r"zstd\.h", r"argon2\.h", r"crypt\.h",
                               r"gsasl\.h", r"security/.*", r"ldap\.h", r"libpq-fe\.h"]))
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def owner(path):
    """The most specific folder of RULES that holds `path`; None outside."""
    folder = os.path.dirname(path)
    while folder:
        if folder in RULES:
            return folder
        folder = os.path.dirname(folder)
    return None


def allowed(folder, file, patterns):
    """A pattern is a folder, a folder's children (maildir/*), or one file."""
    return any(p in (folder, file) or (p.endswith("/*") and folder.startswith(p[:-1])) for p in patterns)


def findings_in(path, text, exists):
    """Complaints about one file; `exists` tells whether a path from the root is a file of ours."""
    folder = owner(path)
    for number, line in enumerate(text.split("\n"), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        form, target = match.groups()
        where = f"{path}:{number}: {target}"
        if form == '"':
            if not exists(target):
                yield f"{where}: not a path from the repository root"
                continue
            to = owner(target)
            if to != folder and (to is None or not allowed(to, target, RULES[folder][0])):
                yield f"{where}: {folder} may not use {to or 'this'}"
        elif LIBRARY.fullmatch(target) and not any(re.fullmatch(p, target) for p in RULES[folder][1]):
            yield f"{where}: {folder} may not use this library"


def self_test():
    """The test can fail: a forbidden arrow of each kind is found."""
    def found(path, line):
        return len(list(findings_in(path, line, lambda target: target.startswith(("base/", "imapd/", "maildir/", "modules/")))))
    cases = [
        ("maildir/mailbox/A.cpp", '#include "imapd/parser/Parser.h"', 1),
        ("maildir/mailbox/A.cpp", '#include "maildir/names/NameMapper.h"', 0),
        ("imapd/commands/A.cpp", "#include <unistd.h>", 1),
        ("imapd/commands/A.cpp", "#include <vector>", 0),
        ("imapd/parser/A.cpp", "#include <Poco/Logger.h>", 1),
        ("imapd/connection/A.cpp", "#include <Poco/Net/TCPServer.h>", 0),
        ("plugins/size-mime/A.cpp", '#include "maildir/Types.h"', 1),
        ("plugins/size-mime/A.cpp", '#include "Local.h"', 1),
        ("imapd/ImapdModule.cpp", '#include "imapd/session/Session.h"', 0),
        ("imapd/session/A.cpp", '#include "imapd/ImapdModule.h"', 1),
        ("imapd/parser/A.h", '#include "base/Secret.h"', 0),
        ("modules/api/A.h", '#include "base/Secret.h"', 1),
        ("base/A.h", '#include "maildir/Types.h"', 1),
        ("modules/api/A.h", "#include <Poco/Util/Application.h>", 1),
    ]
    return [f"self test: {path}: {line}: found {found(path, line)}, wanted {wanted}"
            for path, line, wanted in cases if found(path, line) != wanted]


def main():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.h", "*.cpp"], cwd=ROOT, text=True,
                            capture_output=True, check=True).stdout.split("\n")
    files = [f for f in listed if f and owner(f) and os.path.exists(os.path.join(ROOT, f))]
    failed = 0
    for complaint in self_test():
        print(complaint)
        failed += 1
    bad = 0
    for path in files:
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            complaints = list(findings_in(path, file.read(), lambda t: os.path.isfile(os.path.join(ROOT, t))))
        for complaint in complaints:
            print(complaint)
        bad += bool(complaints)
    print(f"{len(files) - bad + (failed == 0)} passed, {bad + failed} failed")
    return 1 if bad or failed or not files else 0


if __name__ == "__main__":
    sys.exit(main())
