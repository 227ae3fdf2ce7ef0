"""What the machine itself can do: the bare system calls under each row, and what the client can take.

From Python, one call after the other: a call costs about a microsecond more than in C++, and several threads may sync
at once, so that a row can come out better than its floor. That is no mistake of either.
"""

import multiprocessing
import os
import shutil
import socket
import ssl
import statistics
import time

import client
import corpus
import servers

_fork = multiprocessing.get_context("fork")
DELIVERIES, CALLS, SECONDS = 200, 10_000, 2.0


def listing(bench, folder):
    """readdir of the Maildir of the many."""
    began = time.perf_counter()
    for sub in ("cur", "new"):
        os.listdir(os.path.join(bench.many.maildir, sub))
    return (time.perf_counter() - began) * 1000


def read_all(source):
    cur = os.path.join(source.maildir, "cur")
    names, block = os.listdir(cur), bytearray(8 << 20)
    at = os.open(cur, os.O_RDONLY)
    began = time.perf_counter()
    for name in names:
        file = os.open(name, os.O_RDONLY, dir_fd=at)
        while os.readv(file, [block]) == len(block):
            pass
        os.close(file)
    took = (time.perf_counter() - began) * 1000
    os.close(at)
    return took


def read_many(bench, folder):
    """open, read, close of every message of the many."""
    return read_all(bench.many)


def read_heavy(bench, folder):
    """open, read, close of every message of the heavy."""
    return read_all(bench.heavy)


class Peer:
    """A process that serves one connection after the other on a loopback port with a function."""

    def __init__(self, serve):
        self._listener = socket.create_server((servers.HOST, 0))
        self.port = self._listener.getsockname()[1]
        self._process = _fork.Process(target=self._body, args=(serve,), daemon=True)
        self._process.start()
        self._listener.close()

    def _body(self, serve):
        while True:
            connection, _ = self._listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                serve(connection)
            except OSError:
                pass
            connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *failed):
        self._process.kill()
        self._process.join()

    def connect(self):
        one = socket.create_connection((servers.HOST, self.port), 60)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return one


def echo(connection):
    while data := connection.recv(4096):
        connection.sendall(data)


def round_trip(bench, folder):
    """A line to another process and back over loopback, median."""
    times = []
    with Peer(echo) as peer, peer.connect() as one:
        for _ in range(2000):
            began = time.perf_counter()
            one.sendall(b"bench-q1 NOOP\r\n")
            one.recv(100)
            times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000


def commands(bench, folder):
    """Such round trips a second."""
    return 1000 / round_trip(bench, folder)


def connects(tls):
    """connect and three round trips a second, by one client."""
    contexts = None, None
    if tls:
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(*tls)
        contexts = server, client.tls_context()

    def serve(connection):
        connection = contexts[0].wrap_socket(connection, server_side=True) if tls else connection
        echo(connection)

    done, began = 0, time.perf_counter()
    with Peer(serve) as peer:
        while time.perf_counter() - began < SECONDS:
            one = peer.connect()
            one = contexts[1].wrap_socket(one) if tls else one
            for _ in range(3):
                one.sendall(b"bench-q1 NOOP\r\n")
                one.recv(100)
            one.close()
            done += 1
        return done / (time.perf_counter() - began)


def connect(bench, folder):
    """connect and three round trips, by one client."""
    return connects(None)


def connect_tls(bench, folder):
    """The same with a TLS handshake, both ends in Python."""
    return connects(servers.make_certificate(folder))


def sendfile(bench, folder):
    """Every message of the heavy into a loopback socket by sendfile."""
    cur = os.path.join(bench.heavy.maildir, "cur")
    names = sorted(os.listdir(cur))

    def serve(connection):
        connection.recv(100)
        for name in names:
            file = os.open(os.path.join(cur, name), os.O_RDONLY)
            sent, octets = 0, os.fstat(file).st_size
            while sent < octets:
                sent += os.sendfile(connection.fileno(), file, sent, octets - sent)
            os.close(file)

    with Peer(serve) as peer, peer.connect() as one:
        began, total = time.perf_counter(), 0
        one.sendall(b"go")
        while got := one.recv_into(client.buffer.view):
            total += got
        return total / 1e6 / (time.perf_counter() - began)


def client_takes(answer, count, tls=None, repeats=1):
    """Seconds, and MB/s, in which the client takes `repeats` ready-made answers of `count` responses like `answer`."""
    block = b"".join([b"* 1 FETCH (" + answer + b")\r\n"] * count)

    def serve(connection):
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            connection = context.wrap_socket(connection, server_side=True)
        connection.sendall(b"* OK ready\r\n")
        while tag := connection.recv(100).split(b" ")[0]:
            for _ in range(repeats):
                connection.sendall(block)
            connection.sendall(tag + b" OK done\r\n")

    with Peer(serve) as peer:
        one = client.Client(servers.HOST, peer.port, tls=bool(tls))
        one.drain("FETCH")
        reply = one.drain("FETCH")
        one.close()
    return reply.seconds * 1000, reply.total / 1e6 / reply.seconds


def client_flags(bench, folder):
    """The client takes as many ready-made lines of flags."""
    return client_takes(b"UID 10000 FLAGS (\\Seen)", bench.many.count)[0]


def client_headers(bench, folder):
    """The client takes as many ready-made headers."""
    header = b"BODY[HEADER.FIELDS (FROM)] {1200}\r\n" + b"x" * 1200
    return client_takes(b"UID 10000 RFC822.SIZE 5000 FLAGS (\\Seen) " + header, bench.many.count)[0]


def client_envelopes(bench, folder):
    """The client takes as many ready-made envelopes."""
    return client_takes(b"x" * 900, bench.heavy.count)[0]


def client_tls(bench, folder):
    """The client takes ready-made bodies over TLS."""
    return client_takes(b"BODY[] {35000}\r\n" + b"x" * 35000, 200, servers.make_certificate(folder),
                        max(1, bench.heavy.count // 200))[1]


def deliver(bench, folder):
    """Write, fsync, rename, fsync of the folder, a row appended to a list and fdatasync: a message, durably."""
    corpus.make_maildir(os.path.join(folder, "deliver"), None)
    tmp, new = (os.path.join(folder, "deliver", sub) for sub in ("tmp", "new"))
    octets = bench.many.samples(20)
    at, rows = os.open(new, os.O_RDONLY), os.open(os.path.join(folder, "deliver", "list"), os.O_WRONLY | os.O_CREAT)
    done, began = 0, time.perf_counter()
    while done < DELIVERIES and time.perf_counter() - began < 10:
        name = f"{done}"
        file = os.open(os.path.join(tmp, name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(file, octets[done % len(octets)])
        os.fsync(file)
        os.close(file)
        os.rename(os.path.join(tmp, name), os.path.join(new, name))
        os.fsync(at)
        os.write(rows, b"%d :%d\n" % (done, done))
        os.fdatasync(rows)
        done += 1
    rate = done / (time.perf_counter() - began)
    os.close(at)
    os.close(rows)
    return rate


def calls(bench, folder, which):
    """A second: renames within a folder, links into another, renames into another, unlinks."""
    place = os.path.join(folder, "calls")
    bench.heavy.copy_to(place, None)
    source, target = (os.open(os.path.join(place, sub), os.O_RDONLY) for sub in ("cur", "tmp"))
    names = os.listdir(os.path.join(place, "cur"))[:CALLS]
    act = {"rename": lambda n: os.rename(n, n + "F", src_dir_fd=source, dst_dir_fd=source),
           "link": lambda n: os.link(n, n, src_dir_fd=source, dst_dir_fd=target),
           "move": lambda n: os.rename(n, n, src_dir_fd=source, dst_dir_fd=target),
           "unlink": lambda n: os.unlink(n, dir_fd=source)}[which]
    began = time.perf_counter()
    for name in names:
        act(name)
    rate = len(names) / (time.perf_counter() - began)
    os.close(source)
    os.close(target)
    return rate


def rename(bench, folder):
    """rename within a folder."""
    return calls(bench, folder, "rename")


def link(bench, folder):
    """link into another folder."""
    return calls(bench, folder, "link")


def move(bench, folder):
    """rename into another folder."""
    return calls(bench, folder, "move")


def unlink(bench, folder):
    """unlink."""
    return calls(bench, folder, "unlink")


def measure(bench, folder, names):
    """{name: value}; each in a folder of its own that is removed."""
    found = {}
    for name in names:
        place = os.path.join(folder, "floor")
        shutil.rmtree(place, ignore_errors=True)
        os.makedirs(place)
        try:
            found[name] = globals()[name](bench, place)
        finally:
            shutil.rmtree(place, ignore_errors=True)
    return found
