"""Copying files, links and directories with owner, mode and extended attributes.

Each function leaves extended attributes alone when its `xattrs` is false.
"""

import errno
import os
import stat

from bootentries.etc import walk

_BLOCK = 1 << 20
_NO_COPY_RANGE = (errno.EXDEV, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, errno.EPERM)
_NO_XATTRS = (errno.EOPNOTSUPP, errno.ENOSYS)


def copy_entry(source_dir: int, target_dir: int, name: str, *, xattrs: bool = True) -> None:
    """Copy a regular file or a symlink to a name that must not exist; skip anything else."""
    found = os.stat(name, dir_fd=source_dir, follow_symlinks=False)
    if stat.S_ISREG(found.st_mode):
        _copy_file(source_dir, target_dir, name, found, xattrs)
    elif stat.S_ISLNK(found.st_mode):
        _copy_symlink(source_dir, target_dir, name, found)
        if xattrs:
            _copy_link_xattrs(source_dir, target_dir, name)


def copy_tree(source_fd: int, target_fd: int, *, xattrs: bool = True) -> None:
    """Copy what is in one directory into another, empty one, and its attributes, too."""
    pending = [""]
    while pending:
        path = pending.pop()
        with walk.directory(source_fd, path) as source, walk.directory(target_fd, path) as target:
            copy_attributes(source, target, xattrs=xattrs)
            for name in walk.names(source):
                found = walk.lstat(source, name)
                if found is None:
                    continue
                if stat.S_ISDIR(found.st_mode):
                    os.mkdir(name, 0o700, dir_fd=target)
                    pending.append(walk.join(path, name))
                else:
                    copy_entry(source, target, name, xattrs=xattrs)


def copy_attributes(source_fd: int, target_fd: int, *, xattrs: bool = True) -> None:
    """Give a directory the extended attributes, the owner and the mode of another.

    Attributes that only the target has stay.
    """
    found = os.fstat(source_fd)
    # The security label comes first: it says who may come in once the mode is open.
    if xattrs:
        _copy_xattrs(source_fd, target_fd)
    os.fchown(target_fd, found.st_uid, found.st_gid)
    os.fchmod(target_fd, stat.S_IMODE(found.st_mode))


def _copy_file(
    source_dir: int, target_dir: int, name: str, found: os.stat_result, xattrs: bool
) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with walk.file(source_dir, name) as source:
        # Nobody else may read it before it has its own mode: think of /etc/shadow.
        target = os.open(name, flags, 0o600, dir_fd=target_dir)
        try:
            _copy_content(source, target)
            os.fchown(target, found.st_uid, found.st_gid)
            # After the owner, whose change drops file capabilities.
            if xattrs:
                _copy_xattrs(source, target)
            os.fchmod(target, stat.S_IMODE(found.st_mode))
            os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))
        finally:
            os.close(target)


def _copy_content(source: int, target: int) -> None:
    try:
        while os.copy_file_range(source, target, _BLOCK):
            pass
    except OSError as error:
        if error.errno not in _NO_COPY_RANGE:
            raise
        # Both offsets are where the last block ended.
        while block := os.read(source, _BLOCK):
            view = memoryview(block)
            while view:
                view = view[os.write(target, view) :]


def _copy_symlink(source_dir: int, target_dir: int, name: str, found: os.stat_result) -> None:
    os.symlink(os.readlink(name, dir_fd=source_dir), name, dir_fd=target_dir)
    os.chown(name, found.st_uid, found.st_gid, dir_fd=target_dir, follow_symlinks=False)


def _copy_link_xattrs(source_dir: int, target_dir: int, name: str) -> None:
    # No call reads a symlink's attributes by directory fd; the last name is not followed.
    source, target = (f"/proc/self/fd/{fd}/{name}" for fd in (source_dir, target_dir))
    for key in _list_xattrs(source):
        value = os.getxattr(source, key, follow_symlinks=False)
        os.setxattr(target, key, value, follow_symlinks=False)


def _copy_xattrs(source: int, target: int) -> None:
    for key in _list_xattrs(source):
        os.setxattr(target, key, os.getxattr(source, key))


def _list_xattrs(source: int | str) -> list[str]:
    try:
        if isinstance(source, int):
            return os.listxattr(source)
        return os.listxattr(source, follow_symlinks=False)
    except OSError as error:
        if error.errno in _NO_XATTRS:
            return []
        raise
