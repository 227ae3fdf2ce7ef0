"""What two servers tell of one tree, item by item, and where they differ.

observe() asks a server for everything and gives Facts; compare() holds two of them against each other. What is allowed
to differ stands in differences.txt, each with its RFC section and reason; nothing else may. Values are brought to one
form only where the standard says that the forms mean the same (letter case of MIME types, order of flags, the zone of
a date); larger values are kept as length and hash.
"""

import calendar
import fnmatch
import hashlib
import re

from imapclient import CommandFailed, Literal, quote

HEADER_SETS = ["HEADER.FIELDS (From To Subject Date)", "HEADER.FIELDS (received x-none)",
               "HEADER.FIELDS.NOT (Received To)"]
PARTIALS = ["<0.100>", "<100.1000>", "<7.1>", "<999999999.10>"]
MOST_SECTIONS = 40     # of one message; odd messages have thousands of parts

SEARCHES = [
    "ALL", "ANSWERED", "DELETED", "DRAFT", "FLAGGED", "SEEN", "UNSEEN", "UNANSWERED", "UNDELETED", "UNDRAFT", "UNFLAGGED",
    "KEYWORD $Forwarded", "UNKEYWORD $Forwarded", "KEYWORD nosuchkeyword", "KEYWORD NonJunk FLAGGED",
    "FROM schmidt", "FROM \"anna.schmidt@example.org\"", "TO list", "CC team", "BCC x", "SUBJECT minutes",
    "SUBJECT \"Release candidate\"", "NOT SUBJECT re", "OR SUBJECT Rechnung SUBJECT holiday",
    "BODY \"please find\"", "BODY zzzznothing", "TEXT offer", "TEXT \"X-Mailer: Mutt\"", "HEADER X-Mailer \"\"",
    "HEADER Content-Language en", "HEADER Message-ID \"<7.\"",
    "LARGER 5000", "SMALLER 1000", "LARGER 1000 SMALLER 2000", "BEFORE 1-Oct-2020", "ON 14-Sep-2020", "SINCE 1-Mar-2021",
    "SENTBEFORE 1-Oct-2020", "SENTON 14-Sep-2020", "SENTSINCE 1-Mar-2021", "1:10,15,*", "UID 1:20,40:*",
    "NOT (SEEN FLAGGED)", "NOT (ANSWERED FLAGGED)", "OR (SEEN FLAGGED) (UNSEEN KEYWORD NonJunk)", "NOT 1:5 UNSEEN", "RETURN (COUNT) SEEN",
    "RETURN (MIN MAX) FLAGGED",
    ("SUBJECT", "München"), ("SUBJECT", "会議"), ("FROM", "Jürgen"), ("TO", "山田"), ("BODY", "Größe"), ("TEXT", "smørrebrød"),
    ("SUBJECT", "MÜNCHEN"), ("TEXT", "Мария"),
]


class Facts:
    """values: {(mailbox, message label or "", item): value}; structures: {(mailbox, uid): BODYSTRUCTURE}."""

    def __init__(self):
        self.values, self.structures = {}, {}

    def put(self, mailbox, message, item, value):
        self.values[(mailbox, message, item)] = value


# -- one form for values that mean the same --------------------------------------------------------------------------

def digest(octets):
    return None if octets is None else (len(octets), hashlib.sha1(octets).hexdigest()[:16])


def lowered(value):
    return value.lower() if isinstance(value, bytes) else value


def parameters(value):
    """(name value ...) with names in lower case; also of a disposition."""
    if not isinstance(value, list):
        return value
    return [lowered(v) if at % 2 == 0 else v for at, v in enumerate(value)]


def disposition(value):
    return [lowered(value[0]), parameters(value[1])] if isinstance(value, list) and len(value) == 2 else value


def structure(value):
    """A BODY or BODYSTRUCTURE with what is case-insensitive (RFC 2045 5.1) in lower case."""
    if not isinstance(value, list) or not value:
        return value
    if isinstance(value[0], list):
        count = next((at for at, v in enumerate(value) if not isinstance(v, list)), len(value))
        rest = value[count:]
        out = [structure(v) for v in value[:count]] + [lowered(v) for v in rest[:1]]
        if len(rest) > 1:
            out.append(parameters(rest[1]))
        if len(rest) > 2:
            out.append(disposition(rest[2]))
        return out + rest[3:]
    out = [lowered(value[0]), lowered(value[1]), parameters(value[2]), value[3], value[4], lowered(value[5]), *value[6:]]
    at = 7
    if out[0] == b"message" and out[1] in (b"rfc822", b"global") and len(out) > 9 and isinstance(out[8], list):
        out[8] = structure(out[8])
        at = 10
    elif out[0] == b"text":
        at = 8
    if len(out) > at + 1:
        out[at + 1] = disposition(out[at + 1])
    return out


_MONTHS = {m: at for at, m in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}


def moment(value):
    """An INTERNALDATE as seconds since 1970: servers may tell it in any zone (RFC 3501 2.3.3)."""
    match = re.fullmatch(rb"([ \d]\d)-(\w{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)", value)
    if not match:
        return value
    day, month, year, hour, minute, second, sign, zone_hours, zone_minutes = match.groups()
    seconds = calendar.timegm((int(year), _MONTHS[month.decode().lower()], int(day), int(hour), int(minute), int(second)))
    offset = (int(zone_hours) * 60 + int(zone_minutes)) * 60
    return seconds - offset if sign == b"+" else seconds + offset


def flag_set(value):
    """Flags without order; system flags without letter case; without \\Recent, which one session alone may see."""
    out = {(f.lower() if f.startswith(b"\\") else f).decode("utf-8", "replace") for f in value}
    return sorted(out - {"\\recent"})


_LIST_ATTRIBUTES = {"\\noselect", "\\nonexistent", "\\haschildren", "\\hasnochildren", "\\noinferiors", "\\subscribed"}


def list_attributes(value):
    """The attributes about the name itself; special uses and marks are the server's choice (RFC 6154, RFC 3501 7.2.2)."""
    return sorted(set(flag_set(value)) & _LIST_ATTRIBUTES)


# -- asking ----------------------------------------------------------------------------------------------------------

def sections_of(body, prefix=""):
    """Section names of a BODYSTRUCTURE: every part, its MIME header, and what a message/rfc822 adds."""
    return list(_parts_of(body, prefix))[:MOST_SECTIONS]


def multiparts_of(body):
    """Names of the parts that are multiparts themselves."""
    return {name for name, part in _parts_of(body, "").items() if part and isinstance(part[0], list)}


def _parts_of(body, prefix):
    """{section name: the part's structure, or None for its headers}."""
    out = {}
    if isinstance(body[0], list):
        for number, part in enumerate((p for p in body if isinstance(p, list) and p and _is_part(p)), 1):
            name = f"{prefix}{number}"
            out[name], out[f"{name}.MIME"] = part, None
            out.update(_parts_of(part, f"{name}.") if isinstance(part[0], list) else _of_message(part, name))
    elif not prefix:
        out["1"] = body
        out.update(_of_message(body, "1"))
    return out


def _is_part(value):
    return isinstance(value[0], list) or (len(value) >= 7 and not isinstance(value[1], list))


def _of_message(part, name):
    if lowered(part[0]) != b"message" or len(part) <= 8 or not isinstance(part[8], list):
        return {}
    inner = part[8]
    out = {f"{name}.HEADER": None, f"{name}.TEXT": None, f"{name}.HEADER.FIELDS (Subject From)": None}
    out.update(_parts_of(inner, f"{name}.") if isinstance(inner[0], list) else {f"{name}.1": inner})
    return out


def mailboxes(imap):
    """{name as on the wire: attributes} of all that can be selected."""
    return {r.data[2]: list_attributes(r.data[0]) for r in imap.ok('LIST "" *').of("LIST")}


def observe(server, alias, labels, light=False, octets=False, plan=None, progress=None):
    """Everything that `server` tells of the first user's tree.

    alias: {name on the wire: name in the facts}; labels(mailbox, uid) names a message in reports; light leaves out
    structures, bodies and searches, and with octets has BODY[] and the header all the same; plan: structures of
    another server, so that both are asked for the same sections.
    """
    facts = Facts()
    with server.connect(timeout=300) as imap:
        names = mailboxes(imap)
        shown = {name: alias.get(name, name).decode("ascii", "replace") for name in names}
        for name, attributes in names.items():
            facts.put(shown[name], "", "LIST", attributes)
        for response in imap.ok('LSUB "" *').of("LSUB"):
            name = alias.get(response.data[2], response.data[2]).decode("ascii", "replace")
            if "\\noselect" not in list_attributes(response.data[0]):   # else only a level above (RFC 3501 6.3.9)
                facts.put(name, "", "LSUB", True)
        facts.put("", "", "LIST %", sorted(alias.get(r.data[2], r.data[2]) for r in imap.ok('LIST "" %').of("LIST")))
        for name, attributes in sorted(names.items()):
            if "\\noselect" not in attributes and "\\nonexistent" not in attributes:
                if progress:
                    progress(f"{server.name}: {shown[name]}")
                try:
                    _observe_mailbox(imap, name, shown[name], facts, labels, light, octets, plan)
                except CommandFailed as error:
                    facts.put(shown[name], "", "FAILED", str(error))
    return facts


def _observe_mailbox(imap, name, shown, facts, labels, light, octets, plan):
    status = imap.ok("STATUS", quote(name), "(MESSAGES UIDNEXT UIDVALIDITY UNSEEN)").of("STATUS")[0].data[1]
    for at in range(0, len(status), 2):
        facts.put(shown, "", "STATUS " + status[at].decode().upper(), status[at + 1])
    selected = imap.select(name)
    facts.put(shown, "", "EXISTS", selected.of("EXISTS")[-1].number)
    for code in (b"UIDVALIDITY", b"UIDNEXT"):
        facts.put(shown, "", code.decode(), selected.code_value(code))
    if not selected.of("EXISTS")[-1].number:
        return
    more = "" if light else " ENVELOPE BODYSTRUCTURE BODY"
    listing = f"(UID FLAGS RFC822.SIZE INTERNALDATE{more}{' BODY.PEEK[] BODY.PEEK[HEADER]' if octets else ''})"
    uids = []
    for number, items in sorted(imap.ok("UID FETCH 1:*", listing).fetched().items()):
        uid = int(items.pop("UID"))
        uids.append(uid)
        label = labels(shown, uid)
        facts.put(shown, label, "UID", (number, uid))
        if "BODYSTRUCTURE" in items:
            facts.structures[(shown, uid)] = items["BODYSTRUCTURE"]
        for item, value in items.items():
            facts.put(shown, label, item, _normal(item, value))
    if not light:
        for uid in uids:
            _observe_message(imap, shown, uid, labels(shown, uid), facts, plan or facts.structures)
        _observe_searches(imap, shown, facts)


def _normal(item, value):
    if item == "FLAGS":
        return flag_set(value)
    if item == "INTERNALDATE":
        return moment(value)
    if item in ("BODYSTRUCTURE", "BODY"):
        return structure(value)
    return digest(value) if item.startswith(("BODY[", "RFC822")) and item != "RFC822.SIZE" else value


def _observe_message(imap, shown, uid, label, facts, structures):
    body = structures.get((shown, uid))
    sections = ["", "HEADER", "TEXT"] + HEADER_SETS + (sections_of(body) if body else [])
    multiparts = multiparts_of(body) if body else set()
    items = [f"BODY.PEEK[{section}]" for section in sections]
    items += [f"BODY.PEEK[]{partial}" for partial in PARTIALS] + ["BODY.PEEK[1]<3.50>", "BODY.PEEK[TEXT]<0.64>"]
    items += ["RFC822.HEADER"]
    result = imap.command(f"UID FETCH {uid}", items)
    if result.status != "OK":
        facts.put(shown, label, "FETCH", f"{result.status} {result.text}")
        return
    fetched = result.fetched()
    if len(fetched) != 1:
        facts.put(shown, label, "FETCH", f"{len(fetched)} responses")
        return
    for item, value in next(iter(fetched.values())).items():
        if item in ("UID", "FLAGS"):
            continue
        if item == "BODY[]":
            facts.put(shown, label, "octets of BODY[]", None if value is None else len(value))
        name = re.sub(r"\[HEADER\.FIELDS(\.NOT)? \(([^)]*)\)\]",
                      lambda m: f"[HEADER.FIELDS{m[1] or ''} ({m[2].replace(chr(34), '').upper()})]", item)
        if name[5:-1] in multiparts and value is not None:
            # Servers disagree on whose the line end before a delimiter is, so it is looked at on its own.
            facts.put(shown, label, f"{name} multipart, line end", value.endswith(b"\r\n"))
            name, value = f"{name} multipart", value.removesuffix(b"\r\n")
        facts.put(shown, label, name, digest(value))


def _observe_searches(imap, shown, facts):
    for query in SEARCHES:
        if isinstance(query, tuple):
            result = imap.command("UID SEARCH CHARSET UTF-8", query[0], Literal(query[1].encode("utf-8")))
            text = " ".join(query)
        else:
            result = imap.command("UID SEARCH", query)
            text = query
        value = result.status
        if result.status == "OK":
            if result.of("ESEARCH"):
                data = result.of("ESEARCH")[0].data
                value = [v for v in data if not isinstance(v, list)]
            else:
                value = sorted(int(n) for r in result.of("SEARCH") for n in r.data)
        facts.put(shown, "", f"SEARCH {text}", value)


# -- comparing -------------------------------------------------------------------------------------------------------

class Difference:
    """A line of differences.txt: pattern of tree/mailbox/message, pattern of the item, RFC section, reason."""

    def __init__(self, line, number):
        fields = [f.strip() for f in line.split(" | ")]
        if len(fields) != 4 or not re.search(r"RFC \d+ \S+", fields[2]):
            raise ValueError(f"differences.txt:{number}: not \"where | item | RFC section | reason\": {line}")
        self.where, self.item, self.section, self.reason = fields
        self.number, self.used = number, 0

    def covers(self, where, item):
        return fnmatch.fnmatchcase(where, self.where) and fnmatch.fnmatchcase(item, self.item.replace("[", "[[]"))


def read_differences(path):
    with open(path, encoding="utf-8") as file:
        return [Difference(line, number) for number, line in enumerate(file, 1)
                if line.strip() and not line.startswith("#")]


def short(value, length=300):
    text = repr(value)
    return text if len(text) <= length else f"{text[:length]}... ({len(text)})"


def compare(counter, tree, first, second, names, differences, most=3):
    """Counts one check for each mailbox and kind of item; prints what differs and nobody explains."""
    missing = object()
    groups = {}
    for key in sorted(set(first.values) | set(second.values)):
        mailbox, message, item = key
        group = groups.setdefault((mailbox, kind_of(item)), [0, []])
        group[0] += 1
        a, b = first.values.get(key, missing), second.values.get(key, missing)
        if a is missing or b is missing or a != b:
            where = f"{tree}/{mailbox}/{message}"
            entry = next((d for d in differences if d.covers(where, item)), None)
            if entry:
                entry.used += 1
            else:
                group[1].append((message, item, "(nothing)" if a is missing else a, "(nothing)" if b is missing else b))
    for (mailbox, kind), (count, found) in groups.items():
        name = f"{tree}: {mailbox or 'the tree'}: {kind} ({count})"
        if not found:
            counter.ok(name)
            continue
        counter.fail(name, f"{len(found)} differ")
        for message, item, a, b in found[:most]:
            print(f"        {message} {item}\n          {names[0]}: {first_difference(a, b)[0]}"
                  f"\n          {names[1]}: {first_difference(a, b)[1]}")
        if len(found) > most:
            print("        also: " + " ".join(sorted({m for m, *_ in found[most:]}))[:600])


def first_difference(a, b):
    """Two values, shortened to where they differ."""
    if isinstance(a, list) and isinstance(b, list):
        if a and b and all(isinstance(v, int) for v in a + b):
            return f"also {sorted(set(a) - set(b))[:20]}", f"also {sorted(set(b) - set(a))[:20]}"
        for at, (x, y) in enumerate(zip(a, b)):
            if x != y:
                inner = first_difference(x, y)
                return f"[{at}] {inner[0]}", f"[{at}] {inner[1]}"
        return f"{len(a)} values: {short(a)}", f"{len(b)} values: {short(b)}"
    return short(a), short(b)


def kind_of(item):
    """BODY[1.2] -> BODY[part], so that reports have a line for each kind."""
    item = re.sub(r"\[\d+(\.\d+)*\]", "[part]", item)
    item = re.sub(r"\[\d+(\.\d+)*\.", "[part.", item)
    item = re.sub(r"<\d+(\.\d+)?>", "<partial>", item)
    return "SEARCH" if item.startswith("SEARCH") else item
