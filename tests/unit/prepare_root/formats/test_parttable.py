"""Partition tables that sgdisk wrote, and hostile ones."""

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prepare_root.formats import parttable

SECTOR = 512
FIRST = "0f1e2d3c-4b5a-4968-8778-695a4b3c2d1e"
FIFTH = "a1b2c3d4-e5f6-4718-8929-3a4b5c6d7e8f"

needs_sgdisk = pytest.mark.skipif(shutil.which("sgdisk") is None, reason="sgdisk is not installed")


def disk(path, *words):
    with path.open("wb") as file:
        file.truncate(8 << 20)
    subprocess.run(["sgdisk", *words, path], check=True, capture_output=True)
    return path.read_bytes()


def seen(partitions):
    return [(entry.number, entry.uuid, entry.label) for entry in partitions]


@pytest.fixture(scope="module")
def gpt(tmp_path_factory):
    """A disk with a GPT, as bytes; made once, since sgdisk takes its second."""
    return disk(
        tmp_path_factory.mktemp("gpt") / "disk",
        *("-n", "1:2048:+1M", "-u", f"1:{FIRST}", "-c", "1:EFI system"),
        *("-n", "5:0:+1M", "-u", f"5:{FIFTH}", "-c", "5:gr\u00fcn"),
        *("-t", "5:8304", "-A", "5:set:63", "-A", "5:set:2"),
    )


@needs_sgdisk
def test_gpt(gpt):
    span = parttable.gpt_entries_span(gpt[SECTOR : 2 * SECTOR], SECTOR)
    assert span == (2 * SECTOR, 128, 128)
    offset, count, size = span
    found = parttable.gpt_partitions(gpt[offset : offset + count * size], size)
    assert seen(found) == [
        (1, FIRST.encode(), b"EFI system"),
        (5, FIFTH.encode(), "gr\u00fcn".encode()),
    ]


@needs_sgdisk
def test_type_and_attributes(gpt):
    plain, root = parttable.gpt_partitions(gpt[1024 : 1024 + 128 * 128], 128)
    assert root.kind == b"4f68bce3-e8cd-4db1-96e7-fbcaf984b709"  # a root of x86-64
    assert root.flags == 1 << 63 | 1 << 2
    assert plain.kind == b"0fc63daf-8483-4772-8e79-3d69d8477de4"  # Linux, unless said
    assert plain.flags == 0


@needs_sgdisk
def test_the_protective_mbr_of_a_gpt_names_nothing(gpt):
    sector = bytearray(gpt[:SECTOR])
    assert sector[450] == 0xEE
    sector[440:444] = b"\x78\x56\x34\x12"  # even when its signature is not zero
    assert parttable.mbr_partitions(bytes(sector)) == []


@needs_sgdisk
def test_mbr(tmp_path):
    data = bytearray(disk(tmp_path / "disk", "-n", "1:2048:+1M", "-n", "2:0:+1M", "-m", "1:2"))
    assert parttable.gpt_entries_span(bytes(data[SECTOR : 2 * SECTOR]), SECTOR) is None
    data[440:444] = b"\x78\x56\x34\x02"
    assert seen(parttable.mbr_partitions(bytes(data[:SECTOR]))) == [
        (1, b"02345678-01", b""),
        (2, b"02345678-02", b""),
    ]


def mbr(signature=b"\1\2\3\4", types=(0x83, 0, 0, 0), magic=b"\x55\xaa"):
    entries = b"".join(bytes((0, 0, 0, 0, kind)) + bytes(11) for kind in types)
    return bytes(440) + signature + bytes(2) + entries + magic


@pytest.mark.parametrize(
    ("sector", "numbers"),
    [
        (mbr(), [1]),
        (mbr(types=(0, 0x83, 0, 0xEF)), [2, 4]),
        (mbr(types=(0xEE, 0x83, 0, 0)), [2]),
        (mbr(signature=bytes(4)), []),
        (mbr(magic=b"\xaa\x55"), []),
        (mbr()[:511], []),
        (b"", []),
    ],
)
def test_mbr_table(sector, numbers):
    assert [entry.number for entry in parttable.mbr_partitions(sector)] == numbers


def header(lba=2, count=128, size=128, magic=b"EFI PART"):
    fields = lba.to_bytes(8, "little") + count.to_bytes(4, "little") + size.to_bytes(4, "little")
    return magic + bytes(64) + fields


@pytest.mark.parametrize(
    ("data", "sector", "span"),
    [
        (header(), 512, (1024, 128, 128)),
        (header(), 4096, (8192, 128, 128)),
        (header(lba=34, count=1024, size=4096), 512, (34 * 512, 1024, 4096)),
        (header(lba=1), 512, None),
        (header(lba=0), 512, None),
        (header(count=0), 512, None),
        (header(count=1025), 512, None),
        (header(count=0xFFFFFFFF, size=0xFFFFFFFF), 512, None),
        (header(size=127), 512, None),
        (header(size=4097), 512, None),
        (header(magic=b"EFI PARS"), 512, None),
        (header()[:60], 512, None),
        (b"", 512, None),
    ],
)
def test_gpt_header(data, sector, span):
    assert parttable.gpt_entries_span(data, sector) == span


@given(st.binary(max_size=600), st.integers(128, 4096))
def test_any_entries(data, size):
    found = parttable.gpt_partitions(data, size)
    assert len(found) <= len(data) // size
    assert all(len(entry.uuid) == 36 and entry.label.decode() is not None for entry in found)


@given(st.binary(max_size=600))
def test_any_sector(data):
    assert len(parttable.mbr_partitions(data)) <= 4
    parttable.gpt_entries_span(b"EFI PART" + data, 512)
