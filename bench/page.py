"""docs/bench.md: the tables of a run, and what a reader needs to judge them.

The page has a part for each of what can be measured alone; `# ` begins one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bench import startup, table
from bench.instructions import Count
from bench.startup import Profile
from bench.table import Row

PICTURE = "![Bars: size and instructions of the initramfs, ours and dracut's](bench.svg)"
INSTRUCTION_HEADINGS = ("", "ours", "dracut and libostree's", "ours / theirs")


@dataclass(frozen=True, slots=True)
class Results:
    """All that one run measured.

    `command` made it; `versions` says what was compared with what.
    """

    command: str
    versions: str
    rows: tuple[Row, ...]
    counts: tuple[Count, Count]
    profiles: tuple[Profile, ...]

    def split(self) -> tuple[Row, ...]:
        """The instructions of the last row, by where they were executed."""
        ours, theirs = self.counts
        return (
            Row("in programs", "instructions", ours.user, theirs.user),
            Row("in the kernel", "instructions", ours.kernel, theirs.kernel),
        )


def text(results: Results) -> str:
    """The page."""
    parts = [
        "# Beside the peers",
        f"Made by `{results.command}`, in one run. Times vary with the machine; read the ratios.",
        f"{results.versions}.",
        PICTURE,
        _table(table.HEADINGS, [row.cells() for row in results.rows]),
        "The C program is libostree's `ostree-prepare-root` of Debian trixie (2025.2) and sid"
        " (2026.4), weighed with the libraries that trixie's loads; dracut's image is the trimmed"
        " one that the guests use, with libostree's module. Both prepare the same image in a"
        " mount namespace, a bind-mount root with `sysroot.readonly`, links off. Other work on"
        " the machine lengthens every run; the fastest has the least of it.",
        "## Instructions until the real root's init",
        _table(INSTRUCTION_HEADINGS, [row.cells() for row in results.split()]),
        "Counted by a plugin of QEMU's TCG (`bench/c/count.c`) from the first instruction of"
        " user code after the kernel has started until the first instruction of the real"
        " root's init, for which a small program stands in (`bench/c/end.c`). Waiting is not"
        " in it: a halted processor executes nothing. One processor, `-icount shift=0`, the"
        " same disk, kernel and arguments, `quiet`, and `cryptomgr.notests`, because the kernel"
        " tries out its ciphers in the background otherwise. Most of the kernel's part of ours is"
        " to check the signatures of the modules that are loaded.",
        "## Start-up of the static executable",
        _table(startup.HEADINGS, [profile.cells() for profile in results.profiles]),
        "The second row and the third start from a snapshot ([how](static-python.md)), so that"
        " they differ by what they do and not by what they import. The last one, for"
        " comparison, is libostree's program as far as its usage message: almost all of it is"
        " the dynamic loader. System calls are those that `strace` shows; instructions are"
        " counted by `perf` where the processor's counter can be had, otherwise by `valgrind`,"
        " and left out where neither is installed.",
    ]
    return "\n\n".join(parts) + "\n"


def with_part(page: str, part: str) -> str:
    """Return the page with `part` in place of the one that has its first line, or at the end."""
    heading = part.partition("\n")[0]
    parts = re.split(r"(?m)^(?=# )", page)
    kept = [part if old.partition("\n")[0] == heading else old for old in parts if old.strip()]
    result = kept if part in kept else [*kept, part]
    return "\n\n".join(text.strip() for text in result) + "\n"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(table.markdown(headings, rows))
