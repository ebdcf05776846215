"""Telling equal disks without making them: a sum over the sectors that differ from the start.

Each sector whose content was ever written counts with a digest of its place and content,
and the digests are added up, so that moving on by one write costs no more than its sectors.
"""

import hashlib
from collections.abc import Callable, Sequence

from bootvm.crash.cuts import Cut, kept, runs
from bootvm.crash.log import SECTOR, Write

_BYTES = 16
_MODULUS = 1 << (8 * _BYTES)


def digest(place: int, content: bytes) -> int:
    """The weight of one sector: 0 for none but by accident (2^-128)."""
    key = place.to_bytes(8, "little")
    return int.from_bytes(hashlib.blake2b(content, digest_size=_BYTES, key=key).digest(), "little")


class Contents:
    """The disk as it is at a finished flush, and the fingerprints of what cuts make of it.

    `base` reads (offset, length) of the disk before the first request; `data` gives a
    request's content.
    """

    def __init__(
        self,
        writes: Sequence[Write],
        data: Callable[[Write], bytes],
        base: Callable[[int, int], bytes],
    ) -> None:
        self._writes = writes
        self._data = data
        self._base = base
        self._at = 0
        self._sum = 0
        self._now: dict[int, int] = {}
        self._before: dict[int, int] = {}
        self._digests: dict[int, list[int]] = {}

    def advance(self, to: int) -> None:
        """Moves on: all requests before `to` are on the disk from now on."""
        changed: dict[int, int] = {}
        for number in range(self._at, to):
            self._put(number, -1, changed)
            self._digests.pop(number, None)
        self._sum = self._summed(changed)
        self._now |= changed
        self._at = to

    def fingerprint(self, cut: Cut) -> int:
        """Equal for cuts that leave equal disks; the cut must lie at or after the present place."""
        changed: dict[int, int] = {}
        for number, mask in kept(self._writes, self._at, cut):
            self._put(number, mask, changed)
        return self._summed(changed)

    def _put(self, number: int, mask: int, changed: dict[int, int]) -> None:
        write = self._writes[number]
        first = write.offset // SECTOR
        if not write.length:
            return
        digests = self._of(number)
        for begin, count in runs(mask, write.sectors):
            for sector in range(begin, begin + count):
                changed[first + sector] = digests[sector]

    def _summed(self, changed: dict[int, int]) -> int:
        total = self._sum
        for place, value in changed.items():
            old = self._now.get(place)
            total += value - (self._original(place) if old is None else old)
        return total % _MODULUS

    def _of(self, number: int) -> list[int]:
        found = self._digests.get(number)
        if found is None:
            write = self._writes[number]
            data, first = self._data(write), write.offset // SECTOR
            found = [
                digest(first + one, data[one * SECTOR : (one + 1) * SECTOR])
                for one in range(write.sectors)
            ]
            self._digests[number] = found
        return found

    def _original(self, place: int) -> int:
        found = self._before.get(place)
        if found is None:
            found = self._before[place] = digest(place, self._base(place * SECTOR, SECTOR))
        return found
