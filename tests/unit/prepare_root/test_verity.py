"""fs-verity where there is none, and reading through; the rest is in tests/vm."""

import errno
import os

import pytest

from prepare_root import verity


def test_a_file_without(tmp_path):
    (tmp_path / "file").write_text("")
    fd = os.open(tmp_path / "file", os.O_RDONLY)
    try:
        with pytest.raises(OSError, match="fs-verity") as caught:
            verity.measure(fd, needed=True)
        assert caught.value.errno in (errno.ENODATA, errno.EOPNOTSUPP, errno.ENOTTY)
    finally:
        os.close(fd)


@pytest.mark.parametrize("size", [0, 1, (1 << 20) + 1])
def test_read_through_leaves_the_position(tmp_path, size):
    (tmp_path / "file").write_bytes(bytes(size))
    fd = os.open(tmp_path / "file", os.O_RDONLY)
    try:
        verity.read_through(fd)
        assert os.lseek(fd, 0, os.SEEK_CUR) == 0
    finally:
        os.close(fd)


def test_read_through_tells_what_fails(tmp_path):
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(IsADirectoryError):
            verity.read_through(fd)
    finally:
        os.close(fd)
