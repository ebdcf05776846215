"""What an administrator changed in /etc: `usr/etc` of a deployment against its `etc`.

The rules are libostree's (its `ostree admin config-diff` and its merge use them): owner,
group, mode, symlink text and content count; extended attributes and times do not.  The top
directory itself is not compared, and no symlink is ever followed.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from bootentries.etc import walk

_BLOCK = 1 << 17

# A directory to look at, and the tree of defaults, or None when that lacks it.
_Visit = tuple[str, int | None]


class Kind(Enum):
    """How a path differs; the value is the letter that `config-diff` prints."""

    MODIFIED = "M"
    REMOVED = "D"
    ADDED = "A"


@dataclass(frozen=True, slots=True)
class Change:
    """A local change; `path` is relative to /etc, undecodable bytes as surrogates."""

    kind: Kind
    path: str


def diff(default_fd: int | None, local_fd: int, top: str = "") -> Iterator[Change]:
    """Yield the changes in `top` from the tree `default_fd` to the tree `local_fd`.

    A removed directory is one change; an added one is a change, and so is everything in
    it; without a `default_fd` everything is.  A directory comes before what is in it.  In
    memory are only the names in one directory, and the directories still to visit.  Raises
    OSError; the fds stay the caller's.
    """
    # The next one is the last.
    pending: list[_Visit] = [(top, default_fd)]
    while pending:
        path, fd = pending.pop()
        below: list[_Visit] = []
        yield from _visit(fd, local_fd, path, below)
        pending.extend(reversed(below))


def changes_in(default_fd: int | None, local_fd: int, path: str) -> Iterator[Change]:
    """Yield the changes of the names in one directory, and nothing of what is below."""
    return _visit(default_fd, local_fd, path, [])


def differs(old_dir: int, new_dir: int, name: str) -> bool:
    """Return whether `name`, present in both directories, counts as modified."""
    old, new = walk.lstat(old_dir, name), walk.lstat(new_dir, name)
    return old is None or new is None or _differs(old_dir, old, new_dir, new, name)


def _visit(
    default_fd: int | None, local_fd: int, path: str, below: list[_Visit]
) -> Iterator[Change]:
    """Yield the changes in a directory; directories in it to visit next go to `below`."""
    with walk.directory(local_fd, path) as local_dir:
        added = walk.names(local_dir)
        if default_fd is not None:
            with walk.directory(default_fd, path) as default_dir:
                known = walk.names(default_dir)
                for name in known:
                    try:
                        kind, both_directories = _compare(default_dir, local_dir, name)
                    except OSError as error:
                        where = walk.join(path, name)
                        raise OSError(error.errno, error.strerror, where) from error
                    if kind is not None:
                        yield Change(kind, walk.join(path, name))
                    if both_directories:
                        below.append((walk.join(path, name), default_fd))
            added = sorted(set(added).difference(known))
        for name in added:
            found = walk.lstat(local_dir, name)
            if found is None:
                # /etc is in use: an editor's temporary file may come and go.
                continue
            yield Change(Kind.ADDED, walk.join(path, name))
            if stat.S_ISDIR(found.st_mode):
                below.append((walk.join(path, name), None))


def _compare(default_dir: int, local_dir: int, name: str) -> tuple[Kind | None, bool]:
    """Return how a default's name differs, if it does, and whether to look below it."""
    old, new = walk.lstat(default_dir, name), walk.lstat(local_dir, name)
    if old is None:
        return None, False
    if new is None:
        return Kind.REMOVED, False
    kind = Kind.MODIFIED if _differs(default_dir, old, local_dir, new, name) else None
    return kind, stat.S_ISDIR(old.st_mode) and stat.S_ISDIR(new.st_mode)


def _differs(
    old_dir: int, old: os.stat_result, new_dir: int, new: os.stat_result, name: str
) -> bool:
    if (old.st_mode, old.st_uid, old.st_gid) != (new.st_mode, new.st_uid, new.st_gid):
        return True  # st_mode holds the file's type, too
    if stat.S_ISLNK(old.st_mode):
        return os.readlink(name, dir_fd=old_dir) != os.readlink(name, dir_fd=new_dir)
    if not stat.S_ISREG(old.st_mode) or (old.st_dev, old.st_ino) == (new.st_dev, new.st_ino):
        return False
    if old.st_size != new.st_size:
        return True
    return not _same_content(old_dir, new_dir, name, old.st_size)


def _same_content(old_dir: int, new_dir: int, name: str, size: int) -> bool:
    """Compare two files of `size` bytes, without a read just to see their end."""
    old = walk.open_file(old_dir, name)
    try:
        new = walk.open_file(new_dir, name)
        try:
            while size > 0:
                block = os.read(old, min(size, _BLOCK))
                if block != os.read(new, len(block) or 1):
                    return False
                if not block:
                    break
                size -= len(block)
            return True
        finally:
            os.close(new)
    finally:
        os.close(old)
