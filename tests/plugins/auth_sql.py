#!/usr/bin/env python3
"""auth-sql over real databases: SQLite, PostgreSQL (directly and by ODBC) and MariaDB, each started here."""

import glob
import os
import shutil
import signal
import sqlite3
import subprocess
import time

from plugin_test import (DOWN, SECRET, WRONG, Server, Skipped, at_once, contains, end_process, ends_well, hangs,
                         hash_of, killed, main, require, restarted, same_time, servers, tells_nothing)

DATABASE_PASSWORD = "pw-of-the-database"
QUERY = "SELECT password, name AS \"user\", home, mail, nologin, uid FROM users WHERE name = %u"


def rows(folder):
    """name, password, home, mail, nologin, uid"""
    slow = hash_of(SECRET, "-6", "-salt", "rounds=150000$abcdefgh")
    return [
        ("anna", slow, None, None, None, 1000),
        ("bert@example.org", "{SSHA256}CvhjfpFjWfAUzyHh16q3wSIS7y4vPA4dE/W+KXEM5L2Kbuxs", None, None, "0", 1000),
        ("carl", "{PLAIN}" + SECRET, f"{folder}/mail/carl", f"maildir:{folder}/elsewhere/carl", "", 1000),
        ("dora", "{PLAIN}" + SECRET, None, None, "Y", 1000),
        ("emil", None, None, None, None, 1000),
        ("frida", "{NONSENSE}x", None, None, None, 1000),
        ("ol'eg", "{PLAIN}" + SECRET, None, None, None, 1000),
        ("jörg", "{PLAIN}" + SECRET, None, None, None, 1000),
    ]


def statements(folder, text_type="text"):
    def literal(value):
        return "NULL" if value is None else str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"

    yield (f"CREATE TABLE users (name varchar(100) PRIMARY KEY, password {text_type}, home {text_type}, "
           f"mail {text_type}, nologin {text_type}, uid int)")
    for row in rows(folder):
        yield f"INSERT INTO users VALUES ({', '.join(literal(value) for value in row)})"


class Sqlite:
    name, kind = "sqlite", "sqlite"

    def __init__(self, folder):
        self.folder = folder
        self.file = os.path.join(folder, "users.db")
        self.fill(self.file)
        self.connection = self.file

    def fill(self, file, leave_out=""):
        with sqlite3.connect(file) as database:
            for statement in statements(self.folder):
                database.execute(statement)
            database.execute("DELETE FROM users WHERE name = ?", (leave_out,))
        database.close()


class Daemon:
    """A database server; a subclass makes its data and names its command."""

    def __init__(self, folder):
        self.folder = os.path.join(folder, self.name)
        self.root = folder
        _, self.uid, self.gid = servers.mail_owner()
        os.makedirs(self.folder)
        os.chown(self.folder, self.uid, self.gid)
        self.port = servers.free_ports(1)[0]
        self.process = None
        self.log = open(os.path.join(self.folder, "log"), "ab")

    def options(self):
        as_user = {"user": self.uid, "group": self.gid, "extra_groups": []} if os.geteuid() == 0 else {}
        return {**as_user, "cwd": self.folder, "env": {**os.environ, "HOME": self.folder, "LC_ALL": "C.UTF-8"},
                "stdin": subprocess.DEVNULL}

    def run(self, *command, **options):
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False,
                              **{**self.options(), **options})
        require(done.returncode == 0, f"{command}: {done.stdout}{done.stderr}")
        return done.stdout

    def start(self):
        self.process = subprocess.Popen(self.command(), stdout=self.log, stderr=self.log, start_new_session=True,
                                        **self.options())
        deadline = time.monotonic() + 60
        while True:
            try:
                self.execute("SELECT 1")
                return
            except AssertionError as error:
                require(self.process.poll() is None and time.monotonic() < deadline, f"{self.name}: {error}")
                time.sleep(0.05)  # its own clients have no way to wait for it

    def stop(self):
        if self.process:
            end_process(self.process)
            self.process = None

    def fill(self):
        for statement in statements(self.root):
            self.execute(statement)


class PostgreSql(Daemon):
    name, kind = "postgresql", "postgresql"

    def __init__(self, folder):
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
        if not found:
            raise Skipped("postgresql is not installed")
        super().__init__(folder)
        self.bin = os.path.dirname(found[-1])
        password_file = os.path.join(self.folder, "password")
        with open(password_file, "w", encoding="ascii") as file:
            file.write(DATABASE_PASSWORD)
        os.chmod(password_file, 0o644)
        self.run(f"{self.bin}/initdb", "-D", f"{self.folder}/data", "-U", "maildock", "-A", "scram-sha-256", "--pwfile",
                 password_file, "-E", "UTF8", "--no-sync")
        self.connection = (f"host=127.0.0.1 port={self.port} user=maildock password={DATABASE_PASSWORD} "
                           "dbname=postgres")

    def command(self):
        return [f"{self.bin}/postgres", "-D", f"{self.folder}/data", "-k", self.folder, "-h", "127.0.0.1", "-p",
                str(self.port), "-c", "fsync=off"]

    def execute(self, statement):
        return self.run(f"{self.bin}/psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "maildock", "-d", "postgres",
                        "-At", "-c", statement,
                        env={**self.options()["env"], "PGPASSWORD": DATABASE_PASSWORD}).strip()

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGINT)  # without waiting for its clients
        super().stop()


class MariaDb(Daemon):
    name, kind = "mariadb", "mysql"

    def __init__(self, folder):
        self.binary = shutil.which("mariadbd", path=os.environ["PATH"] + ":/usr/sbin")
        if not self.binary or not shutil.which("mariadb-install-db") or not shutil.which("mariadb"):
            raise Skipped("mariadb-server-core and mariadb-client-core are not installed")
        super().__init__(folder)
        self.run("mariadb-install-db", "--no-defaults", f"--datadir={self.folder}/data", "--skip-test-db",
                 "--auth-root-authentication-method=normal")
        self.connection = f"host=127.0.0.1;port={self.port};user=maildock;password={DATABASE_PASSWORD};db=mail"

    def command(self):
        return [self.binary, "--no-defaults", f"--datadir={self.folder}/data", f"--socket={self.folder}/socket",
                "--bind-address=127.0.0.1", f"--port={self.port}", f"--pid-file={self.folder}/pid",
                "--character-set-server=utf8mb4", "--innodb-flush-log-at-trx-commit=0"]

    def execute(self, statement, database=None):
        return self.run("mariadb", "--no-defaults", f"--socket={self.folder}/socket", "-u", "root", "-N", "-B",
                        "--default-character-set=utf8mb4", "-e", statement, *([database] if database else [])).strip()

    def fill(self):
        self.execute("CREATE DATABASE mail")
        self.execute(f"CREATE USER maildock@'127.0.0.1' IDENTIFIED BY '{DATABASE_PASSWORD}'")
        self.execute(f"CREATE USER maildock@localhost IDENTIFIED BY '{DATABASE_PASSWORD}'")
        self.execute("GRANT SELECT ON mail.* TO maildock@'127.0.0.1'; GRANT SELECT ON mail.* TO maildock@localhost")
        for statement in statements(self.root):
            self.execute(statement, "mail")


class Odbc:
    """The same PostgreSQL, by its ODBC driver."""

    name, kind = "odbc", "odbc"

    def __init__(self, postgresql):
        drivers = subprocess.run(["odbcinst", "-q", "-d"], capture_output=True, text=True, check=False).stdout
        if "[PostgreSQL Unicode]" not in drivers:
            raise Skipped("odbc-postgresql is not installed")
        self.connection = (f"Driver={{PostgreSQL Unicode}};Server=127.0.0.1;Port={postgresql.port};Database=postgres;"
                           f"Uid=maildock;Pwd={DATABASE_PASSWORD}")


def settings_for(database, **more):
    query = QUERY.replace('"user"', "user") if database.kind == "mysql" else QUERY
    return {"auth.sql.database": database.kind, "auth.sql.connection": database.connection,
            "auth.sql.passwordQuery": query, "auth.sql.connections": "2", "auth.sql.timeout": "3", **more}


# -- what is the same with every database

def outcomes(server):
    server.expect("anna", SECRET, "OK")
    server.expect("ANNA", SECRET, "OK")
    server.expect("anna", SECRET.upper(), WRONG)
    server.expect("anna", "", WRONG)
    server.expect("bert@example.org", "pass wörd", "OK")
    server.expect("nobody", SECRET, WRONG)
    server.expect("dora", SECRET, WRONG)
    server.expect("emil", "", WRONG)
    server.expect("emil", "NULL", WRONG)
    server.expect("frida", "x", WRONG)
    server.expect("jörg", SECRET, "OK")
    for reason in ("nologin is set", "no password is set", "NONSENSE is not supported", "no plugin knows the user"):
        require(reason in server.log(), f"the log does not tell {reason!r}\n{server.log_tail()}")


def hostile_names(server):
    server.expect("ol'eg", SECRET, "OK")
    for name in ("' OR 1=1 --", "x' OR 'a'='a", "anna'--", "anna\\", "\\' OR 1=1; --", "anna ", " anna", "%u", "$1", "?",
                 "anna\x01", "a/b", "..", "x" * 5000, "\"", "anna;DROP TABLE users"):
        server.expect(name, SECRET, WRONG)
    server.expect("anna", SECRET, "OK")


def places(server, folder):
    mark = server.deliver("carl", SECRET)
    require(contains(f"{folder}/elsewhere/carl", mark), "the column mail does not count")
    mark = server.deliver("Bert@Example.org", "pass wörd")
    require(contains(server.maildir("bert@example.org"), mark), "the column user does not count")


def many(server):
    answers = at_once(24, lambda number: server.answer(*[("bert@example.org", "pass wörd"), ("carl", "x"),
                                                         ("nobody", "x")][number % 3]))
    require(answers == ["OK", WRONG, WRONG] * 8, answers)


def common(counter, name, server, folder):
    counter.run(f"{name}: outcomes", outcomes, server)
    counter.run(f"{name}: hostile names", hostile_names, server)
    counter.run(f"{name}: mail and canonical name", places, server, folder)
    counter.run(f"{name}: many at once", many, server)
    counter.run(f"{name}: unknown takes as long as known", same_time, server, "anna", "nobody")


def queries_of_guides(build, folder, database):
    """Literals with variables among other text, as guides for Dovecot write them."""
    name = "user" if database.kind == "mysql" else '"user"'
    query = (f"SELECT password, '%u' AS {name}, '{folder}/guide/%d/%n' AS home FROM users "
             "WHERE name = '%n@%d' AND '%n' <> 'it''s 5%%'")
    settings = settings_for(database, **{"auth.sql.passwordQuery": query, "mail.location": "%h/Maildir"})
    with Server(build, folder, "sql", settings, name=f"guide-{database.name}") as server:
        require("auth.sql.passwordQuery" not in server.check(), server.check())
        server.expect("bert@example.org", "wrong", WRONG)
        mark = server.deliver("bert@example.org", "pass wörd")
        require(contains(f"{folder}/guide/example.org/bert/Maildir", mark), "the home is another one")
        server.expect("anna", SECRET, WRONG)  # she is "anna@" for this query


# -- SQLite

def replaced_file(server, database):
    server.expect("carl", SECRET, "OK")
    fresh = database.file + ".new"
    database.fill(fresh, leave_out="carl")
    os.rename(fresh, database.file)
    server.expect("carl", SECRET, WRONG)
    server.expect("ol'eg", SECRET, "OK")


def missing_file(server, database):
    os.rename(database.file, database.file + ".away")
    try:
        server.expect("carl", SECRET, DOWN)
        require(not os.path.exists(database.file), "an empty database was made")
    finally:
        os.rename(database.file + ".away", database.file)
    server.wait_for_answer("ol'eg", SECRET, "OK")


def locked_file(server, database):
    holder = sqlite3.connect(database.file, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    server.expect("ol'eg", SECRET, DOWN)
    holder.execute("ROLLBACK")
    holder.close()
    server.wait_for_answer("ol'eg", SECRET, "OK")


def user_query(server):
    """A second query completes what the first told."""
    server.expect("ol'eg", "wrong", WRONG)
    server.expect("ol'eg", SECRET, "OK")
    server.expect("dora", SECRET, DOWN)
    require("userQuery: no such user" in server.log(), server.log_tail())


def findings(server, database):
    """`maildock check` names the key."""
    def finds(key, text, **changed):
        out = server.check(**changed)
        require(key in out and text in out, f"wanted {key}: {text}; got {out}")

    require("0 errors" in server.check() and "auth.sql" not in server.check(), server.check())
    finds("auth.sql.passwordQuery", "no such column", auth_sql_passwordQuery="SELECT secret FROM users WHERE name = %u")
    finds("auth.sql.passwordQuery", "no column named password",
          auth_sql_passwordQuery="SELECT home FROM users WHERE name = %u")
    finds("auth.sql.passwordQuery", "stands in single quotes",
          auth_sql_passwordQuery='SELECT password FROM users WHERE name = "%n@x"')
    finds("auth.sql.passwordQuery", "asks for no user", auth_sql_passwordQuery="SELECT password FROM users")
    finds("auth.sql.passwordQuery", "is not set", auth_sql_passwordQuery="")
    finds("auth.sql.connection", "is not set", auth_sql_connection="")
    finds("auth.sql.connection", "can't be opened", auth_sql_connection="/nonexistent/users.db")
    finds("auth.sql.userQuery", "no such table", auth_sql_userQuery="SELECT x FROM y WHERE z = %n AND w = %d")
    finds("auth.sql.defaultScheme", "no password scheme", auth_sql_defaultScheme="ROT13")
    finds("auth.sql.database", "is not one of", auth_sql_database="dbase")
    finds("auth.sql.connection", "KEY=VALUE", auth_sql_database="postgresql")
    finds("auth.sql.connection", "must name a user", auth_sql_database="mysql", auth_sql_connection="host=127.0.0.1")
    require(not os.path.exists("/nonexistent/users.db") and os.path.exists(database.file), "the check changed files")


# -- databases that run beside

def reload(server):
    """A reload while the database is up keeps signing people in."""
    start = len(server.log())
    server.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 20
    while "reloaded" not in server.log_since(start):
        require(time.monotonic() < deadline, server.log_tail())
        time.sleep(0.02)
    server.expect("carl", SECRET, "OK")


def connections_bounded(server, database):
    at_once(16, lambda _: server.expect("carl", SECRET, "OK"))
    count = connection_count(database)
    require(1 <= count <= 2, f"{count} connections")


def connections_closed(database):
    """Those that nobody uses are closed, also those from before a reload."""
    deadline = time.monotonic() + 45
    while connection_count(database):
        require(time.monotonic() < deadline, f"still {connection_count(database)} connections")
        time.sleep(0.2)


def connection_count(database):
    return int(database.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'maildock'"))


def long_query(build, folder, database):
    """A query that goes on and on is ended in the database too."""
    query = QUERY.replace("FROM users", "FROM users, pg_sleep(600)")
    with Server(build, folder, "sql", settings_for(database, **{"auth.sql.passwordQuery": query,
                                                               "auth.sql.timeout": "1"}), name="slow") as server:
        server.expect("carl", SECRET, DOWN)
        deadline = time.monotonic() + 10
        while database.execute("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%sleep(600)%' "
                               "AND state = 'active' AND pid <> pg_backend_pid()") != "0":
            require(time.monotonic() < deadline, "the query still runs")
            time.sleep(0.1)


def down_at_start(build, folder, database):
    """A database that is not up yet does not keep the server from starting."""
    database.stop()
    with Server(build, folder, "sql", settings_for(database), name="early") as server:
        server.expect("carl", SECRET, DOWN)
        require("auth.sql.connection" in server.log() and "can't be reached" in server.log(), server.log_tail())
        server.expect("local", server.password, "OK")
        database.start()
        server.wait_for_answer("carl", SECRET, "OK")


def wrong_database_password(build, folder, database):
    wrong = database.connection.replace(DATABASE_PASSWORD, "another-password")
    with Server(build, folder, "sql", settings_for(database, **{"auth.sql.connection": wrong}), name="locked") as server:
        server.expect("carl", SECRET, DOWN)
        tells_nothing(server, ["another-password", SECRET])


def of_daemon(counter, build, folder, database):
    database.start()
    try:
        database.fill()
        server = Server(build, folder, "sql", settings_for(database), name=f"over-{database.name}").start()
        try:
            common(counter, database.name, server, folder)
            for test in (restarted, killed, hangs):
                counter.run(f"{database.name}: {test.__name__}", test, server, database)
            if database.name == "postgresql":
                counter.run("postgresql: connections are bounded", connections_bounded, server, database)
            counter.run(f"{database.name}: reload", reload, server)
            if database.name == "postgresql":
                counter.run("postgresql: a long query", long_query, build, folder, database)
                counter.run("odbc", over_odbc, counter, build, folder, database)
                counter.run("postgresql: unused connections are closed", connections_closed, database)
            counter.run(f"{database.name}: no secret in the log", tells_nothing, server,
                        [SECRET, DATABASE_PASSWORD, "pass wörd", "rounds=150000"])
        finally:
            ends_well(counter, server)
        counter.run(f"{database.name}: queries of guides", queries_of_guides, build, folder, database)
        counter.run(f"{database.name}: down at start", down_at_start, build, folder, database)
        counter.run(f"{database.name}: wrong password of the database", wrong_database_password, build, folder, database)
    finally:
        database.stop()


def over_odbc(counter, build, folder, postgresql):
    database = Odbc(postgresql)
    server = Server(build, folder, "sql", settings_for(database), name="over-odbc").start()
    try:
        common(counter, "odbc", server, folder)
        counter.run("odbc: queries of guides", queries_of_guides, build, folder, database)
        counter.run("odbc: restarted", restarted, server, postgresql)
        counter.run("odbc: no secret in the log", tells_nothing, server, [SECRET, DATABASE_PASSWORD])
    finally:
        ends_well(counter, server)


def over_sqlite(counter, build, folder):
    database = Sqlite(folder)
    server = Server(build, folder, "sql", settings_for(database), name="over-sqlite").start()
    try:
        common(counter, "sqlite", server, folder)
        for test in (replaced_file, missing_file, locked_file):
            counter.run(f"sqlite: {test.__name__}", test, server, database)
        counter.run("sqlite: no secret in the log", tells_nothing, server, [SECRET, "pass wörd", "rounds=150000"])
    finally:
        ends_well(counter, server)
    counter.run("sqlite: maildock check", findings, server, database)
    counter.run("sqlite: queries of guides", queries_of_guides, build, folder, database)
    second = "SELECT home FROM users WHERE name = '%u' AND nologin IS NULL"
    with Server(build, folder, "sql", settings_for(database, **{"auth.sql.userQuery": second}), name="two") as server:
        counter.run("sqlite: userQuery", user_query, server)


def tests(counter, build, folder):
    counter.run("sqlite", over_sqlite, counter, build, folder)
    for kind in (PostgreSql, MariaDb):
        counter.run(kind.name, lambda kind=kind: of_daemon(counter, build, folder, kind(folder)))


main("auth-sql", tests)
