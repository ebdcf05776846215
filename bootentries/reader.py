"""Reading many names below one directory, with the directories that they are in kept open.

For a long list this takes half the system calls of the functions in `fs`, which decide all
the same: whatever is no plain name in a plain directory is left to them.
"""

import os
import stat
from types import TracebackType

from bootentries import fs

# A list may span many directories; a process may not hold any number of them.
_KEPT = 64
_OPEN = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_ELSEWHERE = ("", ".", "..")


class Reader:
    """Reads below `root_fd`, which stays the caller's; a context manager.

    What a kept directory's path leads to is decided once: whoever reads a list has to look
    whether it changed meanwhile, as `sysroot.load` does.
    """

    __slots__ = ("_parents", "root_fd")

    def __init__(self, root_fd: int) -> None:
        self.root_fd = root_fd
        self._parents: dict[str, int] = {}

    def __enter__(self) -> "Reader":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the directories."""
        while self._parents:
            os.close(self._parents.popitem()[1])

    def read_optional(self, path: str, limit: int = fs.SIZE_LIMIT) -> bytes | None:
        """Return what `fs.read_optional` does."""
        try:
            directory, name = self._parent(path)
            fd = os.open(name, _OPEN, dir_fd=directory)
        except OSError:
            return fs.read_optional(self.root_fd, path, limit)
        try:
            return fs.read_regular(fd, path, limit)
        finally:
            os.close(fd)

    def stat_optional(self, path: str) -> os.stat_result | None:
        """Return what `fs.stat_optional` does, links followed."""
        try:
            directory, name = self._parent(path)
            found = os.stat(name, dir_fd=directory, follow_symlinks=False)
        except OSError:
            return fs.stat_optional(self.root_fd, path)
        return fs.stat_optional(self.root_fd, path) if stat.S_ISLNK(found.st_mode) else found

    def is_dir(self, path: str) -> bool:
        """Return whether `path` is a directory, links followed."""
        found = self.stat_optional(path)
        return found is not None and stat.S_ISDIR(found.st_mode)

    def readlink_optional(self, path: str) -> str | None:
        """Return what `fs.readlink_optional` does."""
        try:
            directory, name = self._parent(path)
            return os.readlink(name, dir_fd=directory)
        except OSError:
            return fs.readlink_optional(self.root_fd, path)

    def _parent(self, path: str) -> tuple[int, str]:
        """Return (fd of the directory, name in it); raises OSError where `fs` has to decide."""
        head, _, name = path.rpartition("/")
        if name in _ELSEWHERE:
            raise IsADirectoryError(path)
        found = self._parents.get(head)
        if found is None:
            if len(self._parents) >= _KEPT:
                self.close()
            found = fs.open_in(self.root_fd, head, os.O_PATH | os.O_DIRECTORY)
            self._parents[head] = found
        return found, name
