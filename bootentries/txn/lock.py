"""The locks that writers share with libostree: `ostree/lock`, and the repository's.

Both are OFD locks (fcntl(2)), with flock(2) on filesystems that refuse those.
"""

import errno
import fcntl
import os
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from bootentries import fs
from bootentries.errors import BootentriesError, from_os_error
from bootentries.root import Root

LOCK = "ostree/lock"
_POLL_S = 0.05
_BUSY = frozenset({errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK})


@contextmanager
def sysroot_lock(
    root: Root, announce: Callable[[str], None], timeout_s: float | None = None
) -> Iterator[None]:
    """Hold the sysroot's lock for a block; the file is removed at the end, as libostree does.

    Waiting is announced once.  Raises BootentriesError when `timeout_s` is over.
    """
    fd = _acquire(root, announce, timeout_s)
    try:
        yield
    finally:
        # The lock ends with the fd; a file that cannot be removed hinders nobody.
        with suppress(OSError):
            fs.remove_tree(root.fd, LOCK)
        os.close(fd)


def lock_fd(fd: int, *, exclusive: bool) -> None:
    """Lock an open file, waiting as long as it takes."""
    while not try_lock(fd, exclusive=exclusive):
        time.sleep(_POLL_S)


def try_lock(fd: int, *, exclusive: bool) -> bool:
    """Lock an open file; False when another process holds it."""
    kind = fcntl.F_WRLCK if exclusive else fcntl.F_RDLCK
    # struct flock of fcntl.h: type, whence, start, length, pid
    request = struct.pack("hhqqi4x", kind, os.SEEK_SET, 0, 0, 0)
    try:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, request)
    except OSError as error:
        if error.errno in _BUSY:
            return False
        if error.errno != errno.EINVAL:
            raise
    else:
        return True
    try:
        fcntl.flock(fd, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _open(root: Root) -> int:
    try:
        return fs.open_in(root.fd, LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise from_os_error("lock sysroot", error) from error


def _acquire(root: Root, announce: Callable[[str], None], timeout_s: float | None) -> int:
    end = None if timeout_s is None else time.monotonic() + timeout_s
    announced = False
    while True:
        fd = _open(root)
        try:
            # The holder before removed the file: what was locked is then nobody's lock.
            if try_lock(fd, exclusive=True) and os.fstat(fd).st_nlink:
                return fd
        except OSError as error:
            os.close(fd)
            raise from_os_error("lock sysroot", error, LOCK) from error
        os.close(fd)
        if end is not None and time.monotonic() >= end:
            raise BootentriesError(
                "lock sysroot", LOCK, f"held by another process for {timeout_s:g} s",
                hint="wait for the other ostree or bootentries command",
            )  # fmt: skip
        if not announced:
            announce("waiting for another process to release the sysroot lock")
            announced = True
        time.sleep(_POLL_S)
