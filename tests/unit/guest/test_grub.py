"""GRUB's boot sector and core image land where the BIOS and GRUB look for them."""

import struct
from pathlib import Path

import pytest

from guest import grub
from guest.errors import GuestError
from guest.layout import Partition, bios_layout, write_table

BIOS = Partition("ef02", "bios", 1 << 20, 1 << 20)


def test_embedded_numbers(tmp_path: Path) -> None:
    image = tmp_path / "disk"
    write_table(image, bios_layout(8))
    before = image.read_bytes()
    core = grub.core_image(grub.early_config("1234"))
    grub.embed(image, BIOS, core)
    after = image.read_bytes()
    assert after[440:512] == before[440:512], "the partition table in the first sector was changed"
    assert struct.unpack_from("<Q", after, 0x5C) == (2048,)
    assert after[0x66:0x68] == b"\x90\x90"
    sectors = -(-len(core) // 512)
    first = after[1 << 20 : (1 << 20) + 512]
    assert struct.unpack_from("<QHH", first, 500) == (2049, sectors - 1, 0x820)
    assert after[(1 << 20) + 512 : (1 << 20) + len(core)] == core[512:]


def test_core_carries_its_configuration() -> None:
    assert grub.core_image("# one\n") != grub.core_image("# two\n")


def test_core_that_does_not_fit_is_an_error(tmp_path: Path) -> None:
    image = tmp_path / "disk"
    image.write_bytes(b"as it was")
    with pytest.raises(GuestError, match=r"install GRUB: .*: core image of 2000000 bytes"):
        grub.embed(image, BIOS, b"\0" * 2000000)
    assert image.read_bytes() == b"as it was"
