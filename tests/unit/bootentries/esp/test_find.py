"""Partitions on the sysroot's disks, by a device tree and disks made by hand."""

import os
import struct

import pytest

from bootentries.errors import BootentriesError
from bootentries.esp.find import (
    ESP_TYPE,
    XBOOTLDR_TYPE,
    EspPlace,
    Source,
    disks_of,
    find_places,
    read_partitions,
)

LINUX_TYPE = bytes(range(16))


def gpt(*kinds, sector=512):
    """A disk whose partitions have these types."""
    head = struct.pack("<8s64xQII", b"EFI PART", 2, len(kinds), 128)
    table = b"".join(kind + bytes(range(16)) + bytes(96) for kind in kinds)
    return bytes(sector) + head.ljust(sector, b"\0") + table.ljust(sector, b"\0")


def mbr(*kinds):
    entries = b"".join(bytes(4) + bytes([kind]) + bytes(11) for kind in kinds)
    return bytes(446) + entries.ljust(64, b"\0") + b"\x55\xaa" + bytes(512)


class Devices:
    """`/sys` and `/dev` by hand; the sysroot is on the device with the number that it has."""

    def __init__(self, top, number):
        self.sys, self.dev = top / "sys", top / "dev"
        self.number = number
        for place in (self.sys / "class/block", self.sys / "dev/block", self.dev):
            place.mkdir(parents=True)

    def disk(self, name, data, parts):
        node = self.sys / "devices" / name
        (node / "queue").mkdir(parents=True)
        (node / "queue/logical_block_size").write_text("512\n")
        (self.dev / name).write_bytes(data)
        (self.sys / "class/block" / name).symlink_to(node)
        for number in range(1, parts + 1):
            (node / f"{name}{number}").mkdir()
            (node / f"{name}{number}/partition").write_text(f"{number}\n")
        return node

    def root_on(self, node):
        name = f"{os.major(self.number)}:{os.minor(self.number)}"
        (self.sys / "dev/block" / name).symlink_to(node)

    def stacked(self, name, *below):
        node = self.sys / "devices/virtual" / name
        (node / "slaves").mkdir(parents=True)
        for item in below:
            (node / "slaves" / item.name).symlink_to(item)
        return node


@pytest.fixture
def devices(tmp_path, fake, monkeypatch):
    number = os.makedev(8, 2)
    monkeypatch.setattr("bootentries.esp.find.block_device", lambda fd: number)
    return Devices(tmp_path / "devices", number)


def places(devices, root, *told):
    return find_places(root, told, sys=str(devices.sys), dev=str(devices.dev))


def test_the_esp_of_the_disk(devices, root):
    node = devices.disk("vda", gpt(ESP_TYPE, LINUX_TYPE), 2)
    devices.disk("vdb", gpt(ESP_TYPE), 1)
    devices.root_on(node / "vda2")
    esp = Source(f"{devices.dev}/vda1", True)
    assert places(devices, root) == (EspPlace(esp.path, esp, esp),)


FAT16 = (bytes(54) + b"FAT16   ").ljust(510, b"\0") + b"\x55\xaa"
FAT32 = (bytes(82) + b"FAT32   ").ljust(510, b"\0") + b"\x55\xaa"


@pytest.mark.parametrize("content", [FAT16, FAT32])
def test_xbootldr_takes_the_entries(devices, root, content):
    node = devices.disk("vda", gpt(ESP_TYPE, LINUX_TYPE, XBOOTLDR_TYPE), 3)
    devices.root_on(node / "vda2")
    (devices.dev / "vda3").write_bytes(content)
    (found,) = places(devices, root)
    assert found.esp.path == f"{devices.dev}/vda1"
    assert found.boot.path == f"{devices.dev}/vda3"
    assert found.label == found.esp.path


@pytest.mark.parametrize("content", [b"", bytes(1024), FAT16[:-2], b"\x53\xef" * 512])
def test_a_boot_partition_without_fat_does_not(devices, root, content):
    """It is where the list itself lies, with the type that other tools want it to have."""
    node = devices.disk("vda", gpt(ESP_TYPE, LINUX_TYPE, XBOOTLDR_TYPE), 3)
    devices.root_on(node / "vda2")
    (devices.dev / "vda3").write_bytes(content)
    (found,) = places(devices, root)
    assert found.boot == found.esp


def test_every_disk_below_a_raid(devices, root):
    disks = [devices.disk(name, gpt(ESP_TYPE, LINUX_TYPE), 2) for name in ("vda", "vdb")]
    raid = devices.stacked("md0", *(disk / f"{disk.name}2" for disk in disks))
    crypt = devices.stacked("dm-0", raid)
    devices.root_on(crypt)
    assert [place.label for place in places(devices, root)] == [
        f"{devices.dev}/vda1", f"{devices.dev}/vdb1",
    ]  # fmt: skip
    assert disks_of(devices.number, str(devices.sys)) == ("vda", "vdb")


def test_a_disk_with_an_mbr(devices, root):
    node = devices.disk("sda", mbr(0xEF, 0x83, 0xEA), 3)
    devices.root_on(node / "sda2")
    (devices.dev / "sda3").write_bytes(FAT16)
    (found,) = places(devices, root)
    assert (found.esp.path, found.boot.path) == (f"{devices.dev}/sda1", f"{devices.dev}/sda3")


@pytest.mark.parametrize("data", [bytes(2048), gpt(LINUX_TYPE), b""])
def test_none_on_the_disk(devices, root, data):
    node = devices.disk("vda", data, 1)
    devices.root_on(node / "vda1")
    with pytest.raises(BootentriesError) as caught:
        places(devices, root)
    assert str(caught.value) == "find ESP: vda: no EFI partition there"
    assert "[bootchain]" in caught.value.hint


def test_a_sysroot_on_no_disk(devices, root, monkeypatch):
    monkeypatch.setattr("bootentries.esp.find.block_device", lambda fd: None)
    with pytest.raises(BootentriesError, match="which is on no disk: no EFI partition there"):
        places(devices, root)


def test_what_is_told_is_taken(devices, root):
    (devices.dev / "shm").mkdir()
    told = ("/efi", f"{devices.dev}/vda1", f"{devices.dev}/shm", "PARTUUID=1-2", "LABEL=ESP")
    assert [place.boot for place in places(devices, root, *told)] == [
        Source("/efi", False), Source(f"{devices.dev}/vda1", True),
        Source(f"{devices.dev}/shm", False),
        Source(f"{devices.dev}/disk/by-partuuid/1-2", True),
        Source(f"{devices.dev}/disk/by-label/ESP", True),
    ]  # fmt: skip


@pytest.mark.parametrize("word", ["efi", "ID=x", "PARTUUID=", "PARTUUID=../../x"])
def test_what_is_told_has_to_make_sense(devices, root, word):
    with pytest.raises(BootentriesError) as caught:
        places(devices, root, word)
    assert str(caught.value).startswith(f"find ESP: {word}: neither an absolute path nor ")


def test_a_table_of_large_sectors(tmp_path):
    disk = tmp_path / "disk"
    data = gpt(ESP_TYPE, sector=4096)
    disk.write_bytes(data)
    (found,) = read_partitions(str(disk), 4096)
    assert (found.number, found.kind) == (1, ESP_TYPE)
