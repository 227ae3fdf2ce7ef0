"""Where a benchmark runs: the machine, and a folder for the mail that the servers can reach."""

import os
import platform
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = (line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
        model = next(models, "processor unknown")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} x {model}, {memory:.0f} GiB, Linux {platform.release()}"


def file_system(path):
    """The type of the file system below `path`: a tmpfs makes fsync cost nothing."""
    best = ("", "unknown")
    with open("/proc/self/mounts", encoding="utf-8", errors="replace") as file:
        for _, place, kind, *_ in map(str.split, file):
            if os.path.commonpath([place, path]) == place and len(place) >= len(best[0]):
                best = place, kind
    return best[1]


def is_open(path):
    """Whether any account can reach it: the servers drop to the one of the mail files."""
    path = os.path.realpath(path)
    while path != "/":
        if not os.stat(path).st_mode & 0o001:
            return False
        path = os.path.dirname(path)
    return True


def work_folder(wanted):
    """(folder, whether it is to be removed). Beside the program unless only its owner may go there."""
    if wanted:
        os.makedirs(wanted, exist_ok=True)
        if os.geteuid() == 0 and not is_open(wanted):
            sys.exit(f"bench: the account of the mail files can't reach {wanted}")
        return os.path.realpath(wanted), False
    place = "/var/tmp"
    if os.geteuid() != 0 or is_open(ROOT):
        place = os.path.join(ROOT, "run")
        os.makedirs(place, exist_ok=True)
    place = tempfile.mkdtemp(prefix="bench-", dir=place)
    os.chmod(place, 0o755)
    return place, True
