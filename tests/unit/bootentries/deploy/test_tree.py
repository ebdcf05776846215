"""What a tree has to bring along."""

import os
from contextlib import contextmanager

import pytest

from bootentries.deploy.tree import MOUNT_POINTS, shortcomings


@contextmanager
def opened(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        yield fd
    finally:
        os.close(fd)


@pytest.fixture
def good(tmp_path):
    for name in MOUNT_POINTS:
        (tmp_path / name).mkdir()
    (tmp_path / "ostree").symlink_to("sysroot/ostree")
    return tmp_path


def test_a_good_tree_lacks_nothing(good):
    with opened(good) as fd:
        assert shortcomings(fd) == []


def test_what_is_missing_is_named(good):
    (good / "dev").rmdir()
    (good / "run").rmdir()
    (good / "run").write_text("")
    with opened(good) as fd:
        assert shortcomings(fd) == ["the tree has no directory /dev, /run: it may not boot"]


@pytest.mark.parametrize("kind", ["missing", "other", "directory"])
def test_the_link_to_the_physical_root(good, kind):
    (good / "ostree").unlink()
    if kind == "other":
        (good / "ostree").symlink_to("elsewhere")
    elif kind == "directory":
        (good / "ostree").mkdir()
    with opened(good) as fd:
        assert shortcomings(fd) == [
            "the tree has no link /ostree -> sysroot/ostree: ostree will not work in it"
        ]
