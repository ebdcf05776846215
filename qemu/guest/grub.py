"""GRUB for BIOS, written into a disk image: boot sector and core image.

The static `grub.cfg` is written by `bootentries`, as on a user's machine.

`grub-install` wants partition nodes; this needs a plain file.  The numbers are those of
GRUB's own i386-pc boot and diskboot sectors.
"""

import struct
import tempfile
from collections.abc import Sequence
from pathlib import Path

from guest.errors import GuestError
from guest.layout import SECTOR, Partition
from guest.shell import run

PLATFORM = Path("/usr/lib/grub/i386-pc")
# In the core image: enough to find the disk, show a menu on serial and boot Linux.
MODULES = (
    *("biosdisk", "part_gpt", "ext2", "search_fs_uuid", "search_label", "normal", "configfile"),
    *("linux", "serial", "terminal", "terminfo", "test", "echo", "cat", "ls", "loadenv", "reboot"),
    *("all_video", "gzio", "halt", "sleep", "true", "regexp", "minicmd", "probe"),
)

_KERNEL_SECTOR = 0x5C  # boot.img: u64, where the core image starts
_DRIVE_CHECK = 0x66  # boot.img: a jump that boot.img's own installer replaces by two NOPs
_BLOCKLIST = SECTOR - 12  # diskboot.img: u64 sector, u16 count, u16 segment
_CORE_SEGMENT = 0x820


def core_image(early: str, modules: Sequence[str] = MODULES) -> bytes:
    """The core image with `early` as its embedded configuration."""
    with tempfile.TemporaryDirectory(prefix="grub-") as scratch:
        config, out = Path(scratch) / "early.cfg", Path(scratch) / "core.img"
        config.write_text(early)
        where = ["-O", "i386-pc", "-d", str(PLATFORM), "-p", "/boot/grub"]
        run(["grub-mkimage", *where, "-c", config, "-o", out, *modules])
        return out.read_bytes()


def embed(image: Path, bios: Partition, core: bytes) -> None:
    """Writes boot sector and core image so that a BIOS starts GRUB from `image`."""
    sectors = -(-len(core) // SECTOR)
    if sectors * SECTOR > bios.size:
        raise GuestError("install GRUB", image, f"core image of {len(core)} bytes does not fit")
    boot = bytearray((PLATFORM / "boot.img").read_bytes()[:440])
    struct.pack_into("<Q", boot, _KERNEL_SECTOR, bios.first_lba)
    boot[_DRIVE_CHECK : _DRIVE_CHECK + 2] = b"\x90\x90"
    body = bytearray(core.ljust(sectors * SECTOR, b"\0"))
    struct.pack_into("<QHH", body, _BLOCKLIST, bios.first_lba + 1, sectors - 1, _CORE_SEGMENT)
    with image.open("r+b") as file:
        file.write(boot)
        file.seek(bios.offset)
        file.write(body)


def early_config(uuid: str, directory: str = "/boot/grub") -> str:
    """Finds a filesystem by its UUID and hands over to the stub in its `directory`."""
    return f"search.fs_uuid {uuid} root\nset prefix=($root){directory}\n"
