"""The default entry of a disk, read out of a real image that nothing mounts."""

import shutil
import subprocess
import uuid
from pathlib import Path

import pytest

from guest import entry, layout
from guest.disk import Disk
from guest.errors import GuestError

UUID = uuid.UUID("6f1f4fd1-8f0c-4f0e-9b5e-6a1c0b7f2a12")

SHAPE = layout.bios_layout(root_mib=8)


def text(version: int, options: str) -> str:
    return f"title T {version}\nversion {version}\noptions {options}\nlinux /vmlinuz\n"


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disk with partitions and nothing in them; made once, since sgdisk takes its second."""
    image = tmp_path_factory.mktemp("table") / "disk.img"
    layout.write_table(image, SHAPE)
    return image


def disk_with(table: Path, top: Path, entries: dict[str, str]) -> Disk:
    """A disk whose root filesystem has loader -> loader.1 with `entries`."""
    directory = top / "tree/boot/loader.1/entries"
    directory.mkdir(parents=True)
    (top / "tree/boot/loader").symlink_to("loader.1")
    for name, content in entries.items():
        (directory / name).write_text(content)
    image = top / "disk.img"
    shutil.copy(table, image)
    root = SHAPE.named("root")
    where = ["-E", f"offset={root.offset}", image, f"{root.size // 1024}k"]
    subprocess.run(["mkfs.ext4", "-q", "-F", "-d", top / "tree", *where], check=True)
    return Disk(image, SHAPE, UUID)


def test_the_newest_is_the_default(table: Path, tmp_path: Path) -> None:
    entries = {
        "ostree-9.conf": text(9, "nine"),
        "ostree-10.conf": text(10, 'root=UUID=1 rw "quoted words" ostree=/ostree/boot.1/x/y/0'),
        "README": text(11, "not an entry"),
    }
    disk = disk_with(table, tmp_path, entries)
    before = disk.path.read_bytes()
    assert entry.options(disk) == 'root=UUID=1 rw "quoted words" ostree=/ostree/boot.1/x/y/0'
    assert disk.path.read_bytes() == before


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({}, "find default entry: /boot/loader/entries: no entry with a version"),
        ({"a.conf": "title x\n"}, "find default entry: /boot/loader/entries: no entry with a"),
        ({"a.conf": "version 1\nlinux /x\n"}, "no line with options"),
    ],
)
def test_says_what_is_missing(
    table: Path, tmp_path: Path, entries: dict[str, str], said: str
) -> None:
    with pytest.raises(GuestError) as caught:
        entry.options(disk_with(table, tmp_path, entries))
    assert said in str(caught.value)
