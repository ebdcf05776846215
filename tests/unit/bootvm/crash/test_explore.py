"""A small program's writes, judged after every cut; the right one passes, broken ones do not."""

from pathlib import Path

import pytest
from blklog import A_FLUSH, Request, fill, log, write

from bootvm.crash.cuts import Cut, Kind, Tear
from bootvm.crash.explore import Failure, Findings, Judge, Span, Verdict, explore, shorten
from bootvm.crash.log import SECTOR
from bootvm.crash.sampling import Choice
from bootvm.errors import BootvmError

# Sector 0 says which of two slots holds the value; a slot has three sectors of one letter.
BASE = fill("1") + fill("o", 3) + fill(".", 3)
SLOT, POINTER = write(4, fill("n", 3)), write(0, fill("2"))
RIGHT = [SLOT, A_FLUSH, POINTER, A_FLUSH]
BROKEN = {
    "no flush before the switch": [SLOT, POINTER, A_FLUSH],
    "switch before the content": [POINTER, A_FLUSH, SLOT, A_FLUSH],
    "in place": [write(1, fill("n", 3)), A_FLUSH],
}


def look(image: Path) -> Verdict:
    data = image.read_bytes()
    at = 1 if data[:1] == b"1" else 4
    value = set(data[at * SECTOR : (at + 3) * SECTOR])
    if value == {ord("o")}:
        return Verdict(True, "old")
    if value == {ord("n")}:
        return Verdict(True, "new")
    return Verdict(False, f"a slot with {bytes(sorted(value)).decode()}")


def run(requests: list[Request], place: Path, keep: Path | None = None) -> Findings:
    (place / "base").write_bytes(BASE)
    seen: list[tuple[int, int]] = []
    with log(requests, place) as opened:
        found = explore(
            place / "base",
            opened,
            Span(0, len(requests)),
            Judge(look, reads_only=True),
            place,
            choice=Choice(samples=60),
            keep=keep,
            progress=lambda done, total, _: seen.append((done, total)),
        )
    assert [done for done, _ in seen] == list(range(1, seen[-1][1] + 1))
    return found


def test_the_right_order_leaves_old_or_new(tmp_path: Path) -> None:
    found = run(RIGHT, tmp_path)
    assert found.failures == []
    assert set(found.verdicts) == {"old", "new"}
    assert (found.requests, found.flushes) == (4, 2)
    assert found.looked[Kind.FLUSH] == 3
    assert found.looked[Kind.WRITE] == 2
    # With and without each of the slot's three sectors, and the switched one.
    assert 6 <= found.states <= 9
    assert found.duplicates == found.looked.total() - found.states > 0
    assert found.verdicts.total() == found.states


@pytest.mark.parametrize("requests", BROKEN.values(), ids=BROKEN)
def test_a_broken_order_is_caught(requests: list[Request], tmp_path: Path) -> None:
    found = run(requests, tmp_path, keep=tmp_path / "kept")
    assert found.failures
    assert found.verdicts["FAULT"] == len(found.failures)
    shortest = found.shortest
    assert shortest is not None
    assert shortest.image is not None
    # As little as possible went wrong, and the kept disk shows it.
    assert len(shortest.cut.lost) + len(shortest.cut.torn) <= 1
    assert look(shortest.image) == Verdict(False, shortest.fault)


def test_enough_faults_end_the_search(tmp_path: Path) -> None:
    (tmp_path / "base").write_bytes(BASE)
    with log(BROKEN["in place"], tmp_path) as opened:
        judge = Judge(look, reads_only=True)
        found = explore(tmp_path / "base", opened, Span(0, 2), judge, tmp_path, enough=1)
    assert len(found.failures) == 1
    assert found.looked.total() < 10


def test_shorten_leaves_what_is_needed() -> None:
    def look(cut: Cut) -> Verdict:
        return Verdict(2 not in cut.lost, "lost 2")

    first = Failure(Cut(Kind.SAMPLE, 6, lost=(1, 2, 5), torn=(Tear(3, 1),)), "lost 2")
    assert shorten(first, look) == Failure(Cut(Kind.SAMPLE, 6, lost=(2,)), "lost 2")


def test_a_span_beyond_the_log(tmp_path: Path) -> None:
    (tmp_path / "base").write_bytes(BASE)
    with (
        log(RIGHT, tmp_path) as opened,
        pytest.raises(BootvmError, match="explore: requests 2 to 9: the log has 4"),
    ):
        explore(tmp_path / "base", opened, Span(2, 9), Judge(look), tmp_path)
