"""The part of docs/bench.md about finalisation."""

from collections.abc import Sequence

from bench import table
from bench.table import Row


def text(rows: Sequence[Row], versions: str, command: str) -> str:
    """Return the part that `command` made."""
    parts = [
        "# Finalisation beside libostree's",
        f"Made by `{command}`, in one run.",
        f"{versions}.",
        "\n".join(table.markdown(table.HEADINGS, [row.cells() for row in rows])),
        "Instructions of the whole guest from the start of the command that the unit runs at"
        " shutdown to its end, counted as for the boot above. Each program finalises what it"
        " staged itself, with cold caches; /boot is a filesystem of its own, /etc has an"
        " added, a changed and a removed file, and the oldest of the deployments is dropped."
        " Ours copied the kernel when it was staged, and compares it with storage now; libostree"
        " computes the checksum of each kernel again whenever it writes the list.",
    ]
    return "\n\n".join(parts) + "\n"
