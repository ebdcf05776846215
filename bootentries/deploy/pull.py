"""Bringing commits from a remote, by the `ostree` program, and letting a ref go."""

import os
import re
import time
from contextlib import suppress

from bootentries import fs
from bootentries.errors import BootentriesError, from_os_error
from bootentries.repo import REPO, read_commit
from bootentries.root import Root
from bootentries.run import run
from bootentries.txn.lock import lock_fd

_TEMPORARY = re.compile(r"tmp\.[A-Za-z0-9]{6}")


def pull(root: Root, remote: str, ref: str, commit: str | None, newer_than: str | None) -> None:
    """Pull a ref, or the `commit` that it is then set to.

    A commit older than `newer_than` is refused, and the ref stays what it was.  Raises
    BootentriesError with what `ostree` said.
    """
    # Named by its path: that is how ostree knows the system's own repository, for which
    # /etc/ostree/remotes.d counts.
    argv = ["ostree", "pull", f"--repo={os.path.join(root.path, REPO)}"]
    if newer_than is not None:
        argv.append(f"--timestamp-check-from-rev={newer_than}")
    argv += ["--", remote, ref if commit is None else f"{ref}@{commit}"]
    try:
        before = _temporary(root, remote)
    except OSError as error:
        raise from_os_error("pull", error) from error
    try:
        run(argv, "pull", f"{remote}:{ref}")
    except BaseException:
        _remove_temporary(root, remote, before)
        raise


def _temporary(root: Root, remote: str) -> frozenset[str]:
    """Return the names that `ostree` writes refs of a remote under, before it renames them.

    As long as one is there it counts as a ref, and keeps its commit.
    """
    names = fs.list_optional(root.fd, f"{REPO}/refs/remotes/{remote}") or ()
    return frozenset(name for name in names if _TEMPORARY.fullmatch(name))


def _remove_temporary(root: Root, remote: str, before: frozenset[str]) -> None:
    """Remove what a pull that was killed has left; why it failed is told already."""
    with suppress(OSError):
        for name in _temporary(root, remote) - before:
            os.unlink(f"{REPO}/refs/remotes/{remote}/{name}", dir_fd=root.fd)


def check_newer(root: Root, present: str, wanted: str) -> None:
    """Raise BootentriesError when the commit `wanted` is older than `present`."""
    old, new = read_commit(root.fd, present), read_commit(root.fd, wanted)
    if old is not None and new is not None and new.timestamp < old.timestamp:
        raise BootentriesError(
            "upgrade", wanted,
            f"its time {_utc(new.timestamp)} is before {_utc(old.timestamp)} of {present}",
            hint="--allow-downgrade permits it",
        )  # fmt: skip


def remove_ref(root: Root, remote: str | None, ref: str) -> None:
    """Remove a ref, if it is there; its commit goes with the next prune."""
    place = f"{REPO}/refs/" + (f"heads/{ref}" if remote is None else f"remotes/{remote}/{ref}")
    with fs.opened(root.fd, f"{REPO}/.lock", os.O_RDWR | os.O_CREAT, 0o660) as fd:
        with fs.naming(f"{REPO}/.lock"):
            lock_fd(fd, exclusive=False)
        try:
            with fs.parent(root.fd, place) as (directory, name):
                os.unlink(name, dir_fd=directory)
        except (FileNotFoundError, IsADirectoryError):
            return


def _utc(seconds: int) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):
        return f"@{seconds}"
