"""Results side by side: rows of numbers, printed for people and as Markdown."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

HEADINGS = ("", "ours", "peer", "ours / peer")
_DIGITS = {"bytes": 0, "instructions": 0, "page faults": 0, "ms": 2}


def number(value: float, unit: str) -> str:
    """`value` with thousands separated, as many digits as its unit deserves, and the unit."""
    return f"{value:,.{_DIGITS[unit]}f} {unit}"


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement: ours and the peer's as numbers of one unit."""

    what: str
    unit: str
    ours: float
    peer: float

    @property
    def ratio(self) -> float:
        return self.ours / self.peer

    def cells(self) -> tuple[str, ...]:
        values = (number(value, self.unit) for value in (self.ours, self.peer))
        return (self.what, *values, f"{self.ratio:.2f}")


def markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The lines of a Markdown table: the first column to the left, numbers to the right."""
    rule = ["---", *("---:" for _ in headings[1:])]
    for cells in (headings, rule, *rows):
        if len(cells) != len(headings):
            raise ValueError(f"{len(cells)} cells for {len(headings)} columns")
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def show(
    console: Console, title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]
) -> None:
    """Prints the same table for people."""
    table = Table(title=title, title_justify="left")
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place else "left")
    for cells in rows:
        table.add_row(*cells)
    console.print(table)
