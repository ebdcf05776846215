"""Where the start-up of the static executable goes, beside programs that do less.

Each program is started many times in turn with the others, and the fastest start counts:
whatever else the machine does can only add to it.  Page faults are the kernel's own
count (wait4(2)).  What a program costs more than the one before it is what its additional
part costs: a static C program is the process itself, an empty program adds CPython's core,
`--version` adds what our modules do for it (they are imported when it is built).
"""

import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import compiled
from bench.errors import BenchError
from bench.sizes import PEER
from bench.table import number
from guest.shell import run
from prepare_root.image import binary

HEADINGS = ("", "fastest", "page faults", "system calls", "user instructions")
EMPTY = "def run(argv, environ):\n    return 0\n"


@dataclass(frozen=True, slots=True)
class Program:
    """What to start, and the exit status that it is known to end with."""

    what: str
    argv: tuple[str, ...]
    status: int = 0


@dataclass(frozen=True, slots=True)
class Profile:
    """One program: its fastest run, the median of its page faults, counts of one run more.

    `instructions` is None where nothing here can count them.
    """

    what: str
    wall_ms: float
    faults: float
    calls: int
    instructions: int | None

    def cells(self) -> tuple[str, ...]:
        counted = "-" if self.instructions is None else f"{self.instructions:,}"
        wall = number(self.wall_ms, "ms")
        return (self.what, wall, f"{self.faults:,.0f}", f"{self.calls:,}", counted)


def programs(work: Path, tree: Path, executable: Path) -> tuple[Program, ...]:
    """The static C program, the empty one of ours, ours, and libostree's of `tree`."""
    (work / "roots").mkdir()
    (work / "roots/empty.py").write_text(EMPTY)
    empty = work / "empty"
    binary.build(empty, entry="empty", package_roots=(work / "roots", binary.PACKAGE_ROOT))
    # By its own loader, so that nothing of the host's is loaded.
    (loader,) = tree.glob("usr/lib64/ld-linux-x86-64.so.2")
    peer = (str(loader), "--library-path", f"{tree}/usr/lib/x86_64-linux-gnu", f"{tree}{PEER}")
    return (
        Program("static C program that does nothing", (str(compiled.floor(work)),)),
        Program("static CPython that does nothing", (str(empty),)),
        Program("prepare-root --version", (str(executable), "--version")),
        Program("libostree's C program, wrong usage", peer, status=1),
    )


def start(program: Program) -> tuple[float, int]:
    """Runs it once: wall seconds, page faults.  Raises BenchError on another status."""
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    actions = [(os.POSIX_SPAWN_DUP2, null, fd) for fd in (0, 1, 2)]
    try:
        began = time.perf_counter()
        pid = os.posix_spawn(program.argv[0], program.argv, {}, file_actions=actions)
        _, status, usage = os.wait4(pid, 0)
        wall = time.perf_counter() - began
    finally:
        os.close(null)
    found = os.waitstatus_to_exitcode(status)
    if found != program.status:
        raise BenchError("start", program.argv[-1], f"exit status {found}, not {program.status}")
    return wall, usage.ru_minflt


def calls_of(trace: str) -> int:
    """System calls in what `strace -f -o FILE` wrote, without signals and exits."""
    return sum(1 for line in trace.splitlines() if re.match(r"(\d+ +)?[a-z_0-9]+\(", line))


def perf_count(printed: str) -> int | None:
    """The count in `perf stat -x,`; None where the processor's counter is not to be had."""
    found = re.search(r"^(\d+),[^,]*,instructions", printed, re.MULTILINE)
    return int(found[1]) if found else None


def callgrind_count(printed: str) -> int | None:
    """The total that callgrind says at its end."""
    found = re.search(r"Collected : (\d+)", printed)
    return int(found[1]) if found else None


def _said(argv: Sequence[str]) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=False).stderr


def instructions(program: Program) -> int | None:
    """Instructions in user space, by perf where it can, else by valgrind, else None."""
    if shutil.which("perf"):
        counted = perf_count(_said(["perf", "stat", "-x,", "-e", "instructions:u", *program.argv]))
        if counted is not None:
            return counted
    if shutil.which("valgrind"):
        words = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *program.argv]
        return callgrind_count(_said(words))
    return None


def system_calls(program: Program) -> int:
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        trace = Path(scratch) / "trace"
        run(["sh", "-c", 'out=$1; shift; strace -f -o "$out" "$@" || true', "sh", trace,
             *program.argv])  # fmt: skip
        return calls_of(trace.read_text())


def profiles(wanted: Sequence[Program], runs: int) -> list[Profile]:
    """A profile of each program from `runs` starts, in turn."""
    seen: dict[str, list[tuple[float, int]]] = {one.what: [] for one in wanted}
    for turn in range(runs + 1):
        for program in wanted:
            result = start(program)
            if turn:  # the first of each warms the page cache
                seen[program.what].append(result)
    done = []
    for program in wanted:
        wall, faults = zip(*seen[program.what], strict=True)
        done.append(
            Profile(
                what=program.what,
                wall_ms=min(wall) * 1000,
                faults=statistics.median(faults),
                calls=system_calls(program),
                instructions=instructions(program),
            )
        )
    return done
