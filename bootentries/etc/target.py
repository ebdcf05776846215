"""The new deployment's /etc, where local changes go.

A directory of the new tree may have become a symlink.  libostree follows it; we do as long
as it leads to a directory inside the new /etc, with the deployment's root as the root.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bootentries import fs
from bootentries.etc import walk
from bootentries.etc.copy import copy_attributes


@dataclass(frozen=True, slots=True)
class Target:
    """Open directories of the new deployment, owned by whoever made this.

    Without `xattrs` no extended attributes are carried over.
    """

    root_fd: int
    etc_fd: int
    xattrs: bool = True

    def open(self, path: str) -> int:
        """Return an fd of the directory `path` of /etc, the caller's.

        Raises OSError: ENOENT, ENOTDIR, and EXDEV when a link leads out of /etc.
        """
        try:
            return walk.open_directory(self.etc_fd, path)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
        fd = fs.open_in(self.root_fd, f"etc/{path}", os.O_RDONLY | os.O_DIRECTORY)
        if not _is_inside(fd, self.etc_fd):
            os.close(fd)
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), path)
        return fd

    @contextmanager
    def opened(self, path: str) -> Iterator[int]:
        """Hold `open(path)` for a block."""
        fd = self.open(path)
        try:
            yield fd
        finally:
            os.close(fd)

    @contextmanager
    def ensured(self, path: str, local_fd: int) -> Iterator[int]:
        """Hold a directory that has the attributes of the local one, made if it is missing.

        Ancestors get theirs only when they had to be made; /etc itself keeps its own.
        """
        fd, missing = self._nearest(path)
        try:
            for step in missing:
                below = _make(fd, step)
                os.close(fd)
                fd = below
                self._dress(fd, step, local_fd)
            if path and not missing:
                self._dress(fd, path, local_fd)
            yield fd
        finally:
            os.close(fd)

    def _dress(self, fd: int, path: str, local_fd: int) -> None:
        with walk.directory(local_fd, path) as template:
            copy_attributes(template, fd, xattrs=self.xattrs)

    def _nearest(self, path: str) -> tuple[int, list[str]]:
        """Return the nearest directory that exists, and the paths below it that do not."""
        missing: list[str] = []
        while True:
            try:
                return self.open(path), missing
            except FileNotFoundError:
                if not path:
                    raise
                missing.insert(0, path)
                path = path.rpartition("/")[0]


def _make(parent_fd: int, path: str) -> int:
    name = path.rpartition("/")[2]
    os.mkdir(name, 0o700, dir_fd=parent_fd)
    return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent_fd)


def _is_inside(fd: int, top_fd: int) -> bool:
    """Return whether `top_fd` is `fd` or above it."""
    top = _identity(top_fd)
    here = os.dup(fd)
    try:
        while (found := _identity(here)) != top:
            above = os.open("..", os.O_PATH | os.O_DIRECTORY, dir_fd=here)
            os.close(here)
            here = above
            if _identity(here) == found:
                return False
    finally:
        os.close(here)
    return True


def _identity(fd: int) -> tuple[int, int]:
    found = os.fstat(fd)
    return found.st_dev, found.st_ino
