"""Small readings and writings by path, with "absent" told apart from every other failure."""

import errno

import _bootsys

from prepare_root.constants import (
    O_CREAT,
    O_PATH,
    O_RDONLY,
    O_TRUNC,
    O_WRONLY,
    RESOLVE_IN_ROOT,
    S_IFDIR,
    S_IFLNK,
    S_IFMT,
    S_IFREG,
    ST_MODE,
)

Stat = tuple[int, int, int, int, int, int, int, int]

_ABSENT = (errno.ENOENT, errno.ENOTDIR)


# Another CPU's mount or rename makes openat2 unable to tell whether a `..` left the root;
# openat2(2) asks to try again.  Each try is independent, so this many mean something else.
_TRIES = 1000


def openat2(dir_fd: int, path: bytes, flags: int, resolve: int) -> int:
    """openat2(2), tried again as long as the kernel asks for it.  Raises OSError.

    The caller owns the fd.
    """
    for _ in range(_TRIES):
        try:
            return _bootsys.openat2(dir_fd, path, flags, 0, resolve)
        except OSError as error:
            if error.errno != errno.EAGAIN:
                raise
    return _bootsys.openat2(dir_fd, path, flags, 0, resolve)


def is_absent(error: OSError) -> bool:
    """True for an error that says that there is no such name."""
    return error.errno in _ABSENT


def lstat(path: bytes) -> Stat | None:
    """The status of `path` itself, or None when there is no such name.  Raises OSError."""
    try:
        return _bootsys.stat(path, follow=False)
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise


def is_dir(stat: Stat | None) -> bool:
    """True for a directory; False for anything else and for an absent name."""
    return stat is not None and stat[ST_MODE] & S_IFMT == S_IFDIR


def is_link(stat: Stat | None) -> bool:
    """True for a symbolic link."""
    return stat is not None and stat[ST_MODE] & S_IFMT == S_IFLNK


def is_file(stat: Stat | None) -> bool:
    """True for a regular file."""
    return stat is not None and stat[ST_MODE] & S_IFMT == S_IFREG


def read(path: bytes, limit: int = 1 << 24) -> bytes:
    """The bytes of the file at `path`, at most `limit` of them.  Raises OSError."""
    return _read_all(_bootsys.open(path, O_RDONLY), path, limit)


def _read_all(fd: int, path: bytes, limit: int) -> bytes:
    """Up to `limit` bytes from `fd`, which is closed here; `path` is for the error."""
    parts = []
    try:
        while limit > 0:
            part = _bootsys.read(fd, min(limit, 65536))
            if not part:
                break
            parts.append(part)
            limit -= len(part)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error
    finally:
        _bootsys.close(fd)
    return b"".join(parts)


def read_if_exists(path: bytes) -> bytes | None:
    """As `read`, or None when there is no such file."""
    try:
        return read(path)
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise


def read_in_root(root: bytes, path: bytes) -> bytes | None:
    """As `read_if_exists` for `path` below `root`, whose symlinks cannot lead out of it."""
    root_fd = _bootsys.open(root, O_PATH | _bootsys.O_DIRECTORY)
    try:
        fd = openat2(root_fd, path, O_RDONLY, RESOLVE_IN_ROOT)
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise
    finally:
        _bootsys.close(root_fd)
    return _read_all(fd, path, 1 << 24)


def write(path: bytes, data: bytes, mode: int) -> None:
    """Create or replace the file at `path` with `data`.  Raises OSError.

    Meant for /run: nothing is synced, and a reader may see a part.  The mode is set exactly,
    whatever the umask is.
    """
    fd = _bootsys.open(path, O_WRONLY | O_CREAT | O_TRUNC, mode)
    try:
        _bootsys.chmod(path, mode)
        while data:
            data = data[_bootsys.write(fd, data) :]
    finally:
        _bootsys.close(fd)


def make_dir(path: bytes, mode: int) -> bool:
    """Make one directory; False when a name already stands there.  Raises OSError.

    The mode is set exactly, whatever the umask is.
    """
    try:
        _bootsys.mkdir(path, mode)
    except OSError as error:
        if error.errno == errno.EEXIST:
            return False
        raise
    _bootsys.chmod(path, mode)
    return True


def make_dirs(path: bytes, mode: int) -> None:
    """Make `path` and the directories above it that are missing.  Raises OSError."""
    at = 1
    while at > 0:
        at = path.find(b"/", at)
        make_dir(path if at < 0 else path[:at], mode)
        at += at > 0


def fd_path(fd: int) -> bytes:
    """The path behind `fd` as the kernel sees it now.  Raises OSError without /proc."""
    return _bootsys.readlink(b"/proc/self/fd/%d" % fd)


def readlink(path: bytes) -> bytes:
    """The text of the symlink at `path`.  Raises OSError."""
    return _bootsys.readlink(path)


def is_empty_dir(path: bytes) -> bool:
    """True when the directory at `path` holds nothing.  Raises OSError."""
    return not _bootsys.listdir(path)
