"""The partitions of an image, by their numbers in its GPT."""

import struct
from dataclasses import dataclass
from pathlib import Path

from bootvm.crash.log import SECTOR
from bootvm.errors import BootvmError

_HEADER = struct.Struct("<8sIIIIQQQQ16sQIII")


@dataclass(frozen=True, slots=True)
class Part:
    """A partition's range in bytes."""

    offset: int
    size: int


def part(image: Path, number: int) -> Part:
    """Partition `number` (from 1); 0 is the whole disk.  Raises BootvmError when there is none.

    Format: UEFI specification, chapter 5 (the first table; sectors of 512 bytes).
    """
    with image.open("rb") as file:
        if number == 0:
            return Part(0, image.stat().st_size)
        file.seek(SECTOR)
        head = file.read(_HEADER.size)
        if head[:8] != b"EFI PART":
            raise BootvmError("find partition", image, "no GPT", "0 is the whole disk")
        fields = _HEADER.unpack(head)
        first_lba, count, size = fields[10:13]
        if not 1 <= number <= count:
            raise BootvmError("find partition", image, f"no partition {number}")
        file.seek(first_lba * SECTOR + (number - 1) * size)
        entry = file.read(48)
    if len(entry) < 48 or entry[:16] == bytes(16):
        raise BootvmError("find partition", image, f"no partition {number}")
    first, last = struct.unpack_from("<QQ", entry, 32)
    return Part(first * SECTOR, (last + 1 - first) * SECTOR)
