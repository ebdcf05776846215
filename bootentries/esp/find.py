"""Which partitions the firmware reads: those told, or those on the disks of the sysroot.

A disk's EFI partition (ESP) is known by its type in the partition table.  Where the disk has
an XBOOTLDR partition, too, entries and kernels go there, and the loader stays on the ESP
(UAPI group's Boot Loader Specification, "The partitions").
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from bootentries import fs
from bootentries.errors import BootentriesError, from_os_error
from bootentries.esp.fsck import boot_sector
from bootentries.root import Root
from prepare_root.formats import parttable

# As the partition table has them, the first three fields with the low byte first.
ESP_TYPE = bytes.fromhex("28732ac11ff8d211ba4b00a0c93ec93b")
XBOOTLDR_TYPE = bytes.fromhex("ffc213bce6596242a352b275fd6f7172")
# Types in an MBR
_ESP_MBR, _XBOOTLDR_MBR = 0xEF, 0xEA
_TAGS = {"UUID": "by-uuid", "PARTUUID": "by-partuuid", "LABEL": "by-label",
         "PARTLABEL": "by-partlabel"}  # fmt: skip
_TAG = re.compile(r"([A-Z]+)=([^/]+)")


@dataclass(frozen=True, slots=True)
class Source:
    """A partition by its device node, or a directory that it is mounted on."""

    path: str
    device: bool


@dataclass(frozen=True, slots=True)
class EspPlace:
    """Where entries and kernels go, and where the loader is; `label` names both."""

    label: str
    boot: Source
    esp: Source

    @classmethod
    def single(cls, source: Source) -> "EspPlace":
        """Return the place that is one partition."""
        return cls(source.path, source, source)


@dataclass(frozen=True, slots=True)
class _Partition:
    number: int
    kind: bytes


def find_places(
    root: Root, told: tuple[str, ...], *, sys: str = "/sys", dev: str = "/dev"
) -> tuple[EspPlace, ...]:
    """Return the places that are told, else those on the disks that hold the sysroot.

    A told one is a directory, a device, or `PARTUUID=…` and the like; whether it is there is
    found out when it is opened.  Raises BootentriesError when there is none.
    """
    if told:
        return tuple(EspPlace.single(_told(word, dev)) for word in told)
    try:
        with fs.opened(root.fd, "ostree", os.O_RDONLY | os.O_DIRECTORY) as fd:
            device = block_device(fd)
        disks = disks_of(device, sys) if device is not None else ()
        found = tuple(place for disk in disks for place in _on_disk(disk, sys, dev))
    except OSError as error:
        raise from_os_error("find ESP", error) from error
    if not found:
        where = ", ".join(disks) or "the sysroot's filesystem, which is on no disk"
        raise BootentriesError(
            "find ESP", where, "no EFI partition there",
            hint="name it with --esp, or as `esp` in the group [bootchain] of ostree/repo/config",
        )  # fmt: skip
    return found


def block_device(fd: int) -> int | None:
    """Return the number of the device that a file's filesystem is on, None for none.

    Btrfs and the like show a number that is no device's; the mount table has the node.
    """
    number = os.fstat(fd).st_dev
    if os.major(number):
        return number
    source = _mount_source(fd)
    if source is None or not source.startswith("/dev/"):
        return None
    return os.stat(source).st_rdev or None


def disks_of(device: int, sys: str = "/sys") -> tuple[str, ...]:
    """Return the names of the disks below a block device, through RAID, LVM and encryption."""
    node = os.path.realpath(f"{sys}/dev/block/{os.major(device)}:{os.minor(device)}")
    return tuple(dict.fromkeys(_disks(node)))


def _disks(node: str) -> Iterator[str]:
    if os.path.exists(f"{node}/partition"):
        node = os.path.dirname(node)
    try:
        below = sorted(os.listdir(f"{node}/slaves"))
    except FileNotFoundError:
        below = []
    if not below:
        if os.path.isdir(node):
            yield os.path.basename(node)
        return
    for name in below:
        yield from _disks(os.path.realpath(f"{node}/slaves/{name}"))


def _on_disk(disk: str, sys: str, dev: str) -> Iterator[EspPlace]:
    directory = f"{sys}/class/block/{disk}"
    nodes = {}
    for name in sorted(os.listdir(directory)):
        number = _read_number(f"{directory}/{name}/partition")
        if number is not None:
            nodes[number] = f"{dev}/{name.replace('!', '/')}"
    sector = _read_number(f"{directory}/queue/logical_block_size") or 512
    kinds = {
        nodes[item.number]: item.kind
        for item in read_partitions(f"{dev}/{disk.replace('!', '/')}", sector)
        if item.number in nodes
    }
    esps = [Source(node, True) for node, kind in kinds.items() if kind == ESP_TYPE]
    # A boot partition of the list itself can have this type; systemd-boot reads FAT alone.
    others = [
        Source(node, True) for node, kind in kinds.items() if kind == XBOOTLDR_TYPE and is_fat(node)
    ]
    for esp in esps:
        yield EspPlace(esp.path, others[0] if others else esp, esp)


def read_partitions(node: str, sector: int) -> list[_Partition]:
    """Return number and type of each partition of a disk, an MBR's types as GPT has them."""
    fd = os.open(node, os.O_RDONLY | os.O_CLOEXEC)
    try:
        head = os.pread(fd, 2 * sector, 0)
        span = parttable.gpt_entries_span(head[sector:], sector)
        if span is None:
            return _mbr(head[:512])
        offset, count, size = span
        table = os.pread(fd, count * size, offset)
    finally:
        os.close(fd)
    kinds = [table[start : start + 16] for start in range(0, len(table), size)]
    return [_Partition(number, kind) for number, kind in enumerate(kinds, 1) if any(kind)]


def is_fat(node: str) -> bool:
    """Return whether a FAT filesystem begins on a device; raises OSError."""
    head = boot_sector(node)
    # The type as FAT12 and FAT16 have it, and as FAT32 does.
    named = head[54:57] == b"FAT" or head[82:87] == b"FAT32"
    return named and head[510:512] == b"\x55\xaa"


def _mbr(head: bytes) -> list[_Partition]:
    if head[510:] != b"\x55\xaa":
        return []
    kinds = {_ESP_MBR: ESP_TYPE, _XBOOTLDR_MBR: XBOOTLDR_TYPE}
    types = [head[446 + 16 * index + 4] for index in range(4)]
    return [
        _Partition(number, kinds[kind]) for number, kind in enumerate(types, 1) if kind in kinds
    ]


def _told(word: str, dev: str) -> Source:
    tag = _TAG.fullmatch(word)
    if tag is not None and tag[1] in _TAGS:
        return Source(f"{dev}/disk/{_TAGS[tag[1]]}/{tag[2]}", True)
    if not word.startswith("/"):
        raise BootentriesError(
            "find ESP", word, "neither an absolute path nor PARTUUID=, UUID=, LABEL= or PARTLABEL=",
            hint="name a directory that it is mounted on, or its device",
        )  # fmt: skip
    return Source(word, word.startswith(f"{dev}/") and not os.path.isdir(word))


def _read_number(path: str) -> int | None:
    try:
        with open(path) as file:
            return int(file.read())
    except (OSError, ValueError):
        return None


def _mount_source(fd: int) -> str | None:
    """Return what the mount of `fd` is mounted from, as the mount table has it (proc(5))."""
    with open(f"/proc/self/fdinfo/{fd}") as file:
        found = re.search(r"^mnt_id:\s*([0-9]+)$", file.read(), re.MULTILINE)
    with open("/proc/self/mountinfo", errors="surrogateescape") as file:
        for line in file:
            fields, separator, rest = line.partition(" - ")
            if found and separator and fields.split(" ", 1)[0] == found[1]:
                return rest.split(" ")[1]
    return None
