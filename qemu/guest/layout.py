"""A GPT disk in a plain file: partitions at fixed places, and ext4 made at an offset.

No loop device or partition node is needed, so it works on kernels without a partition parser.
"""

import uuid
from dataclasses import dataclass
from pathlib import Path

from guest.shell import run

SECTOR = 512
MIB = 1 << 20
# Left out: what GRUB 2.06 cannot read, and what the oldest supported kernel lacks.
_FEATURES = "^metadata_csum_seed,^orphan_file"


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition: GPT type code of sgdisk, label, and its byte range on the disk."""

    code: str
    label: str
    offset: int
    size: int

    @property
    def first_lba(self) -> int:
        return self.offset // SECTOR


@dataclass(frozen=True, slots=True)
class Layout:
    """A disk's partitions, in table order."""

    partitions: tuple[Partition, ...]

    @property
    def size(self) -> int:
        last = self.partitions[-1]
        return last.offset + last.size + MIB  # the backup table

    def named(self, label: str) -> Partition:
        return next(part for part in self.partitions if part.label == label)


def bios_layout(root_mib: int, var_mib: int = 0, boot_mib: int = 0) -> Layout:
    """BIOS boot partition, `root`, and `var` and `boot` when they have a size."""
    parts = [Partition("ef02", "bios", MIB, MIB)]
    for code, label, mib in (
        ("8304", "root", root_mib),
        ("8310", "var", var_mib),
        ("ea00", "boot", boot_mib),
    ):
        if mib:
            last = parts[-1]
            parts.append(Partition(code, label, last.offset + last.size, mib * MIB))
    return Layout(tuple(parts))


def write_table(image: Path, layout: Layout) -> None:
    """Makes `image` a sparse file of the layout's size with its partition table."""
    with image.open("wb") as file:
        file.truncate(layout.size)
    words: list[str | Path] = ["sgdisk", "--set-alignment=1"]
    for number, part in enumerate(layout.partitions, 1):
        last = (part.offset + part.size) // SECTOR - 1
        words += [f"--new={number}:{part.first_lba}:{last}", f"--typecode={number}:{part.code}"]
        words.append(f"--change-name={number}:{part.label}")
    run([*words, image])


def make_ext4(image: Path, part: Partition, identity: uuid.UUID) -> None:
    """An ext4 named like its partition, with a given UUID, and nothing in it."""
    seed = uuid.uuid5(identity, "hash seed")
    names = ["-L", part.label, "-U", str(identity), "-O", _FEATURES]
    extended = ["-E", f"offset={part.offset},hash_seed={seed},root_owner=0:0"]
    run(["mkfs.ext4", "-q", "-F", "-b", "4096", *names, *extended, image, f"{part.size // 1024}k"])
