"""What the load tests share: the command line, the server, more file descriptors."""

import argparse
import os
import resource
import sys
import traceback

sys.path[:0] = [os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib")]

import servers  # noqa: E402
from counting import Counter, Skipped, require  # noqa: E402,F401


def more_descriptors(wanted):
    """Raises the soft limit; returns how many may be open."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(wanted, 1024), hard), hard))
    return min(max(wanted, 1024), hard)


def descriptors_of(pid):
    """(how many, but for those of cache files, of which it keeps some; those)."""
    links = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            links.append(os.readlink(f"/proc/{pid}/fd/{name}"))
        except OSError:
            pass        # closed meanwhile
    cache = sum(".mailbox" in link for link in links)
    return len(links) - cache, cache


def main(name, tests, add_arguments):
    """Parses the command line and runs tests(counter, options, make_server, folder)."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("build", nargs="?", help="build folder with bin/maildock")
    parser.add_argument("--dovecot", action="store_true", help="run against Dovecot instead")
    add_arguments(parser)
    options = parser.parse_args()
    if not options.build and not options.dovecot:
        parser.error("a build folder or --dovecot")
    counter = Counter()

    def make_server(folder, **rest):
        return servers.Dovecot(folder, **rest) if options.dovecot else servers.Maildock(options.build, folder, **rest)

    try:
        with servers.WorkFolder(name) as folder:
            tests(counter, options, make_server, folder)
    except Skipped as reason:
        counter.skip(name, reason)
    except Exception as error:  # the counts are printed whatever happens
        traceback.print_exc(file=sys.stdout)
        counter.fail(name, error)
    sys.exit(counter.finish())
