"""The block devices that the kernel knows, by sysfs and by what is on them; no udev."""

import _bootsys

from prepare_root import files
from prepare_root.constants import O_RDONLY
from prepare_root.errors import show
from prepare_root.formats import parttable, superblock
from prepare_root.formats.parttable import Partition
from prepare_root.formats.superblock import Superblock

SYSFS = b"/sys/class/block"


class Device:
    """One block device: its kernel name, e.g. `vda2`, its disk and partition number.

    `disk` is empty and `number` 0 for a whole disk.
    """

    __slots__ = ("disk", "name", "number")

    def __init__(self, name: bytes, disk: bytes, number: int) -> None:
        self.name = name
        self.disk = disk
        self.number = number

    @property
    def node(self) -> bytes:
        """The device node that devtmpfs makes; `!` in a kernel name stands for a slash."""
        return b"/dev/" + self.name.replace(b"!", b"/")


def present() -> list[Device]:
    """The devices there are now, in name order; empty when sysfs cannot be read."""
    try:
        names = sorted(_bootsys.listdir(SYSFS))
    except OSError:
        return []
    return [_device(name) for name in names]


def _device(name: bytes) -> Device:
    """A partition's sysfs link ends in `DISK/PARTITION` and has a file with its number."""
    try:
        number = files.read_if_exists(SYSFS + b"/" + name + b"/partition")
        if number is not None and number.strip().isdigit():
            disk = _bootsys.readlink(SYSFS + b"/" + name).split(b"/")[-2]
            return Device(name, disk, int(number))
    except OSError:
        pass  # gone between listing and looking
    return Device(name, b"", 0)


def _read(node: bytes, count: int, offset: int) -> bytes:
    """`count` bytes of a device from `offset`; fewer at its end, none when it cannot be read."""
    try:
        fd = _bootsys.open(node, O_RDONLY)
    except OSError:
        return b""
    try:
        return _bootsys.pread(fd, count, offset)
    except OSError:
        return b""
    finally:
        _bootsys.close(fd)


def filesystem(device: Device) -> Superblock | None:
    """What filesystem is on `device`, or None."""
    return superblock.identify(_read(device.node, superblock.PROBE_SIZE, 0))


def is_raid_by_end(device: Device) -> bool:
    """Whether MD's superblock is at the end of `device`: then its start may look like a filesystem.

    Such a half of a mirror can be mounted, and is no longer equal to the other one afterwards.
    """
    try:
        size = 512 * int(files.read(SYSFS + b"/" + device.name + b"/size"))
    except (OSError, ValueError):
        return False
    magic = superblock.RAID_MAGIC
    return any(
        _read(device.node, len(magic), offset) == magic for offset in superblock.raid_offsets(size)
    )


def partition(device: Device) -> Partition | None:
    """The table entry of a partition, or None for a disk and where no table is readable."""
    if not device.disk:
        return None
    disk = Device(device.disk, b"", 0)
    for entry in _table(disk):
        if entry.number == device.number:
            return entry
    return None


def _table(disk: Device) -> list[Partition]:
    sector = _sector_size(disk)
    head = _read(disk.node, 2 * sector, 0)
    if len(head) < 2 * sector:
        return []
    span = parttable.gpt_entries_span(head[sector:], sector)
    if span is None:
        return parttable.mbr_partitions(head[:512])
    offset, count, size = span
    return parttable.gpt_partitions(_read(disk.node, count * size, offset), size)


def _sector_size(disk: Device) -> int:
    try:
        text = files.read(SYSFS + b"/" + disk.name + b"/queue/logical_block_size")
        return max(512, min(int(text), 65536))
    except (OSError, ValueError):
        return 512


def describe(devices: list[Device]) -> str:
    """One phrase that lists devices with what is on them, for an error."""
    if not devices:
        return "no block devices at all"
    words = []
    for device in devices:
        text = show(device.node)
        found = filesystem(device)
        entry = partition(device)
        if found is not None:
            text += " " + found.describe()
        if entry is not None:
            text += " PARTUUID=" + entry.uuid.decode("ascii")
        words.append(text)
    return "; ".join(words)
