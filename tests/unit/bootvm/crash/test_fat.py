"""The FAT reader, beside mtools on the same images."""

import random
import subprocess
from pathlib import Path

import pytest

from bootvm.crash.fat import Fat, FatError

# Type and size in MiB, each in the middle of what its type allows.
SIZES = {12: 2, 16: 32, 32: 64}
MTOOLS = {"MTOOLS_SKIP_CHECK": "1", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
NAMES = (
    *("SHORT.TXT", "lower.txt", "Mixed.Case", "no-suffix", "a", "vmlinuz.efi"),
    *("ostree-3-0000000002+3-0.conf", "a long name with spaces.and.dots.conf", "ümlaut.txt"),
    *(f"entry-{number:04}.conf" for number in range(120)),
)


def mtools(*words: str | Path) -> bytes:
    return subprocess.run(words, env=MTOOLS, capture_output=True, check=True).stdout


def make(path: Path, bits: int, offset: int = 0) -> Path:
    kib = SIZES[bits] * 1024
    with path.open("wb") as file:
        file.truncate(offset + kib * 1024)
    sectors = f"--offset={offset // 512}"
    mtools("/usr/sbin/mkfs.vfat", "-F", str(bits), sectors, "-i", "1234ABCD", path, str(kib))
    return path


@pytest.mark.parametrize("bits", SIZES)
@pytest.mark.parametrize("offset", [0, 1 << 20])
def test_reads_what_mtools_wrote(bits: int, offset: int, tmp_path: Path) -> None:
    image = make(tmp_path / "image", bits, offset)
    where = f"{image}@@{offset}"
    mtools("mmd", "-i", where, "::loader", "::loader/entries", "::EFI")
    rng = random.Random(bits)
    top = tmp_path / "files"
    top.mkdir()
    for number, name in enumerate(NAMES):
        size = [0, 1, 511, 512, 70000][number] if number < 5 else 300
        (top / name).write_bytes(rng.randbytes(size))
    mtools("mcopy", "-i", where, *sorted(top.iterdir()), "::loader/entries/")
    # Holes among the entries, and some of them used again.
    gone, again = NAMES[20:60:3], NAMES[20:30:3]
    mtools("mdel", "-i", where, *(f"::loader/entries/{name}" for name in gone))
    mtools("mcopy", "-i", where, *(top / name for name in again), "::loader/entries/")
    there = set(NAMES) - set(gone) | set(again)
    expected = {f"loader/entries/{name}": (top / name).read_bytes() for name in there}
    fat = Fat(image.read_bytes(), offset)
    assert fat.bits == bits
    found = {node.path: node for node in fat.walk()}
    assert {path for path, node in found.items() if not node.is_directory} == set(expected)
    assert {path for path, node in found.items() if node.is_directory} == {
        "loader",
        "loader/entries",
        "EFI",
    }
    for path, data in expected.items():
        assert fat.read(path) == data, path
        assert found[path].size == len(data)
    assert fat.read("LOADER/Entries/short.txt") == expected["loader/entries/SHORT.TXT"]


@pytest.fixture
def image(tmp_path: Path) -> bytearray:
    path = make(tmp_path / "image", 16)
    (tmp_path / "file").write_bytes(bytes(range(256)) * 64)
    mtools("mcopy", "-i", path, tmp_path / "file", "::a-long-name.conf")
    return bytearray(path.read_bytes())


def slot(image: bytearray) -> int:
    """Where the short entry of the one file is."""
    return image.index(b"A-LONG~1CON")


def cluster(image: bytearray) -> int:
    return int.from_bytes(image[slot(image) + 26 : slot(image) + 28], "little")


def table(image: bytearray) -> int:
    return int.from_bytes(image[14:16], "little") * 512


def test_a_long_name_without_its_short_one_is_no_name(image: bytearray) -> None:
    assert [node.name for node in Fat(bytes(image)).listing()] == ["a-long-name.conf"]
    image[slot(image) - 32 + 13] ^= 1  # the checksum in one piece
    assert [node.name for node in Fat(bytes(image)).listing()] == ["A-LONG~1.CON"]


def test_a_deleted_file_is_not_there(image: bytearray) -> None:
    image[slot(image)] = 0xE5
    assert Fat(bytes(image)).listing() == []
    with pytest.raises(FatError, match=r"find: a-long-name.conf: no such file"):
        Fat(bytes(image)).find("a-long-name.conf")


@pytest.mark.parametrize(
    ("link", "said"),
    [
        (0xFFFF, "its clusters end .* bytes before its size"),
        (0, "a chain that leads to cluster 0"),
        (0xFFF0, "a chain that leads to cluster 65520"),
    ],
)
def test_a_broken_chain(image: bytearray, link: int, said: str) -> None:
    at = table(image) + 2 * cluster(image)
    image[at : at + 2] = link.to_bytes(2, "little")
    with pytest.raises(FatError, match=f"read: a-long-name.conf: {said}"):
        Fat(bytes(image)).read("a-long-name.conf")


def test_a_chain_that_bites_its_tail(image: bytearray) -> None:
    image[slot(image) + 28 : slot(image) + 32] = (1 << 31).to_bytes(4, "little")
    at = table(image) + 2 * cluster(image)
    image[at : at + 2] = cluster(image).to_bytes(2, "little")
    with pytest.raises(FatError, match="a chain without an end"):
        Fat(bytes(image)).read("a-long-name.conf")


def test_only_the_first_table_counts(image: bytearray) -> None:
    size = int.from_bytes(image[22:24], "little") * 512
    second = table(image) + size
    image[second : second + size] = bytes(size)
    assert Fat(bytes(image)).read("a-long-name.conf") == bytes(range(256)) * 64


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"", "no signature"), (bytes(510) + b"\x55\xaa", "numbers that no FAT has")],
)
def test_not_fat(data: bytes, said: str) -> None:
    with pytest.raises(FatError, match=f"read FAT: boot sector: {said}"):
        Fat(data)


def test_directories_are_no_files(image: bytearray) -> None:
    with pytest.raises(FatError, match=r"list: a-long-name\.conf: not a directory"):
        Fat(bytes(image)).listing("a-long-name.conf")
    with pytest.raises(FatError, match="read: : a directory"):
        Fat(bytes(image)).read("")
