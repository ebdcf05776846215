"""Overlay initrds: files of the administrator that a loader adds to the tree's initramfs.

They lie in /boot under their sha256, so that a name is never another content.
"""

import os
import stat

from bootentries import fs
from bootentries.digest import sha256
from bootentries.entries.bls import BlsEntry, new_entry
from bootentries.errors import BootentriesError, from_os_error
from bootentries.txn import install
from bootentries.txn.context import Context

DIRECTORY = "ostree/initramfs-overlays"


def check_overlay(path: str) -> None:
    """Raise BootentriesError for a file of the host that cannot be an overlay initrd."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise from_os_error("read overlay initrd", error, path) from error
    # A shell's `<(…)` is a pipe; a device may have no end.
    if not stat.S_ISREG(mode) and not stat.S_ISFIFO(mode):
        raise BootentriesError("read overlay initrd", path, "not a regular file")
    if not os.access(path, os.R_OK):
        raise BootentriesError("read overlay initrd", path, "it may not be read")


def install_overlay(context: Context, path: str) -> str:
    """Bring a file of the host into /boot, read it back from storage; return its sha256.

    What no entry names in the end is removed by the next clean-up.  Raises
    BootentriesError when the file cannot be read, and when storage holds something else.
    """
    data = _read(path)
    checksum = sha256(data).hexdigest()
    boot = context.root.boot()
    fs.make_dirs(boot, DIRECTORY)
    target = f"{DIRECTORY}/{checksum}.img"
    present = fs.stat_optional(boot, target)
    # The whole file is in memory already, so it is no larger for reading another one like it.
    same = present is not None and present.st_size == len(data)
    if not same or fs.read_bytes(boot, target, len(data)) != data:
        # Root alone reads it: it may hold keys.
        fs.write_file(boot, target, data, 0o600)
    stored = install.stored_digest(context, f"boot/{target}")
    if stored.hex() != checksum:
        raise BootentriesError(
            "read back", f"boot/{target}", "storage holds something else than what was written",
            hint="nothing was activated; check the disk (dmesg, smartctl) and try again",
        )  # fmt: skip
    return checksum


def stage_overlay(directory: str, path: str) -> str:
    """Bring a file of the host into `directory` under its sha256, and return that.

    It waits there for a staged deployment to be finalised.  Raises BootentriesError.
    """
    data = _read(path)
    checksum = sha256(data).hexdigest()
    try:
        os.makedirs(directory, 0o755, exist_ok=True)
        fd = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            # Root alone reads it: it may hold keys.
            fs.write_file(fd, checksum, data, 0o600)
        finally:
            os.close(fd)
    except OSError as error:
        raise from_os_error("stage overlay initrd", error, f"{directory}/{checksum}") from error
    return checksum


def _read(path: str) -> bytes:
    """Return what is in a file of the host, or comes out of a pipe."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return fs.read_fd(fd)
        finally:
            os.close(fd)
    except OSError as error:
        raise from_os_error("read overlay initrd", error, path) from error


def overlay_entry(checksums: tuple[str, ...], bootprefix: bool) -> BlsEntry:
    """Return the beginning of an entry that names overlays after the tree's initramfs."""
    prefix = "/boot/" if bootprefix else "/"
    paths = (f"{prefix}{DIRECTORY}/{checksum}.img" for checksum in checksums)
    # The first initrd is the tree's; it is set when the entry is made.
    return new_entry().with_values("initrd", ("-", *paths))
