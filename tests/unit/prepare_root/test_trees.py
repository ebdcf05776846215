"""Deleting trees: all below, and nothing else."""

import os
from pathlib import Path

import pytest

from prepare_root import trees


def delete_below(top, device=None):
    fd = os.open(top, os.O_RDONLY)
    before = len(list(Path("/proc/self/fd").iterdir()))
    try:
        trees.delete_below(fd, top.stat().st_dev if device is None else device)
        assert len(list(Path("/proc/self/fd").iterdir())) == before
    finally:
        os.close(fd)


def test_delete_below(tmp_path):
    """Everything in it, and nothing that only links lead to."""
    (tmp_path / "outside/dir").mkdir(parents=True)
    (tmp_path / "outside/file").write_text("kept")
    top = tmp_path / "initramfs"
    (top / "usr/lib/deep").mkdir(parents=True)
    (top / "usr/lib/deep/file").write_text("")
    (top / "init").write_text("")
    (top / "to-dir").symlink_to(tmp_path / "outside")
    (top / "dangling").symlink_to("none")
    os.mkfifo(top / "fifo")
    delete_below(top)
    assert list(top.iterdir()) == []
    assert (tmp_path / "outside/file").read_text() == "kept"
    assert (tmp_path / "outside/dir").is_dir()


def test_delete_never_enters_another_filesystem(tmp_path):
    (tmp_path / "mount/home").mkdir(parents=True)
    (tmp_path / "mount/file").write_text("kept")
    before = sorted(tmp_path.rglob("*"))
    delete_below(tmp_path, tmp_path.stat().st_dev + 1)
    assert sorted(tmp_path.rglob("*")) == before


def test_delete_below_what_is_no_directory(tmp_path):
    (tmp_path / "file").write_text("kept")
    delete_below(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "kept"


def test_delete(tmp_path):
    (tmp_path / "top/usr/work").mkdir(parents=True)
    (tmp_path / "top/usr/work").chmod(0)  # as overlayfs leaves it
    (tmp_path / "top/file").write_text("")
    trees.delete(bytes(tmp_path / "top"))
    trees.delete(bytes(tmp_path / "top"))  # none there is fine
    assert list(tmp_path.iterdir()) == []


def test_delete_says_what_it_cannot(tmp_path):
    (tmp_path / "file").write_text("kept")
    with pytest.raises(NotADirectoryError):
        trees.delete(bytes(tmp_path / "file"))
