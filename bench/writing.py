"""Rows about changing: APPEND, STORE, COPY, MOVE, EXPUNGE."""

import client
import contestants
import load
import syncs
from measure import Meter, Row, Sample, workload


def messages_in(session, mailbox):
    return session.command(f'STATUS "{mailbox}" (MESSAGES)').number(b"MESSAGES")


@workload(append_one=Row("msg/s", "deliver", higher=True), append_8_boxes=Row("msg/s", "deliver", higher=True),
          append_8_one_box=Row("msg/s", "deliver", higher=True), append_syncs=Row("", once=True))
def append(bench, server):
    """No index to drop: a mailbox that has just been created."""
    bench.fresh(server, None)
    octets = bench.many.samples(60)
    boxes = ["Alone", "Together", *(f"Box{number}" for number in range(8))]
    with server.session() as session:
        for box in boxes:
            session.command(f'CREATE "{box}"')
        if bench.wants("append_one"):
            session.append("Alone", octets[0])
            with Meter(server) as meter:
                for number in range(bench.scale.appends):
                    session.append("Alone", octets[number % len(octets)])
            yield "append_one", meter.rate(bench.scale.appends, messages_in(session, "Alone"))
    each = bench.scale.appends_each
    for row, names in (("append_8_boxes", boxes[2:]), ("append_8_one_box", ["Together"])):
        if not bench.wants(row):
            continue

        def run(index, session, names=names):
            for number in range(each):
                session.append(names[index % len(names)], octets[(number + 7 * index) % len(octets)])
            session.logout()

        with Meter(server) as meter:
            seconds, _ = load.parallel(8, lambda index: server.session(), run, 120)
        with server.session() as session:
            found = sum(messages_in(session, name) for name in names)
        if found != 8 * each:
            raise client.BenchError(f"{found} messages after {8 * each} APPENDs that were answered OK")
        yield row, Sample(found / seconds, found, meter.cpu)
    if bench.wants("append_syncs"):
        yield "append_syncs", Sample(0.0, None, text=syncs.of_append(server, octets[0]))


@workload(store_one_by_one=Row("cmd/s", "commands", higher=True), store_pipelined=Row("cmd/s", "rename", higher=True),
          store_all=Row("msg/s", "rename", higher=True))
def store(bench, server):
    """Warm: the mailbox was opened once before."""
    bench.fresh(server, bench.heavy)
    server.opened().logout()
    count = bench.heavy.count
    alone = min(bench.scale.stores, count)

    def flagged(session, flag):
        return session.command(f"SEARCH {flag}").hits()

    with server.opened() as session:
        if bench.wants("store_one_by_one"):
            with Meter(server) as meter:
                for number in range(1, alone + 1):
                    session.command(f"STORE {number} +FLAGS (\\Draft)")
            yield "store_one_by_one", meter.rate(alone, flagged(session, "DRAFT"))
        if bench.wants("store_pipelined"):
            commands = [f"STORE {number} +FLAGS (\\Deleted)" for number in range(1, count + 1)]
            with Meter(server) as meter:
                session.pipeline(commands)
            yield "store_pipelined", meter.rate(count, flagged(session, "DELETED"))
        if bench.wants("store_all"):
            with Meter(server) as meter:
                session.command("STORE 1:* +FLAGS.SILENT ($Forwarded)")
            yield "store_all", meter.rate(count, flagged(session, "KEYWORD $Forwarded"))


@workload(copy=Row("msg/s", "link", higher=True), move=Row("msg/s", "move", higher=True),
          copy_young=Row("msg/s", "link", higher=True), move_young=Row("msg/s", "move", higher=True),
          expunge=Row("msg/s", "unlink", higher=True))
def copy_move_expunge(bench, server):
    """All messages of the heavy corpus; warm; each on a tree of its own. Those of `copy` and `move` have lain untouched
    for minutes; those of the young rows have just been written: they may have to be synced first."""
    count = bench.heavy.count
    for row, user in (("copy", "copied"), ("move", "moved"), ("copy_young", contestants.USER),
                      ("move_young", contestants.USER), ("expunge", contestants.USER)):
        if not bench.wants(row):
            continue
        if user == contestants.USER:
            bench.fresh(server, bench.heavy, linked=row == "expunge")
        else:
            bench.wait_until_aged()
            server.start_if_stopped()
        with server.opened(user) as session:
            session.command('CREATE "Target"')
            if row == "expunge":
                session.command("STORE 1:* +FLAGS.SILENT (\\Deleted)")
        bench.settle()
        with server.opened(user) as session:
            with Meter(server) as meter:
                command = row.removesuffix("_young").upper()
                session.command(command if row == "expunge" else f'{command} 1:* "Target"')
        with server.session(user) as session:
            left = messages_in(session, "INBOX"), messages_in(session, "Target")
        yield row, meter.rate(count, left)
