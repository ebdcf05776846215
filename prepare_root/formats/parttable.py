"""Partition identities, for `root=PARTUUID=` and `root=PARTLABEL=` on any kernel.

Kernels before 6.13 do not show PARTUUID in sysfs, so the table is read here: GPT (UEFI
specification 2.10, chapter 5) or MBR, whose partitions are named `SSSSSSSS-PP` after the
disk's signature.
"""

from prepare_root.formats import utf16

GPT_MAGIC = b"EFI PART"
_MAX_ENTRIES = 1024


class Partition:
    """`number` counts from 1, as the kernel's device names do; `uuid` and `kind` are lower case.

    `kind` is the GUID of a GPT partition's type, and `flags` its 64 attribute bits; an MBR has
    neither.
    """

    __slots__ = ("flags", "kind", "label", "number", "uuid")

    def __init__(
        self, number: int, uuid: bytes, label: bytes, kind: bytes = b"", flags: int = 0
    ) -> None:
        self.number = number
        self.uuid = uuid
        self.label = label
        self.kind = kind
        self.flags = flags


def _guid(data: bytes) -> bytes:
    """A GUID's mixed-endian 16 bytes as text: the first three fields are little-endian."""
    parts = (data[3::-1], data[5:3:-1], data[7:5:-1], data[8:10], data[10:16])
    return b"-".join(part.hex().encode("ascii") for part in parts)


def gpt_entries_span(header: bytes, sector_size: int) -> tuple[int, int, int] | None:
    """Where a GPT's entries are: (byte offset, number, bytes each), or `None` if no GPT.

    `header` is the disk's second sector (LBA 1).  Sizes a real table cannot have are
    refused as no table.
    """
    if header[:8] != GPT_MAGIC:
        return None
    lba = int.from_bytes(header[72:80], "little")
    count = int.from_bytes(header[80:84], "little")
    size = int.from_bytes(header[84:88], "little")
    if lba < 2 or not 0 < count <= _MAX_ENTRIES or not 128 <= size <= 4096:
        return None
    return (lba * sector_size, count, size)


def gpt_partitions(entries: bytes, size: int) -> list[Partition]:
    """The used entries of a GPT entry array whose entries are `size` bytes each."""
    found = []
    for index in range(len(entries) // size):
        entry = entries[index * size : (index + 1) * size]
        if any(entry[:16]):
            flags = int.from_bytes(entry[48:56], "little")
            kind, uuid = _guid(entry[:16]), _guid(entry[16:32])
            found.append(Partition(index + 1, uuid, utf16.label(entry[56:128]), kind, flags))
    return found


def mbr_partitions(sector: bytes) -> list[Partition]:
    """The primary partitions of an MBR in the disk's first sector; empty when there is none.

    A disk signature of zero names nothing, as in the kernel.
    """
    signature = sector[440:444][::-1]
    if sector[510:512] != b"\x55\xaa" or not any(signature):
        return []
    name = signature.hex()
    return [
        Partition(number, f"{name}-{number:02x}".encode("ascii"), b"")
        for number in range(1, 5)
        if sector[446 + 16 * (number - 1) + 4] not in (0, 0xEE)
    ]
