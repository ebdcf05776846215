"""Images of a disk after a cut: made from the disk before, and the log.

One image follows the flushes.  A cut's image is made from it in a scratch file; when the
judge only reads, just the sectors that were put in are put back afterwards.
"""

import errno
import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bootvm.crash.cuts import Cut, kept, runs
from bootvm.crash.log import SECTOR, Log, Write
from bootvm.errors import BootvmError

_FICLONE = 0x40049409  # linux/fs.h
_CANNOT = (errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.ENOSYS)


def copy(source: Path, target: Path) -> None:
    """Copies a disk image: by reference where the filesystem can, else only what is not a hole."""
    with source.open("rb") as have, target.open("wb") as want:
        try:
            fcntl.ioctl(want, _FICLONE, have.fileno())
        except OSError as error:
            if error.errno not in _CANNOT:
                raise
        else:
            return
        size = os.fstat(have.fileno()).st_size
        want.truncate(size)
        for first, last in _extents(have.fileno(), size):
            _copy_range(have.fileno(), want.fileno(), first, last)


def _extents(fd: int, size: int) -> Iterator[tuple[int, int]]:
    at = 0
    while at < size:
        try:
            first = os.lseek(fd, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole is left
                return
            raise
        at = os.lseek(fd, first, os.SEEK_HOLE)
        yield first, at


def _copy_range(source: int, target: int, first: int, last: int) -> None:
    while first < last:
        data = os.pread(source, min(last - first, 1 << 22), first)
        if not data:
            return
        os.pwrite(target, data, first)
        first += len(data)


class Replay:
    """The images in `work` (a directory that the caller makes and clears).

    `base` is the raw image before the first request of the log; it stays untouched.
    """

    def __init__(self, base: Path, log: Log, work: Path) -> None:
        self._log = log
        self._writes: Sequence[Write] = log.writes
        self.floor = work / "floor.img"
        self.scratch = work / "state.img"
        self._at = 0
        self._fresh = False
        try:
            copy(base, self.floor)
        except OSError as error:
            raise BootvmError("copy disk", base, error.strerror or str(error)) from error

    def advance(self, to: int) -> None:
        """Moves the image that follows the flushes on: all requests before `to` are in it."""
        if to == self._at:
            return
        with self.floor.open("r+b") as file:
            for number in range(self._at, to):
                self._put(file.fileno(), number, -1)
        self._at = to
        self._fresh = False

    @contextmanager
    def image(self, cut: Cut, *, reads_only: bool) -> Iterator[Path]:
        """The disk after `cut`, for as long as the block runs.

        With `reads_only` the caller promises not to write into it, which saves the copy.
        """
        if not self._fresh:
            copy(self.floor, self.scratch)
            self._fresh = True
        undo: list[tuple[int, bytes]] = []
        with self.scratch.open("r+b") as file:
            for number, mask in kept(self._writes, self._at, cut):
                self._put(file.fileno(), number, mask, undo)
        self._fresh = False
        yield self.scratch
        if reads_only:
            with self.scratch.open("r+b") as file:
                for offset, data in reversed(undo):
                    os.pwrite(file.fileno(), data, offset)
            self._fresh = True

    def make(self, cut: Cut, target: Path) -> None:
        """Writes the disk after `cut` to `target`, to be kept."""
        copy(self.floor, target)
        with target.open("r+b") as file:
            for number, mask in kept(self._writes, self._at, cut):
                self._put(file.fileno(), number, mask)

    def _put(
        self, fd: int, number: int, mask: int, undo: list[tuple[int, bytes]] | None = None
    ) -> None:
        write = self._writes[number]
        if not write.length:
            return
        data = self._log.data(write)
        for first, count in runs(mask, write.sectors):
            begin, end = first * SECTOR, (first + count) * SECTOR
            if undo is not None:
                undo.append((write.offset + begin, os.pread(fd, end - begin, write.offset + begin)))
            os.pwrite(fd, data[begin:end], write.offset + begin)
