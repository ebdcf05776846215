"""A list of changes that lies in a nameless file, however long it is."""

import os
from collections.abc import Iterator
from types import TracebackType

from bootentries import fs
from bootentries.etc.diff import Change, Kind

_BLOCK = 1 << 16
_NO_TMPFILE = (95, 21, 2)  # EOPNOTSUPP, and EISDIR or ENOENT of kernels that lack it


class Spool:
    """Changes are added first, then read as often as needed, one kind at a time.

    The file is made in the given directory and has no name there: whatever happens, it
    is gone afterwards.  As a context manager it closes the file.
    """

    def __init__(self, dir_fd: int) -> None:
        self._fd = os.open(".", os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600, dir_fd=dir_fd)
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
