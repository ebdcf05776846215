"""EFI partitions: their layout, and FAT32 that has what it was filled with."""

import subprocess
from pathlib import Path

import pytest

from guest import layout
from guest.esp import EspSpec, esp_layout, fill_fat


def test_partitions_follow_each_other() -> None:
    shape = esp_layout(100, EspSpec(mib=64, count=2))
    assert [(part.label, part.code) for part in shape.partitions] == [
        ("esp1", "ef00"),
        ("esp2", "ef00"),
        ("root", "8304"),
    ]
    ends = [part.offset + part.size for part in shape.partitions]
    assert [part.offset for part in shape.partitions] == [layout.MIB, *ends[:-1]]
    assert shape.size == ends[-1] + layout.MIB


def test_an_xbootldr_partition_is_empty(tmp_path: Path) -> None:
    image = tmp_path / "disk"
    shape = esp_layout(16, EspSpec(mib=48, xbootldr_mib=48))
    layout.write_table(image, shape)
    other = shape.named("xbootldr")
    assert (other.code, other.offset) == ("ea00", 49 * layout.MIB)
    assert shape.named("root").offset == 97 * layout.MIB
    fill_fat(image, other, None)
    words = ["mdir", "-b", "-i", f"{image}@@{other.offset}", "::/"]
    done = subprocess.run(words, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b""), done


@pytest.mark.parametrize("mib", [64, 96, 192, 512])
def test_fat32_of_any_size(mib: int, tmp_path: Path) -> None:
    image, top = tmp_path / "disk", tmp_path / "top"
    (top / "loader/entries").mkdir(parents=True)
    (top / "loader/entries/one.conf").write_text("title one\n")
    shape = esp_layout(16, EspSpec(mib=mib))
    with image.open("wb") as file:
        file.truncate(shape.size)
    fill_fat(image, shape.named("esp1"), top)
    words = ["mtype", "-i", f"{image}@@{layout.MIB}", "::/loader/entries/one.conf"]
    assert subprocess.run(words, capture_output=True, check=True).stdout == b"title one\n"
    with image.open("rb") as file:
        file.seek(layout.MIB + 82)
        assert file.read(8) == b"FAT32   "
