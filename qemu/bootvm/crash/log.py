"""The log of QEMU's `blklogwrites` driver: every write, flush and discard of a guest's disk.

The format is that of Linux's dm-log-writes (Documentation/admin-guide/device-mapper/
log-writes.rst): a super sector `<QQQI` with magic, version, number of entries and sector
size; then entries of one sector `<QQQQ` with first sector, number of sectors, flags and
length of a mark, each followed by its data unless it is a discard.

The entries are walked to the end of the file, not to the number in the super sector: that
one lags behind while QEMU runs.
"""

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from bootvm.errors import BootvmError

MAGIC = 0x6A736677736872
SECTOR = 512  # what can be torn: the unit that a disk writes as a whole

_SUPER = struct.Struct("<QQQI")
_ENTRY = struct.Struct("<QQQQ")
_FLUSH, _FUA, _DISCARD, _MARK = 1, 2, 4, 8


@dataclass(frozen=True, slots=True)
class Write:
    """One request of the guest; `offset` and `length` are bytes on the disk.

    A flush has no length.  A discarded range reads as zeros.  `data_at` is where the data
    are in the log.
    """

    offset: int = 0
    length: int = 0
    is_flush: bool = False
    is_fua: bool = False
    is_discard: bool = False
    data_at: int = 0

    @property
    def sectors(self) -> int:
        return self.length // SECTOR

    def describe(self) -> str:
        if self.is_flush:
            return "flush"
        verb = "discard" if self.is_discard else "write"
        last = (self.offset + self.length) // SECTOR - 1
        return f"{verb} sectors {self.offset // SECTOR}-{last}{' (FUA)' if self.is_fua else ''}"


def parse(data: bytes | mmap.mmap, *, running: bool = False) -> tuple[Write, ...]:
    """Returns the requests of a log, in the order in which the guest made them.

    A last entry that is not complete, as it is while QEMU runs, is left out.  A flush that
    carries data becomes a flush and a write.  Raises BootvmError when it is not such a log,
    or lacks an entry that was counted; while QEMU is `running`, one may be on its way.
    """
    if len(data) < _SUPER.size:
        raise BootvmError("read log", "super sector", "the log is empty", "did the guest start?")
    magic, version, counted, sector = _SUPER.unpack_from(data)
    if magic != MAGIC or version != 1 or sector < SECTOR or sector % SECTOR:
        raise BootvmError(
            "read log", "super sector", f"not a log of writes (magic {magic:#x}, version {version})"
        )
    writes: list[Write] = []
    at, found = sector, 0
    while at + sector <= len(data):
        first, count, flags, _ = _ENTRY.unpack_from(data, at)
        if not flags and not count:
            break  # a hole: allocated, not written yet
        at += sector
        is_discard = bool(flags & _DISCARD)
        stored = 0 if is_discard else count * sector
        if at + stored > len(data):
            break
        if flags & _FLUSH:
            writes.append(Write(is_flush=True))
        if count and not flags & _MARK:
            where = (first * sector, count * sector)
            writes.append(
                Write(*where, is_fua=bool(flags & _FUA), is_discard=is_discard, data_at=at)
            )
        at += stored
        found += 1
    if found < counted and not running:
        raise BootvmError(
            "read log", f"entry {found}", f"it is missing, of {counted}", "was the log's disk full?"
        )
    return tuple(writes)


class Log:
    """A recorded log, open for reading: `with Log(path) as log`."""

    def __init__(self, path: Path) -> None:
        """Raises BootvmError when the file cannot be read or is not a log."""
        try:
            with path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:  # ValueError: an empty file cannot be mapped
            raise BootvmError("read log", path, str(error)) from error
        try:
            self.writes = parse(self._map)
        except BootvmError:
            self.close()
            raise

    def data(self, write: Write) -> bytes:
        """What the guest wrote; zeros for a discard."""
        if write.is_discard:
            return bytes(write.length)
        return self._map[write.data_at : write.data_at + write.length]

    def close(self) -> None:
        self._map.close()

    def __enter__(self) -> "Log":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def count(path: Path) -> int:
    """How many requests the log holds now; 0 before the first.  QEMU may still be writing."""
    if path.stat().st_size < _SUPER.size:
        return 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return len(parse(data, running=True))
