"""docs/bench.svg: the initramfs of our own beside dracut's, as bars.

Drawn from the tables of docs/bench.md, so that it shows what they say.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from bench.errors import BenchError

OURS, THEIRS = "bootchain", "dracut, libostree"


@dataclass(frozen=True, slots=True)
class Panel:
    """Two bars: `rows` are the page's that make up each, from the left, and what they are."""

    heading: str
    unit: str
    scale: float
    rows: tuple[tuple[str, str], ...]


PANELS = (
    Panel("Size of the image", "MB", 1e6, (("initramfs / dracut's", ""),)),
    Panel(
        "Guest instructions, from the first user code to the real root's init",
        "million",
        1e6,
        (("in programs", "programs"), ("in the kernel", "kernel")),
    ),
)
_WIDTH, _LEFT, _BAR, _GAP, _PANEL = 760, 24, 22, 8, 118
_NAMES = 136  # of the column with the bars' names
_ROOM = 430  # of the longest bar
_COLOURS = {OURS: ("#0b6e4f", "#7fc8a9"), THEIRS: ("#8a3b12", "#e2a77f")}
_FONT = "font-family='DejaVu Sans, Verdana, sans-serif'"


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: whose, and the values of its parts, from the left."""

    whose: str
    parts: tuple[float, ...]

    @property
    def total(self) -> float:
        return sum(self.parts)


def bars(page: str, names: tuple[str, ...]) -> tuple[Bar, Bar]:
    """Ours and theirs, each part from the page's row of that name; BenchError without one."""
    values = []
    for name in names:
        found = re.search(rf"^\| {re.escape(name)} \| ([\d,]+) \w+ \| ([\d,]+) \w+ \|", page, re.M)
        if found is None:
            raise BenchError("draw chart", name, "the page has no such row", "make bench")
        values.append([float(number.replace(",", "")) for number in found.groups()])
    ours, theirs = zip(*values, strict=True)
    return Bar(OURS, ours), Bar(THEIRS, theirs)


def shown(page: str) -> bool:
    """Whether the page has what a chart is drawn from."""
    return all(f"| {name} |" in page for panel in PANELS for name, _ in panel.rows)


def svg(page: str) -> str:
    """The picture for the text of docs/bench.md."""
    height = _PANEL * len(PANELS) + 16
    lines = [
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{_WIDTH}' height='{height}'"
        f" viewBox='0 0 {_WIDTH} {height}' role='img'>",
        "<title>An initramfs of bootchain beside dracut's: size, and instructions</title>",
        f"<rect width='{_WIDTH}' height='{height}' fill='#ffffff'/>",
    ]
    for number, panel in enumerate(PANELS):
        lines += _panel(page, 16 + number * _PANEL, panel)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _panel(page: str, top: int, panel: Panel) -> Iterator[str]:
    pair = bars(page, tuple(name for name, _ in panel.rows))
    longest = max(bar.total for bar in pair)
    yield _text(_LEFT, top + 14, panel.heading, 15, weight="bold")
    for place, bar in enumerate(pair):
        y = top + 26 + place * (_BAR + _GAP)
        yield _text(_LEFT, y + 16, bar.whose, 13)
        x = float(_LEFT + _NAMES)
        for part, colour in zip(bar.parts, _COLOURS[bar.whose], strict=False):
            width = part / longest * _ROOM
            yield f"<rect x='{x:.1f}' y='{y}' width='{width:.1f}' height='{_BAR}' fill='{colour}'/>"
            x += width
        label = f"{bar.total / panel.scale:,.1f} {panel.unit}"
        if bar.whose == OURS:
            label += f" (1/{longest / bar.total:.1f})"
        yield _text(x + 8, y + 16, label, 13)
    named = [name for _, name in panel.rows if name]
    if named:
        note = f"dark: in {named[0]}, light: in the {named[1]}"
        yield _text(_LEFT + _NAMES, top + 26 + 2 * (_BAR + _GAP) + 10, note, 12, colour="#555555")


def _text(
    x: float, y: float, text: str, size: int, *, weight: str = "normal", colour: str = "#111111"
) -> str:
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' {_FONT} font-size='{size}' font-weight='{weight}'"
        f" fill='{colour}' xml:space='preserve'>{escape(text)}</text>"
    )
