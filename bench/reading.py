"""Rows about reading: opening a mailbox, flags, headers, bodies, searches."""

import os
import time

import corpus
from measure import Meter, Row, median_ms, same, workload

# RFC 3501 6.4.5; what Thunderbird asks for of every message that it does not know yet.
THUNDERBIRD = ("UID fetch 1:* (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (From To Cc Bcc Subject Date Message-ID "
               "Priority X-Priority References Newsgroups In-Reply-To Content-Type Reply-To Received)])")
ENVELOPE = "FETCH 1:* (ENVELOPE BODYSTRUCTURE INTERNALDATE RFC822.SIZE)"
TRUSTED_AFTER = 2.2     # seconds: until then a folder's time does not tell whether it changed again


def median_of(samples, answer):
    return median_ms([sample.value / 1000 for sample in samples], answer)


def select_ms(bench, server, times=1):
    """SELECT in a session of its own, so many times: their median."""
    seconds, counts = [], []
    for _ in range(times):
        with server.session() as session:
            took, count = session.select()
        seconds.append(took)
        counts.append(count)
    return median_ms(seconds, same(counts, "the number of messages"))


@workload(select_first=Row("ms", "listing"), select_cold=Row("ms", "listing"), select_warm=Row("ms", "round_trip"),
          select_again=Row("ms", "round_trip"), select_after_restart=Row("ms", "listing"),
          select_after_delivery=Row("ms", "round_trip"), select_after_flag_rename=Row("ms", "round_trip"))
def select(bench, server):
    bench.fresh(server, bench.many)
    yield "select_first", select_ms(bench, server)
    bench.cold(server)
    yield "select_cold", select_ms(bench, server)
    time.sleep(TRUSTED_AFTER)
    select_ms(bench, server)
    if bench.wants("select_warm"):
        yield "select_warm", select_ms(bench, server, bench.scale.selects)
    if bench.wants("select_again"):
        with server.session() as session:
            found = [session.select() for _ in range(bench.scale.selects)]
        yield "select_again", median_ms([took for took, _ in found], same([count for _, count in found], "EXISTS"))
    if bench.wants("select_after_restart"):
        samples = []
        for _ in range(bench.scale.several):
            server.stop()
            server.start()
            samples.append(select_ms(bench, server))
        yield "select_after_restart", median_of(samples, same([s.answer for s in samples], "EXISTS"))
    if bench.wants("select_after_delivery"):
        samples = []
        for number, octets in enumerate(bench.many.samples(bench.scale.several)):
            corpus.deliver(server.maildir(), server.account, octets, number)
            samples.append(select_ms(bench, server))
        yield "select_after_delivery", median_of(samples, samples[-1].answer)
    if bench.wants("select_after_flag_rename"):
        samples, cur = [], os.path.join(server.maildir(), "cur")
        for name in seen_alone(cur)[:bench.scale.several]:
            os.rename(os.path.join(cur, name), os.path.join(cur, name[:-1] + "FS"))
            samples.append(select_ms(bench, server))
        yield "select_after_flag_rename", median_of(samples, samples[-1].answer)


def seen_alone(cur):
    return [name for name in sorted(os.listdir(cur)) if name.endswith(":2,S")]


@workload(sync_flags=Row("ms", "client_flags"))
def sync_flags(bench, server):
    bench.fresh(server, bench.many)
    server.opened().logout()
    seconds, answers = [], []
    for _ in range(bench.scale.several):
        with server.opened() as session:
            with Meter(server) as meter:
                reply = session.command("UID FETCH 1:* (UID FLAGS)")
            answers.append((reply.summary()[0], reply.data.count(b"\\Seen"), reply.data.count(b"\\Flagged")))
            seconds.append(reply.seconds)
    sample = median_ms(seconds, same(answers, "the flags"))
    sample.cpu, sample.own = meter.cpu, meter.own
    yield "sync_flags", sample


def cold_and_warm(bench, server, source, command, row):
    """One FETCH of every message in a new session, without and with what the server derived before."""
    bench.fresh(server, source)
    server.opened().logout()
    bench.cold(server)
    for state in ("cold", "warm"):
        with server.opened() as session:
            with Meter(server) as meter:
                reply = session.command(command)
            sample = meter.milliseconds((*reply.summary(), reply.sizes()))
        yield f"{row}_{state}", sample


@workload(thunderbird_headers_cold=Row("ms", "read_many"), thunderbird_headers_warm=Row("ms", "client_headers"))
def thunderbird_headers(bench, server):
    yield from cold_and_warm(bench, server, bench.many, THUNDERBIRD, "thunderbird_headers")


@workload(fetch_envelope_cold=Row("ms", "read_heavy"), fetch_envelope_warm=Row("ms", "client_envelopes"))
def fetch_envelope(bench, server):
    for row, sample in cold_and_warm(bench, server, bench.heavy, ENVELOPE, "fetch_envelope"):
        responses, _, _, _, sizes = sample.answer
        sample.answer = responses, sizes    # a string may be quoted by one server and a literal from the other
        yield row, sample


def counted(session, count, what):
    """(responses, literals, octets, checksum) of a FETCH of everything, in slices that fit into the client."""
    total = [0, 0, 0, 0]
    for first in range(1, count + 1, 500):
        reply = session.command(f"FETCH {first}:{min(first + 499, count)} ({what})")
        total = [a + b for a, b in zip(total, reply.summary())]
    return (*total[:3], total[3] & (1 << 64) - 1)


BODIES = ("bodies_plain_cold", "bodies_plain_warm", "bodies_part1_cold", "bodies_part1_warm", "partial_64k")


@workload(**{row: Row("MB/s", "sendfile", higher=True) for row in BODIES},
          bodies_tls=Row("MB/s", "client_tls", higher=True))
def bodies(bench, server):
    bench.fresh(server, bench.heavy)
    server.opened().logout()
    for rows, what, tls in ((("bodies_plain_cold", "bodies_plain_warm"), "BODY.PEEK[]", False),
                            (("", "bodies_tls"), "BODY.PEEK[]", True),
                            (("bodies_part1_cold", "bodies_part1_warm"), "BODY.PEEK[1]", False),
                            (("", "partial_64k"), "BODY.PEEK[]<0.65536>", False)):
        if not any(map(bench.wants, rows)):
            continue
        bench.cold(server)
        answer = None
        for row in rows:
            with server.opened(tls=tls) as session:
                if row:
                    with Meter(server) as meter:
                        reply = session.drain(f"FETCH 1:* ({what})")
                    sample = meter.rate(reply.total / 1e6, None)
                answer = answer or counted(session, bench.heavy.count, what)
                if row:
                    sample.answer = answer
                    yield row, sample


SEARCHES = {  # row: (question, which corpus, what the corpus says that it must find)
    "search_from": (f"FROM {corpus.FROM_WORD}", "many", "from"),
    "search_subject": (f"SUBJECT {corpus.SUBJECT_WORD}", "many", "subject"),
    "search_since": (time.strftime("SINCE %d-%b-%Y", time.gmtime(corpus.SINCE)), "many", "since"),
    "search_sentsince": (time.strftime("SENTSINCE %d-%b-%Y", time.gmtime(corpus.SINCE)), "many", "since"),
    "search_unseen": ("UNSEEN", "many", None),
    "search_body": (f"BODY {corpus.BODY_WORD}", "heavy", "body"),
    "search_text": (f"TEXT {corpus.BODY_WORD}", "heavy", "body"),
}
SEARCH_FLOOR = {"many": "round_trip", "heavy": "read_heavy"}


@workload(**{row: Row("ms", SEARCH_FLOOR[which]) for row, (_, which, _) in SEARCHES.items()})
def search(bench, server):
    """Each question asked once before, in a session of its own."""
    for kind, source in (("many", bench.many), ("heavy", bench.heavy)):
        rows = [row for row, (_, which, _) in SEARCHES.items() if which == kind and bench.wants(row)]
        if not rows:
            continue
        bench.fresh(server, source)
        for row in rows:
            question, _, word = SEARCHES[row]
            with server.opened() as session:
                session.command(f"SEARCH {question}")
            with server.opened() as session:
                with Meter(server) as meter:
                    reply = session.command(f"SEARCH {question}")
                hits = reply.hits()
            if word and hits != source.expected[word]:
                raise AssertionError(f"{row}: found {hits} messages instead of {source.expected[word]}")
            yield row, meter.milliseconds(hits)
