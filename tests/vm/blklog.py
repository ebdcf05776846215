"""Logs of writes, made as QEMU makes them, for tests of what reads them."""

import struct
from pathlib import Path

from bootvm.crash.log import MAGIC, SECTOR, Log

FLUSH, FUA, DISCARD = 1, 2, 4

# (first sector, data) of a write; the flags come third.
Request = tuple[int, bytes, int]
A_FLUSH: Request = (0, b"", FLUSH)


def write(sector: int, data: bytes, flags: int = 0) -> Request:
    return (sector, data, flags)


def fill(letter: str, sectors: int = 1) -> bytes:
    return letter.encode() * (SECTOR * sectors)


def text(requests: list[Request], counted: int = 0) -> bytes:
    """The bytes of a log; `counted` is what its super sector says, which may lag behind."""
    pieces = [struct.pack("<QQQI", MAGIC, 1, counted, SECTOR).ljust(SECTOR, b"\0")]
    for first, data, flags in requests:
        header = struct.pack("<QQQQ", first, len(data) // SECTOR, flags, 0)
        pieces.append(header.ljust(SECTOR, b"\0"))
        if not flags & DISCARD:
            pieces.append(data)
    return b"".join(pieces)


def log(requests: list[Request], place: Path) -> Log:
    """Write the log to a file in `place` and open it; the caller closes it."""
    path = place / "log"
    path.write_bytes(text(requests))
    return Log(path)
