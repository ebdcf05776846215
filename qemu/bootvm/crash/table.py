"""A Markdown table of explorations, from the JSON files that they left.

`python3 -m bootvm.crash.table DIRECTORY` prints it; the files are one for each exploration.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bootvm.errors import BootvmError

_HEAD = ("what was cut off", "requests", "flushes", "cuts", "of them samples", "disks", "verdicts")


def row(name: str, found: dict[str, Any]) -> tuple[str, ...]:
    """The cells of one exploration."""
    verdicts = ", ".join(f"{count} {state}" for state, count in sorted(found["verdicts"].items()))
    cuts = found["cuts"]
    counts = (found["requests"], found["flushes"], sum(cuts.values()), cuts["sample"])
    return (name, *(f"{count:,}" for count in (*counts, found["states"])), verdicts)


def table(rows: Sequence[tuple[str, ...]]) -> str:
    """The whole table, numbers to the right."""
    lines = [_HEAD, ("---", *["---:"] * 5, "---"), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def read(directory: Path) -> str:
    """The table of all explorations in a directory, with the sums; raises BootvmError."""
    rows = []
    cuts = disks = 0
    for path in sorted(directory.glob("*.json")):
        try:
            found = json.loads(path.read_text())
            rows.append(row(path.stem.replace("-", " "), found))
        except (ValueError, KeyError, TypeError) as error:
            raise BootvmError("read results", path, f"not an exploration ({error})") from error
        cuts += sum(found["cuts"].values())
        disks += found["states"]
    if not rows:
        raise BootvmError("read results", directory, "no *.json there", "run `make crash` first")
    return f"{table(rows)}\n{cuts:,} cuts in all, {disks:,} different disks.\n"


def main(argv: Sequence[str]) -> int:
    """Prints the table; returns the exit status."""
    if len(argv) != 1:
        print("usage: python3 -m bootvm.crash.table DIRECTORY", file=sys.stderr)
        return 2
    try:
        print(read(Path(argv[0])), end="")
    except BootvmError as error:
        print(f"bootvm: {error}\nhint: {error.hint}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
