"""Kernel files on their way into /boot; whole writes are in test_write.py."""

import os
import stat
from itertools import product

import pytest

from bootentries.errors import BootentriesError
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


def kernel(tree, content: bytes) -> str:
    (tree / "kernel").write_bytes(content)
    return f"{TREE}/kernel"


# One block, a block and a bit, and several: the last one is compared in part.
SIZES = (1, (1 << 20) - 1, 1 << 20, (1 << 20) + 4097, 3 << 20)


@pytest.mark.parametrize("size", SIZES)
def test_a_copy_is_compared_with_storage_once(fake, context, tree, size, monkeypatch):
    content = os.urandom(size)
    source = kernel(tree, content)
    (fake.path / "boot/ostree/kernel").write_bytes(content)
    install.install_file(context, source, "boot/ostree/kernel")
    assert context.proved == {"boot/ostree/kernel"}
    # It is known by now.
    monkeypatch.setattr(install, "_stored", None)
    install.read_back_copy(context, source, "boot/ostree/kernel")


@pytest.mark.parametrize("case", [*product(SIZES, (0, -1))])
def test_one_byte_that_differs_is_noticed(fake, context, said, tree, case):
    size, at = case
    content = bytearray(os.urandom(size))
    source = kernel(tree, bytes(content))
    content[at] ^= 1
    (fake.path / "boot/ostree/kernel").write_bytes(content)
    with pytest.raises(BootentriesError, match="read back: boot/ostree/kernel: storage holds"):
        install.read_back_copy(context, source, "boot/ostree/kernel")
    install.install_file(context, source, "boot/ostree/kernel")
    assert said == ["boot/ostree/kernel: its content was not the deployment's, written again"]
    assert context.proved == set()
    install.read_back_copy(context, source, "boot/ostree/kernel")


@pytest.mark.parametrize("more", [b"", b"x"])
def test_another_length_is_noticed(fake, context, tree, more):
    source = kernel(tree, b"k" * 5000 + more)
    (fake.path / "boot/ostree/kernel").write_bytes(b"k" * 5000 + (b"" if more else b"x"))
    with pytest.raises(BootentriesError, match="read back"):
        install.read_back_copy(context, source, "boot/ostree/kernel")


def test_what_was_known_is_forgotten_when_it_is_written(fake, context, tree):
    source = kernel(tree, b"new")
    (fake.path / "boot/ostree/kernel").write_bytes(b"old")
    context.proved.add("boot/ostree/kernel")
    install.install_file(context, source, "boot/ostree/kernel")
    assert context.proved == set()


def test_a_small_file_is_read_back(fake, context):
    (fake.path / "boot/menu").write_bytes(b"text")
    install.read_back(context, "boot/menu", b"text")
    for other in (b"", b"tex", b"texts", b"tEst"):
        with pytest.raises(BootentriesError, match="read back: boot/menu: storage holds"):
            install.read_back(context, "boot/menu", other)
