"""What a power cut leaves on FAT, mended before a partition of ours is mounted writable.

The kernel sets a flag in the first sector while a partition is mounted writable, and takes it
back when that ends well.  With the flag a file may have a name and not all of its clusters:
the kernel finds out when such a file is removed, and switches the partition to read-only.
"""

import errno
import os

from bootentries.errors import BootentriesError
from bootentries.run import attempt, which

PROGRAM = "fsck.fat"
# A partition of a few hundred MiB takes a second.
LIMIT_S = 60.0
# Bit 0 is the flag; where it is depends on the size of the table's entries.
_FLAG_32, _FLAG_16 = 0x41, 0x25


def boot_sector(node: str) -> bytes:
    """Return the first 512 bytes of a device, or what there is of them; raises OSError."""
    fd = os.open(node, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(fd, 512, 0)
    finally:
        os.close(fd)


def is_dirty(node: str) -> bool:
    """Return whether a FAT partition was left without being unmounted; raises OSError."""
    head = boot_sector(node)
    if len(head) < 512 or head[510:] != b"\x55\xaa":
        return False
    # FAT32 has no size of a table in the old place.
    is_32 = head[22:24] == b"\0\0"
    return bool(head[_FLAG_32 if is_32 else _FLAG_16] & 1)


def _is_mounted(node: str) -> bool:
    """Return whether a device is mounted anywhere, in another mount namespace as well."""
    try:
        os.close(os.open(node, os.O_RDONLY | os.O_EXCL | os.O_CLOEXEC))
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        return True
    return False


def mend(node: str) -> str | None:
    """Repair a partition that is not mounted, if it was left dirty; returns what happened.

    None is returned where there is nothing to tell.  Nothing is raised: what cannot be
    repaired is met again by whoever writes there.
    """
    try:
        if not is_dirty(node) or _is_mounted(node):
            return None
        if which(PROGRAM) is None:
            return f"{node}: it was not unmounted, and {PROGRAM} is not there to look at it"
        done = attempt((PROGRAM, "-a", node), "repair ESP", timeout_s=LIMIT_S)
    except (OSError, BootentriesError) as error:
        return f"{node}: it was not unmounted, and could not be looked at: {error}"
    # 1 says that faults were found and mended (fsck.fat(8)).
    if done.returncode in (0, 1):
        return None if done.returncode == 0 else f"{node}: {PROGRAM} has mended what a cut left"
    said = (done.stdout + done.stderr).decode(errors="replace").strip().splitlines()
    return f"{node}: {PROGRAM} failed ({done.returncode}): {said[-1] if said else 'no message'}"
