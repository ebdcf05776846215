"""What `status` prints to a terminal: a line for each deployment."""

from bootentries.cli.status_report import state_words
from bootentries.sysroot import Sysroot

BOOTED = "●"


def _rows(found: Sysroot) -> list[tuple[str, ...]]:
    return [
        (
            BOOTED if item.booted else " ",
            str(item.index),
            item.stateroot,
            item.version or "-",
            f"{item.checksum[:12]}.{item.serial}",
            item.bootcsum[:12],
            "-" if item.entry is None else item.entry.name,
            ", ".join(state_words(found, item)),
        )
        for item in found.deployments
    ]


_HEADER = ("", "#", "stateroot", "version", "deployment", "bootcsum", "entry", "state")


def print_table(found: Sysroot) -> None:
    """Print the deployments, with rich where it is installed."""
    try:
        # Loaded late: it costs more than all the rest, and a checkout may lack it.
        from rich.box import SIMPLE_HEAD  # noqa: PLC0415
        from rich.console import Console  # noqa: PLC0415
        from rich.table import Table  # noqa: PLC0415
    except ImportError:
        _print_plain(found)
        return
    console = Console(highlight=False)
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in _HEADER:
        table.add_column(name)
    for row in _rows(found):
        table.add_row(*row)
    console.print(table)


def _print_plain(found: Sysroot) -> None:
    rows = [_HEADER, *_rows(found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
