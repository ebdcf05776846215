"""Rows, numbers and tables."""

import io

import pytest
from rich.console import Console

from bench import table
from bench.table import Row


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (3526384, "bytes", "3,526,384 bytes"),
        (5.0349, "ms", "5.03 ms"),
        (4861.98, "ms", "4,861.98 ms"),
        (1742448526.5, "instructions", "1,742,448,526 instructions"),
        (0, "page faults", "0 page faults"),
    ],
)
def test_number(value: float, unit: str, shown: str) -> None:
    assert table.number(value, unit) == shown


def test_a_unit_that_is_not_known_is_not_guessed() -> None:
    with pytest.raises(KeyError):
        table.number(1, "parsecs")


@pytest.mark.parametrize(
    ("ours", "peer", "ratio"), [(1.0, 2.0, "0.50"), (5.03, 3.62, "1.39"), (3.0, 3.0, "1.00")]
)
def test_row(ours: float, peer: float, ratio: str) -> None:
    cells = Row("a thing", "ms", ours, peer).cells()
    assert cells == ("a thing", f"{ours:.2f} ms", f"{peer:.2f} ms", ratio)


def test_markdown() -> None:
    rows = [Row("a | b", "bytes", 1000, 4000).cells(), Row("c", "ms", 1, 2).cells()]
    assert list(table.markdown(table.HEADINGS, rows)) == [
        "|  | ours | peer | ours / peer |",
        "| --- | ---: | ---: | ---: |",
        "| a \\| b | 1,000 bytes | 4,000 bytes | 0.25 |",
        "| c | 1.00 ms | 2.00 ms | 0.50 |",
    ]


def test_a_row_of_another_table_is_refused() -> None:
    with pytest.raises(ValueError, match="2 cells for 4 columns"):
        list(table.markdown(table.HEADINGS, [("a", "b")]))


def test_show() -> None:
    out = io.StringIO()
    rows = [Row("size", "bytes", 1000, 4000).cells()]
    table.show(Console(file=out, width=100), "what with what", table.HEADINGS, rows)
    lines = out.getvalue().splitlines()
    assert lines[0].strip() == "what with what"
    (line,) = (line for line in lines if "size" in line)
    assert [cell.strip() for cell in line.strip("│").split("│")] == list(rows[0])
