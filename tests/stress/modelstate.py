"""What the model checker knows: the messages that a mailbox must hold, and what each client was told of them."""

from counting import require


class Message:
    """One message of a mailbox. fate: None while it lives, "imap" or "outside" by what removed it."""

    def __init__(self, mark, flags, uid=None):
        self.mark, self.flags, self.uid, self.fate = mark, frozenset(flags), uid, None
        self.before = None                            # flags before a rename that the server may not have seen
        self.recent_in, self.in_new = set(), True     # in_new: no other program took it out of new/


class Box:
    """What a mailbox must hold."""

    def __init__(self, name, directory):
        self.name, self.directory = name, directory
        self.alive, self.gone, self.by_uid = [], [], {}
        self.validity, self.next, self.highest = None, 0, 0

    def add(self, message):
        self.alive.append(message)
        if message.uid is not None:
            require(message.uid > self.highest, f"{self.name}: UID {message.uid} is given after {self.highest}")
            self.learn(message.uid, message)

    def learn(self, uid, message):
        require(uid not in self.by_uid, f"{self.name}: UID {uid} is given twice")
        message.uid, self.by_uid[uid] = uid, message
        self.highest = max(self.highest, uid)

    def note(self, uid, mark):
        """A client was shown this content under this UID."""
        known = self.by_uid.get(uid)
        if known:
            require(known.mark == mark, f"{self.name}: UID {uid} was {known.mark}, is {mark}")
            return
        for message in self.alive + self.gone:
            if message.uid is None and message.mark == mark:
                return self.learn(uid, message)
        require(False, f"{self.name}: UID {uid} shows {mark}, which was never there under an unknown UID")

    def remove(self, message, fate):
        message.fate = fate
        self.alive.remove(message)
        self.gone.append(message)

    def next_uid(self, value, validity):
        require(value >= self.next, f"{self.name}: UIDNEXT was {self.next}, is {value}")
        require(value > self.highest, f"{self.name}: UIDNEXT {value}, but UID {self.highest} is given")
        require(self.validity in (None, validity), f"{self.name}: UIDVALIDITY was {self.validity}, is {validity}")
        self.next, self.validity = value, validity


class Session:
    """One connection and what its client knows: the UIDs by sequence number (None: not told yet) and their flags."""

    def __init__(self, client, number):
        self.client, self.number = client, number
        self.box, self.view, self.told = None, [], {}
        self.read_only, self.selection, self.idle_tag = False, 0, None

    def begin(self, box, read_only, exists, selection):
        self.box, self.read_only, self.selection = box, read_only, selection
        self.view, self.told = [None] * exists, {}

    def leave(self):
        self.box, self.view, self.told = None, [], {}
