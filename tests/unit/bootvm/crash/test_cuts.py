"""What a cut leaves, by the model of a disk with a volatile cache."""

import pytest

from bootvm.crash.cuts import Cut, Kind, Tear, Window, floor, kept, runs, simpler, volatile, windows
from bootvm.crash.log import Write

W, L, F, U = Write(0, 512), Write(4096, 2048), Write(is_flush=True), Write(512, 512, is_fua=True)
#         0  1  2  3  4  5  6  7
WRITES = (W, L, F, W, U, L, F, W)


@pytest.mark.parametrize(("end", "at"), [(0, 0), (2, 0), (3, 3), (6, 3), (7, 7), (8, 7)])
def test_floor(end: int, at: int) -> None:
    assert floor(WRITES, end) == at


@pytest.mark.parametrize(
    ("start", "stop", "found"),
    [
        (0, 8, [(0, 2), (3, 6), (7, 8)]),
        (0, 0, [(0, 0)]),
        # What was written since the last flush before the start belongs to the first window.
        (5, 6, [(3, 6)]),
        (2, 7, [(0, 2), (3, 6), (7, 7)]),
        (3, 4, [(3, 4)]),
    ],
)
def test_windows(start: int, stop: int, found: list[tuple[int, int]]) -> None:
    assert list(windows(WRITES, start, stop)) == [Window(*one) for one in found]


def test_forced_writes_are_not_volatile() -> None:
    assert volatile(WRITES, Window(3, 6), 6) == [3, 5]
    assert volatile(WRITES, Window(3, 6), 5) == [3]


def test_kept() -> None:
    cut = Cut(Kind.SAMPLE, 6, lost=(3,), torn=(Tear(5, 0b0110),))
    assert list(kept(WRITES, 3, cut)) == [(4, -1), (5, 0b0110)]
    assert list(kept(WRITES, 0, Cut(Kind.FLUSH, 3))) == [(0, -1), (1, -1)]


@pytest.mark.parametrize(
    ("mask", "found"),
    [(-1, [(0, 4)]), (0, []), (0b1, [(0, 1)]), (0b1011, [(0, 2), (3, 1)]), (0b1000, [(3, 1)])],
)
def test_runs(mask: int, found: list[tuple[int, int]]) -> None:
    assert list(runs(mask, 4)) == found


def test_simpler_has_one_thing_less() -> None:
    cut = Cut(Kind.SAMPLE, 6, lost=(3,), torn=(Tear(5, 1),))
    assert list(simpler(cut)) == [
        Cut(Kind.SAMPLE, 6, lost=(3,)),
        Cut(Kind.SAMPLE, 6, torn=(Tear(5, 1),)),
    ]
    assert list(simpler(Cut(Kind.FLUSH, 3))) == []


def test_describe() -> None:
    cut = Cut(Kind.SAMPLE, 6, lost=(3,), torn=(Tear(5, 0b0011),))
    assert cut.describe(WRITES) == [
        "power cut after #5 write sectors 8-11 (last finished flush: #2)",
        "not on the disk: #3 write sectors 0-0",
        "torn: #5 write sectors 8-11: only the first 2 of 4 sectors",
    ]
    assert Cut(Kind.FLUSH, 0).describe(WRITES) == [
        "power cut after nothing (last finished flush: none)"
    ]
    assert "only the last 1 of 4 sectors" in Tear(5, 0b1000).describe(L)
    assert "only 2 scattered of 4 sectors" in Tear(5, 0b1001).describe(L)
