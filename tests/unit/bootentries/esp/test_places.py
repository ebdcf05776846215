"""Where partitions are mounted, and what is refused."""

import os

import pytest

from bootentries.errors import BootentriesError
from bootentries.esp.find import Source
from bootentries.esp.places import mounted_on, opened_place

LINE = "{id} 1 {device} {root} {point} rw - {kind} {source} rw\n"


def table(*rows):
    return "".join(
        LINE.format(id=number, device=device, root=root, point=point, kind="vfat", source="s")
        for number, (device, root, point) in enumerate(rows, 30)
    )


@pytest.fixture
def device(partition):
    number = partition.stat().st_dev
    return number, f"{os.major(number)}:{os.minor(number)}"


def test_a_mount_of_the_whole_filesystem_is_found(partition, tmp_path, device):
    number, name = device
    spaced = str(partition).replace("bootchain", "bootch\\141in")
    for rows, found in (
        (((name, "/", partition),), str(partition)),
        (((name, "/below", partition),), None),
        ((("0:1", "/", partition),), None),
        # Another filesystem is mounted above it.
        (((name, "/", tmp_path), (name, "/", partition)), str(partition)),
        (((name, "/", "/gone"),), None),
        (((name, "/", spaced),), None),
    ):
        assert mounted_on(number, table(*rows)) == found


def test_blanks_in_a_mount_point(partition, device):
    (partition / "a b\\c").mkdir()
    number, name = device
    text = table((name, "/", f"{partition}/a\\040b\\134c"))
    assert mounted_on(number, text) == f"{partition}/a b\\c"


def test_a_directory(root, partition):
    with opened_place(root, Source(str(partition), False), write=True) as fd:
        assert os.fstat(fd).st_ino == partition.stat().st_ino


@pytest.mark.parametrize(
    ("name", "reason"), [("gone", "No such file or directory"), ("file", "Not a directory")]
)
def test_no_directory(root, partition, name, reason):
    (partition / "file").touch()
    with (
        pytest.raises(BootentriesError) as caught,
        opened_place(root, Source(f"{partition}/{name}", False), write=True),
    ):
        pass
    assert str(caught.value) == f"open ESP: {partition}/{name}: {reason}"


def test_a_directory_without_fat(root, partition, monkeypatch):
    monkeypatch.delenv("SYSTEMD_RELAX_ESP_CHECKS")
    with (
        pytest.raises(BootentriesError) as caught,
        opened_place(root, Source(str(partition), False), write=True),
    ):
        pass
    assert str(caught.value) == f"open ESP: {partition}: nothing is mounted there: it is on tmpfs"
    assert "FAT" in caught.value.hint


def test_a_directory_of_the_sysroots_own_filesystem(fake, root, partition):
    (fake.path / "efi").mkdir()
    with (
        pytest.raises(BootentriesError, match="nothing is mounted there"),
        opened_place(root, Source(f"{fake.path}/efi", False), write=True),
    ):
        pass


def test_a_device_that_is_gone(root):
    with (
        pytest.raises(BootentriesError) as caught,
        opened_place(root, Source("/dev/disk/by-partuuid/none", True), write=False),
    ):
        pass
    assert str(caught.value) == "open ESP: /dev/disk/by-partuuid/none: No such file or directory"
