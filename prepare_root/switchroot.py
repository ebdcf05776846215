"""From the initramfs to the prepared root, and the real init."""

import errno

import _bootsys

from prepare_root import log
from prepare_root.constants import (
    MNT_DETACH,
    MS_MOVE,
    MS_SILENT,
    O_RDONLY,
    RAMFS_MAGIC,
    ST_DEV,
    TMPFS_MAGIC,
)
from prepare_root.errors import Failure, reason_of, show

API_MOUNTS = (b"dev", b"proc", b"sys", b"run")
DEFAULT_INITS = (b"/sbin/init", b"/etc/init", b"/bin/init")


def switch(new_root: bytes) -> None:
    """Make the mount at `new_root` this process's root.  Raises Failure.

    The kernel's own mounts move along; after a failure they are back, since whoever tells of
    it, or looks at the machine, needs them.
    """
    moved: list[bytes] = []
    for name in API_MOUNTS:
        target = new_root + b"/" + name
        try:
            _move(b"/" + name, target)
        except OSError as error:
            _move_back(new_root, moved)
            raise Failure(
                "switch root",
                show(target),
                f"cannot move the mount there: {reason_of(error)}",
                "the deployment needs the directories dev, proc, sys and run",
            ) from error
        moved.append(name)
    try:
        _bootsys.chdir(new_root)
        if not _pivot():
            _move_over()
        _bootsys.chdir(b"/")
    except OSError as error:
        _move_back(new_root, moved)
        raise Failure("switch root", show(new_root), reason_of(error)) from error


def _move(source: bytes, target: bytes) -> None:
    _bootsys.mount(source, target, b"", MS_MOVE | MS_SILENT, b"")


def _move_back(new_root: bytes, moved: list[bytes]) -> None:
    for name in moved:
        try:
            _move(new_root + b"/" + name, b"/" + name)
        except OSError:
            pass  # the failure that is told says more


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


def _move_over() -> None:
    """Move the working directory's mount over the initramfs, and make it the root.

    What the initramfs holds is deleted then: on old kernels its memory is never freed
    otherwise.  Only on a filesystem that lives in memory, and not before nothing can fail.
    """
    in_memory = _bootsys.statfs(b"/")[0] in (RAMFS_MAGIC, TMPFS_MAGIC)
    fd = _bootsys.open(b"/", O_RDONLY | _bootsys.O_DIRECTORY)
    try:
        _move(b".", b"/")
        _bootsys.chroot(b".")
        if in_memory:
            from prepare_root import trees  # noqa: PLC0415 - older kernels only

            trees.delete_below(fd, _bootsys.fstat(fd)[ST_DEV])
        else:
            log.notice("free initramfs: /: not a filesystem in memory, left as it is")
    finally:
        _bootsys.close(fd)


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
