"""From the initramfs to the prepared root, and the real init."""

import errno

import _bootsys

from prepare_root import files, log
from prepare_root.constants import (
    MNT_DETACH,
    MS_MOVE,
    MS_SILENT,
    RAMFS_MAGIC,
    ST_DEV,
    TMPFS_MAGIC,
)
from prepare_root.errors import Failure, reason_of, show

API_MOUNTS = (b"dev", b"proc", b"sys", b"run")
DEFAULT_INITS = (b"/sbin/init", b"/etc/init", b"/bin/init")


def switch(new_root: bytes) -> None:
    """Make the mount at `new_root` this process's root.  Raises Failure.

    The kernel's own mounts move along.
    """
    for name in API_MOUNTS:
        target = new_root + b"/" + name
        try:
            _move(b"/" + name, target)
        except OSError as error:
            raise Failure(
                "switch root",
                show(target),
                f"cannot move the mount there: {reason_of(error)}",
                "the deployment needs the directories dev, proc, sys and run",
            ) from error
    try:
        _bootsys.chdir(new_root)
        if not _pivot():
            _empty_initramfs()
            _move(b".", b"/")
            _bootsys.chroot(b".")
        _bootsys.chdir(b"/")
    except OSError as error:
        raise Failure("switch root", show(new_root), reason_of(error)) from error


def _move(source: bytes, target: bytes) -> None:
    _bootsys.mount(source, target, b"", MS_MOVE | MS_SILENT, b"")


def _pivot() -> bool:
    """Pivot to the working directory and let the initramfs go; False where that cannot be.

    pivot_root works from an initramfs since Linux 7.0 and frees its memory; before, the
    kernel says EINVAL.
    """
    try:
        _bootsys.pivot_root(b".", b".")
    except OSError as error:
        if error.errno == errno.EINVAL:
            return False
        raise
    _bootsys.umount(b".", MNT_DETACH)
    return True


def _empty_initramfs() -> None:
    """Delete what the initramfs holds: on old kernels its memory is never freed otherwise.

    Only on a filesystem that lives in memory, and never into another one.
    """
    if _bootsys.statfs(b"/")[0] not in (RAMFS_MAGIC, TMPFS_MAGIC):
        log.notice("free initramfs: /: not a filesystem in memory, left as it is")
        return
    stat = files.lstat(b"/")
    if stat is not None:
        _delete_below(b"/", stat[ST_DEV])


def _delete_below(directory: bytes, device: int) -> None:
    try:
        names = _bootsys.listdir(directory)
    except OSError:
        return
    for name in names:
        path = directory.rstrip(b"/") + b"/" + name
        try:
            stat = files.lstat(path)
            if stat is None or stat[ST_DEV] != device:
                continue
            if files.is_dir(stat):
                _delete_below(path, device)
                _bootsys.rmdir(path)
            else:
                _bootsys.unlink(path)
        except OSError:
            continue  # a mount point, or gone: nothing depends on it


def hand_over(init: bytes, arguments: list[bytes], environ: list[bytes]) -> None:
    """Replace this process with the real init.  Returns never; raises Failure.

    `init` is what `init=` says, or empty for the usual places; `arguments` are the kernel's
    own words for init, `environ` its environment.
    """
    reasons = []
    for path in (init,) if init else DEFAULT_INITS:
        try:
            _bootsys.execve(path, [path, *arguments], environ)
        except OSError as error:
            reasons.append(f"{show(path)}: {reason_of(error)}")
    raise Failure(
        "start init",
        show(init or DEFAULT_INITS[0]),
        "; ".join(reasons),
        "check init= on the kernel command line" if init else "the deployment has no init",
    )
