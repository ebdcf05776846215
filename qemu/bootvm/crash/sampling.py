"""Which cuts to look at: all boundaries, tears of each write, and samples of the rest.

Pure and repeatable: the same requests, numbers and seed give the same cuts.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bootvm.crash.cuts import Cut, Kind, Tear, Window, volatile, windows
from bootvm.crash.log import Write

# How likely a sample loses a write, tears one that it keeps.
_LOSSES = (0.1, 0.5, 0.9)
_TEARS = (0.0, 0.2)


@dataclass(frozen=True, slots=True)
class Choice:
    """How much to look at.

    `samples` is how many reorderings in all, shared among the windows by their writes;
    `tears` how many places within each write, besides its first and last sector.
    """

    samples: int = 1000
    tears: int = 4
    seed: int = 1


def plan(
    writes: Sequence[Write], start: int, stop: int, choice: Choice
) -> Iterator[tuple[Window, list[Cut]]]:
    """For each window in order, its cuts at or after `start`; the same one may come again."""
    found = list(windows(writes, start, stop))
    weights = [_weight(writes, window) for window in found]
    total = sum(weights)
    for window, weight in zip(found, weights, strict=True):
        rng = random.Random(f"{choice.seed}:{window.first}")  # noqa: S311 - to be repeatable
        samples = -(-choice.samples * weight // total) if total else 0
        cuts = list(_boundaries(window, start))
        for at in range(max(window.first, start), window.last):
            cuts += _tears(writes[at], at, choice.tears, rng)
        cuts += [_sample(writes, window, start, rng) for _ in range(samples)]
        yield window, cuts


def _weight(writes: Sequence[Write], window: Window) -> int:
    """The writes that make samples differ; 0 where boundaries and tears say it all."""
    loose = volatile(writes, window, window.last)
    if len(loose) == 1:
        return int(writes[loose[0]].sectors > 2)
    return len(loose)


def _boundaries(window: Window, start: int) -> Iterator[Cut]:
    if window.first >= start:
        yield Cut(Kind.FLUSH, window.first)
    for end in range(max(window.first + 1, start), window.last + 1):
        yield Cut(Kind.WRITE, end)


def _tears(write: Write, number: int, count: int, rng: random.Random) -> Iterator[Cut]:
    """The write cut short: after its first sectors, or only its last one there."""
    sectors = write.sectors
    if sectors < 2:
        return
    places = {1, sectors - 1}
    if sectors > 3:
        places |= set(rng.sample(range(2, sectors - 1), min(count, sectors - 3)))
    for place in sorted(places):
        yield Cut(Kind.TEAR, number + 1, torn=(Tear(number, (1 << place) - 1),))
    yield Cut(Kind.TEAR, number + 1, torn=(Tear(number, 1 << (sectors - 1)),))


def _mask(sectors: int, rng: random.Random) -> int:
    """Some of the sectors, but neither none nor all: mostly a piece from one end."""
    full = (1 << sectors) - 1
    place = rng.randrange(1, sectors)
    match rng.randrange(3):
        case 0:
            return (1 << place) - 1
        case 1:
            return full ^ ((1 << place) - 1)
    mask = rng.getrandbits(sectors)
    return mask if 0 < mask < full else 1 << place


def _sample(writes: Sequence[Write], window: Window, start: int, rng: random.Random) -> Cut:
    end = rng.randint(max(window.first, start), window.last)
    lose, tear = rng.choice(_LOSSES), rng.choice(_TEARS)
    lost: list[int] = []
    torn: list[Tear] = []
    for number in volatile(writes, window, end):
        if rng.random() < lose:
            lost.append(number)
        elif writes[number].sectors > 1 and rng.random() < tear:
            torn.append(Tear(number, _mask(writes[number].sectors, rng)))
    return Cut(Kind.SAMPLE, end, tuple(lost), tuple(torn))
