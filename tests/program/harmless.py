#!/usr/bin/env python3
"""What `maildock check` passes does no harm: no two users share mail by mistake, and no empty tree takes mail's place.

Usage: harmless.py BUILD_FOLDER. Ends with the line "N passed, M failed".
"""

import gzip
import os
import pwd
import re
import subprocess
import sys
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib")]

import servers  # noqa: E402
from counting import Skipped, require  # noqa: E402

PATIENCE = 60


class Server(servers.Maildock):
    """`lines`: of the users file; {folder} is the test's."""

    def __init__(self, build, folder, lines=("anna:{{PLAIN}}secret", "ben:{{PLAIN}}secret"), **settings):
        super().__init__(build, folder, users=("anna",), settings=settings)
        self.lines = [line.format(folder=folder) for line in lines]

    def configure(self):
        super().configure()
        self.write("users", "".join(line + "\n" for line in self.lines), mode=0o600)
        if os.geteuid() == 0:
            os.chown(self.path("users"), self.uid, self.gid)

    def run(self, *arguments):
        """Of the program, without a server."""
        if not self.port:
            self.port, self.tls_port = servers.free_ports(2)
        self.configure()
        done = subprocess.run([self.binary, *arguments, f"--config={self.path('maildock.properties')}"],
                              capture_output=True, text=True, timeout=PATIENCE, check=False)
        return done.returncode, done.stdout + done.stderr

    def sign_in(self, user):
        with self.connect(login=False) as client:
            return client.command("LOGIN", user, "secret")


def settings(location, **more):
    return {"mail.location": location, **more}


def refused_locations(build, folder):
    """At the check and at the start."""
    for number, (location, told) in enumerate((
            ("/srv/mail/%Ld/%Ln", "write /srv/mail/%d/%n"), ("/srv/mail/%{user}", "write /srv/mail/%u"),
            ("/srv/mail/%{user | domain}/%{user | username}", "write /srv/mail/%d/%n"),
            ("/srv/mail", "is the same folder for every user"), ("/srv/mail/%d", "the same folder for every user"),
            ("/srv/mail", " share one mailbox, /srv/mail"), ("/srv/mail/%s", "there are %u (the user)"))):
        place = os.path.join(folder, str(number))
        os.makedirs(place)
        server = Server(build, place, **settings(location))
        status, said = server.run("check")
        require(status == 1 and told in said, f"{location}: {status} {said}")
        status, said = server.run()
        require(status == 78 and told in said, f"{location}: {status} {said}")


def refused_domains(build, folder):
    lines = ("anna@a.example:{{PLAIN}}secret", "anna@b.example:{{PLAIN}}secret")
    server = Server(build, folder, lines, **settings("/srv/mail/%n"))
    status, said = server.run("check")
    require(status == 1 and "anna@a.example" in said and "anna@b.example" in said, said)
    server.settings["mail.location"] = os.path.join(folder, "mail", "%d", "%n")
    status, said = server.run("check")
    require("share" not in said, said)


def folders_have_no_variables(build, folder):
    server = Server(build, folder, **{"mailbox.specialUse.Sent": "%u/Sent"})
    status, said = server.run("check")
    require(status == 1 and "mailbox.specialUse.Sent" in said and "has no variables" in said, said)


def refused_users(build, folder):
    """What one user's line says wrong is refused when he signs in; the others sign in."""
    lines = ("anna:{{PLAIN}}secret", "carl:{{PLAIN}}secret::::::userdb_mail={folder}/mail/%Ln",
             "dora:{{PLAIN}}secret::::::userdb_mail={folder}/mail/%d/x",
             "emil:{{PLAIN}}secret:::::: userdb_mail=mdbox:~/mdbox", "fred:{{PLAIN}}secret::::{folder}/mail/%Lu::",
             "gerd:{{PLAIN}}secret::::::userdb_mail=maildir:{folder}/mail/%n/Maildir")
    server = Server(build, folder, lines)
    with server:
        for user, told in (("carl", f"has %Ln, which is no variable here; names are lower case already: write {folder}"),
                           ("dora", "has %d, but the user dora has no domain"), ("emil", "is not absolute")):
            said = server.sign_in(user)
            require(said.status == "NO" and said.code_is(b"CONTACTADMIN"), f"{user}: {said!r}")
            require(told in server.log_tail(), server.log_tail())
        for user in ("anna", "gerd"):
            require(server.sign_in(user).status == "OK", user)
    names = sorted(os.listdir(os.path.join(folder, "mail")))
    require(names == ["anna", "gerd"], f"folders were made: {names}")


def no_domain(build, folder):
    """/srv/mail//anna would be shared with anna of nowhere else."""
    server = Server(build, folder, ("anna:{{PLAIN}}secret", "ben@b.example:{{PLAIN}}secret"),
                    **settings(os.path.join(folder, "mail", "%d", "%n")))
    with server:
        said = server.sign_in("anna")
        require(said.status == "NO" and said.code_is(b"CONTACTADMIN"), repr(said))
        require("the user anna has no domain: sign in as anna@DOMAIN" in server.log_tail(), server.log_tail())
        require(server.sign_in("ben@b.example").status == "OK", "ben")


def a_tree_is_told(build, folder):
    server = Server(build, folder)
    with server:
        root = os.path.join(folder, "mail", "ben", "Maildir")
        require(server.sign_in("ben").status == "OK", "ben")
        require(f"there was no mail of ben: made a new tree, {root}" in server.log_tail(), server.log_tail())
        before = len(server.log_tail().split("made a new tree"))
        require(server.sign_in("ben").status == "OK", "ben again")
        require(len(server.log_tail().split("made a new tree")) == before, "told twice")


def no_tree_is_made(build, folder):
    """mail.create = false: a typo, or a disk that is not mounted, is a refusal."""
    server = Server(build, folder, **{"mail.create": "false"})
    root = os.path.join(folder, "mail", "ben", "Maildir")
    for part in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(root, part))
    server.give_mail_to_owner()
    with server:
        said = server.sign_in("anna")
        require(said.status == "NO" and said.code_is(b"UNAVAILABLE"), repr(said))
        require("none may be made (mail.create = false)" in server.log_tail(), server.log_tail())
        with server.connect("ben") as client:
            client.ok("CREATE", "Box")
            os.rename(root, root + ".away")
            said = client.command("CREATE", "Other")
            require(said.status == "NO" and said.code_is(b"UNAVAILABLE"), repr(said))
            require(not os.path.exists(root), "CREATE made a new tree")
        require(server.sign_in("ben").code_is(b"UNAVAILABLE"), "ben without his disk")
        os.rename(root + ".away", root)
        require(server.sign_in("ben").status == "OK", "ben with it again")
    require(not os.path.exists(os.path.join(folder, "mail", "anna", "Maildir")), "a tree was made")


def other_stores(build, folder):
    """No cur/ is made where mail lies in another way; the client hears no empty INBOX."""
    users = {"sdbox": "Dovecot's sdbox (mailboxes/)", "mdbox": "Dovecot's mdbox (storage/)", "mbox": "an mbox file",
             "cyrus": "a mailbox of Cyrus", "home": "mail.location has to end in /Maildir"}
    server = Server(build, folder, tuple(user + ":{{PLAIN}}secret" for user in users),
                    **settings(os.path.join(folder, "mail", "%u")))
    for path in ("sdbox/mailboxes/INBOX/dbox-Mails", "mdbox/storage", "cyrus", "home/Maildir/cur"):
        os.makedirs(os.path.join(folder, "mail", path))
    for path, text in (("mbox", "From anna@example.org Mon Jan  1 00:00:00 2024\n\nx\n"), ("cyrus/cyrus.header", "x")):
        with open(os.path.join(folder, "mail", path), "w", encoding="utf-8") as file:
            file.write(text)
    server.give_mail_to_owner()
    with server:
        for user, told in users.items():
            said = server.sign_in(user)
            require(said.status == "NO" and said.code_is(b"CONTACTADMIN"), f"{user}: {said!r}")
            require(told in server.log_tail(), server.log_tail())
            require(not os.path.exists(os.path.join(folder, "mail", user, "cur")), f"{user} has a cur/")


def make_tree(root, folders=(), messages=()):
    for folder in ("", *folders):
        for part in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(root, folder, part))
    for number, content in enumerate(messages):
        with open(os.path.join(root, "cur", f"160000000{number}.m:2,S"), "wb") as file:
            file.write(content)


def names_of(folder):
    return sorted(os.path.join(parent, name) for parent, folders, files in os.walk(folder) for name in folders + files)


def check_looks_at_trees(build, folder):
    """What is there, in what layout, and what can't be read; nothing is changed."""
    mail = os.path.join(folder, "mail")
    users = ("anna", "ben", "carl", "dora", "emil", "fred", "gerd")
    server = Server(build, folder, tuple(user + ":{{PLAIN}}secret" for user in users),
                    **settings(os.path.join(mail, "%u")))
    os.rmdir(os.path.join(mail, "anna"))
    make_tree(os.path.join(mail, "anna"), (".Sent",), (b"Subject: x\n\nx\n", gzip.compress(b"Subject: y\n\ny\n")))
    make_tree(os.path.join(mail, "ben"), ("Sent",))
    make_tree(os.path.join(mail, "carl"), (), (b"CRYPTED\x03\x07\x02rest",))
    make_tree(os.path.join(mail, "dora"), (), (b"Dovecot-LZ4\r*\x9b\xc5rest",))
    make_tree(os.path.join(mail, "emil"))
    os.symlink(os.path.join(mail, "anna"), os.path.join(mail, "emil", ".Info"))
    os.makedirs(os.path.join(mail, "fred", "mailboxes"))
    server.give_mail_to_owner()
    before = names_of(mail)
    status, said = server.run("check")
    for told in ("folders lie in it as A/B: mail.layout = fs (ben: ", "encrypted by Dovecot's mail_crypt", "LZ4",
                 "symbolic links", "the folder holds Dovecot's sdbox (mailboxes/)",
                 "trees: of 7 users 7 were looked at, 5 have a Maildir; none: "):
        require(told in said, f"{told}\n{said}")
    require(status == 1 and "gzip" not in said, said)
    server.settings["mail.layout"] = "fs"
    status, said = server.run("check")
    require(status == 1 and "this is Maildir++: mail.layout = maildir++ (" in said and "A/B" not in said, said)
    require(names_of(mail) == before, "the check has changed something")


def check_is_bounded(build, folder):
    """A hundred of very many users."""
    server = Server(build, folder, tuple("user%d:{{PLAIN}}secret" % number for number in range(5000)))
    began = time.monotonic()
    status, said = server.run("check")
    require(status == 0 and "of 5000 users" in said and "0 have a Maildir" in said, said)
    looked = int(re.search(r"users (\d+) were looked at", said)[1])
    require(90 <= looked <= 100, said)
    require(time.monotonic() - began < 30, "too slow")


def auth_test_tells_the_folder(build, folder):
    server = Server(build, folder, ("anna:{{PLAIN}}secret", "ben:{{PLAIN}}secret", "carl:{{PLAIN}}secret",
                                    "dora:{{PLAIN}}secret::::::userdb_mail={folder}/mail/%Ln"))
    root = os.path.join(folder, "mail", "anna", "Maildir")
    make_tree(root, (), (b"Subject: x\n\nx\n",) * 3)
    os.makedirs(os.path.join(folder, "mail", "carl", "Maildir", "storage"))
    server.give_mail_to_owner()
    for user, told in (("anna", f"mail: {root}, is there, 3 messages in INBOX ("), ("ben", "/ben/Maildir, is not there"),
                       ("carl", "the folder holds Dovecot's mdbox"), ("dora", "has %Ln, which is no variable here")):
        status, said = server.run("auth", "test", user)
        require(status == 0 and told in said and "as user " in said, f"{user}: {said}")


def rights_of_the_server(build, folder):
    """As root, what server.user may not read or write is found."""
    if os.geteuid() != 0:
        raise Skipped("needs root")
    mail = os.path.join(folder, "mail")
    server = Server(build, folder, ("anna:{{PLAIN}}secret", "ben:{{PLAIN}}secret", "carl:{{PLAIN}}secret"),
                    **settings(os.path.join(mail, "%u"), **{"server.user": "mail", "mail.create": "false"}))
    os.rmdir(os.path.join(mail, "anna"))
    for user in ("anna", "ben"):
        make_tree(os.path.join(mail, user), (), (b"Subject: x\n\nx\n",))
    os.makedirs(os.path.join(mail, "carl"))
    server.give_mail_to_owner()
    server.configure()
    for path in (os.path.join(mail, "ben"), os.path.join(mail, "ben", "cur")):
        os.chown(path, 0, 0)
        os.chmod(path, 0o755)
    for name in os.listdir(os.path.join(mail, "anna", "cur")):
        path = os.path.join(mail, "anna", "cur", name)
        os.chown(path, 0, 0)
        os.chmod(path, 0o600)
    os.chmod(folder, 0o755)
    usual = server.configure

    def configure():
        usual()
        os.chown(server.path("users"), 0, pwd.getpwnam("mail").pw_gid)
        os.chmod(server.path("users"), 0o640)
        os.chown(server.key, 0, 0)
        os.chmod(server.key, 0o600)
        os.chown(server.path("state"), 0, 0)
        os.chmod(server.path("state"), 0o700)
    server.configure = configure
    status, said = server.run("check")
    for told in ("can't be written: the folder belongs to root:root, mode 0755 (ben: ",
                 "messages can't be read: they belong to root:root, mode 0600 (anna: ",
                 f"{server.key} can't be read by user mail: Permission denied, so that a reload will fail",
                 "/state can't be written by user mail", "there is no tree: who has none can't log in (carl: "):
        require(told in said, f"{told}\n{said}")
    require(status == 1, said)
    status, said = server.run("auth", "test", "ben")
    require("can't be written" in said and "as user mail" in said, said)


if __name__ == "__main__":
    sys.exit(servers.run_cases("harmless", __doc__, (
        refused_locations, refused_domains, folders_have_no_variables, refused_users, no_domain,
        a_tree_is_told, no_tree_is_made, other_stores, check_looks_at_trees, check_is_bounded,
        auth_test_tells_the_folder, rights_of_the_server)))
