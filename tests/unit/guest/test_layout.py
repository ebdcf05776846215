"""The partition table and the filesystems are where the layout says, by their own tools."""

import shutil
import subprocess
import uuid
from pathlib import Path

import pytest

from guest.layout import MIB, SECTOR, bios_layout, make_ext4, write_table

IDENTITY = uuid.UUID("12345678-1234-5678-1234-567812345678")
SHAPE = bios_layout(64, 16, 8)


def test_partitions_do_not_overlap() -> None:
    parts = SHAPE.partitions
    assert [part.label for part in parts] == ["bios", "root", "var", "boot"]
    ends = [part.offset + part.size for part in parts]
    assert all(part.offset >= end for part, end in zip(parts[1:], ends, strict=False))
    assert all(part.offset % MIB == 0 for part in parts)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disk with partitions and nothing in them; made once, since sgdisk takes its second."""
    image = tmp_path_factory.mktemp("table") / "disk"
    write_table(image, SHAPE)
    return image


def test_table_is_read_back_by_sgdisk(table: Path) -> None:
    done = subprocess.run(
        ["sgdisk", "--verify", "--print", table], capture_output=True, text=True, check=True
    )
    assert "No problems found" in done.stdout
    rows = [line.split() for line in done.stdout.splitlines() if line.strip()[:1].isdigit()]
    table = [(row[1], row[-2], row[-1]) for row in rows]
    assert table == [
        ("2048", "EF02", "bios"),
        ("4096", "8304", "root"),
        (str(66 * MIB // SECTOR), "8310", "var"),
        (str(82 * MIB // SECTOR), "EA00", "boot"),
    ]


def test_ext4_has_its_name_and_stays_in_its_place(table: Path, tmp_path: Path) -> None:
    image = tmp_path / "disk"
    shutil.copy(table, image)
    make_ext4(image, SHAPE.named("root"), IDENTITY)
    before, after = table.read_bytes(), image.read_bytes()
    assert after[: 2 * MIB] == before[: 2 * MIB]
    offset = SHAPE.named("root").offset + 1024
    assert after[offset + 0x38 : offset + 0x3A] == b"\x53\xef"
    assert after[offset + 0x68 : offset + 0x78] == IDENTITY.bytes
    assert after[offset + 0x78 : offset + 0x88].rstrip(b"\0") == b"root"
    var = SHAPE.named("var").offset
    assert after[var:] == before[var:]
