"""Files below a directory fd: every name is resolved inside that directory, links included.

Names are relative strings (undecodable bytes as surrogates).  A function that returns an
fd gives it to the caller; none closes an fd that it was given.
"""

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from bootentries import syscalls

# From linux/openat2.h: symlinks are followed as if the directory were the root, and
# /proc's magic links not at all.
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_IN_ROOT = 0x10

# Far more than an entry, an origin or a configuration has; what is larger is a mistake, or
# malice, and would be held in memory.
SIZE_LIMIT = 4 << 20

# A mount or rename anywhere in the system makes openat2 unsure of a `..`; openat2(2) says
# EAGAIN then and asks to try again.
_TRIES = 1000


def open_in(root_fd: int, path: str, flags: int = os.O_RDONLY, mode: int = 0) -> int:
    """Open `path` below `root_fd`; nothing in it leads outside."""
    name = os.fsencode(path) or b"."
    resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS
    for _ in range(_TRIES):
        try:
            return syscalls.openat2(root_fd, name, flags, mode, resolve)
        except BlockingIOError:
            continue
    return syscalls.openat2(root_fd, name, flags, mode, resolve)


@contextmanager
def opened(root_fd: int, path: str, flags: int = os.O_RDONLY, mode: int = 0) -> Iterator[int]:
    """Hold `path` open below `root_fd` for a block."""
    fd = open_in(root_fd, path, flags, mode)
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def naming(path: str) -> Iterator[None]:
    """Name `path` in the OSError of a call by fd, which names nothing or a number."""
    try:
        yield
    except OSError as error:
        if not isinstance(error.filename, str | bytes):
            error.filename = path
        raise


@contextmanager
def parent(root_fd: int, path: str) -> Iterator[tuple[int, str]]:
    """Yield (fd of the parent directory, last component) of `path`."""
    head, name = os.path.split(path)
    with opened(root_fd, head, os.O_PATH | os.O_DIRECTORY) as fd:
        yield fd, name


def read_bytes(root_fd: int, path: str, limit: int = SIZE_LIMIT) -> bytes:
    """Return the content of a regular file of at most `limit` bytes; OSError for any other."""
    # A pipe would be waited for, else.
    fd = open_in(root_fd, path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        return read_regular(fd, path, limit)
    finally:
        os.close(fd)


def read_regular(fd: int, path: str, limit: int = SIZE_LIMIT) -> bytes:
    """Return the content of `fd`, just opened; OSError about `path` as for `read_bytes`."""
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode):
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        raise OSError(errno.EINVAL, "Not a regular file", path)
    size = found.st_size
    data = b""
    if size <= limit:
        # One byte more than there is shows that this was all.
        data = os.read(fd, size + 1)
        # The size may grow, or be 0 for what the kernel makes up.
        if len(data) != size or not size:
            data += read_fd(fd, limit + 1 - len(data))
    if max(size, len(data)) > limit:
        raise OSError(errno.EFBIG, f"Larger than {limit} bytes", path)
    return data


def read_fd(fd: int, limit: int | None = None) -> bytes:
    """Return what comes from the current place of `fd` on, no more than about `limit` bytes."""
    blocks = []
    total = 0
    while (limit is None or total < limit) and (block := os.read(fd, 1 << 20)):
        blocks.append(block)
        total += len(block)
    return b"".join(blocks)


def read_optional(root_fd: int, path: str, limit: int = SIZE_LIMIT) -> bytes | None:
    """Return the content of a file, or None when it is not there."""
    try:
        return read_bytes(root_fd, path, limit)
    except FileNotFoundError:
        return None


def list_optional(root_fd: int, path: str) -> list[str] | None:
    """Return the sorted names in a directory, or None when it is not there."""
    try:
        with opened(root_fd, path, os.O_RDONLY | os.O_DIRECTORY) as fd:
            return sorted(os.listdir(fd))
    except FileNotFoundError:
        return None


def readlink_optional(root_fd: int, path: str) -> str | None:
    """Return a symlink's text, or None when it is not there; OSError EINVAL when no link."""
    head, name = os.path.split(path)
    try:
        fd = open_in(root_fd, head, os.O_PATH | os.O_DIRECTORY)
        try:
            return os.readlink(name, dir_fd=fd)
        finally:
            os.close(fd)
    except FileNotFoundError:
        return None


def stat_optional(root_fd: int, path: str, follow: bool = True) -> os.stat_result | None:
    """Return what stat or lstat says, or None when it is not there."""
    flags = os.O_PATH if follow else os.O_PATH | os.O_NOFOLLOW
    try:
        fd = open_in(root_fd, path, flags)
    except FileNotFoundError:
        return None
    try:
        return os.fstat(fd)
    finally:
        os.close(fd)


def is_dir(root_fd: int, path: str) -> bool:
    """Return whether `path` is a directory, links followed."""
    found = stat_optional(root_fd, path)
    return found is not None and stat.S_ISDIR(found.st_mode)


def is_file(root_fd: int, path: str) -> bool:
    """Return whether `path` is a regular file, links followed."""
    found = stat_optional(root_fd, path)
    return found is not None and stat.S_ISREG(found.st_mode)


def make_dirs(root_fd: int, path: str, mode: int = 0o755) -> None:
    """Create a directory and its parents; existing ones are left as they are."""
    done = ""
    for part in path.split("/"):
        done = f"{done}/{part}" if done else part
        with parent(root_fd, done) as (fd, name):
            try:
                os.mkdir(name, mode, dir_fd=fd)
            except FileExistsError:
                continue
            # The umask has no say: another user's loader has to read what is here.
            os.chmod(name, mode, dir_fd=fd)


def write_file(root_fd: int, path: str, data: bytes, mode: int = 0o644) -> None:
    """Write a file under a temporary name, sync it, and rename it over `path`.

    The temporary one is gone after an error, too.
    """
    with naming(path), parent(root_fd, path) as (fd, name):
        # GRUB's and sd-boot's globs must never match it: it does not end in .conf or .cfg.
        temporary = f".{name}.tmp"
        out = os.open(
            temporary,
            os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW,
            mode,
            dir_fd=fd,
        )
        try:
            try:
                write_all(out, data)
                os.fchmod(out, mode)
                os.fdatasync(out)
            finally:
                os.close(out)
            os.rename(temporary, name, src_dir_fd=fd, dst_dir_fd=fd)
        except OSError:
            with suppress(OSError):
                os.unlink(temporary, dir_fd=fd)
            raise


def write_all(fd: int, data: bytes) -> None:
    """Write all of `data`."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def make_symlink(root_fd: int, path: str, target: str) -> None:
    """Create a symlink that must not be there yet."""
    with parent(root_fd, path) as (fd, name):
        os.symlink(target, name, dir_fd=fd)


def stage_symlink(root_fd: int, path: str, target: str) -> None:
    """Create the symlink that `commit_symlink` puts in place, as `PATH.tmp`."""
    with parent(root_fd, path) as (fd, name):
        try:
            os.unlink(f"{name}.tmp", dir_fd=fd)
        except FileNotFoundError:
            pass
        os.symlink(target, f"{name}.tmp", dir_fd=fd)


def commit_symlink(root_fd: int, path: str) -> None:
    """Rename `PATH.tmp` over `path`, in one step."""
    with parent(root_fd, path) as (fd, name):
        os.rename(f"{name}.tmp", name, src_dir_fd=fd, dst_dir_fd=fd)


def remove_tree(root_fd: int, path: str) -> None:
    """Remove a file, a symlink or a directory with all that is in it, if it is there."""
    try:
        with parent(root_fd, path) as (fd, name):
            try:
                os.unlink(name, dir_fd=fd)
            except IsADirectoryError:
                _remove_directory(fd, name)
    except FileNotFoundError:
        return


class _Stopped(Exception):
    """Carries an error out of shutil, which from 3.13 on names the directory of what failed."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error)
        self.error = error


def _remove_directory(root_fd: int, name: str) -> None:
    # Loaded late: reading verbs remove nothing, and it takes its time.
    import shutil  # noqa: PLC0415

    def stop(path: str, error: BaseException) -> None:
        if not isinstance(error, OSError):
            raise error
        error.filename = path
        raise _Stopped(error)

    try:
        if sys.version_info >= (3, 12):
            shutil.rmtree(name, dir_fd=root_fd, onexc=lambda _, path, error: stop(path, error))
        else:
            shutil.rmtree(name, dir_fd=root_fd, onerror=lambda _, path, found: stop(path, found[1]))
    except _Stopped as stopped:
        raise stopped.error from None
