"""Inputs without coverage: good ones, spoilt at random in ways that readers get wrong.

For a short run with a fixed seed, `python mutate.py TARGET COUNT SEED`; `guided.py` is the
long one.
"""

import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import targets
from targets import Found, Target

_NUMBERS = (b"\0", b"\xff", b"\x7f", b"\x80", b"\xff\xff\xff\xff", b"\0\0\0\x80", b"\1")


def _spoil(data: bytearray, target: Target, choose: random.Random) -> None:
    at = choose.randint(0, len(data))
    kind = choose.randrange(8)
    if kind == 0 and data:
        data[at % len(data)] ^= 1 << choose.randrange(8)
    elif kind == 1 and data:
        data[at % len(data)] = choose.randrange(256)
    elif kind == 2:
        del data[at : at + choose.randint(1, 8)]
    elif kind == 3:
        data[at:at] = data[at : at + choose.randint(1, 16)]
    elif kind == 4:
        number = choose.choice(_NUMBERS)
        data[at : at + len(number)] = number
    elif kind == 5 and target.words:
        data[at:at] = choose.choice(target.words)
    elif kind == 6:
        data[at:] = choose.choice(target.seeds)[at:]
    else:
        del data[at:]


def inputs(target: Target, count: int, seed: int) -> Iterator[bytes]:
    """`count` inputs, the seeds first; the same ones for the same `seed`."""
    choose = random.Random(seed)
    yield from target.seeds[:count]
    for _ in range(count - len(target.seeds)):
        data = bytearray(choose.choice(target.seeds))
        for _ in range(choose.randint(1, 6)):
            _spoil(data, target, choose)
        yield bytes(data[: target.longest])


def run(target: Target, count: int, seed: int) -> None:
    """Try `count` inputs; raises Found with the input that was too much."""
    for data in inputs(target, count, seed):
        try:
            targets.run(target, data)
        except Found as found:
            raise Found(f"{found}; input: {data!r}") from found


def main(name: str, count: str, seed: str) -> None:
    """Try one target by name; exits with what was found."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as directory:
        try:
            run(targets.get(name, Path(directory)), int(count), int(seed))
        except Found as found:
            sys.exit(str(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
