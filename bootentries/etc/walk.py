"""Looking at a tree by directory fds, without ever following a symlink.

Paths are relative to the tree's top, undecodable bytes as surrogates; "" is the top.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from bootentries import syscalls

# From linux/openat2.h: no component is a symlink, and none leads up and out.
_RESOLVE_NO_SYMLINKS = 0x04
_RESOLVE_BENEATH = 0x08

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY
# A file may be swapped for a fifo while we look: opening must not wait for a writer.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def join(directory: str, name: str) -> str:
    """Return the path of `name` in `directory`."""
    return f"{directory}/{name}" if directory else name


def open_directory(top_fd: int, path: str) -> int:
    """Return an fd of the directory, the caller's; OSError ELOOP when a link is in the way."""
    resolve = _RESOLVE_NO_SYMLINKS | _RESOLVE_BENEATH
    return syscalls.openat2(top_fd, os.fsencode(path) or b".", _DIRECTORY, 0, resolve)


@contextmanager
def directory(top_fd: int, path: str) -> Iterator[int]:
    """Hold a directory open for a block."""
    fd = open_directory(top_fd, path)
    try:
        yield fd
    finally:
        os.close(fd)


def open_file(dir_fd: int, name: str) -> int:
    """Return an fd of the file for reading, the caller's."""
    return os.open(name, _FILE, dir_fd=dir_fd)


@contextmanager
def file(dir_fd: int, name: str) -> Iterator[int]:
    """Hold a file open for reading."""
    fd = open_file(dir_fd, name)
    try:
        yield fd
    finally:
        os.close(fd)


def names(fd: int) -> list[str]:
    """Return the sorted names in a directory."""
    return sorted(os.listdir(fd))


def lstat(dir_fd: int, name: str) -> os.stat_result | None:
    """Return what lstat(2) says, or None when there is nothing of that name."""
    try:
        return os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        return None
