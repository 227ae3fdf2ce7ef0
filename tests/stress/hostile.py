#!/usr/bin/env python3
"""Clients that mean harm: each costs the server bounded memory and its own connection, and nobody else waits.

While each attack runs, a witness in a process of its own does what a good client does (a connection, LOGIN, SELECT,
FETCH, NOOP) and notes the longest that a step took, and the memory of the server. Afterwards the attackers hang up, and
the server must have as many descriptors as before.
"""

import multiprocessing
import os
import random
import re
import select
import socket
import stat
import time

import stress_test  # first: it says where the others lie
import servers
from imapclient import ImapClient, ImapError
from stress_test import require

MOST_SECONDS = 1.0          # for each step of the witness
QUICK_SECONDS = 0.1         # the same, during attacks that load nothing but the server
MOST_MEGABYTES = 96         # that an attack may add
TREES = 150                 # nested folders for LIST to walk
BIG, BIGS = 2_000_000, 20   # octets and number of the large messages
HUGE = 60_000_000           # octets of one message
CROWD, UNREAD = 20_000, 10  # messages with many keywords; sessions that show them and don't read


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) // 1024 for line in file if line.startswith("VmRSS:"))


def descriptors(pid):
    return stress_test.descriptors_of(pid)[0]


def witness(port, pid, slowest, peak, errors, stop):
    """Runs in its own process until `stop` is set."""
    while not stop.is_set():
        try:
            began = time.monotonic()
            with_client = ImapClient(servers.HOST, port, timeout=20)
            steps = [lambda: with_client.login("witness", "secret"), lambda: with_client.select("INBOX"),
                     lambda: with_client.ok("FETCH 1:* (FLAGS ENVELOPE)"), lambda: with_client.ok("NOOP")]
            for step in steps + steps[2:] * 10:
                step()
                now = time.monotonic()
                slowest.value = max(slowest.value, now - began)
                peak.value = max(peak.value, resident(pid))
                stop.wait(0.01)
                began = time.monotonic()
            with_client.logout()
        except (OSError, ImapError, StopIteration) as error:
            errors.put(f"{type(error).__name__}: {error}")
            stop.wait(0.2)


class Attack:
    """What the attacks use: connections that are closed when the attack is over."""

    def __init__(self, server):
        self.server, self.open = server, []

    def raw(self, tls_port=False):
        port = self.server.tls_port if tls_port else self.server.port
        connection = socket.create_connection((servers.HOST, port), 20)
        self.open.append(connection)
        if not tls_port:
            require(last_words(connection).startswith(b"* OK"), "no greeting")
        return connection

    def client(self, user="victim", select_it=True):
        client = self.server.connect(user, timeout=60)
        self.open.append(client)
        if select_it:
            client.select("INBOX")
        return client

    def close(self):
        for each in self.open:
            each.close()
        self.open = []


def hold(seconds):
    select.select([], [], [], seconds)


def pour(connection, octets, most):
    """Sends `octets` again and again, `most` in all, and then a line end, unless the server hangs up; what it says."""
    connection.settimeout(5)
    try:
        for _ in range(most // len(octets)):
            connection.sendall(octets)
        connection.sendall(b"\r\n")
    except OSError:
        pass
    return last_words(connection)


def last_words(connection, seconds=20):
    """What the server says, up to the end of a line."""
    heard, end = b"", time.monotonic() + seconds
    while not heard.endswith(b"\n") and time.monotonic() < end:
        if select.select([connection], [], [], 0.5)[0]:
            try:
                octets = connection.recv(65536)
            except OSError:
                break
            if not octets:
                break
            heard += octets
    return heard


def require_clear(heard, words, what):
    """A limit is told as NO, BAD or BYE with a text that says what the limit is."""
    require(re.search(rb"(NO|BAD|BYE) [^\r\n]*(" + words + rb")", heard, re.I),
            f"{what}: no clear text in {heard[-300:]!r}")


def slow_loris(attack):
    connections = [attack.raw() for _ in range(200)]
    for octet in b"a1 LO":
        for connection in connections:
            connection.sendall(bytes([octet]))
        hold(1)


def never_reading(attack):
    for _ in range(30):
        client = attack.client()
        client.send(b"".join(b"x%d FETCH 1:* BODY.PEEK[]\r\n" % n for n in range(5)))
    hold(4)


def endless_line(attack):
    heard = pour(attack.raw(), b"a" * 65536, 40_000_000)
    require_clear(heard, b"too long", "before LOGIN")
    client = attack.client()
    heard = pour(client._socket, b"a1 SEARCH TEXT " + b"a" * 65536, 40_000_000)
    require_clear(heard, b"too long", "after LOGIN")
    require_clear(pour(attack.client()._socket, b"1," * 32768, 40_000_000), b"too long", "no command at all")


def endless_literal(attack):
    connection = attack.raw()
    connection.sendall(b"a1 LOGIN {99999999999}\r\n")
    require_clear(last_words(connection), b"too (long|big|large)|number", "LOGIN {99999999999}")
    connection = attack.raw()
    connection.sendall(b"a1 LOGIN {900000000+}\r\n")
    require_clear(pour(connection, b"x" * 65536, 200_000_000), b"too (long|big|large)", "LOGIN {900000000+}")
    client = attack.client()
    client.send(b"a1 SEARCH TEXT {900000000+}\r\n")
    require_clear(pour(client._socket, b"x" * 65536, 200_000_000), b"too (long|big|large)", "SEARCH {900000000+}")
    for _ in range(20):         # many small ones in one command
        client = attack.client()
        client.send(b"a1 SEARCH")
        heard = pour(client._socket, b" TEXT {4096+}\r\n" + b"x" * 4096, 8_000_000)
        require_clear(heard, b"too (many|long)", "many literals")


def literals_in_vain(attack):
    """What would be refused in the end is refused before it is sent; without a sign-in little is read at all."""
    for line in (b"NOOP {5}", b"FETCH {1}", b"SELECT ~{5}", b"LOGIN x {5}", b"UID FETCH 1 {5}",
                 b"APPEND INBOX (\\Frobs) {90000000}", b"APPEND INBOX UTF8 (~{90000000}",
                 b'APPEND INBOX "99-Mar-2019 00:00:00 +0000" {90000000}'):
        client = attack.client(select_it=False)
        client.send(b"a1 " + line + b"\r\n")
        heard = last_words(client._socket)
        require(re.match(rb"a1 (NO|BAD) ", heard), f"{line!r}: {heard[-300:]!r}")
    for _ in range(20):
        for start in (b"a1 LOGIN {100000000+}\r\n", b"a1 APPEND INBOX {60000000+}\r\n", b"a1 AUTHENTICATE PLAIN\r\n",
                      b"a1 ID (", b"a1 LOGIN {60000+}\r\n"):
            connection = attack.raw()
            connection.sendall(start)
            heard = pour(connection, b"x" * 65536, 2_000_000)
            while heard.endswith(b"\n") and b"* BYE" not in heard:      # "+" of AUTHENTICATE
                more = last_words(connection)
                require(more, f"{start!r} before LOGIN: {heard[-300:]!r}")
                heard += more
            require(b"* BYE [TOOBIG]" in heard, f"{start!r} before LOGIN: {heard[-300:]!r}")


def announced_appends(attack):
    for _ in range(40):
        client = attack.client(select_it=False)
        client.send(b"a1 APPEND INBOX {90000000}\r\n")
        require(isinstance(client.read_response(), bytes), "no continuation for an APPEND within the limit")
        client.send(b"x" * 100_000)
    client = attack.client(select_it=False)
    client.send(b"a1 APPEND INBOX {9000000000}\r\n")
    _, status = client.read_response()
    require(status.status == "NO" and status.code_is(b"TOOBIG"), f"APPEND of 9 GB: {status!r}")
    hold(2)


def search_nesting(attack):
    deep = 100_000
    bombs = {"parentheses": "(" * deep + "ALL" + ")" * deep, "NOT": "NOT " * deep + "ALL",
             "OR": "OR " * deep + "ALL " * (deep + 1), "wide": "NOT SEEN " * (deep // 2) + "ALL"}
    for name, bomb in bombs.items():
        client = attack.client()
        client.send(b"a1 SEARCH " + bomb.strip().encode() + b"\r\n")
        heard = last_words(client._socket)
        if name != "wide":
            require_clear(heard, b"nested|long|many|deep", f"SEARCH bomb of {name}")


def list_wildcards(attack):
    clients = [attack.client("tree", select_it=False) for _ in range(4)]
    for client in clients:
        for bomb in ("%*" * 400 + "x", "*a" * 300 + "z", "*%" * 2000, "%/" * 200 + "*x"):
            client.start("LIST", '""', f'"{bomb}"')
    for client in clients:
        for number in range(4):
            require(client.finish(b"t%d" % (client._number - 3 + number)).status in ("OK", "NO", "BAD"), "LIST")


def huge_sets(attack):
    client = attack.client()
    for text in (",".join(["1", "2"] * 400_000), ",".join(f"{n}:*" for n in range(1, 200_000)),
                 ",".join(str(4_294_967_295 - n) for n in range(150_000))):
        for command in ("UID FETCH {} (FLAGS)", "UID SEARCH UID {}", "UID STORE {} +FLAGS.SILENT (\\Flagged)"):
            result = client.command(command.format(text))
            require(result.status == "OK" or len(result.text) > 10, f"{command}: {result!r}")


def fetch_bombs(attack):
    bombs = ["(" + " ".join(["FLAGS"] * 10_000) + ")", "(" + " ".join(["BODY.PEEK[]"] * 10_000) + ")",
             "(" + " ".join(f"BODY.PEEK[]<{n}.5>" for n in range(10_000)) + ")",
             "(BODY.PEEK[" + "1." * 20_000 + "1])",
             "(BODY.PEEK[HEADER.FIELDS (" + " ".join(f"X-{n}" for n in range(20_000)) + ")])",
             "(" + " ".join(["ENVELOPE", "BODYSTRUCTURE"] * 5_000) + ")"]
    for bomb in bombs:
        client = attack.client()
        client.send(b"a1 FETCH 1:* " + bomb.encode() + b"\r\n")
        read, end = 0, time.monotonic() + 3
        tail = b""
        while time.monotonic() < end and b"\r\na1 " not in tail and not tail.startswith(b"a1 "):
            if select.select([client._socket], [], [], 0.2)[0]:
                octets = client._socket.recv(1 << 18)
                require(octets, f"FETCH bomb: the connection ended after {read} octets: {bomb[:60]}")
                read, tail = read + len(octets), tail[-200:] + octets
        client.close()


def message_bombs(attack):
    """Messages whose structure is the bomb."""
    deep = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n" for n in range(5000))
    rfc822 = "Content-Type: message/rfc822\r\n\r\n" * 5000 + "Subject: end\r\n\r\nend\r\n"
    wide = "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + "--b\r\n\r\nx\r\n" * 100_000 + "--b--\r\n"
    head = "To: " + ", ".join(f"a{n}@example.org" for n in range(100_000)) + "\r\n\r\nx\r\n"
    fields = "".join(f"X-{n}: y\r\n" for n in range(100_000)) + "\r\nx\r\n"
    groups = "To: " + "(" * 100_000 + "\r\nCc: " + "a:" * 50_000 + "\r\n\r\nx\r\n"
    client = attack.client("bombs", select_it=False)
    for text in (deep + "\r\nend\r\n", rfc822, wide, head, fields, groups):
        client.append("INBOX", text.encode())
    client.select("INBOX")
    for items in ("(ENVELOPE)", "(BODYSTRUCTURE)", "(BODY.PEEK[HEADER.FIELDS (X-1)])", "(RFC822.SIZE)"):
        require(client.command("FETCH 1:*", items).status == "OK", f"FETCH {items} of bombs")
    for keys in ("TO nobody", "BODY nothing", "HEADER X-99999 y", "SUBJECT end"):
        require(client.command("SEARCH", keys).status == "OK", f"SEARCH {keys} over bombs")


def pipelines(attack):
    client = attack.client()
    count = 20_000
    client.send(b"".join(b"p%d NOOP\r\n" % n for n in range(count)))
    for number in range(count):
        while not isinstance(response := client.read_response(), tuple):
            pass
        require(response[0] == b"p%d" % number and response[1].status == "OK", f"{response!r} to p{number}")
    unread = [attack.client() for _ in range(10)]
    for each in unread:          # commands without end, and nobody reads the answers
        each._socket.settimeout(0.3)
        try:
            for _ in range(300):
                each._socket.sendall(b"z FETCH 1:* (FLAGS ENVELOPE BODY.PEEK[]<0.1000>)\r\n" * 1000)
        except OSError:
            pass
    hold(1)


def half_handshakes(attack):
    hello = bytes.fromhex("1603010200010001fc0303") + os.urandom(32)
    for number in range(200):
        connection = attack.raw(tls_port=True)
        connection.sendall(hello[:number % len(hello)])
    for _ in range(50):
        connection = attack.raw()
        connection.sendall(b"a1 STARTTLS\r\n")
        connection.sendall(hello[:20])
    hold(2)


def garbage(attack):
    chance = random.Random(1)
    for number in range(200):
        connection = attack.raw(tls_port=number % 2 == 0)
        try:
            for _ in range(4):
                connection.sendall(chance.randbytes(chance.randint(1, 20_000)))
        except OSError:
            pass
    client = attack.client()
    for _ in range(3000):
        line = bytes(chance.choice(b'()[]{}<>"\\ *%1a\x00\xff\t+:,.') for _ in range(chance.randint(1, 60)))
        try:
            client.send(line + b"\r\n")
        except OSError:
            break
    require_clear(last_words(client._socket), b"command|expected|unknown", "garbage after LOGIN")


def make_pipe(path):
    os.mkfifo(path)
    os.chmod(path, 0o666)


def make_socket(path):
    folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(f"/proc/self/fd/{folder}/{os.path.basename(path)}")       # a short name: the kernel takes 108 octets
    os.close(folder)
    os.chmod(path, 0o666)


STRANGE = {"pipe": make_pipe, "socket": make_socket, "directory": os.mkdir,
           "dangling": lambda path: os.symlink("nowhere", path), "device": lambda path: os.symlink("/dev/zero", path),
           "link": lambda path: os.symlink(path + ".other", path)}
if os.geteuid() == 0:
    STRANGE["node"] = lambda path: os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 5))


def strange_files(attack):
    """What is no regular file under a message's name: there before SELECT, and in its place after it."""
    client = attack.client("strange", select_it=False)
    client.ok("CREATE", "other")
    for kind, make in STRANGE.items():
        client.ok("CREATE", kind)
        folder = os.path.join(attack.server.maildir("strange"), "." + kind)
        client.append(kind, b"Subject: good\r\n\r\ngood\r\n")
        for name in ("cur/1.a:2,S", "new/2.b"):
            make(os.path.join(folder, name))
        found = client.select(kind)
        require(found.of("EXISTS")[0].number == 1, f"{kind} is a message: {found.untagged!r}")
        for number, command in enumerate(("UID FETCH {} (BODY.PEEK[])", "UID COPY {} other", "UID MOVE {} other",
                                          "UID SEARCH BODY bad", "UID STORE {} +FLAGS (\\Deleted)", "UID EXPUNGE {}")):
            append = client.append(kind, b"Subject: bad\r\n\r\nbad\r\n", flags=("\\Seen",))
            uid = append.code[2].decode()
            newest = max(os.listdir(f"{folder}/cur"), key=lambda name: os.lstat(f"{folder}/cur/{name}").st_ctime_ns)
            os.unlink(f"{folder}/cur/{newest}")
            make(f"{folder}/cur/{newest}")
            result = client.command(command.format(uid))
            require(result.status in ("OK", "NO") and not result.code_is(b"SERVERBUG"),
                    f"{kind}, {command}: {result!r}")
            if number < 2:
                # Where its file is seen to be gone before the command begins, the UID names no message any more.
                require(result.status == "OK" or result.code_is(b"EXPUNGEISSUED"), f"{kind}, {command}: {result!r}")
                require(not result.fetched(), f"{kind}, {command}: {result.untagged!r}")
            client.ok("NOOP")
            left = client.ok("UID SEARCH", "ALL").of("SEARCH")[0].data
            require(len(left) == 1, f"{kind} is still a message after {command}: {left!r}")
            if os.path.isdir(f"{folder}/cur/{newest}") and not os.path.islink(f"{folder}/cur/{newest}"):
                os.rmdir(f"{folder}/cur/{newest}")
    for name in ("dovecot-uidlist", "dovecot-keywords"):
        client.ok("CREATE", name)
        path = os.path.join(attack.server.maildir("strange"), "." + name, name)
        if os.path.exists(path):
            os.unlink(path)
        make_pipe(path)
        for command in (f"SELECT {name}", f"STATUS {name} (MESSAGES)"):
            result = client.command(command)
            require(result.status in ("OK", "NO"), f"a pipe as {name}: {command}: {result!r}")
    make_pipe(os.path.join(attack.server.maildir("strange"), "subscriptions"))
    for command in ('LSUB "" *', "SUBSCRIBE other", 'LIST "" *'):
        result = client.command(command)
        require(result.status in ("OK", "NO"), f"a pipe as subscriptions: {command}: {result!r}")


def huge_patterns(attack):
    """Patterns of a megabyte, of letters and of wildcards, for a tree of hundreds of names."""
    clients = [attack.client("tree", select_it=False) for _ in range(8)]
    for number, client in enumerate(clients):
        bomb = ("a*" if number % 2 else "%*a") * 300_000
        for command in ("LSUB", "LIST"):
            client.send(b'h%d %s "" {%d+}\r\n%s\r\n' % (number, command.encode(), len(bomb), bomb.encode()))
    for client in clients:
        for _ in range(2):
            while not isinstance(response := client.read_response(), tuple):
                pass
            require(response[1].status in ("OK", "NO"), f"{response!r}")


def huge_searches(attack):
    """A hundred texts that are not there, in a message of 60 MB."""
    clients = [attack.client("huge") for _ in range(8)]
    texts = " ".join(f"TEXT nothing{number}" for number in range(100))
    for client in clients:
        client.start("SEARCH", texts)
    hold(4)


def unread_news(attack):
    """Flags of 20,000 messages with 26 keywords each are news for sessions that don't read them."""
    sessions = [attack.client("crowd") for _ in range(UNREAD)]
    with attack.server.connect("crowd") as other:
        other.select("INBOX")
        other.ok("STORE 1:* +FLAGS.SILENT (\\Answered)")
    for each in sessions:
        each.start("NOOP")
    hold(4)
    for each in sessions:       # what comes in pieces comes whole
        told = each.finish(b"t%d" % each._number)
        require(told.status == "OK" and len(told.of("FETCH")) == CROWD, f"{told!r} {len(told.of('FETCH'))}")


def unread_answers(attack):
    """All numbers of a large mailbox, again and again, for sessions that don't read them."""
    for _ in range(UNREAD):
        client = attack.client("crowd")
        client.send(b"".join(b"u%d UID SEARCH ALL\r\n" % number for number in range(100)))
    hold(3)


ATTACKS = [slow_loris, never_reading, endless_line, endless_literal, literals_in_vain, announced_appends, search_nesting,
           list_wildcards, huge_sets, fetch_bombs, message_bombs, pipelines, half_handshakes, garbage, strange_files, huge_patterns,
           huge_searches, unread_news, unread_answers]
QUICK = [strange_files, huge_patterns, huge_searches, unread_news, unread_answers]


def fill(server):
    with server.connect("witness") as client:
        for number in range(20):
            client.append("INBOX", f"Subject: good {number}\r\n\r\ntext\r\n".encode())
    with server.connect("victim") as client:
        for _ in range(BIGS):
            client.append("INBOX", b"Subject: big\r\n\r\n" + (b"y" * 98 + b"\r\n") * (BIG // 100))
    with server.connect("tree") as client:
        for number in range(TREES):
            client.ok("CREATE", f"{'a' * 20}{number}/{'ab' * 10}/{'abc' * 8}")


def put_files(server):
    """What would take long to append."""
    for user in ("huge", "crowd"):
        for name in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(server.maildir(user), name), exist_ok=True)
    with open(os.path.join(server.maildir("huge"), "cur", "1600000000.M1P1.host:2,"), "w", encoding="ascii") as file:
        file.write("Subject: huge\n\n" + ("y" * 98 + "\n") * (HUGE // 99))
    letters = "abcdefghijklmnopqrstuvwxyz"
    with open(os.path.join(server.maildir("crowd"), "dovecot-keywords"), "w", encoding="ascii") as file:
        file.writelines(f"{number} a-keyword-that-is-as-long-as-some-programs-make-them-{number}\n"
                        for number in range(len(letters)))
    for number in range(CROWD):
        name = f"{1_600_000_000 + number}.M1P1.host:2,S{letters}"
        with open(os.path.join(server.maildir("crowd"), "cur", name), "w", encoding="ascii") as file:
            file.write(f"Subject: {number}\n\ntext\n")
    server.give_mail_to_owner()


def settled(value, limit, seconds=10):
    """Waits until value() is at most `limit`; returns it."""
    end = time.monotonic() + seconds
    while value() > limit and time.monotonic() < end:
        hold(0.05)
    return value()


def tests(counter, options, make_server, folder):
    stress_test.more_descriptors(2000)
    with make_server(folder, users=["witness", "victim", "tree", "bombs", "strange", "huge", "crowd"],
                     settings={"log.level": "warning"}) as server:
        fill(server)
        put_files(server)
        context, pid = multiprocessing.get_context("fork"), server.process.pid
        hold(0.5)
        start = descriptors(pid)
        for attack in ATTACKS:
            if options.only and options.only not in attack.__name__:
                continue
            before = resident(pid)
            slowest, peak = context.Value("d", 0.0), context.Value("i", before)
            errors, stop = context.Queue(), context.Event()
            watcher = context.Process(target=witness, args=(server.port, pid, slowest, peak, errors, stop))
            watcher.start()
            held = Attack(server)
            began = time.monotonic()
            counter.run(attack.__name__, attack, held)
            seconds = time.monotonic() - began
            held.close()
            hold(0.3)
            stop.set()
            watcher.join(60)
            # Under a sanitizer a step of a search, which loads all cores, is no longer short.
            is_quick = attack in QUICK and not (attack is huge_searches and options.slack > 1)
            limit = QUICK_SECONDS if is_quick else MOST_SECONDS
            report(counter, options.slack, limit, attack.__name__, seconds, slowest.value, before, peak.value, errors)
            if not counter.check("  the server lives", servers.is_alive(pid), server.log_tail()):
                return
            left = settled(lambda: descriptors(pid), start, 10 * options.slack)
            print(f"# {left} descriptors, {start} at the start")
            counter.check("  no descriptor is left over", left <= start, f"{left}, {start} at the start")
        print(f"# memory at the end: {resident(pid)} MB")
    counter.check("the server stopped on SIGTERM", server.process is None)


def report(counter, slack, limit, name, seconds, slowest, before, peak, errors):
    print(f"# {name}: {seconds:.1f} s, the witness waited {slowest:.3f} s at most, memory {before} -> {peak} MB")
    told = [] if errors.empty() else [errors.get()]
    counter.check(f"  {name}: others are served within {limit * slack:.1f} s",
                  0 < slowest < limit * slack and not told, f"{slowest:.2f} s {told}")
    counter.check(f"  {name}: at most {MOST_MEGABYTES * slack} MB more", peak - before <= MOST_MEGABYTES * slack,
                  f"{peak - before} MB")


def arguments(parser):
    parser.add_argument("--only", help="attacks with this in the name")
    parser.add_argument("--slack", type=int, default=1, help="times and memory may be so many times as large")


if __name__ == "__main__":
    stress_test.main("hostile", tests, arguments)
