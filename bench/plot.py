"""Lines over logarithmic axes as SVG: what grows to the right, what it costs upwards. One panel for each unit."""

import math
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")    # told apart by the colour-blind too
WIDTH, HEIGHT = 470, 330        # of a panel's axes
LEFT, TOP, GAP, BELOW = 70, 60, 80, 50
LINE = 20                       # a line of the legend
FONT = "font-family=\"sans-serif\""


@dataclass
class Line:
    label: str
    points: list                # [(x, y)]; what is not above 0 can't be shown
    colour: int = 0
    dashed: bool = False


@dataclass
class Panel:
    title: str
    x: str
    y: str
    lines: list


def decades(values, least=1):
    """Whole powers of ten around the values, `least` decades at least: (lowest, highest) exponents."""
    low, high = math.floor(math.log10(min(values)) + 1e-9), math.ceil(math.log10(max(values)) - 1e-9)
    return low, max(high, low + least)


def number(exponent):
    return f"{10 ** exponent:,}" if exponent >= 0 else f"{10.0 ** exponent:.{-exponent}f}"


class Axes:
    """Where a value lies in a panel whose axes begin at (left, top)."""

    def __init__(self, panel, left, top):
        points = [point for line in panel.lines for point in visible(line)]
        self.x_range = decades([x for x, _ in points] or [1])
        self.y_range = decades([y for _, y in points] or [1])
        self.left, self.top = left, top

    def x(self, value):
        low, high = self.x_range
        return self.left + WIDTH * (math.log10(value) - low) / (high - low)

    def y(self, value):
        low, high = self.y_range
        return self.top + HEIGHT * (high - math.log10(value)) / (high - low)


def visible(line):
    return [(x, y) for x, y in line.points if x > 0 and y is not None and y > 0]


def text(x, y, what, anchor="middle", size=12, extra=""):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="#222"{extra}>'
            f'{escape(what)}</text>')


def grid(axes, panel):
    bottom = axes.top + HEIGHT
    for exponent in range(axes.x_range[0], axes.x_range[1] + 1):
        x = axes.x(10.0 ** exponent)
        yield f'<path d="M{x:.1f} {axes.top}V{bottom}" stroke="#ddd"/>'
        yield text(x, bottom + 16, number(exponent))
    for exponent in range(axes.y_range[0], axes.y_range[1] + 1):
        y = axes.y(10.0 ** exponent)
        yield f'<path d="M{axes.left} {y:.1f}H{axes.left + WIDTH}" stroke="#ddd"/>'
        yield text(axes.left - 6, y + 4, number(exponent), "end")
    yield f'<path d="M{axes.left} {axes.top}V{bottom}H{axes.left + WIDTH}" fill="none" stroke="#222"/>'
    yield text(axes.left + WIDTH / 2, bottom + 36, panel.x)
    x, y = axes.left - 56, axes.top + HEIGHT / 2
    yield text(x, y, panel.y, extra=f' transform="rotate(-90 {x:.1f} {y:.1f})"')
    yield text(axes.left + WIDTH / 2, axes.top - 12, panel.title, size=14)


def stroke(line):
    colour = COLOURS[line.colour % len(COLOURS)]
    return colour, f'stroke="{colour}" stroke-width="2"' + (' stroke-dasharray="5 4"' if line.dashed else "")


def marker(x, y, line):
    colour = COLOURS[line.colour % len(COLOURS)]
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{"#fff" if line.dashed else colour}" stroke="{colour}"/>'


def curve(axes, line):
    places = [(axes.x(x), axes.y(y)) for x, y in visible(line)]
    if places:
        yield f'<path d="M{"L".join(f"{x:.1f} {y:.1f}" for x, y in places)}" fill="none" {stroke(line)[1]}/>'
    for x, y in places:
        yield marker(x, y, line)


def legend(panel, left, top):
    for index, line in enumerate(panel.lines):
        y = top + LINE * index
        yield f'<path d="M{left} {y}h34" {stroke(line)[1]}/>'
        yield marker(left + 17, y, line)
        yield text(left + 42, y + 4, line.label, "start")


def svg(title, panels):
    width = LEFT + len(panels) * (WIDTH + GAP)
    legend_top = TOP + HEIGHT + BELOW + 14
    height = legend_top + LINE * max(len(panel.lines) for panel in panels)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
             f'viewBox="0 0 {width} {height}" role="img" aria-label={quoteattr(title)} {FONT}>',
             f'<title>{escape(title)}</title>', f'<rect width="{width}" height="{height}" fill="#fff"/>',
             text(width / 2, 24, title, size=17)]
    for index, panel in enumerate(panels):
        left = LEFT + index * (WIDTH + GAP)
        axes = Axes(panel, left, TOP)
        parts += grid(axes, panel)
        for line in panel.lines:
            parts += curve(axes, line)
        parts += legend(panel, left, legend_top)
    return "\n".join([*parts, "</svg>", ""])
