"""What is compared with what, and the guest that it is measured in; guests are in tests/vm."""

from itertools import pairwise
from pathlib import Path

from bench import compiled, finalize
from bench.finalize import BRANCHES, PROGRAMS, VERSIONS
from bench.instructions import Count


def test_rows() -> None:
    counts = {
        ("same", "ours"): Count(10, 20),
        ("same", "peer"): Count(30, 30),
        ("new", "ours"): Count(5, 5),
        ("new", "peer"): Count(30, 10),
    }
    found = finalize.rows(counts)
    assert [(row.ours, row.peer, row.ratio) for row in found] == [
        (30, 60, 0.5),
        (20, 30, 20 / 30),
        (10, 40, 0.25),
        (5, 10, 0.5),
    ]


def test_machine() -> None:
    spec = finalize.machine((Path("/a"), Path("/b")), Path("/count.so"), Path("/out"))
    assert spec.extra == (
        "-plugin", "/count.so,begin=0x5eee0000000,end=0x5eef0000000,out=/out",
    )  # fmt: skip
    assert spec.cpus == 1
    assert [disk.path for disk in spec.disks] == [Path("/a"), Path("/b")]
    assert not any(disk.overlay for disk in spec.disks)


def test_ours_is_what_the_unit_runs() -> None:
    assert set(VERSIONS) == set(BRANCHES)
    assert finalize.DROP_IN in PROGRAMS["ours"].finalise
    assert all(f"/{finalize.SPAN}" in program.finalise for program in PROGRAMS.values())


def test_marks_are_where_nothing_else_is() -> None:
    addresses = sorted([compiled.END_ADDRESS, *compiled.MARKS.values()])
    gaps = [b - a for a, b in pairwise(addresses)]
    assert min(gaps) >= 1 << 28
