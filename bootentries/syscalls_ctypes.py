"""The system calls of `_bootsys` that the host needs, by ctypes.

For a checkout without a compiler.  The C extension is preferred: its freeze runs no
Python between freezing and thawing.
"""

import ctypes
import errno
import fcntl
import os
import select
import signal

# From linux/openat2.h's table of system calls; the number is the same on every
# architecture that was added after 2019's unification, and on x86-64.
_NR_OPENAT2 = 437
# FIFREEZE and FITHAW: _IOWR('X', 119 | 120, int) of linux/fs.h
_FIFREEZE = 0xC0045877
_FITHAW = 0xC0045878

_libc = ctypes.CDLL(None, use_errno=True)


class _OpenHow(ctypes.Structure):
    _fields_ = [
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    ]


def _check(result: int, path: bytes | None = None) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), path)
    return result


def mount(source: bytes, target: bytes, fstype: bytes, flags: int, data: bytes) -> None:
    """mount(2); an empty source, type or data is passed as NULL."""
    _check(
        _libc.mount(source or None, target, fstype or None, ctypes.c_ulong(flags), data or None),
        target,
    )


def openat2(dir_fd: int, path: bytes, flags: int, mode: int, resolve: int) -> int:
    """openat2(2); O_CLOEXEC is always set."""
    how = _OpenHow(flags | os.O_CLOEXEC, mode, resolve)
    result = _libc.syscall(
        ctypes.c_long(_NR_OPENAT2),
        ctypes.c_int(dir_fd),
        ctypes.c_char_p(path),
        ctypes.byref(how),
        ctypes.c_size_t(ctypes.sizeof(how)),
    )
    return _check(result, path)


def syncfs(fd: int) -> None:
    """syncfs(2)."""
    _check(_libc.syncfs(fd))


def umount(path: bytes, flags: int) -> None:
    """umount2(2)."""
    _check(_libc.umount2(path, ctypes.c_int(flags)), path)


def unshare(flags: int) -> None:
    """unshare(2)."""
    _check(_libc.unshare(flags))


def freeze_thaw(fd: int, limit_s: int) -> None:
    """Freeze and thaw the filesystem of `fd`, with all signals blocked.

    A child thaws it when this process is gone, or after `limit_s` seconds.
    """
    syncfs(fd)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        ours, theirs = os.pipe()
        watching, ready = os.pipe()
        watchdog = os.fork()
        if watchdog == 0:
            # Out of this process's group before anything is frozen: who kills the group with
            # SIGKILL would take the watchdog along.
            os.setsid()
            os.close(theirs)
            os.write(ready, b"r")
            os.close(ready)
            _watch(fd, ours, limit_s)
        os.close(ours)
        os.close(ready)
        try:
            if not os.read(watching, 1):
                raise ChildProcessError(errno.ECHILD, os.strerror(errno.ECHILD))
            fcntl.ioctl(fd, _FIFREEZE, 0)
            _thaw(fd)
            os.write(theirs, b"d")
        finally:
            # Without the byte the watchdog sees the end of the pipe and thaws once more.
            os.close(watching)
            os.close(theirs)
            os.waitpid(watchdog, 0)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _watch(fd: int, done_fd: int, limit_s: int) -> None:
    timeout = float(limit_s)
    while True:
        ready, _, _ = select.select([done_fd], [], [], timeout)
        told = os.read(done_fd, 1) if ready else None
        if told == b"d":
            os._exit(0)
        try:
            _thaw(fd)
        except OSError:
            pass
        if told == b"":
            os._exit(0)
        timeout = 1.0


def _thaw(fd: int) -> None:
    try:
        fcntl.ioctl(fd, _FITHAW, 0)
    except OSError as error:
        # EINVAL: it is thawed already.
        if error.errno != errno.EINVAL:
            raise
