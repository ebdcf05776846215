"""ostree-remount: which mounts of the booted root are writable, once fstab has had its say.

The kernel's `ro` and systemd-remount-fs work on whole filesystems; this puts back what the
deployment wants, as libostree's ostree-remount does: `/sysroot` as /run/ostree-booted says,
`/etc` and `/var` writable.  After a soft reboot it first makes what was prepared what is
booted: units of older libostree do not know of it, and newer ones find it done.
"""

import errno

import _bootsys

from prepare_root import files, log, plan
from prepare_root.constants import (
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_RDONLY,
    MS_REMOUNT,
    MS_SILENT,
    O_CREAT,
    O_EXCL,
    O_WRONLY,
    ST_RDONLY,
)
from prepare_root.errors import Failure, reason_of, show
from prepare_root.formats.booted import BootedMetadata
from prepare_root.formats.gvariant import GVariantError

OPERATION = "remount"
# The root of a soft reboot, and what says what it is.
NEXT = b"/run/nextroot"
NEXT_RECORD = b"/run/ostree/nextroot-booted"
# statfs(2) has the flags of a mount at the values that mount(2) takes them by.
_KEPT = MS_NOSUID | MS_NODEV | MS_NOEXEC


def main() -> int:
    """Bring the mounts in order; returns the exit status, and says why on failure."""
    try:
        _complete_soft_reboot()
        booted = _booted()
        for path, writable in wanted(booted, root_readonly=_readonly(b"/")):
            _remount(path, writable)
    except Failure as error:
        log.error(str(error))
        return 1
    except OSError as error:
        where = error.filename if isinstance(error.filename, bytes) else plan.BOOTED
        log.error(f"{OPERATION}: {show(where)}: {reason_of(error)}")
        return 1
    return 0


def wanted(booted: BootedMetadata, *, root_readonly: bool) -> tuple[tuple[bytes, bool], ...]:
    """(path, writable) of what this root wants, in order; pure.

    A read-only root that is not composefs was asked for as such (`ro` and no line in fstab
    to lift it), and all of it stays so.
    """
    if root_readonly and not booted.composefs:
        return ()
    paths = [(b"/sysroot", not booted.sysroot_ro)]
    if booted.sysroot_ro and booted.transient_etc is None:
        paths.append((b"/etc", True))
    return (*paths, (b"/var", True))


def _complete_soft_reboot() -> None:
    """Take the record of the next root for that of this one, once systemd has gone there.

    Until then the next root lies at its place.
    """
    if files.lstat(NEXT_RECORD) is None:
        return
    stat = files.lstat(NEXT)
    if stat is None or files.is_empty_dir(NEXT):
        _bootsys.rename(NEXT_RECORD, plan.BOOTED)


def _booted() -> BootedMetadata:
    """What the initramfs said; an empty file is made where it said nothing."""
    try:
        _bootsys.close(_bootsys.open(plan.BOOTED, O_WRONLY | O_CREAT | O_EXCL, 0o640))
    except OSError as error:
        if error.errno != errno.EEXIST:
            raise
    try:
        return BootedMetadata.decode(files.read(plan.BOOTED))
    except GVariantError as error:
        raise Failure(OPERATION, show(plan.BOOTED), str(error)) from error


def _readonly(path: bytes) -> bool:
    return bool(_bootsys.statfs(path)[1] & ST_RDONLY)


def _remount(path: bytes, writable: bool) -> None:
    """Make a mount writable or not; links, absent names and what is no mount are left alone.

    The whole filesystem first, as it may be read-only below the mount; nosuid, nodev and
    noexec of the mount are kept.
    """
    if not files.is_dir(files.lstat(path)) or _readonly(path) != writable:
        return
    kept = _bootsys.statfs(path)[1] & _KEPT
    flags = MS_REMOUNT | MS_SILENT | kept | (0 if writable else MS_RDONLY)
    try:
        _bootsys.mount(path, path, b"", flags, b"")
    except OSError as error:
        if error.errno == errno.EINVAL:
            return
        if writable or error.errno != errno.EBUSY:
            raise Failure(OPERATION, show(path), reason_of(error)) from error
        # Files are open for writing below it: the mount alone can still be read-only.
        _bootsys.mount(path, path, b"", flags | MS_BIND, b"")
    log.info(f"remounted {show(path)} {'writable' if writable else 'read-only'}")
