"""Room in a /boot of its own: what new kernels need, what is free, what could be gained."""

import errno
import os
import stat

from bootentries import fs
from bootentries.entries.render import Target, payload_dir
from bootentries.root import Root

# For entries, menus and links.
RESERVE = 1 << 20
_PROBE = ".bootchain-room.tmp"
# A filesystem that cannot reserve blocks cannot be asked this way.
_UNKNOWN = frozenset({errno.ENOSYS, errno.EOPNOTSUPP})


def needed(root: Root, targets: tuple[Target, ...]) -> int:
    """Return the bytes that kernel files not yet in /boot take there, in whole blocks.

    A file that is there with the same size takes none: if its content is another one, the
    reserve of `fits` has to do, or writing it again fails.
    """
    block = os.fstatvfs(root.boot()).f_bsize
    total = 0
    counted: set[str] = set()
    for target in targets:
        directory = payload_dir(target.deployment)
        if directory in counted:
            continue
        counted.add(directory)
        kernel = target.kernel
        parts = [*kernel.files(), *([kernel.dtb] if kernel.dtb else [])]
        for part in parts:
            source = f"{target.deployment.path}/{part.source}"
            total += _missing(root, source, f"{directory}/{part.name}", block)
    return total


def used(root: Root, bootcsums: set[str]) -> int:
    """Return the bytes that the kernels of these bootcsums take in /boot."""
    block = os.fstatvfs(root.boot()).f_bsize
    names = fs.list_optional(root.boot(), "ostree") or []
    return sum(
        _size(root.boot(), f"ostree/{name}", block)
        for name in names
        if name.rpartition("-")[2] in bootcsums
    )


def fits(boot_fd: int, size: int) -> bool:
    """Return whether `size` bytes, and a reserve, can be had; found out by reserving them."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    fd = fs.open_in(boot_fd, _PROBE, flags, 0o600)
    try:
        os.posix_fallocate(fd, 0, size + RESERVE)
    except OSError as error:
        if error.errno in _UNKNOWN:
            return True
        if error.errno in (errno.ENOSPC, errno.EFBIG):
            return False
        raise
    else:
        return True
    finally:
        os.close(fd)
        fs.remove_tree(boot_fd, _PROBE)


def _missing(root: Root, source: str, target: str, block: int) -> int:
    """Return the bytes of a file or a tree that its copy in /boot lacks."""
    found = fs.stat_optional(root.fd, source)
    if found is None:
        return 0
    if stat.S_ISDIR(found.st_mode):
        names = fs.list_optional(root.fd, source) or []
        return sum(_missing(root, f"{source}/{name}", f"{target}/{name}", block) for name in names)
    present = fs.stat_optional(root.boot(), target)
    if present is not None and present.st_size == found.st_size:
        return 0
    return -(-found.st_size // block) * block


def _size(root_fd: int, path: str, block: int) -> int:
    found = fs.stat_optional(root_fd, path)
    if found is None:
        return 0
    if stat.S_ISDIR(found.st_mode):
        names = fs.list_optional(root_fd, path) or []
        return sum(_size(root_fd, f"{path}/{name}", block) for name in names)
    return -(-found.st_size // block) * block
