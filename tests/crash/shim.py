"""The other side of CrashShim.c: arms it, reads its records; and a Maildock that runs with it."""

import mmap
import os
import struct
import sys
import tempfile

sys.path[:0] = [os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib")]

import servers  # noqa: E402
from counting import Skipped  # noqa: E402

# Hundreds of small trees; none of these tests depends on what the disk really keeps. TMPDIR chooses another place.
if "TMPDIR" not in os.environ and os.access("/dev/shm", os.W_OK):
    tempfile.tempdir = "/dev/shm"

OFF, COUNT, KILL_BEFORE, KILL_AFTER, KILL_HALFWAY, FAIL, FAIL_FROM_HERE, NO_ROOM = range(8)
CONTROL_OCTETS = 32 + 512


class Record:
    """One watched call that was made: what, its result, and where."""

    def __init__(self, fields, data):
        name, result, inode, offset, _, self.path, self.other = fields
        self.name, self.result, self.inode, self.offset = name, int(result), int(inode), int(offset)
        self.data = data

    def __repr__(self):
        return f"{self.name} {self.path}" + (f" -> {self.other}" if self.other else "")


class Shim:
    """The two shared files of one server."""

    def __init__(self, build, folder):
        self.library = os.path.join(os.path.abspath(build), "tests", "crash", "crash_shim.so")
        if not os.path.exists(self.library):
            raise Skipped(f"{self.library} is not built here (sanitizers want to be the first library)")
        os.makedirs(folder, exist_ok=True)
        self.control_path = os.path.join(folder, "control")
        self.log_path = os.path.join(folder, "log")
        with open(self.control_path, "wb") as file:
            file.write(bytes(CONTROL_OCTETS))
        self._file = open(self.control_path, "r+b")
        self._map = mmap.mmap(self._file.fileno(), CONTROL_OCTETS)

    def environment(self):
        return {**os.environ, "LD_PRELOAD": self.library, "CRASH_CONTROL": self.control_path,
                "CRASH_LOG": self.log_path}

    def arm(self, folder, mode, target=0, error=0, reads=False, record=False):
        """Watches the calls below `folder` from now on."""
        self.disarm()
        self._map[32:CONTROL_OCTETS] = (os.fsencode(folder) + b"/").ljust(512, b"\0")
        if record:
            open(self.log_path, "wb").close()
        self._map[4:32] = struct.pack("7i", target, error, reads, record, 0, 0, 0)
        self._map[0:4] = struct.pack("i", mode)

    def disarm(self):
        self._map[0:4] = struct.pack("i", OFF)
        self._map[16:20] = struct.pack("i", 0)

    def count(self):
        return struct.unpack("i", self._map[20:24])[0]

    def reached(self):
        return struct.unpack("i", self._map[24:28])[0] == 1

    def records(self):
        with open(self.log_path, "rb") as file:
            octets = file.read()
        found, at = [], 0
        while at < len(octets):
            end = octets.index(b"\n", at)
            fields = octets[at:end].decode("utf-8", "surrogateescape").split("\t")
            at = end + 1 + int(fields[4])
            found.append(Record(fields, octets[end + 1:at]))
        return found


class ShimmedMaildock(servers.Maildock):
    """Maildock with the shim. Its trees are the test's own to make: nothing walks through them at each start and end."""

    def __init__(self, build, folder, **rest):
        self.shim = Shim(build, os.path.join(folder, "shim"))
        super().__init__(build, folder, **rest)

    def environment(self):
        return self.shim.environment()

    def _end(self, members):
        self.process.kill()
        self.process.wait()
        self.process = None
        self._log.close()

    def kill(self):
        if self.process is not None:
            self._end([])
