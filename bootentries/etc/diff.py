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


@dataclass(slots=True)
class _Visit:
    """A directory to look at, and what was found in it to look at next."""

    path: str
    in_both: bool
    below: list["_Visit"]


def diff(default_fd: int, local_fd: int) -> Iterator[Change]:
    """Yield the changes from the directory `default_fd` to the directory `local_fd`.

    A removed directory is one change; an added one is a change, and so is everything in
    it.  A directory comes before what is in it.  In memory are only the names in one
    directory, and the directories still to visit.  Raises OSError; the fds stay the
    caller's.
    """
    pending = [_Visit("", True, [])]
    while pending:
        visit = pending.pop()
        yield from (
            _in_both(default_fd, local_fd, visit) if visit.in_both else _added(local_fd, visit)
        )
        pending.extend(reversed(visit.below))


def differs(old_dir: int, new_dir: int, name: str) -> bool:
    """Return whether `name`, present in both directories, counts as modified."""
    old, new = walk.lstat(old_dir, name), walk.lstat(new_dir, name)
    return old is None or new is None or _differs(old_dir, old, new_dir, new, name)


def _in_both(default_fd: int, local_fd: int, visit: _Visit) -> Iterator[Change]:
    path = visit.path
    with walk.directory(default_fd, path) as old_dir, walk.directory(local_fd, path) as new_dir:
        defaults = walk.names(old_dir)
        for name in defaults:
            old, new = walk.lstat(old_dir, name), walk.lstat(new_dir, name)
            if old is None:
                continue
            where = walk.join(path, name)
            if new is None:
                yield Change(Kind.REMOVED, where)
                continue
            if _differs(old_dir, old, new_dir, new, name):
                yield Change(Kind.MODIFIED, where)
            if stat.S_ISDIR(old.st_mode) and stat.S_ISDIR(new.st_mode):
                visit.below.append(_Visit(where, True, []))
        known = set(defaults)
        added = [name for name in walk.names(new_dir) if name not in known]
        yield from _additions(new_dir, added, visit)


def _added(local_fd: int, visit: _Visit) -> Iterator[Change]:
    with walk.directory(local_fd, visit.path) as fd:
        yield from _additions(fd, walk.names(fd), visit)


def _additions(fd: int, names: list[str], visit: _Visit) -> Iterator[Change]:
    for name in names:
        found = walk.lstat(fd, name)
        if found is None:
            # /etc is in use: an editor's temporary file may come and go.
            continue
        where = walk.join(visit.path, name)
        yield Change(Kind.ADDED, where)
        if stat.S_ISDIR(found.st_mode):
            visit.below.append(_Visit(where, False, []))


def _differs(
    old_dir: int, old: os.stat_result, new_dir: int, new: os.stat_result, name: str
) -> bool:
    if (old.st_mode, old.st_uid, old.st_gid) != (new.st_mode, new.st_uid, new.st_gid):
        return True  # st_mode holds the file's type, too
    if stat.S_ISLNK(old.st_mode):
        return os.readlink(name, dir_fd=old_dir) != os.readlink(name, dir_fd=new_dir)
    if not stat.S_ISREG(old.st_mode) or (old.st_dev, old.st_ino) == (new.st_dev, new.st_ino):
        return False
    return old.st_size != new.st_size or not _same_content(old_dir, new_dir, name)


def _same_content(old_dir: int, new_dir: int, name: str) -> bool:
    with walk.file(old_dir, name) as old, walk.file(new_dir, name) as new:
        while True:
            block = os.read(old, _BLOCK)
            if block != os.read(new, _BLOCK):
                return False
            if not block:
                return True
