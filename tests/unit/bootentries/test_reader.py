"""A reader says what the functions of `fs` say, whatever stands in a name's place."""

import errno
import os
import stat
from pathlib import Path

import pytest

from bootentries import fs
from bootentries.reader import _KEPT, Reader

MAKERS = {
    "file": lambda path: path.write_bytes(b"text"),
    "empty": lambda path: path.write_bytes(b""),
    "large": lambda path: path.write_bytes(bytes(9)),
    "directory": lambda path: path.mkdir(),
    "pipe": os.mkfifo,
    "device": lambda path: os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5)),
    "link": lambda path: path.symlink_to("other"),
    "absolute": lambda path: path.symlink_to("/sub/other"),
    "outside": lambda path: path.symlink_to("../../secret"),
    "dangling": lambda path: path.symlink_to("gone"),
    "loop": lambda path: path.symlink_to("it"),
    "linked directory": lambda path: path.symlink_to("."),
    "nothing": lambda path: None,
}
CALLS = {
    "read": (Reader.read_optional, fs.read_optional, (8,)),
    "stat": (Reader.stat_optional, fs.stat_optional, ()),
    "is_dir": (Reader.is_dir, fs.is_dir, ()),
    "readlink": (Reader.readlink_optional, fs.readlink_optional, ()),
}


@pytest.fixture
def top(tmp_path):
    (tmp_path / "secret").write_text("outside")
    (tmp_path / "top/sub").mkdir(parents=True)
    (tmp_path / "top/sub/other").write_text("other")
    (tmp_path / "top/up").symlink_to("../sub")
    fd = os.open(tmp_path / "top", os.O_RDONLY)
    yield tmp_path / "top", fd
    os.close(fd)


def outcome(call, *args):
    try:
        return call(*args)
    except OSError as error:
        return (error.errno, error.strerror, os.fsdecode(error.filename))


def open_fds():
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize(
    "path", ["sub/it", "up/it", "sub/../sub/it", "/sub/it", "sub/it/", "sub/it/below", "no/it"]
)
def test_it_says_what_fs_says(call, kind, path, top):
    directory, fd = top
    MAKERS[kind](directory / "sub/it")
    ours, theirs, more = CALLS[call]
    expected = outcome(theirs, fd, path, *more)
    with Reader(fd) as reader:
        for _ in range(2):
            assert outcome(ours, reader, path, *more) == expected


@pytest.mark.parametrize("path", ["", ".", "..", "/", "sub/..", "sub/../..", "../secret", "up/.."])
def test_no_name_leads_outside(path, top):
    _, fd = top
    (top[0] / "secret").mkdir()
    with Reader(fd) as reader:
        assert reader.is_dir(path)
        assert reader.stat_optional(path) == fs.stat_optional(fd, path)
        assert outcome(reader.read_optional, path)[0] == errno.EISDIR


def test_the_directories_are_closed(top):
    directory, fd = top
    before = open_fds()
    with Reader(fd) as reader:
        for number in range(2 * _KEPT + 1):
            (directory / f"d{number}").mkdir()
            (directory / f"d{number}/it").write_text(str(number))
            assert reader.read_optional(f"d{number}/it") == str(number).encode()
            assert open_fds() <= before + _KEPT
        assert open_fds() > before
    assert open_fds() == before


def test_a_directory_is_looked_up_once(top):
    directory, fd = top
    with Reader(fd) as reader:
        assert reader.read_optional("sub/other") == b"other"
        (directory / "sub").rename(directory / "moved")
        assert reader.read_optional("sub/other") == b"other"
    with Reader(fd) as reader:
        assert reader.read_optional("sub/other") is None
