"""Opening directories and files without following links."""

import errno
import os

import pytest

from bootentries.etc import walk


@pytest.fixture
def top(tmp_path):
    (tmp_path / "top/a/b").mkdir(parents=True)
    (tmp_path / "top/link").symlink_to("a")
    (tmp_path / "top/file").write_text("")
    (tmp_path / "top/to-file").symlink_to("file")
    os.mkfifo(tmp_path / "top/fifo")
    fd = os.open(tmp_path / "top", os.O_RDONLY)
    yield fd
    os.close(fd)


@pytest.mark.parametrize("path", ["", "a", "a/b"])
def test_directories(top, path):
    with walk.directory(top, path) as fd:
        expected = os.stat(path or ".", dir_fd=top)
        assert os.fstat(fd).st_ino == expected.st_ino


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("link", errno.ELOOP),
        ("link/b", errno.ELOOP),
        ("..", errno.EXDEV),
        ("a/../..", errno.EXDEV),
        ("file", errno.ENOTDIR),
        ("file/x", errno.ENOTDIR),
        ("none", errno.ENOENT),
    ],
)
def test_what_is_no_directory(top, path, reason):
    with pytest.raises(OSError) as caught, walk.directory(top, path):
        pass
    assert caught.value.errno == reason


def test_a_file_that_became_a_link_or_a_fifo_is_not_waited_for(top):
    with pytest.raises(OSError) as caught, walk.file(top, "to-file"):
        pass
    assert caught.value.errno == errno.ELOOP
    with walk.file(top, "fifo") as fd:
        assert os.read(fd, 1) == b""


def test_names_and_lstat(top):
    assert walk.names(top) == ["a", "fifo", "file", "link", "to-file"]
    assert walk.lstat(top, "none") is None
    found = walk.lstat(top, "link")
    assert found is not None
    assert found.st_size == 1
    assert walk.join("", "a") == "a"
    assert walk.join("a", "b") == "a/b"
