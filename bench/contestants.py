"""The two servers as the benchmark starts them: settings of production, trees of their own, what "cold" takes away.

Starting and stopping is tests/lib/servers.py. Only one of the two runs at a time.
"""

import glob
import os
import shutil

import client
import corpus
import servers

USER = "bench"
AGED_USERS = ["copied", "moved"]        # their messages have lain untouched for a while
MANY_USERS = [f"u{number:03d}" for number in range(100)]    # for the rows with many connections
ALL_USERS = [USER, *AGED_USERS, *MANY_USERS]
PASSWORD = "secret"
TICKS = os.sysconf("SC_CLK_TCK")


class Contestant:
    """What both have in common; mixed into a class of tests/lib/servers.py."""

    def give_mail_to_owner(self):
        """Nothing: every file that is put into a tree belongs to the right account already."""

    @property
    def account(self):
        return self.uid, self.gid

    def prepare(self):
        for user in self.users:
            os.chown(self.home(user), *self.account)

    # - trees

    def fresh(self, source, user=None, most=None, linked=True):
        """Replaces the user's tree (the server is stopped) by one that no server has seen; empty without `source`."""
        self.drop_caches(user)
        if source is None:
            shutil.rmtree(self.maildir(user), ignore_errors=True)
            corpus.make_maildir(self.maildir(user), self.account)
        else:
            source.copy_to(self.maildir(user), self.account, most, linked)

    def drop_caches(self, user=None):
        """Removes what the server derived from the messages; UID lists and keywords stay."""
        raise NotImplementedError

    def start_if_stopped(self):
        if self.process is None:
            self.start()

    # - measures

    def pids(self):
        return servers.process_tree(self.process.pid)

    def cpu_seconds(self):
        """What its processes used so far, those that ended and were waited for included."""
        total = 0
        for pid in self.pids():
            try:
                with open(f"/proc/{pid}/stat", "rb") as file:
                    data = file.read()
            except OSError:
                continue
            total += sum(int(field) for field in data[data.rindex(b")") + 2:].split()[11:15])
        return total / TICKS

    def memory(self):
        """Octets of its processes: the proportional set size, in which shared pages count once."""
        total = 0
        for pid in self.pids():
            try:
                with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
                    total += next(int(line.split()[1]) for line in file if line.startswith("Pss:")) * 1024
            except (OSError, StopIteration):
                continue
        return total

    # - sessions

    def session(self, user=USER, tls=False):
        """A client that has signed in."""
        one = client.Client(servers.HOST, self.tls_port if tls else self.port, tls)
        one.login(user, PASSWORD)
        return one

    def opened(self, user=USER, tls=False):
        """A client with INBOX selected."""
        one = self.session(user, tls)
        one.select()
        return one


class Maildock(Contestant, servers.Maildock):
    def __init__(self, build, folder):
        super().__init__(build, folder, mail_root=os.path.join(folder, "mail-maildock"), users=ALL_USERS,
                         password=PASSWORD, settings={"imap.limit.perUserAndAddress": 0})
        self.prepare()

    def drop_caches(self, user=None):
        for entry in os.scandir(self.path("state")) if os.path.exists(self.path("state")) else ():
            shutil.rmtree(entry.path) if entry.is_dir(follow_symlinks=False) else os.unlink(entry.path)


DOVECOT_SETTINGS = """\
default_process_limit = 12000
default_client_limit = 15000
default_vsz_limit = 1024 M
service imap-login {{
  process_limit = {cores}
  process_min_avail = {cores}
  client_limit = 12000
}}
service imap {{
  process_limit = 12000
  process_min_avail = {cores}
}}
service anvil {{
  client_limit = 15000
}}
service auth {{
  client_limit = 15000
}}
service stats {{
  client_limit = 15000
}}
"""


class Dovecot(Contestant, servers.Dovecot):
    """Login processes in high-performance mode, one a core; a process for each connection; mail_fsync=optimized."""

    def __init__(self, folder):
        super().__init__(folder, mail_root=os.path.join(folder, "mail-dovecot"), users=ALL_USERS,
                         password=PASSWORD, fsync="optimized",
                         settings=DOVECOT_SETTINGS.format(cores=len(os.sched_getaffinity(0))))
        self.prepare()

    def drop_caches(self, user=None):
        for pattern in ("dovecot.index*", ".*/dovecot.index*", "dovecot.list.index*"):
            for path in glob.glob(os.path.join(self.maildir(user), pattern)):
                os.unlink(path)
