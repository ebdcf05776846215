"""Equal fingerprints for equal disks, and for no others."""

import tempfile
from pathlib import Path

from blklog import A_FLUSH, DISCARD, FUA, Request, fill, log
from hypothesis import given, settings
from hypothesis import strategies as st

from bootvm.crash.contents import Contents
from bootvm.crash.cuts import Cut
from bootvm.crash.log import SECTOR
from bootvm.crash.replay import Replay
from bootvm.crash.sampling import Choice, plan

SECTORS = 12


@st.composite
def request(draw: st.DrawFn) -> Request:
    first = draw(st.integers(0, SECTORS - 1))
    count = draw(st.integers(1, min(4, SECTORS - first)))
    letters = draw(st.lists(st.sampled_from("ab\0"), min_size=count, max_size=count))
    data = b"".join(fill(letter) for letter in letters)
    return (first, data, draw(st.sampled_from([0, 0, 0, FUA, DISCARD])))


requests = st.lists(st.one_of(st.just(A_FLUSH), request()), max_size=8)


def model(made: list[Request], base: bytes, cut: Cut) -> bytes:
    """The disk after a cut, from nothing but the requests."""
    disk = [base[at * SECTOR : (at + 1) * SECTOR] for at in range(SECTORS)]
    torn = {tear.number: tear.kept for tear in cut.torn}
    for number, (first, data, flags) in enumerate(made[: cut.end]):
        if number in cut.lost:
            continue
        for one in range(len(data) // SECTOR):
            if torn.get(number, -1) >> one & 1:
                new = data[one * SECTOR : (one + 1) * SECTOR]
                disk[first + one] = bytes(SECTOR) if flags & DISCARD else new
    return b"".join(disk)


@settings(deadline=None)
@given(requests, st.lists(st.sampled_from("ab\0"), min_size=SECTORS, max_size=SECTORS))
def test_images_are_the_model_and_fingerprints_tell_them_apart(
    made: list[Request], letters: list[str]
) -> None:
    base = b"".join(fill(letter) for letter in letters)
    seen: dict[int, bytes] = {}
    with tempfile.TemporaryDirectory() as scratch, log(made, Path(scratch)) as opened:
        place = Path(scratch)
        (place / "base").write_bytes(base)
        replay = Replay(place / "base", opened, place)
        contents = Contents(
            opened.writes, opened.data, lambda offset, length: base[offset : offset + length]
        )
        cuts = 0
        for window, chosen in plan(opened.writes, 0, len(made), Choice(samples=12, tears=1)):
            contents.advance(window.first)
            replay.advance(window.first)
            for cut in chosen:
                cuts += 1
                expected = model(made, base, cut)
                # Every other one as a judge that writes would have it.
                with replay.image(cut, reads_only=bool(cuts % 2)) as image:
                    assert image.read_bytes() == expected
                    if not cuts % 2:
                        image.write_bytes(b"spoilt")
                mark = contents.fingerprint(cut)
                assert seen.setdefault(mark, expected) == expected
        assert len(set(seen.values())) == len(seen)
        assert (place / "base").read_bytes() == base
