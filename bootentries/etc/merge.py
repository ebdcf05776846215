"""Carrying local changes of /etc from one deployment over to the next.

What results is what libostree's merge leaves, byte for byte.  Unlike there, what cannot be
carried over is found before anything is written.
"""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby

from bootentries import fs
from bootentries.errors import from_os_error
from bootentries.etc import walk
from bootentries.etc.check import OPERATION, Sides, etc_error, foresee, opened_sides
from bootentries.etc.copy import copy_attributes, copy_entry, copy_tree
from bootentries.etc.diff import Change, Kind, diff
from bootentries.etc.spool import Spool


@dataclass(frozen=True, slots=True)
class Counts:
    """How many local changes there were of each kind."""

    modified: int = 0
    removed: int = 0
    added: int = 0

    def __str__(self) -> str:
        """Return the line that `ostree admin` prints for it."""
        return (
            f"Copying /etc changes: {self.modified} modified, {self.removed} removed, "
            f"{self.added} added"
        )


def merge(
    merge_fd: int, new_fd: int, note: Callable[[str], None], *, xattrs: bool = True
) -> Counts:
    """Apply the changes in `etc` of one deployment root to `etc` of another.

    Both are fds of open directories and stay the caller's.  `note` is told of each local
    change that gets lost.  Nothing is printed: the caller prints the returned counts.
    `xattrs` is false where OSTREE_SYSROOT_DEBUG has the word no-xattrs.
    Raises BootentriesError; the new /etc is as it was then when a change conflicts, and
    half merged when the disk is full or broken.
    """
    with opened_sides(merge_fd, new_fd, xattrs) as sides:
        try:
            with Spool(sides.target.etc_fd) as spool:
                counts = _plan(sides, spool, note)
                _remove(sides, spool.read(Kind.REMOVED))
                # In this order: a link in the new tree can make two paths one file.
                _carry_over(sides, spool.read(Kind.MODIFIED))
                _carry_over(sides, spool.read(Kind.ADDED))
        except OSError as error:
            raise etc_error(OPERATION, error) from error
    return counts


def _plan(sides: Sides, spool: Spool, note: Callable[[str], None]) -> Counts:
    """Write the changes down, look at each, and count them."""
    counts = dict.fromkeys(Kind, 0)
    for change in diff(sides.default_fd, sides.local_fd):
        for finding in foresee(sides, change):
            if finding.conflict:
                raise finding.error()
            note(finding.text)
        spool.add(change)
        counts[change.kind] += 1
    return Counts(counts[Kind.MODIFIED], counts[Kind.REMOVED], counts[Kind.ADDED])


def _remove(sides: Sides, changes: Iterator[Change]) -> None:
    for change in changes:
        parent, _, name = change.path.rpartition("/")
        with _about(change.path):
            try:
                with sides.target.opened(parent) as fd:
                    fs.remove_tree(fd, name)
            except FileNotFoundError:
                continue


def _carry_over(sides: Sides, changes: Iterator[Change]) -> None:
    for parent, group in groupby(changes, lambda change: change.path.rpartition("/")[0]):
        with (
            _about(parent),
            walk.directory(sides.local_fd, parent) as source,
            sides.target.ensured(parent, sides.local_fd) as target,
        ):
            for change in group:
                with _about(change.path):
                    _apply(sides, change, source, target)


def _apply(sides: Sides, change: Change, source: int, target: int) -> None:
    name, xattrs = change.path.rpartition("/")[2], sides.target.xattrs
    local, present = walk.lstat(source, name), walk.lstat(target, name)
    if local is None:
        # Deleted while we worked: what is a default is to stay deleted, then.
        if change.kind is Kind.MODIFIED:
            fs.remove_tree(target, name)
        return
    if present is not None:
        if stat.S_ISDIR(present.st_mode):
            return
        os.unlink(name, dir_fd=target)
    if not stat.S_ISDIR(local.st_mode):
        copy_entry(source, target, name, xattrs=xattrs)
        return
    os.mkdir(name, 0o700, dir_fd=target)
    with walk.directory(source, name) as source_fd, walk.directory(target, name) as target_fd:
        if change.kind is Kind.ADDED:
            # What is in it follows as changes of their own.
            copy_attributes(source_fd, target_fd, xattrs=xattrs)
        else:
            copy_tree(source_fd, target_fd, xattrs=xattrs)


@contextmanager
def _about(path: str) -> Iterator[None]:
    """Name the path in the error of a system call that fails."""
    try:
        yield
    except OSError as error:
        raise from_os_error(OPERATION, error, f"etc/{path}") from error
