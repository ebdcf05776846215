"""What a merge of /etc would fail on, and what it would lose, found without writing."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bootentries import fs
from bootentries.errors import BootentriesError, from_os_error
from bootentries.etc import walk
from bootentries.etc.diff import Change, Kind, changes_in, diff, differs
from bootentries.etc.target import Target

OPERATION = "merge /etc"

# Why a name of the new tree cannot be entered, by what opening it says.
_OBSTACLES = {
    errno.ENOTDIR: "no directory",
    errno.ENOENT: "a link to nothing",
    errno.ELOOP: "a link in a circle of links",
    errno.EXDEV: "a link out of /etc",
}


@dataclass(frozen=True, slots=True)
class Sides:
    """The three trees, open: old defaults, local files, new /etc."""

    default_fd: int
    local_fd: int
    target: Target


@dataclass(frozen=True, slots=True)
class Finding:
    """A local change that cannot be carried over.

    A conflict fails the merge; without one the change is lost, and `text` says so.
    """

    path: str
    text: str
    conflict: bool = False

    def error(self) -> BootentriesError:
        """Return a conflict as the error of a merge."""
        place = f"etc/{self.path}"
        hint = f"save what is there elsewhere, and put usr/{place} of the new tree in its place"
        return BootentriesError(OPERATION, place, self.text, hint)

    def __str__(self) -> str:
        return f"etc/{self.path}: {self.text}" if self.conflict else self.text


@contextmanager
def opened_local(root_fd: int, operation: str = OPERATION) -> Iterator[tuple[int, int]]:
    """Hold `usr/etc` and `etc` of a deployment root open; raises BootentriesError."""
    with (
        _opened(root_fd, "usr/etc", operation) as default_fd,
        _opened(root_fd, "etc", operation) as local_fd,
    ):
        yield default_fd, local_fd


@contextmanager
def opened_sides(merge_fd: int, new_fd: int, xattrs: bool = True) -> Iterator[Sides]:
    """Hold the three trees of two deployment roots open; raises BootentriesError."""
    with (
        opened_local(merge_fd) as (default_fd, local_fd),
        _opened(new_fd, "etc", OPERATION, " of the new deployment") as etc_fd,
    ):
        yield Sides(default_fd, local_fd, Target(new_fd, etc_fd, xattrs))


@contextmanager
def _opened(root_fd: int, path: str, operation: str, whose: str = "") -> Iterator[int]:
    try:
        fd = fs.open_in(root_fd, path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise from_os_error(operation, error, f"{path}{whose}") from error
    try:
        yield fd
    finally:
        os.close(fd)


def etc_error(operation: str, error: OSError) -> BootentriesError:
    """Return the error for a failed system call on a path that is relative to /etc."""
    name = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
    return from_os_error(operation, error, f"etc/{name}")


def check(merge_fd: int, new_fd: int) -> Iterator[Finding]:
    """Yield what a merge into the deployment root `new_fd` would fail on or lose.

    Both fds stay the caller's.  Raises BootentriesError when a tree cannot be read.
    """
    with opened_sides(merge_fd, new_fd) as sides:
        try:
            for change in diff(sides.default_fd, sides.local_fd):
                yield from foresee(sides, change)
        except OSError as error:
            raise etc_error(OPERATION, error) from error


def foresee(sides: Sides, change: Change) -> Iterator[Finding]:
    """Yield what is in the way of a change, and what of it gets lost."""
    parent, _, name = change.path.rpartition("/")
    fd: int | Finding | None
    try:
        fd = walk.open_directory(sides.target.etc_fd, parent)
    except OSError:
        fd = _way(sides, change)
    if isinstance(fd, Finding):
        yield fd
        return
    present = None
    if fd is not None:
        try:
            present = walk.lstat(fd, name)
        finally:
            os.close(fd)
    if change.kind is not Kind.REMOVED:
        with walk.directory(sides.local_fd, parent) as local_dir:
            local = walk.lstat(local_dir, name)
        if local is not None:
            yield from _meet(sides, change, local, present)


def _way(sides: Sides, change: Change) -> int | Finding | None:
    """Return the change's parent in the new tree, step by step, as an fd of the caller's.

    None when it is not there, or will be replaced by the local directory before it is
    needed; the obstacle when it cannot be entered.
    """
    fd = os.dup(sides.target.etc_fd)
    try:
        path = ""
        for name in change.path.split("/")[:-1]:
            path = walk.join(path, name)
            present = walk.lstat(fd, name)
            if present is None:
                return None
            replaceable = change.kind is not Kind.REMOVED and not stat.S_ISDIR(present.st_mode)
            if replaceable and _is_changed(sides, path):
                return None
            try:
                below = sides.target.open(path)
            except OSError as error:
                if error.errno not in _OBSTACLES:
                    raise
                if error.errno == errno.ENOENT and change.kind is Kind.REMOVED:
                    return None
                reason = f"in the new tree this is {_OBSTACLES[error.errno]}"
                return Finding(path, f"{reason}, so local changes below cannot be merged", True)
            os.close(fd)
            fd = below
        return os.dup(fd)
    finally:
        os.close(fd)


def _is_changed(sides: Sides, path: str) -> bool:
    """Return whether a local directory is a change itself, not just its content."""
    parent, _, name = path.rpartition("/")
    try:
        with (
            walk.directory(sides.default_fd, parent) as default_dir,
            walk.directory(sides.local_fd, parent) as local_dir,
        ):
            return differs(default_dir, local_dir, name)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError as error:
        if error.errno == errno.ELOOP:
            return True
        raise


def _meet(
    sides: Sides, change: Change, local: os.stat_result, present: os.stat_result | None
) -> Iterator[Finding]:
    """Yield what happens when a local object comes to what the new tree has there."""
    path = change.path
    if present is not None and stat.S_ISDIR(present.st_mode):
        if not stat.S_ISDIR(local.st_mode):
            yield Finding(
                path,
                f"Modified config file newly defaults to directory '{path}', cannot merge",
                conflict=True,
            )
        elif not _was_directory(sides, change):
            if _attributes(local) == _attributes(present) and not _has_changes(sides, change):
                return
            yield Finding(
                path,
                f"etc/{path}: a local directory in place of a default file is not merged, because "
                "the new tree has a directory there",
            )
        elif _attributes(local) != _attributes(present) and not _has_changes(sides, change):
            uid, gid, mode = _attributes(local)
            yield Finding(
                path,
                f"etc/{path}: the local owner and mode ({uid}:{gid} {mode:04o}) are lost, "
                "because nothing else was changed in this directory of the new tree",
            )
    elif not stat.S_ISDIR(local.st_mode):
        if not (stat.S_ISREG(local.st_mode) or stat.S_ISLNK(local.st_mode)):
            yield _ignored(path)
    elif not _was_directory(sides, change):
        yield from _special_files(sides.local_fd, path)


def _was_directory(sides: Sides, change: Change) -> bool:
    """Return whether what is in a local directory is listed as changes, too."""
    if change.kind is Kind.ADDED:
        return True
    parent, _, name = change.path.rpartition("/")
    with walk.directory(sides.default_fd, parent) as fd:
        found = walk.lstat(fd, name)
    return found is not None and stat.S_ISDIR(found.st_mode)


def _has_changes(sides: Sides, change: Change) -> bool:
    """Return whether something in a local directory is not as in the defaults."""
    is_new = change.kind is Kind.ADDED or not _was_directory(sides, change)
    default_fd = None if is_new else sides.default_fd
    found = changes_in(default_fd, sides.local_fd, change.path)
    return any(item.kind is not Kind.REMOVED for item in found)


def _special_files(local_fd: int, path: str) -> Iterator[Finding]:
    for below in diff(None, local_fd, path):
        parent, _, name = below.path.rpartition("/")
        with walk.directory(local_fd, parent) as fd:
            found = walk.lstat(fd, name)
        if found is not None and not any(
            test(found.st_mode) for test in (stat.S_ISDIR, stat.S_ISREG, stat.S_ISLNK)
        ):
            yield _ignored(below.path)


def _ignored(path: str) -> Finding:
    return Finding(path, f"Ignoring non-regular/non-symlink file found during /etc merge: {path}")


def _attributes(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)
