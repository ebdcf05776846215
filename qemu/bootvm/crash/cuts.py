"""What is on a disk after a power cut: pure arithmetic over the recorded requests.

The model of a disk with a volatile cache: what was written before a finished flush, or with
FUA, is on stable storage.  Of the other writes each may be there or not, whatever their
order, and a write of several sectors may be there in part.  A single sector is never torn.

Requests are numbered by their place in the log.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from bootvm.crash.log import Write


class Kind(Enum):
    """Why a cut was chosen."""

    FLUSH = "flush"  # right after a finished flush
    WRITE = "write"  # after a write, with all before it on the disk
    TEAR = "tear"  # the same, with the last write there in part
    SAMPLE = "sample"  # any of the writes after the last flush lost or torn


@dataclass(frozen=True, slots=True)
class Tear:
    """Of request `number`, only some sectors are there: bit N of `kept` is its sector N."""

    number: int
    kept: int

    def describe(self, write: Write) -> str:
        count = self.kept.bit_count()
        if self.kept == (1 << count) - 1:
            which = f"the first {count}"
        elif self.kept == ((1 << count) - 1) << (write.sectors - count):
            which = f"the last {count}"
        else:
            which = f"{count} scattered"
        return f"#{self.number} {write.describe()}: only {which} of {write.sectors} sectors"


@dataclass(frozen=True, slots=True)
class Cut:
    """A disk after a cut: the requests before `end`, without `lost`, and with `torn` in part."""

    kind: Kind
    end: int
    lost: tuple[int, ...] = ()
    torn: tuple[Tear, ...] = ()

    def describe(self, writes: Sequence[Write]) -> list[str]:
        """Lines for people: where the cut was, and what the disk did not keep."""
        last = f"#{self.end - 1} {writes[self.end - 1].describe()}" if self.end else "nothing"
        lines = [f"power cut after {last} (last finished flush: {_flush(writes, self.end)})"]
        lines += [f"not on the disk: #{one} {writes[one].describe()}" for one in self.lost]
        lines += [f"torn: {tear.describe(writes[tear.number])}" for tear in self.torn]
        return lines


@dataclass(frozen=True, slots=True)
class Window:
    """The requests `first` to `last` (not included) between two flushes."""

    first: int
    last: int


def _flush(writes: Sequence[Write], end: int) -> str:
    at = floor(writes, end)
    return f"#{at - 1}" if at else "none"


def floor(writes: Sequence[Write], end: int) -> int:
    """The place after the last flush before `end`: all requests before it are durable."""
    for at in range(end, 0, -1):
        if writes[at - 1].is_flush:
            return at
    return 0


def windows(writes: Sequence[Write], start: int, stop: int) -> Iterator[Window]:
    """The windows that a cut between `start` and `stop` falls into, in order.

    The first begins at the last flush before `start`: what was written since can be lost, too.
    """
    first = floor(writes, start)
    for at in range(start, stop):
        if writes[at].is_flush:
            yield Window(first, at)
            first = at + 1
    yield Window(first, stop)


def volatile(writes: Sequence[Write], window: Window, end: int) -> list[int]:
    """The requests of the window before `end` that a cut may lose or tear."""
    return [one for one in range(window.first, end) if not writes[one].is_fua]


def kept(writes: Sequence[Write], first: int, cut: Cut) -> Iterator[tuple[int, int]]:
    """The requests from `first` on that are on the disk, in order, each with its sectors.

    The second number has bit N set for sector N, as in Tear; -1 stands for all of them.
    """
    torn = {tear.number: tear.kept for tear in cut.torn}
    lost = frozenset(cut.lost)
    for number in range(first, cut.end):
        if number not in lost and writes[number].length:
            yield number, torn.get(number, -1)


def runs(mask: int, sectors: int) -> Iterator[tuple[int, int]]:
    """The unbroken runs of set bits among the first `sectors`, as (first, count)."""
    if mask == -1:
        yield 0, sectors
        return
    at = 0
    while at < sectors:
        if not mask >> at & 1:
            at += 1
            continue
        begin = at
        while at < sectors and mask >> at & 1:
            at += 1
        yield begin, at - begin


def simpler(cut: Cut) -> Iterator[Cut]:
    """Cuts with one thing less that went wrong: nearer to a disk that keeps everything."""
    for tear in cut.torn:
        yield replace(cut, torn=tuple(one for one in cut.torn if one != tear))
    for number in cut.lost:
        yield replace(cut, lost=tuple(one for one in cut.lost if one != number))
