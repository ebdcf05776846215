"""Small text files, and whatever else may lie in their place."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootentries.errors import BootentriesError
from bootentries.loaders.files import SIZE_LIMIT, join_lines, read_text


@pytest.fixture
def directory(tmp_path):
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield tmp_path, fd
    os.close(fd)


def test_a_file_through_links(directory):
    path, fd = directory
    (path / "sub").mkdir()
    (path / "real").write_text("caf\u00e9\n")
    (path / "sub/one").symlink_to("../two")
    # An absolute link is followed inside the directory, too.
    (path / "two").symlink_to("/real")
    assert read_text(fd, "sub/one", "sub/one") == "caf\u00e9\n"
    assert read_text(fd, "none", "none") is None
    assert read_text(fd, "none/at/all", "none") is None


def loop(path):
    (path / "file").symlink_to("other")
    (path / "other").symlink_to("file")


def outside(path):
    # There is such a file, but not in here.
    (path / "file").symlink_to("../../../../etc/passwd")


BAD = [
    (lambda path: (path / "file").write_bytes(b"one\n\xff\n"), "line 2 is not UTF-8"),
    (lambda path: (path / "file").write_bytes(b"a\nb\nc\0\n"), "line 3 has a NUL byte"),
    (lambda path: (path / "file").mkdir(), "not a regular file"),
    (lambda path: os.mkfifo(path / "file"), "not a regular file"),
    (loop, "Too many levels of symbolic links"),
    (
        outside,
        "it is a link to '../../../../etc/passwd', and nothing is there",
    ),
    (
        lambda path: (path / "file").symlink_to("gone"),
        "it is a link to 'gone', and nothing is there",
    ),
    (
        lambda path: (path / "file").write_bytes(b"#" * (SIZE_LIMIT + 1)),
        "larger than 1048576 bytes",
    ),
]


@pytest.mark.parametrize(("make", "reason"), BAD, ids=[reason for _, reason in BAD])
def test_what_is_no_text(directory, make, reason):
    path, fd = directory
    make(path)
    with pytest.raises(BootentriesError) as caught:
        read_text(fd, "file", "boot/file")
    assert str(caught.value) == f"read bootloader configuration: boot/file: {reason}"


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ([], ""),
        ([""], ""),
        (["", "a"], "a\n"),
        (["", "", "a"], "\na\n"),
        (["", "", "", "a", ""], "\na\n"),
        (["a", "", "b", "", "c", ""], "a\n\nb\nc\n"),
        (["a\n", "b"], "a\n\nb\n"),
        (["a", " ", "", "b"], "a\n \n\nb\n"),
    ],
)
def test_join_lines(lines, text):
    assert join_lines(lines) == text


@given(st.lists(st.sampled_from(["", "a", "b"])))
def test_joined_lines_keep_all_but_empty_ones(lines):
    joined = join_lines(lines).split("\n")[:-1]
    assert [line for line in joined if line] == [line for line in lines if line]
    assert joined.count("") <= 1
    assert joined[:1] != [""] or lines[:2] == ["", ""]
