"""A list of changes that lies in a nameless file, however long it is."""

import errno
import os
from collections.abc import Iterator
from types import TracebackType

from bootentries import fs
from bootentries.etc.diff import Change, Kind

_BLOCK = 1 << 16
# What open(2) lists for a filesystem or a kernel without O_TMPFILE
_NO_TMPFILE = (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT)


class Spool:
    """Changes are added first, then read as often as needed, one kind at a time.

    The file is made in the given directory, which is about to be written anyway, and has
    no name there: whatever happens, it is gone afterwards.  Where the filesystem cannot do
    that it is in memory.  As a context manager it closes the file.
    """

    def __init__(self, dir_fd: int) -> None:
        flags = os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC
        try:
            self._fd = os.open(".", flags, 0o600, dir_fd=dir_fd)
        except OSError as error:
            if error.errno not in _NO_TMPFILE:
                raise
            self._fd = os.memfd_create("changes", os.MFD_CLOEXEC)
        self._buffer = bytearray()

    def __enter__(self) -> "Spool":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.close(self._fd)

    def add(self, change: Change) -> None:
        """Append a change."""
        # No path has a NUL in it.
        self._buffer += change.kind.value.encode() + os.fsencode(change.path) + b"\0"
        if len(self._buffer) >= _BLOCK:
            self.flush()

    def flush(self) -> None:
        """Write what is still in memory."""
        fs.write_all(self._fd, bytes(self._buffer))
        self._buffer.clear()

    def read(self, kind: Kind) -> Iterator[Change]:
        """Yield the changes of a kind, in the order in which they were added."""
        self.flush()
        at, rest = 0, b""
        wanted = kind.value.encode()
        while block := os.pread(self._fd, _BLOCK, at):
            at += len(block)
            *records, rest = (rest + block).split(b"\0")
            for record in records:
                if record[:1] == wanted:
                    yield Change(kind, os.fsdecode(record[1:]))
