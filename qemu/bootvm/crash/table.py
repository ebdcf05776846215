"""A Markdown table of explorations, from the JSON files that they left.

`python3 -m bootvm.crash.table DIRECTORY` prints it, and with `--write PAGE` puts it between the
marks of a page; the files are one for each exploration.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from bootvm.errors import BootvmError
from bootvm.page import with_results

_HEAD = (
    "what was cut off",
    "requests",
    "flushes",
    "cuts",
    "samples",
    "disks",
    "booted",
    "verdicts",
)
TORN = "torn blocks"
MENDED = "torn blocks that e2fsck mends"


def row(name: str, found: dict[str, Any]) -> tuple[str, ...]:
    """The cells of one exploration; what only a torn block did stands apart from faults."""
    verdicts = dict(found["verdicts"])
    torn, mended = found.get(TORN, 0), found.get(MENDED, 0)
    if torn:
        verdicts["FAULT"] -= torn
        verdicts["torn block"] = torn - mended
        verdicts["torn block (e2fsck mends it)"] = mended
    said = ", ".join(f"{count:,} {state}" for state, count in sorted(verdicts.items()) if count)
    cuts = found["cuts"]
    counts = (found["requests"], found["flushes"], sum(cuts.values()), cuts["sample"])
    booted = sum(found.get("booted", {}).values())
    return (name, *(f"{count:,}" for count in (*counts, found["states"], booted)), said)


def table(rows: Sequence[tuple[str, ...]]) -> str:
    """The whole table, numbers to the right."""
    lines = [_HEAD, ("---", *["---:"] * 6, "---"), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def read(directory: Path) -> str:
    """The table of all explorations in a directory, with the sums; raises BootvmError."""
    rows = []
    cuts = chosen = disks = boots = 0
    versions = ""
    for path in sorted(directory.glob("*.json")):
        try:
            found = json.loads(path.read_text())
            rows.append(row(path.stem.replace("-", " "), found))
        except (ValueError, KeyError, TypeError) as error:
            raise BootvmError("read results", path, f"not an exploration ({error})") from error
        cuts += sum(found["cuts"].values())
        chosen += found["cuts"]["sample"] + found["cuts"]["tear"]
        disks += found["states"]
        boots += sum(found.get("booted", {}).values())
        versions = found.get("versions", versions)
    if not rows:
        raise BootvmError("read results", directory, "no *.json there", "run `make crash` first")
    sums = f"{cuts:,} cuts in all, {chosen:,} of them samples and tears"
    sums += f"; {disks:,} different disks, {boots:,} booted.\n"
    return f"{table(rows)}\n{sums}{f'With {versions}.' if versions else ''}".rstrip() + "\n"


def write(page: Path, text: str) -> None:
    """Puts the table into a page; raises BootvmError."""
    try:
        page.write_text(with_results(page.read_text(), text.rstrip()))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise BootvmError("write results", page, reason or str(error)) from error


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--write", "page", type=click.Path(path_type=Path), help="Put it between its marks.")
def main(directory: Path, page: Path | None) -> None:
    """Print a table of the explorations whose JSON files are in DIRECTORY."""
    try:
        text = read(directory)
        if page is not None:
            write(page, text)
    except BootvmError as error:
        click.echo(f"bootvm: {error}", err=True)
        if error.hint:
            click.echo(f"hint: {error.hint}", err=True)
        raise SystemExit(1) from error
    click.echo(text, nl=False)


if __name__ == "__main__":
    main()
