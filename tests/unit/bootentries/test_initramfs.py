"""Files out of images that the real tools packed, in the ways that initramfs generators use."""

import shutil
import stat
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootentries.errors import BootentriesError
from bootentries.initramfs import read_files
from prepare_root.image.cpio import TRAILER, Member

NAME = "usr/lib/ostree/prepare-root.conf"


def archive(files: dict[str, bytes]) -> bytes:
    members = [Member(name, stat.S_IFREG | 0o644, data=data) for name, data in files.items()]
    return b"".join(member.encode() for member in (*members, Member(TRAILER, 0)))


FILTERS = {
    "plain": (),
    "gzip": ("gzip", "-c"),
    "xz": ("xz", "--check=crc32", "-c"),
    "zstd": ("zstd", "-qc"),
    "lz4": ("lz4", "-lc"),
    "bzip2": ("bzip2", "-c"),
    "lzma": ("xz", "--format=lzma", "-c"),
}


def packed(data: bytes, how: str) -> bytes:
    argv = FILTERS[how]
    if not argv:
        return data
    if shutil.which(argv[0]) is None:
        pytest.skip(f"{argv[0]} is not installed")
    return subprocess.run(argv, input=data, stdout=subprocess.PIPE, check=True).stdout


@pytest.mark.parametrize("how", FILTERS)
@pytest.mark.parametrize("early", [b"", archive({"kernel/x86/microcode/A.bin": b"m" * 3000})])
def test_each_way_of_packing(how, early):
    main = packed(archive({"init": b"x" * 5000, f"./{NAME}": b"[etc]\n", "other": b""}), how)
    padding = bytes(-len(early) % 512)
    image = early + padding + main
    assert read_files(image, (NAME, "not/there"), "i") == {NAME: b"[etc]\n"}


def test_the_last_one_counts():
    image = archive({NAME: b"1"}) + bytes(512) + archive({NAME: b"2", "init": b""})
    assert read_files(image, (NAME,), "i") == {NAME: b"2"}
    # gzip streams one after another are one archive after another.
    image = packed(archive({NAME: b"1"}), "gzip") + packed(archive({NAME: b"3"}), "gzip")
    assert read_files(image, (NAME,), "i") == {NAME: b"3"}


def test_what_is_no_file_is_not_read():
    link = Member(NAME, stat.S_IFLNK | 0o777, data=b"elsewhere").encode()
    assert read_files(link + Member(TRAILER, 0).encode(), (NAME,), "i") == {}
    assert read_files(b"", (NAME,), "i") == {}


BAD = {
    "text": (b"initramfs", "neither an archive nor packed in a known way: it begins b'initra'"),
    "cut": (archive({NAME: b"x" * 100})[:180], "cut short"),
    "no trailer": (archive({NAME: b"x"})[:-124], "no newc header at 148"),
    "header": (b"070701" + b"z" * 120, "bad header at 0"),
    "gzip": (b"\x1f\x8bnothing", "cannot be unpacked by gzip: Error -3"),
    "zstd": (b"\x28\xb5\x2f\xfdnothing", "cannot be unpacked by zstd: "),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_read_is_named(case):
    data, reason = BAD[case]
    with pytest.raises(BootentriesError, match="read initramfs: the image: ") as caught:
        read_files(data, (NAME,), "the image")
    assert caught.value.reason.startswith(reason)


def test_a_tool_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr("bootentries.run.SEARCH", ("/nowhere",))
    with pytest.raises(BootentriesError, match="by zstd: program not found") as caught:
        read_files(b"\x28\xb5\x2f\xfd", (NAME,), "i")
    assert caught.value.hint == "install the package zstd"


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data):
    try:
        read_files(data, (NAME,), "i")
    except BootentriesError as error:
        assert error.operation == "read initramfs"


@given(st.dictionaries(st.sampled_from([NAME, "a", "b/c"]), st.binary(max_size=50), max_size=3))
def test_what_was_packed_is_found(files):
    assert read_files(archive(files), tuple(files), "i") == files
