"""Deleting whole trees, by directory fds and never across a mount."""

import _bootsys

from prepare_root import files
from prepare_root.constants import O_RDONLY, ST_DEV


def delete_below(dir_fd: int, device: int) -> None:
    """Delete all below an open directory that is on `device`; what cannot be is left."""
    try:
        names = _bootsys.listdir(b".", dir_fd=dir_fd)
    except OSError:
        return
    for name in names:
        try:
            stat = _bootsys.stat(name, dir_fd=dir_fd, follow=False)
            if stat[ST_DEV] != device:
                continue
            if files.is_dir(stat):
                _delete_directory(name, dir_fd, device)
            else:
                _bootsys.unlink(name, dir_fd=dir_fd)
        except OSError:
            continue  # a mount point, or gone: nothing depends on it


def _delete_directory(name: bytes, dir_fd: int, device: int) -> None:
    flags = O_RDONLY | _bootsys.O_DIRECTORY | _bootsys.O_NOFOLLOW
    fd = _bootsys.open(name, flags, dir_fd=dir_fd)
    try:
        delete_below(fd, device)
    finally:
        _bootsys.close(fd)
    _bootsys.rmdir(name, dir_fd=dir_fd)


def delete(path: bytes) -> None:
    """Delete the directory at `path` with all that is in it; none there is fine.

    Raises OSError when something of it stays.
    """
    if files.lstat(path) is not None:
        _delete_directory(path, _bootsys.AT_FDCWD, _bootsys.stat(path, follow=False)[ST_DEV])
