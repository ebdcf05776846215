"""Kernel files on their way into /boot; whole writes are in test_write.py."""

import os
import stat

import pytest

from bootentries.txn import install
from bootentries.txn.context import Context

TREE = "ostree/deploy/testos/dtb"
OLD = 1_000_000_000


@pytest.fixture
def said():
    return []


@pytest.fixture
def context(root, said):
    return Context(root, said.append, lambda fd: None)


@pytest.fixture
def tree(fake):
    """A tree of device tree files with modes and times of its own."""
    top = fake.path / TREE
    (top / "vendor").mkdir(parents=True)
    (top / "vendor").chmod(0o750)
    (top / "vendor/board.dtb").write_text("board")
    (top / "vendor/board.dtb").chmod(0o640)
    os.utime(top / "vendor/board.dtb", (OLD, OLD))
    (top / "link.dtb").symlink_to("vendor/board.dtb")
    (top / "gone.dtb").symlink_to("nowhere")
    return top


@pytest.fixture(params=[True, False], ids=["linked", "copied"])
def can_link(request, monkeypatch):
    if not request.param:
        monkeypatch.setattr(install, "_place", install._place_copy)
    return request.param


def test_a_tree_keeps_what_libostree_keeps(fake, context, tree, can_link):
    install.install_tree(context, TREE, "boot/ostree/dtb")
    copied = fake.path / "boot/ostree/dtb"
    found = (copied / "vendor/board.dtb").stat()
    assert (stat.S_IMODE(found.st_mode), found.st_mtime) == (0o640, OLD)
    assert (found.st_nlink > 1) is can_link
    assert stat.S_IMODE((copied / "vendor").stat().st_mode) == 0o750
    assert (copied / "link.dtb").read_text() == "board"
    assert not (copied / "link.dtb").is_symlink()
    assert not (copied / "gone.dtb").is_symlink()


def test_a_tree_that_is_there_is_put_right(fake, context, said, tree):
    copied = fake.path / "boot/ostree/dtb"
    (copied / "vendor").mkdir(parents=True)
    (copied / "vendor/board.dtb").write_text("other")
    (copied / "mine.dtb").write_text("kept")
    install.install_tree(context, TREE, "boot/ostree/dtb")
    assert (copied / "vendor/board.dtb").read_text() == "board"
    assert stat.S_IMODE((copied / "vendor").stat().st_mode) == 0o750
    assert (copied / "mine.dtb").read_text() == "kept"
    assert said == [
        "boot/ostree/dtb/vendor/board.dtb: its content was not the deployment's, written again"
    ]


def test_a_single_file_gets_the_mode_but_a_time_of_its_own(fake, context, tree, can_link):
    install.install_file(context, f"{TREE}/vendor/board.dtb", "boot/ostree/one")
    found = (fake.path / "boot/ostree/one").stat()
    assert stat.S_IMODE(found.st_mode) == 0o640
    assert (found.st_mtime == OLD) is can_link
