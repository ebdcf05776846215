"""A mount namespace of our own, in which /sysroot and /boot are writable.

A booted system mounts /sysroot read-only; a writer lifts that for itself alone.  All of
this happens before any directory is opened: an open directory stays in its namespace.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from bootentries import syscalls
from bootentries.errors import BootentriesError, from_os_error

# From linux/mount.h and linux/sched.h
MS_RDONLY = 0x1
MS_REMOUNT = 0x20
MS_BIND = 0x1000
MS_REC = 0x4000
MS_SLAVE = 0x80000
CLONE_NEWNS = 0x20000

# statvfs(3) flags and the mount(2) flags that keep them through a remount
_KEPT = {
    os.ST_NOSUID: 0x2,
    os.ST_NODEV: 0x4,
    os.ST_NOEXEC: 0x8,
    os.ST_NOATIME: 0x400,
    os.ST_NODIRATIME: 0x800,
    os.ST_RELATIME: 0x200000,
}


def enter_private_namespace() -> None:
    """Leave the mount namespace of PID 1, if this process is privileged and in it."""
    if os.geteuid() != 0 or not _shares_namespace_of_pid1():
        return
    _keep_mounted("/boot")
    try:
        syscalls.unshare(CLONE_NEWNS)
        syscalls.mount(b"", b"/", b"", MS_REC | MS_SLAVE, b"")
    except OSError as error:
        raise from_os_error("enter mount namespace", error, "/") from error


def enter_as_writer(sysroot: str, words: frozenset[str]) -> None:
    """Enter a mount namespace of our own; raises BootentriesError for who may not write.

    `words` are those of OSTREE_SYSROOT_OPTS and OSTREE_SYSROOT_DEBUG.
    """
    if os.geteuid() != 0 and "mutable-deployments" not in words:
        raise BootentriesError(
            "write deployments", sysroot, "this needs root", hint="run it with sudo"
        )
    enter_private_namespace()


@contextmanager
def writable(paths: tuple[str, ...] = ("/sysroot", "/boot")) -> Iterator[None]:
    """Make mount points writable for a block; a superblock is put back to read-only."""
    restore = []
    try:
        for path in paths:
            if os.path.isdir(path) and make_writable(path):
                restore.append(path)
        yield
    finally:
        for path in restore:
            _remount(path, MS_REMOUNT | MS_RDONLY | _kept_flags(path))


def make_writable(path: str) -> bool:
    """Make a mount point writable; returns whether its superblock was read-only.

    A directory that is no mount point is left as it is.  Only the kernel can tell: a bind
    mount of the root's own filesystem has the same device number as its parent.
    """
    if not _read_only(path):
        return False
    try:
        syscalls.mount(b"", os.fsencode(path), b"", MS_REMOUNT | MS_BIND | _kept_flags(path), b"")
    except OSError as error:
        if error.errno == errno.EINVAL:
            return False
        raise from_os_error("remount", error, path) from error
    if not _read_only(path):
        return False
    _remount(path, MS_REMOUNT | _kept_flags(path))
    return True


def _keep_mounted(path: str) -> None:
    """Use a mount in PID 1's namespace as long as this process lives.

    An automount sees no use of it in ours, so it would be unmounted when it seems idle, and
    every unit that needs it would be stopped: the finaliser that a staging has just started.
    """
    with suppress(OSError):
        os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def _read_only(path: str) -> bool:
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def _kept_flags(path: str) -> int:
    present = os.statvfs(path).f_flag
    return sum(flag for shown, flag in _KEPT.items() if present & shown)


def _remount(path: str, flags: int) -> None:
    try:
        syscalls.mount(b"", os.fsencode(path), b"", flags, b"")
    except OSError as error:
        raise from_os_error("remount", error, path) from error


def _shares_namespace_of_pid1() -> bool:
    try:
        return os.readlink("/proc/self/ns/mnt") == os.readlink("/proc/1/ns/mnt")
    except OSError:
        return False
