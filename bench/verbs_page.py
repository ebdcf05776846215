"""The part of docs/bench.md about verbs."""

from bench import table, verbs
from bench.verbs import Verbs

START_HEADINGS = ("", "ours", "import click", "ratio", "processor, ours", "import click", "ratio")


def text(found: Verbs, command: str) -> str:
    """Return the part that `command` made."""
    parts = [
        "# Verbs beside `ostree admin`",
        f"Made by `{command}`, in one run. Times vary with the machine; read the ratios.",
        f"{found.versions}.",
        "## Beyond process start",
        "\n".join(table.markdown(verbs.HEADINGS, [row.cells() for row in found.rows])),
        "Medians of runs in turn, in one chroot and on the same sysroot, ours installed with its"
        " bytecode. From each time that of the same program's `VERB --help` is taken: reading a"
        " list, writing it, syncing and running other programs is in it, loading the program"
        " is not. The first three columns are by the clock, where a verb that writes mostly"
        " waits for the disk; the others are what the processor was busy with for it, which"
        " other programs on the machine change less.",
        "## Process start",
        "\n".join(table.markdown(START_HEADINGS, [row.cells() for row in found.starts])),
        "Beside a Python that does no more than to import click.",
    ]
    return "\n\n".join(parts) + "\n"
