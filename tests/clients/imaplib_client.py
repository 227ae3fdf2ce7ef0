#!/usr/bin/env python3
"""Python's imaplib at work: sign in both ways, file, flag, search, move, delete."""

import imaplib
import ssl

from client_test import fill, main, marks, messages, require


def context():
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


def good(answer):
    status, data = answer
    require(status == "OK", f"{status} {data}")
    return data


def signed_in(server, user=None):
    imap = imaplib.IMAP4_SSL("127.0.0.1", server.tls_port, ssl_context=context(), timeout=60)
    good(imap.login(user or server.users[0], server.password))
    return imap


def starttls(server):
    imap = imaplib.IMAP4("127.0.0.1", server.port, timeout=60)
    good(imap.starttls(context()))
    good(imap.login(server.users[0], server.password))
    good(imap.noop())
    require(imap.logout()[0] == "BYE", "no BYE")


def authenticate_plain(server):
    imap = imaplib.IMAP4_SSL("127.0.0.1", server.tls_port, ssl_context=context(), timeout=60)
    good(imap.authenticate("PLAIN", lambda _: f"\0{server.users[0]}\0{server.password}".encode()))
    imap.logout()


def wrong_password(server):
    imap = imaplib.IMAP4_SSL("127.0.0.1", server.tls_port, ssl_context=context(), timeout=60)
    try:
        imap.login(server.users[0], "wrong")
    except imaplib.IMAP4.error as error:
        require(not isinstance(error, imaplib.IMAP4.abort), "the connection broke")
    else:
        require(False, "signed in with a wrong password")
    good(imap.login(server.users[0], server.password))
    imap.logout()


def listing(server):
    imap = signed_in(server)
    lines = b"\n".join(good(imap.list()))
    for name in (b"INBOX", b"Archive/2019/Q4", b"M&APw-ller &- S&APY-hne", b"&ZeVnLIqe-"):
        require(name in lines, f"{name} is not in {lines}")
    require(b"&ZeVnLIqe-" in b"\n".join(good(imap.lsub())), "not subscribed")
    require(b"INBOX" not in b"\n".join(x or b"" for x in good(imap.list("Archive", "*"))), "the reference was ignored")
    require(good(imap.namespace()), "no namespace")
    status = good(imap.status("INBOX", "(MESSAGES UNSEEN UIDNEXT UIDVALIDITY)"))[0]
    require(b"MESSAGES 20" in status and b"UNSEEN 10" in status, status)
    imap.logout()


def reading(server, expected):
    imap = signed_in(server)
    for name, mailbox in (("INBOX", "INBOX"), ("Müller & Söhne", '"M&APw-ller &- S&APY-hne"')):
        count = int(good(imap.select(mailbox, readonly=True))[0])
        require(count == len(expected[name]), f"{name}: {count} messages")
        for number in range(1, count + 1):
            data = good(imap.fetch(str(number), "(UID RFC822.SIZE BODY.PEEK[])"))
            octets = data[0][1]
            require(octets == expected[name][marks(octets)], f"{name} {number}: other octets than were appended")
            require(f"RFC822.SIZE {len(octets)}".encode() in data[0][0], f"size: {data[0][0]}")
        imap.close()
    imap.logout()


def searching(server):
    imap = signed_in(server)
    good(imap.select("INBOX"))
    require(len(good(imap.search(None, "ALL"))[0].split()) == 20, "ALL")
    require(len(good(imap.search(None, "UNSEEN"))[0].split()) == 10, "UNSEEN")
    require(good(imap.search(None, "HEADER", "X-Mark", "m7"))[0].split() == [b"8"], "HEADER")
    imap.literal = "München".encode()
    found = good(imap.uid("SEARCH", "CHARSET", "UTF-8", "SUBJECT"))[0].split()
    require(found == [b"3", b"15"], f"SUBJECT München: {found}")
    imap.logout()


def filing(server):
    imap = signed_in(server, "other")
    good(imap.create("Target"))
    good(imap.subscribe("Target"))
    for number in range(5):
        good(imap.append("INBOX", "(\\Seen custom)", imaplib.Time2Internaldate(messages.EPOCH), messages.message(number)))
    good(imap.select("INBOX"))
    good(imap.store("1:2", "+FLAGS", "(\\Flagged)"))
    require(len(good(imap.search(None, "KEYWORD", "custom"))[0].split()) == 5, "keyword")
    good(imap.copy("1:3", "Target"))
    good(imap.uid("MOVE", "4", "Target"))
    good(imap.store("1", "+FLAGS.SILENT", "\\Deleted"))
    require(good(imap.expunge())[-1] == b"1", "EXPUNGE answered otherwise")  # before it: the EXPUNGE of MOVE
    require(len(good(imap.search(None, "ALL"))[0].split()) == 3, "messages left")
    require(good(imap.select("Target"))[0] == b"4", "messages in Target")
    require(len(good(imap.search(None, "FLAGGED", "KEYWORD", "custom"))[0].split()) == 2, "flags copied")
    good(imap.close())
    good(imap.rename("Target", "Ziel"))
    good(imap.select("Ziel"))
    good(imap.unselect())
    good(imap.delete("Ziel"))
    require(not any(b"Ziel" in (line or b"") for line in good(imap.list())), "deleted and still listed")
    imap.logout()


def tests(counter, server, folder):
    expected = counter.run("fill over IMAP", fill, server)
    counter.run("STARTTLS", starttls, server)
    counter.run("AUTHENTICATE PLAIN", authenticate_plain, server)
    counter.run("wrong password", wrong_password, server)
    counter.run("listing", listing, server)
    counter.run("reading", reading, server, expected)
    counter.run("searching", searching, server)
    counter.run("filing", filing, server)


main("imaplib", tests)
