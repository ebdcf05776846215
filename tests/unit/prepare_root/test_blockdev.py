"""Devices by a sysfs of the test's own, with images that the real tools wrote behind them.

A kernel name stands for a path below /dev, with `!` for each slash: `..!tmp!x` is a file.
"""

import shutil
import subprocess

import pytest

from prepare_root import blockdev
from prepare_root.blockdev import Device

FSUUID = "0f1e2d3c-4b5a-4968-8778-695a4b3c2d1e"
PARTUUID = "a1b2c3d4-e5f6-4718-8929-3a4b5c6d7e8f"
MIB = 1 << 20

needs_sgdisk = pytest.mark.skipif(shutil.which("sgdisk") is None, reason="sgdisk is not installed")


@pytest.fixture
def sysfs(tmp_path, monkeypatch):
    top = tmp_path / "sys/class/block"
    top.mkdir(parents=True)
    monkeypatch.setattr(blockdev, "SYSFS", bytes(top))
    return top


def name_of(path):
    return ".." + str(path.resolve()).replace("/", "!")


def add_disk(sysfs, name, sector=None):
    """As the kernel does: a directory below devices/, and a link to it by class."""
    place = sysfs.parent.parent / "devices" / name
    (place / "queue").mkdir(parents=True)
    if sector is not None:
        (place / "queue/logical_block_size").write_text(f"{sector}\n")
    (sysfs / name).symlink_to(f"../../devices/{name}")


def add_partition(sysfs, disk, name, number):
    place = sysfs.parent.parent / "devices" / disk / name
    place.mkdir()
    (place / "partition").write_text(f"{number}\n")
    (sysfs / name).symlink_to(f"../../devices/{disk}/{name}")


def seen(devices):
    return [(device.name, device.disk, device.number) for device in devices]


def test_present(sysfs):
    add_disk(sysfs, "vdb")
    add_disk(sysfs, "nvme0n1")
    add_partition(sysfs, "nvme0n1", "nvme0n1p12", 12)
    add_partition(sysfs, "vdb", "vdb1", 1)
    add_disk(sysfs, "cciss!c0d0")
    assert seen(blockdev.present()) == [
        (b"cciss!c0d0", b"", 0),
        (b"nvme0n1", b"", 0),
        (b"nvme0n1p12", b"nvme0n1", 12),
        (b"vdb", b"", 0),
        (b"vdb1", b"vdb", 1),
    ]
    assert blockdev.present()[0].node == b"/dev/cciss/c0d0"


@pytest.mark.parametrize("text", ["", "x\n", "-1\n"])
def test_a_partition_without_a_number_counts_as_a_disk(sysfs, text):
    add_disk(sysfs, "vda")
    add_partition(sysfs, "vda", "vda1", 1)
    (sysfs / "vda1/partition").write_text(text)
    assert seen(blockdev.present())[1] == (b"vda1", b"", 0)


def test_a_device_that_goes_meanwhile(sysfs):
    """Its link is listed and leads nowhere."""
    add_disk(sysfs, "vda")
    (sysfs / "vdb").symlink_to("../../devices/gone")
    assert seen(blockdev.present()) == [(b"vda", b"", 0), (b"vdb", b"", 0)]


def test_no_sysfs(sysfs):
    sysfs.rmdir()
    assert blockdev.present() == []
    assert blockdev.describe(blockdev.present()) == "no block devices at all"


def image(path, size, *command):
    with path.open("wb") as file:
        file.truncate(size)
    if command:
        subprocess.run([*command, path], check=True, capture_output=True)
    return Device(name_of(path).encode(), b"", 0)


def test_filesystem(tmp_path):
    device = image(tmp_path / "fs", MIB, "mke2fs", "-q", "-t", "ext2", "-U", FSUUID, "-L", "root")
    found = blockdev.filesystem(device)
    assert found is not None
    assert (found.fstype, found.uuid, found.label) == (b"ext2", FSUUID.encode(), b"root")


@pytest.mark.parametrize("size", [0, 100, MIB])
def test_no_filesystem(tmp_path, size):
    assert blockdev.filesystem(image(tmp_path / "fs", size)) is None


def test_a_device_that_cannot_be_read(tmp_path):
    assert blockdev.filesystem(Device(name_of(tmp_path / "none").encode(), b"", 0)) is None
    assert blockdev.filesystem(Device(name_of(tmp_path).encode(), b"", 0)) is None  # EISDIR


@pytest.fixture(scope="module")
def gpt(tmp_path_factory):
    """A disk with a GPT, as bytes: sgdisk takes its second."""
    path = tmp_path_factory.mktemp("gpt") / "disk"
    words = ("-n", "3:2048:+1M", "-u", f"3:{PARTUUID}", "-c", "3:system")
    image(path, 8 * MIB, "sgdisk", *words)
    return path.read_bytes()


def disk_of(path, data, sysfs, sector=512):
    path.write_bytes(data)
    device = Device(name_of(path).encode(), b"", 0)
    add_disk(sysfs, device.name.decode(), sector)
    return device


@needs_sgdisk
def test_partition(tmp_path, sysfs, gpt):
    disk = disk_of(tmp_path / "disk", gpt, sysfs)
    found = blockdev.partition(Device(b"p3", disk.name, 3))
    assert found is not None
    assert (found.uuid, found.label) == (PARTUUID.encode(), b"system")
    assert blockdev.partition(Device(b"p1", disk.name, 1)) is None
    assert blockdev.partition(disk) is None


@needs_sgdisk
def test_partition_of_an_mbr(tmp_path, sysfs):
    image(tmp_path / "disk", 8 * MIB, "sgdisk", "-n", "1:2048:+1M", "-m", "1")
    data = bytearray((tmp_path / "disk").read_bytes())
    data[440:444] = b"\x78\x56\x34\x02"
    disk = disk_of(tmp_path / "disk", data, sysfs)
    found = blockdev.partition(Device(b"p1", disk.name, 1))
    assert found is not None
    assert found.uuid == b"02345678-01"


@needs_sgdisk
@pytest.mark.parametrize("sector", [None, 4096, 0, 1 << 40, "x"])
def test_sector_size(tmp_path, sysfs, gpt, sector):
    """The GPT starts in the second sector: 512 bytes, unless sysfs says 4096."""
    data = gpt
    if sector == 4096:
        header = bytearray(gpt[512:1024])
        header[72:80] = (2).to_bytes(8, "little")  # the entries' first sector
        moved = bytes(4096) + header.ljust(4096, b"\0") + gpt[1024 : 1024 + 128 * 128]
        data = moved.ljust(8 * MIB, b"\0")
    disk = disk_of(tmp_path / "disk", data, sysfs, sector)
    found = blockdev.partition(Device(b"p3", disk.name, 3))
    if sector in (None, 4096, 0, "x"):
        assert found is not None
        assert found.uuid == PARTUUID.encode()
    else:
        assert found is None


def test_no_table(tmp_path, sysfs):
    disk = image(tmp_path / "disk", 1000)
    add_disk(sysfs, disk.name.decode())
    assert blockdev.partition(Device(b"p1", disk.name, 1)) is None
    assert blockdev.partition(Device(b"p1", b"no-such-disk", 1)) is None


@needs_sgdisk
def test_describe(tmp_path, sysfs, gpt):
    disk = disk_of(tmp_path / "disk", gpt, sysfs)
    words = ("mke2fs", "-q", "-t", "ext4", "-U", FSUUID, "-L", "a\x1bb")
    part = image(tmp_path / "part", 4 * MIB, *words)
    part.disk, part.number = disk.name, 3
    assert blockdev.describe([disk, part, Device(b"vd\x9b", b"", 0)]) == (
        f"/dev/..{tmp_path.resolve()}/disk; /dev/..{tmp_path.resolve()}/part"
        f" ext4 UUID={FSUUID} LABEL=a\\x1bb PARTUUID={PARTUUID}; /dev/vd\\x9b"
    )
