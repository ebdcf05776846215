"""`root=gpt-auto`: the root partition by its type, on the disk that was booted from.

By the UAPI group's Discoverable Partitions Specification.  Which disk that is, the boot loader
says in an EFI variable (systemd's Boot Loader Interface); where none says so, as on a machine
without EFI, there may be only one root partition on all disks.
"""

import _bootsys

from prepare_root import blockdev, files, kmodules, log
from prepare_root.constants import MNT_DETACH, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY
from prepare_root.errors import Failure, reason_of, show
from prepare_root.formats import utf16

VARIABLES = b"/sys/firmware/efi/efivars"
LOADER = b"LoaderDevicePartUUID-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
# The types of root partitions by the machine's name (uname(2)).
KINDS = {
    b"x86_64": b"4f68bce3-e8cd-4db1-96e7-fbcaf984b709",
    b"aarch64": b"b921b045-1df0-41c3-af44-4c6f280d3fae",
}
_NO_AUTO = 1 << 63  # an attribute: not to be found by its type


def loader_partition() -> bytes:
    """PARTUUID of the partition that the boot loader is on, in lower case, or nothing.

    The variables' filesystem is mounted for as long as it takes.
    """
    if not files.is_dir(files.lstat(VARIABLES)):
        return b""  # not started by EFI
    text = _variable()
    if text is not None:
        return text
    kmodules.for_filesystem(b"efivarfs")
    flags = MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RDONLY
    try:
        _bootsys.mount(b"efivarfs", VARIABLES, b"efivarfs", flags, b"")
    except OSError as error:
        log.warning(f"find root device: {show(VARIABLES)}: cannot be mounted: {reason_of(error)}")
        return b""
    try:
        return _variable() or b""
    finally:
        _bootsys.umount(VARIABLES, MNT_DETACH)


def _variable() -> bytes | None:
    """What the variable says: UTF-16 behind four bytes of attributes."""
    try:
        data = files.read_if_exists(VARIABLES + b"/" + LOADER)
    except OSError as error:
        log.warning(f"find root device: {show(LOADER)}: {reason_of(error)}")
        return b""
    return None if data is None else utf16.label(data[4:]).lower()


def look(loader: bytes) -> bytes | None:
    """The node of the root partition, if it is there now.

    `loader` is the PARTUUID of a partition on the same disk, or empty for any disk.  Raises
    Failure where more than one could be meant.
    """
    kind = KINDS.get(_bootsys.uname()[4], b"")
    found = []
    disks = set()
    for device in blockdev.present():
        entry = blockdev.partition(device)
        if entry is None:
            continue
        if entry.uuid == loader:
            disks.add(device.disk)
        if kind and entry.kind == kind and not entry.flags & _NO_AUTO:
            found.append(device)
    meant = [device.node for device in found if not loader or device.disk in disks]
    if len(meant) > 1:
        raise Failure(
            "find root device",
            "gpt-auto",
            "more than one root partition: " + ", ".join(show(node) for node in meant),
            "say which with root=PARTUUID=, or set the attribute no-auto of the others",
        )
    return meant[0] if meant else None
