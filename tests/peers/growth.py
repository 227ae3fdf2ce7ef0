#!/usr/bin/env python3
"""That bench/growth works: all of its parts at a tiny scale, and its plots. No figures."""

import json
import os
import sys
import tempfile
import xml.etree.ElementTree as xml

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BENCH = os.path.join(os.path.dirname(TESTS), "bench")
sys.path[:0] = [os.path.join(TESTS, "lib"), BENCH]

import growing  # noqa: E402
import plot  # noqa: E402
from counting import Counter, require  # noqa: E402
from programs import run_bounded  # noqa: E402

SECONDS = 240   # it takes some thirty; the machine may be busy


def axes_have_whole_decades():
    require(plot.decades([1_000, 1_000_000]) == (3, 6), f"{plot.decades([1_000, 1_000_000])}")
    require(plot.decades([0.4, 70]) == (-1, 2), f"{plot.decades([0.4, 70])}")
    require(plot.decades([10]) == (1, 2), f"{plot.decades([10])}")
    require([plot.number(each) for each in (-2, 0, 4)] == ["0.01", "1", "10,000"], f"{plot.number(-2)}")


def equal_factors_are_equal_ways():
    panel = plot.Panel("Time", "messages", "ms", [plot.Line("one", [(10, 1), (1_000, 100), (100_000, None), (7, 0)])])
    axes = plot.Axes(panel, 0, 0)
    require((axes.x(10), axes.x(100), axes.x(1_000)) == (0, plot.WIDTH / 2, plot.WIDTH), f"{axes.x(100)}")
    require((axes.y(1), axes.y(10), axes.y(100)) == (plot.HEIGHT, plot.HEIGHT / 2, 0), f"{axes.y(10)}")


def labels_are_escaped():
    panel = plot.Panel("Time", "a & b", "ms", [plot.Line('LIST "" <*>', [(1, 1), (10, 5)])])
    root = xml.fromstring(plot.svg("More \"&\" more", [panel]))
    texts = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}
    require({"a & b", 'LIST "" <*>', 'More "&" more'} <= texts, f"{texts}")


def links_stay_below_the_limit():
    with tempfile.TemporaryDirectory(prefix="md-growth-") as folder:
        seeds = growing.Seeds(folder, (os.geteuid(), os.getegid()))
        found = {seeds(number)[0] for number in (0, growing.MOST_LINKS - 1, growing.MOST_LINKS)}
        require(len(found) == 2, f"{found}")


def run_it(build):
    with tempfile.TemporaryDirectory(prefix="md-growth-") as folder:
        os.chmod(folder, 0o755)
        out = os.path.join(folder, "out.json")
        done = run_bounded([sys.executable, os.path.join(BENCH, "growth"), "--tiny", f"--build={build}", f"--out={out}",
                            f"--plots={folder}", f"--work={folder}"], SECONDS)
        require(done.returncode == 0, f"status {done.returncode}\n{done.stderr[-2000:]}\n{done.stdout[-2000:]}")
        require(done.stdout.splitlines()[-1].endswith(" figures, 0 failed"), done.stdout[-500:])
        plots = [f"growth-{name}.svg" for name in growing.PARTS]
        require(sorted(os.listdir(folder)) == sorted([*plots, "out.json"]), f"left behind: {os.listdir(folder)}")
        for name in plots:
            xml.parse(os.path.join(folder, name))
        with open(out, encoding="utf-8") as file:
            parts = json.load(file)["parts"]
    for name, part in growing.PARTS.items():
        require(parts[name]["sizes"] == part.tiny, f"{name}: {parts[name]['sizes']}")
        figures = parts[name]["figures"]["maildock"]
        for size in part.tiny:
            require(set(figures[str(size)]) == set(part.rows), f"{name}, {size}: {figures[str(size)]}")


def main():
    counter = Counter()
    counter.run("axes have whole decades", axes_have_whole_decades)
    counter.run("equal factors are equal ways", equal_factors_are_equal_ways)
    counter.run("labels are escaped", labels_are_escaped)
    counter.run("a file has fewer names than ext4 allows", links_stay_below_the_limit)
    counter.run("everything is measured, and nothing left behind", run_it, sys.argv[1])
    return counter.finish()


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.exit(main())
