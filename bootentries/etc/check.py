"""What a merge of /etc would fail on, and what it would lose, found without writing."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bootentries import fs
from bootentries.errors import BootentriesError, from_os_error
from bootentries.etc import walk
from bootentries.etc.diff import Change, Kind, diff
from bootentries.etc.target import OPERATION, Target


@dataclass(frozen=True, slots=True)
class Sides:
    """The three trees, open: old defaults, local files, new /etc."""

    default_fd: int
    local_fd: int
    target: Target


@dataclass(frozen=True, slots=True)
class Finding:
    """A change that cannot be carried over; a conflict fails the merge, else it is lost."""

    path: str
    reason: str
    conflict: bool
    hint: str | None = None

    def error(self) -> BootentriesError:
        """Return it as the error of a merge."""
        return BootentriesError(OPERATION, f"etc/{self.path}", self.reason, self.hint)

    def __str__(self) -> str:
        return f"etc/{self.path}: {self.reason}"


@contextmanager
def opened_sides(merge_fd: int, new_fd: int) -> Iterator[Sides]:
    """Hold the three trees of two deployment roots open; raises BootentriesError."""
    opened: list[int] = []
    try:
        for root_fd, path, whose in (
            (merge_fd, "usr/etc", "the merge deployment"),
            (merge_fd, "etc", "the merge deployment"),
            (new_fd, "etc", "the new deployment"),
        ):
            try:
                opened.append(fs.open_in(root_fd, path, os.O_RDONLY | os.O_DIRECTORY))
            except OSError as error:
                raise BootentriesError(
                    OPERATION, f"{path} of {whose}", error.strerror or str(error)
                ) from error
        yield Sides(opened[0], opened[1], Target(new_fd, opened[2]))
    finally:
        for fd in opened:
            os.close(fd)


def check(merge_fd: int, new_fd: int) -> Iterator[Finding]:
    """Yield what a merge into the deployment root `new_fd` would fail on or lose.

    Both fds stay the caller's.  Raises BootentriesError when a tree cannot be read.
    """
    with opened_sides(merge_fd, new_fd) as sides:
        try:
            for change in diff(sides.default_fd, sides.local_fd):
                finding = foresee(sides, change)
                if finding is not None:
                    yield finding
        except OSError as error:
            raise from_os_error(OPERATION, error) from error


def foresee(sides: Sides, change: Change) -> Finding | None:
    """Return what is in the way of a change, if something is."""
    parent, _, name = change.path.rpartition("/")
    try:
        fd = walk.open_directory(sides.target.etc_fd, parent)
    except OSError:
        obstacle = _obstacle(sides, parent)
        if isinstance(obstacle, Finding):
            return obstacle
        if obstacle is None:
            return None
        fd = obstacle
    try:
        if change.kind is Kind.REMOVED:
            return None
        return _at(sides, change, name, walk.lstat(fd, name), fd)
    finally:
        os.close(fd)


def _at(
    sides: Sides, change: Change, name: str, present: os.stat_result | None, fd: int
) -> Finding | None:
    """Return what is in the way where the parent directory exists."""
    parent = change.path.rpartition("/")[0]
    with walk.directory(sides.local_fd, parent) as local_dir:
        local = walk.lstat(local_dir, name)
        if local is None or present is None or not stat.S_ISDIR(present.st_mode):
            return None
    if not stat.S_ISDIR(local.st_mode):
        return Finding(
            change.path,
            f"Modified config file newly defaults to directory '{change.path}', cannot merge",
            conflict=True,
            hint="move it away, or make it a directory, and try again",
        )
    return None


def _obstacle(sides: Sides, parent: str) -> "Finding | int | None":
    return None
