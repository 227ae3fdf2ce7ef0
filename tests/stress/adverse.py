#!/usr/bin/env python3
"""Circumstances that are rare elsewhere: a listing so slow that every file is renamed meanwhile, a kernel without inotify
watches, leftovers of a day and a half ago, an address that opens connections and keeps silent.
"""

import os
import re
import shutil
import socket
import subprocess
import time

import stress_test  # first: it says where the others lie
import servers
from stress_test import require

MESSAGES = 3000        # several getdents(2), so that a listing is not one step


class Adverse(servers.Maildock):
    """A Maildock with AdverseShim.c; `world`: its environment."""

    def __init__(self, build, folder, world=None, **rest):
        super().__init__(build, folder, **rest)
        self.library = os.path.join(os.path.abspath(build), "tests", "stress", "adverse_shim.so")
        if not os.path.exists(self.library):
            raise stress_test.Skipped(f"{self.library} is not built here (sanitizers want to be the first library)")
        self.hold = os.path.join(folder, "hold")
        self.world = {"ADVERSE_HOLD": self.hold, **(world or {})}

    def environment(self):
        return {**os.environ, "LD_PRELOAD": self.library, **self.world}


def put(server, sub, name, octets=b"Subject: here\n\nText.\n"):
    maildir = server.maildir()
    for part in ("", "cur", "new", "tmp"):
        os.makedirs(os.path.join(maildir, part), exist_ok=True)
    path = os.path.join(maildir, sub, name)
    with open(path, "wb") as file:
        file.write(octets)
    return path


def wait_until(condition, seconds, what):
    end = time.monotonic() + seconds
    while not condition():
        require(time.monotonic() < end, f"not within {seconds} s: {what}")
        time.sleep(0.005)


def rename_all(server):
    """Every message gets another name in the same directory."""
    cur = os.path.join(server.maildir(), "cur")
    for name in os.listdir(cur):
        base, _, letters = name.partition(":2,")
        os.rename(os.path.join(cur, name), os.path.join(cur, f"{base}:2,{'' if letters else 'S'}"))


def while_it_lists(server, client, *command):
    """Gives a command that lists the directory, and renames every file in the middle of that."""
    open(server.hold, "wb").close()
    tag = client.start(*command)
    wait_until(lambda: os.path.exists(server.hold + ".held"), 20, "the listing began")
    rename_all(server)
    os.unlink(server.hold)
    result = client.finish(tag)
    os.unlink(server.hold + ".held")
    return result


def uids(client):
    return [int(items["UID"]) for _, items in sorted(client.ok("FETCH 1:* (UID)").fetched().items())]


def slow_listing(build, folder, watch):
    server = Adverse(build, folder, settings={"mailbox.watch": watch, "log.level": "warning", "cache.maxSize": "0"})
    for number in range(MESSAGES):
        put(server, "cur", f"{1600000000 + number}.M{number * 7919 % 1000003}P1.host:2,")
    servers.give_to_owner(server.mail_root)
    with server:
        with server.connect() as client:
            client.select("INBOX")
            before = uids(client)
        require(len(before) == MESSAGES, f"{len(before)} messages")
    with server, server.connect() as client:      # its first look has all UIDs from the list
        selected = while_it_lists(server, client, "SELECT INBOX")
        require(selected.of("EXISTS")[-1].number == MESSAGES, f"{selected.of('EXISTS')} at SELECT")
        require(uids(client) == before, "other UIDs after SELECT")
        for turn in range(3):
            if watch == "off":
                result = while_it_lists(server, client, "NOOP")
            else:
                overflow(server)
                result = while_it_lists(server, client, "NOOP")
            require(not result.of("EXPUNGE"), f"turn {turn}: {len(result.of('EXPUNGE'))} messages were told to be gone")
            require(uids(client) == before, f"turn {turn}: other UIDs")
        client.ok("NOOP")
        require(uids(client) == before, "other UIDs at the end")
    rows = re.findall(rb"^\d+ .*:", open(os.path.join(server.maildir(), "dovecot-uidlist"), "rb").read(), re.M)
    require(len(rows) == MESSAGES, f"{len(rows)} rows in the UID list, {MESSAGES} messages")


def overflow(server):
    """So many events at once that the server has to look at everything."""
    path = put(server, "tmp", "much")
    for number in range(6000):
        os.rename(path, other := os.path.join(server.maildir(), "cur" if number % 2 else "tmp", f"1.much{number}:2,"))
        path = other
    os.unlink(path)


def no_watches(build, folder, how, sysctl):
    server = Adverse(build, folder, world={"ADVERSE_INOTIFY": how},
                     settings={"mailbox.pollInterval": "1", "log.level": "warning"})
    with server, server.connect() as client, server.connect() as other:
        for name in ("A", "B"):
            client.ok("CREATE", name)
            client.select(name)
        client.select("INBOX")
        other.select("INBOX")
        for number in range(3):
            path = put(server, "tmp", f"16000000{number}.M1P1.agent")
            servers.give_to_owner(server.mail_root)
            tag = other.idle()
            os.rename(path, os.path.join(server.maildir(), "new", os.path.basename(path)))
            if number < 2:      # told by the look at intervals; the last one by the other session's
                other.wait_for(lambda r: r.kind == "EXISTS", 20)
            require(client.ok("NOOP").of("EXISTS")[-1].number == number + 1, "NOOP does not tell of a delivery")
            if number == 2:
                other.wait_for(lambda r: r.kind == "EXISTS", 20)
            other.done(tag)
        client.ok("UID STORE 1 +FLAGS.SILENT (\\Deleted)")
        client.ok("EXPUNGE")
        require(any(r.kind == "EXPUNGE" for r in other.ok("NOOP").untagged), "another session is not told of EXPUNGE")
    log = server.log_tail(1 << 20)
    told = [line for line in log.split("\n") if "cannot watch" in line]
    require(len(told) == 1 and sysctl in told[0], f"the log says {told}")


def deliver(server, name, place=None):
    """As another program, or another machine, does it."""
    path = put(server, "tmp", name) if place is None else os.path.join(place, "tmp", name)
    if place is not None:
        with open(path, "wb") as file:
            file.write(b"Subject: here\n\nText.\n")
    servers.give_to_owner(os.path.dirname(path))
    os.rename(path, os.path.join(os.path.dirname(os.path.dirname(path)), "new", name))


def exists_after(client, *command):
    told = client.ok(*command).of("EXISTS")
    return told[-1].number if told else None


def unseen_restart(build, folder, step):
    """A delivery in the second (or two) of the shut-down, where times have no fractions."""
    for attempt in range(20):
        place = os.path.join(folder, str(attempt))
        os.makedirs(place)
        server = Adverse(build, place, world={"ADVERSE_STEP": str(step)})
        put(server, "new", "1600000000.M1P1.agent")
        servers.give_to_owner(server.mail_root)
        with server:
            with server.connect() as client:
                client.select("INBOX")
            wait_until(lambda: time.time() % step < 0.1, 20, "a step begins")
            began = int(time.time()) // step
            with server.connect() as client:
                deliver(server, "1600000001.M1P1.agent")
                require(exists_after(client, "SELECT", "INBOX") == 2, "the first delivery is not seen")
        deliver(server, "1600000002.M1P1.agent")
        if int(time.time()) // step != began:
            continue        # this machine was too slow: once more
        with server, server.connect() as client:
            require(exists_after(client, "SELECT", "INBOX") == 3, "what came in the second of the shut-down is not seen")
        return
    require(False, "never within one step")


def seen_everywhere(server, deliver_one, soon, log):
    """What others deliver is seen by every command that looks; soon: at once, else within the interval of a check."""
    with server, server.connect() as client, server.connect() as other:
        client.select("INBOX")
        other.select("INBOX")
        client.ok("NOOP")
        number = 0
        for command in (["NOOP"], ["CHECK"], ["NOOP"]):
            number += 1
            deliver_one(f"16000000{number:02}.M1P1.agent")
            if soon:
                require(exists_after(client, *command) == number, f"{command[0]} does not tell of a delivery")
            else:
                wait_until(lambda: exists_after(client, *command) == number, 30, f"{command[0]} tells of a delivery")
        time.sleep(0.05)    # more than a tick of the kernel's clock
        with server.connect() as third:
            number += 1
            deliver_one(f"16000000{number:02}.M1P1.agent")
            status = third.ok("STATUS", "INBOX", "(MESSAGES)").of("STATUS")[0]
            require(str(number).encode() in bytes(str(status.data), "ascii"), f"STATUS has {status.data}")
            time.sleep(0.05)
            number += 1
            deliver_one(f"16000000{number:02}.M1P1.agent")
            require(exists_after(third, "SELECT", "INBOX") == number, "SELECT does not tell of a delivery")
        other.ok("NOOP")
        tag = other.idle()
        number += 1
        deliver_one(f"16000000{number:02}.M1P1.agent")
        other.wait_for(lambda r: r.kind == "EXISTS" and r.number == number, 20)
        other.done(tag)
    told = [line for line in server.log_tail(1 << 20).split("\n") if log in line]
    require(len(told) == 1, f"the log says {told}")


SOON = {"mailbox.pollInterval": "1"}


def remote_changes(build, folder, kind):
    """A file system of this kind takes watches, which tell nothing of what another machine does."""
    server = Adverse(build, folder, world={"ADVERSE_FILESYSTEM": kind, "ADVERSE_INOTIFY": "silent"}, settings=SOON)
    os.makedirs(server.maildir(), exist_ok=True)
    seen_everywhere(server, lambda name: deliver(server, name), True, "not watched, directory times are looked at")


def losing_watch(build, folder):
    """A watch that tells nothing on a file system that should."""
    server = Adverse(build, folder, world={"ADVERSE_INOTIFY": "silent"}, settings=SOON)
    seen_everywhere(server, lambda name: deliver(server, name), False, "the watch of it did not tell")


def through_fuse(build, folder):
    """The mailboxes are seen through a FUSE file system; deliveries come into what is below."""
    program = shutil.which("bindfs")
    if program is None:
        raise stress_test.Skipped("bindfs is not installed")
    server = servers.Maildock(build, folder, settings=SOON)
    below = os.path.join(folder, "below")
    os.rename(server.mail_root, below)
    os.makedirs(server.mail_root)
    # Without its own cache of times, which would only delay what is told.
    done = subprocess.run([program, "-o", "attr_timeout=0,entry_timeout=0,negative_timeout=0", below, server.mail_root],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise stress_test.Skipped(f"no FUSE file system can be mounted here: {done.stderr.strip()}")
    try:
        put(server, "cur", "1500000000.M1P1.agent:2,")
        os.unlink(os.path.join(server.maildir(), "cur", "1500000000.M1P1.agent:2,"))
        servers.give_to_owner(server.mail_root)
        place = os.path.join(below, os.path.relpath(server.maildir(), server.mail_root))
        seen_everywhere(server, lambda name: deliver(server, name, place), True,
                        "not watched, directory times are looked at")
    finally:
        subprocess.run(["umount", "-l", server.mail_root], check=False, capture_output=True)


def leftovers(build, folder):
    server = Adverse(build, folder)
    names = ["1600000000.M1P1.host", "1600000001.M1P1.host.expunged"]
    for name in names:
        put(server, "tmp", name)
    servers.give_to_owner(server.mail_root)
    tmp = os.path.join(server.maildir(), "tmp")
    for hours, left in (("35", names), ("37", [])):
        server.world["ADVERSE_HOURS"] = hours
        with server, server.connect() as client:
            client.select("INBOX")
        require(sorted(os.listdir(tmp)) == left, f"after {hours} hours there is {os.listdir(tmp)}")


def unknown_kinds(build, folder):
    server = Adverse(build, folder, world={"ADVERSE_KINDS": "unknown"})
    cur = os.path.dirname(put(server, "cur", "1600000000.M1P1.host:2,"))
    os.mkfifo(os.path.join(cur, "1600000001.M1P1.host:2,"))
    os.mkdir(os.path.join(cur, "1600000002.M1P1.host:2,"))
    os.symlink("1600000000.M1P1.host:2,", os.path.join(cur, "1600000003.M1P1.host:2,"))
    servers.give_to_owner(server.mail_root)
    with server, server.connect() as client:
        found = client.select("INBOX").of("EXISTS")[0].number
        require(found == 1, f"of a message, a pipe, a directory and a link {found} are messages")


def greeting(server, source):
    connection = socket.create_connection((servers.HOST, server.port), 20, source_address=(source, 0))
    return connection, connection.recv(1000)


def silent_connections(build, folder):
    most = 20
    server = servers.Maildock(build, folder, settings={"imap.limit.unauthenticated": str(most)})
    with server:
        held = [greeting(server, "127.0.0.2") for _ in range(most)]
        require(all(words.startswith(b"* OK") for _, words in held), "refused below the limit")
        more, words = greeting(server, "127.0.0.2")
        require(words.startswith(b"* BYE [UNAVAILABLE]"), f"beyond the limit: {words!r}")
        more.close()
        with server.connect() as client, server.connect() as second:      # from another address, and no longer waiting
            client.ok("NOOP")
            second.ok("NOOP")
        held.pop()[0].close()

        def is_free():
            connection, answer = greeting(server, "127.0.0.2")
            held.append((connection, answer))
            return answer.startswith(b"* OK")

        wait_until(is_free, 20, "one that left makes room")
        for connection, _ in held:
            connection.close()


def listed(client):
    return {r.data[2].decode() for r in client.ok('LIST "" "*"').of("LIST")}


def content_of(client):
    return {int(items["UID"]): items["BODY[]"] for items in client.ok("UID FETCH 1:* (BODY.PEEK[])").fetched().values()}


def folders(build, folder):
    """Other programs make, rename and remove whole folders, one of them while it is selected."""
    server = servers.Maildock(build, folder)
    with server, server.connect() as client, server.connect() as other:
        client.ok("CREATE A")
        for number in range(3):
            client.append("A", f"Subject: {number}\r\n\r\nText.\r\n".encode())
        validity = client.select("A").code_value(b"UIDVALIDITY")
        before = content_of(client)
        place = server.maildir()
        os.rename(os.path.join(place, ".A"), os.path.join(place, ".B"))
        require(client.command("NOOP").code_is(b"UNAVAILABLE"), "a folder that has another name is told of at once")
        require(listed(other) == {"INBOX", "B"}, f"after the rename LIST has {listed(other)}")
        require(other.select("B").code_value(b"UIDVALIDITY") == validity, "another UIDVALIDITY after the rename")
        require(content_of(other) == before, "other messages after the rename")
        other.ok("CREATE A")
        client.command("NOOP")       # another directory has its place
        require(client.read_response().kind == "BYE", "no BYE of a folder that was replaced")
    with server, server.connect() as client, server.connect() as other:
        require(client.select("A").of("EXISTS")[0].number == 0, "a new folder has the old one's messages")
        other.select("B")
        tag = other.idle()
        shutil.rmtree(os.path.join(place, ".B"))
        other.wait_for(lambda r: r.kind == "BYE", 20)
    with server, server.connect() as client, server.connect() as other:
        require(other.command("SELECT B").status == "NO" and listed(other) == {"INBOX", "A"}, "a folder that is gone")
        for sub in ("", "cur", "new", "tmp"):
            os.makedirs(os.path.join(place, ".C.D", sub), exist_ok=True)
        put(server, ".C.D/new", "1600000000.M1P1.agent")
        servers.give_to_owner(server.mail_root)
        require({"C/D"} <= listed(client), f"a folder that another program made is not in {listed(client)}")
        client.select("C/D")
        require(len(content_of(client)) == 1, "and its message is not there")


def without_cur(build, folder, layout):
    """Folders, and INBOX, that another program made with new/ alone: listed, opened, mended, deleted."""
    server = servers.Maildock(build, folder, layout=layout)
    with server, server.connect() as client:
        places = {"INBOX": server.maildir()}
        for name in ("One", "Two", "Gone"):
            places[name] = os.path.join(server.maildir(), name if layout == "fs" else "." + name)
        os.rmdir(os.path.join(places["INBOX"], "cur"))
        for name, place in places.items():
            os.makedirs(os.path.join(place, "new"), exist_ok=True)
            with open(os.path.join(place, "new", "1600000000.M1P1.host"), "wb") as file:
                file.write(f"Subject: {name}\n\nText.\n".encode())
        os.makedirs(os.path.join(server.maildir(), "Empty" if layout == "fs" else ".Empty", "new"))
        servers.give_to_owner(server.mail_root)
        require(listed(client) == set(places), f"LIST has {listed(client)}")
        for name in ("INBOX", "One", "Two"):
            status = client.ok("STATUS", name, "(MESSAGES)").of("STATUS")[0].data
            require(b"1" in status[1], f"STATUS of {name} is {status}")
            require(client.select(name).of("EXISTS")[0].number == 1, f"{name} has no message")
            body = client.ok("FETCH 1 BODY.PEEK[]").fetched()[1]["BODY[]"]
            require(f"Subject: {name}".encode() in body, f"{name} has {body}")
            missing = {"cur", "new", "tmp"} - set(os.listdir(places[name]))
            require(not missing, f"{name} still has no {missing}")
        client.ok("DELETE Gone")
        require(listed(client) == {"INBOX", "One", "Two"}, f"LIST has {listed(client)} after DELETE")
        require(client.command("SELECT Empty").code_is(b"NONEXISTENT"), "an empty new/ makes a mailbox")
        told = [line for line in server.log_tail(1 << 20).split("\n") if "which has mail in new/" in line]
        require(len(told) == 3, f"the log says {told}")


def tests(counter, options, make_server, folder):
    if options.dovecot:
        raise stress_test.Skipped("it preloads a library into Maildock")
    cases = [("a listing during which all is renamed, polled", slow_listing, "off"),
             ("a listing during which all is renamed, watched", slow_listing, "on"),
             ("no inotify instance", no_watches, "init", "fs.inotify.max_user_instances"),
             ("no inotify watches", no_watches, "watches", "fs.inotify.max_user_watches"),
             ("times of whole seconds", unseen_restart, 1),
             ("times of two seconds", unseen_restart, 2),
             ("changes of another machine on NFS", remote_changes, "0x6969"),
             ("changes of another machine on FUSE", remote_changes, "0x65735546"),
             ("changes below a FUSE file system", through_fuse),
             ("a watch that tells nothing", losing_watch),
             ("leftovers in tmp/ are removed after 36 hours", leftovers),
             ("a listing that does not tell of what kind its entries are", unknown_kinds),
             ("whole folders come, go and get other names", folders),
             ("folders without cur/, Maildir++", without_cur, "maildir++"),
             ("folders without cur/, fs", without_cur, "fs"),
             ("silent connections of one address", silent_connections)]
    for number, (name, test, *arguments) in enumerate(cases):
        place = os.path.join(folder, str(number))
        os.makedirs(place)
        if not options.only or options.only in name:
            counter.run(name, test, options.build, place, *arguments)


stress_test.main("adverse", tests, lambda parser: parser.add_argument("--only", help="cases with this in the name"))
