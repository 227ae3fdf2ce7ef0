#!/usr/bin/env python3
"""Tests of the runner itself: a matcher that takes everything would pass every server."""

import pathlib
import tempfile
import unittest

import pattern
import script


def matched(wanted, line, **variables):
    return pattern.match(wanted, line, variables) is not None


class Patterns(unittest.TestCase):
    def yes(self, wanted, line, **variables):
        self.assertTrue(matched(wanted, line, **variables), f"{wanted!r} against {line!r}")

    def no(self, wanted, line, **variables):
        self.assertFalse(matched(wanted, line, **variables), f"{wanted!r} against {line!r}")

    def test_status(self):
        self.yes("a1 OK ...", "a1 OK [READ-WRITE] done")
        self.yes("a1 OK [read-write] ...", "a1 OK [READ-WRITE] done")
        self.no("a1 OK ...", "a2 OK done")
        self.no("a1 OK ...", "a1 NO done")
        self.no("a1 OK [READ-ONLY] ...", "a1 OK [READ-WRITE] done")
        self.no("a1 OK [READ-ONLY] ...", "a1 OK done")
        self.yes("* OK Still here", "* OK Still here")
        self.no("* OK Still here", "* OK Gone")
        self.yes("a1 <any:NO|BAD> ...", "a1 BAD x")
        self.no("a1 <any:NO|BAD> ...", "a1 OK x")

    def test_code_with_sets(self):
        self.yes("a OK [COPYUID <v> 1:3 4:6] ...", "a OK [COPYUID 99 1,2,3 4:6] done")
        self.no("a OK [COPYUID <v> 1:3 4:6] ...", "a OK [COPYUID 99 1:3 6,5,4] done")
        self.yes("* OK [PERMANENTFLAGS (\\* \\Seen ...)] ...", "* OK [PERMANENTFLAGS (\\Seen \\Draft \\*)] x")
        self.no("* OK [PERMANENTFLAGS (\\*)] ...", "* OK [PERMANENTFLAGS (\\Seen \\*)] x")
        self.no("* OK [PERMANENTFLAGS ...] ...", "* OK [UIDNEXT 4] x")

    def test_fetch_items_in_any_order(self):
        self.yes("* 1 FETCH (UID <u> FLAGS (\\Seen))", "* 1 FETCH (FLAGS (\\Seen \\Recent) UID 7)")
        self.no("* 1 FETCH (UID 7)", "* 1 FETCH (UID 7 FLAGS ())")
        self.yes("* 1 FETCH (UID 7 ...)", "* 1 FETCH (UID 7 FLAGS ())")
        self.no("* 1 FETCH (FLAGS ())", "* 1 FETCH (FLAGS (\\Seen))")
        self.no("* 1 FETCH (FLAGS (\\Recent))", "* 1 FETCH (FLAGS ())")
        self.no("* 1 FETCH (UID 7)", "* 2 FETCH (UID 7)")

    def test_strings(self):
        self.yes('* 1 FETCH (BODY[] "a\\r\\nb")', "* 1 FETCH (BODY[] {4}\r\na\r\nb)")
        self.no('* 1 FETCH (BODY[] "a\\r\\nB")', "* 1 FETCH (BODY[] {4}\r\na\r\nb)")
        self.no('* 1 FETCH (BODY[] "NIL")', "* 1 FETCH (BODY[] NIL)")
        self.no("* 1 FETCH (BODY[] NIL)", '* 1 FETCH (BODY[] "NIL")')
        self.no("* 1 FETCH (BODY[] <literal>)", '* 1 FETCH (BODY[] "x")')
        self.yes("* 1 FETCH (BODY[] <string>)", '* 1 FETCH (BODY[] "x")')
        self.no("* 1 FETCH (BODY[] <string>)", "* 1 FETCH (BODY[] NIL)")
        self.yes("* 1 FETCH (BODY[HEADER.FIELDS (Subject)]<0> <any>)",
                 '* 1 FETCH (BODY[HEADER.FIELDS ("SUBJECT")]<0> {1}\r\n))')

    def test_lists(self):
        self.yes('* LIST (\\Sent ...) "/" Sent', '* LIST (\\HasNoChildren \\Sent) "/" "Sent"')
        self.no('* LIST (\\Sent) "/" Sent', '* LIST (\\HasNoChildren \\Sent) "/" Sent')
        self.no('* LIST (\\Sent ...) "/" "Sent"', '* LIST (\\Sent) "/" "sent"')
        self.yes('* LIST <any:(?!.*Subscribed).*> "/" x', '* LIST (\\HasNoChildren) "/" x')
        self.no('* LIST <any:(?!.*Subscribed).*> "/" x', '* LIST (\\Subscribed) "/" x')

    def test_search(self):
        self.yes("* SEARCH 1 2", "* SEARCH 2 1")
        self.no("* SEARCH 1 2", "* SEARCH 1 2 3")
        self.no("* SEARCH", "* SEARCH 1")
        self.yes('* ESEARCH (TAG "<tag>") UID COUNT 2 ALL 1:2', '* ESEARCH (TAG "a1") UID ALL 1,2 COUNT 2', tag="a1")
        self.no('* ESEARCH (TAG "<tag>") COUNT 2', '* ESEARCH (TAG "a2") COUNT 2', tag="a1")
        self.no('* ESEARCH (TAG "<tag>") COUNT 2', '* ESEARCH (TAG "a1") UID COUNT 2', tag="a1")

    def test_captures(self):
        found = pattern.match("* STATUS x (UIDNEXT <n>)", "* STATUS x (UIDNEXT 5)", {})
        self.assertEqual(found["n"], "5")
        self.yes("* <n> EXISTS", "* 5 EXISTS", n="5")
        self.no("* <n> EXISTS", "* 6 EXISTS", n="5")
        self.no("* <n> EXISTS", "* x EXISTS")

    def test_malformed_responses(self):
        self.no("* SEARCH ...", "* SEARCH (1")
        self.no("* 1 FETCH ...", '* 1 FETCH (BODY[] "a')
        self.no("* LIST ...", "* LIST ) x")


class Scripts(unittest.TestCase):
    def read(self, text):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "script"
            path.write_text(text)
            return script.read(path)

    def test_needs_a_promise(self):
        with self.assertRaises(script.ScriptError):
            self.read("C: NOOP\n")

    def test_unknown_words(self):
        for text in ("# x\nfrobnicate\n", "# x\nX: y\n", "# x\nstate nowhere\n", "# x\nS-: y\n",
                     "# x\ndeliver a none\n", "# x\nexcept dovecot\n", "# x\nunordered\nS: a\n", "# x\nstate selected\n"):
            with self.assertRaises(script.ScriptError, msg=text):
                self.read(text)

    def test_steps(self):
        read = self.read("# x\nrequire MOVE\ndeliver INBOX flags=F 2 messages\n2C&: NOOP\n2S*: * OK ...\n2S: OK\n")
        self.assertEqual([s.kind for s in read.steps], ["deliver", "send", "ignore", "expect"])
        self.assertEqual(read.steps[0].options["flags"], "F")
        self.assertEqual(len(read.steps[0].options["messages"]), 2)
        self.assertTrue(read.steps[1].is_held)
        self.assertEqual(read.steps[1].connection, 2)

    def test_all_scripts(self):
        paths = script.find([])
        self.assertGreater(len(paths), 300)
        for path in paths:
            with self.subTest(path=path):
                script.read(path)
                self.assertLessEqual(len(path.read_bytes().splitlines()), 40)


if __name__ == "__main__":
    unittest.main()
