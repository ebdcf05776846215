"""Copies keep what a file is, not how it lies on the disk."""

import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest
from etc_model import DEVICE, FIFO, SOCKET, Node, d, f, ln, read, times, write

from bootentries.etc.copy import copy_attributes, copy_entry, copy_tree

MEGABYTE = 1 << 20


@pytest.fixture
def directories(tmp_path):
    """Return a function that opens two directories."""
    with ExitStack() as stack:

        def opened(source: Path, target: Path) -> tuple[int, int]:
            fds = [os.open(path, os.O_RDONLY | os.O_DIRECTORY) for path in (source, target)]
            for fd in fds:
                stack.callback(os.close, fd)
            return fds[0], fds[1]

        yield opened


@pytest.fixture
def pair(tmp_path, directories):
    (tmp_path / "from").mkdir()
    (tmp_path / "to").mkdir()
    fds = directories(tmp_path / "from", tmp_path / "to")
    return tmp_path / "from", tmp_path / "to", *fds


NODES = {
    "plain": f("content"),
    "empty": f(""),
    "large": f("0123456789abcde\n" * 200_000),
    "mode and owner": f("x", 0o6751, (1, 2)),
    "unreadable": f("x", 0),
    "attributes": f("x", a=b"1", b=b"\0"),
    "old": Node("file", "x", mtime=1),
    "link": ln("../some/where", (3, 4)),
}


@pytest.mark.parametrize("name", NODES)
def test_files_and_links(pair, name):
    source, target, source_fd, target_fd = pair
    write(source, {"x": NODES[name]})
    copy_entry(source_fd, target_fd, "x")
    assert read(target) == {"x": NODES[name]}
    assert times(read(target)) == times({"x": NODES[name]})


@pytest.mark.parametrize("kind", [FIFO, SOCKET, DEVICE])
def test_other_files_are_skipped(pair, kind):
    source, target, source_fd, target_fd = pair
    write(source, {"x": Node(kind)})
    copy_entry(source_fd, target_fd, "x")
    assert list(target.iterdir()) == []


def test_an_existing_file_is_never_written_to(pair):
    source, target, source_fd, target_fd = pair
    write(source, {"x": f("new")})
    (target / "elsewhere").write_text("old")
    (target / "x").symlink_to("elsewhere")
    with pytest.raises(FileExistsError):
        copy_entry(source_fd, target_fd, "x")
    assert (target / "elsewhere").read_text() == "old"


def test_nobody_reads_a_secret_while_it_is_copied(pair):
    source, target, source_fd, target_fd = pair
    write(source, {"shadow": f("secret", 0o640)})
    previous = os.umask(0)
    try:
        copy_entry(source_fd, target_fd, "shadow")
    finally:
        os.umask(previous)
    assert read(target) == {"shadow": f("secret", 0o640)}


def test_holes_are_content(pair):
    source, target, source_fd, target_fd = pair
    with (source / "x").open("wb") as out:
        out.seek(3 * MEGABYTE)
        out.write(b"end")
    copy_entry(source_fd, target_fd, "x")
    assert (target / "x").read_bytes() == (source / "x").read_bytes()


def test_between_filesystems(tmp_path, directories):
    """The kernel refuses copy_file_range(2) there, and blocks are copied by hand."""
    other = Path(tempfile.mkdtemp(dir="/dev/shm"))
    try:
        if other.stat().st_dev == tmp_path.stat().st_dev:
            pytest.skip("/dev/shm is not a filesystem of its own")
        write(other, {"x": NODES["large"], "l": ln("x")})
        source_fd, target_fd = directories(other, tmp_path)
        copy_entry(source_fd, target_fd, "x")
        copy_entry(source_fd, target_fd, "l")
        assert read(tmp_path) == read(other)
    finally:
        shutil.rmtree(other)


def test_a_tree(pair):
    source, target, source_fd, target_fd = pair
    source.chmod(0o711)
    tree = {
        "a": d(0o700, (1, 1), x=b"1"), "a/b": d(0o555), "a/b/c": f("c"), "a/b/l": ln("/"),
        "e": d(), "f": f("f", 0o600),
    }  # fmt: skip
    write(source, tree | {"a/fifo": Node(FIFO)})
    copy_tree(source_fd, target_fd)
    assert read(target) == tree
    assert target.stat().st_mode == source.stat().st_mode


def test_attributes_of_the_target_alone_stay(tmp_path, directories):
    write(tmp_path, {"from": d(0o700, (1, 2), one=b"1"), "to": d(0o755, two=b"2")})
    copy_attributes(*directories(tmp_path / "from", tmp_path / "to"))
    assert read(tmp_path)["to"] == d(0o700, (1, 2), one=b"1", two=b"2")
