"""Files below a directory fd."""

import errno
import os
import stat

import pytest

from bootentries import fs


def names(path):
    return sorted(found.name for found in path.iterdir())


@pytest.fixture
def top(tmp_path):
    (tmp_path / "top").mkdir()
    (tmp_path / "secret").write_text("outside")
    fd = os.open(tmp_path / "top", os.O_RDONLY)
    yield tmp_path / "top", fd
    os.close(fd)


@pytest.mark.parametrize("name", ["../secret", "link", "up/secret", "/../secret"])
def test_no_name_leads_outside(top, name):
    path, fd = top
    (path / "link").symlink_to(path.parent / "secret")
    (path / "up").symlink_to("../..")
    assert fs.read_optional(fd, name) is None


def test_absolute_links_resolve_inside(top):
    path, fd = top
    (path / "file").write_text("inside")
    (path / "link").symlink_to("/file")
    assert fs.read_bytes(fd, "link") == b"inside"
    assert fs.is_file(fd, "link")
    assert not fs.is_dir(fd, "link")
    assert stat.S_ISLNK(fs.stat_optional(fd, "link", follow=False).st_mode)


def test_magic_links_are_refused():
    proc = os.open("/proc/self", os.O_RDONLY)
    try:
        with pytest.raises(OSError, match="Too many levels"):
            fs.open_in(proc, "exe")
    finally:
        os.close(proc)


def test_writing(top):
    path, fd = top
    previous = os.umask(0o077)
    try:
        fs.make_dirs(fd, "a/b/c")
        fs.write_file(fd, "a/b/file", b"1")
        fs.write_file(fd, "a/b/file", b"2")
    finally:
        os.umask(previous)
    assert (path / "a/b/file").read_text() == "2"
    assert stat.S_IMODE((path / "a/b/file").stat().st_mode) == 0o644
    assert stat.S_IMODE((path / "a/b/c").stat().st_mode) == 0o755
    assert fs.list_optional(fd, "a/b") == ["c", "file"]
    assert fs.list_optional(fd, "none") is None


def test_links_are_swapped_in_one_step(top):
    path, fd = top
    fs.make_symlink(fd, "link", "old")
    (path / "link.tmp").write_text("left over from a write that was cut short")
    fs.stage_symlink(fd, "link", "new")
    assert fs.readlink_optional(fd, "link") == "old"
    fs.commit_symlink(fd, "link")
    assert fs.readlink_optional(fd, "link") == "new"
    assert fs.readlink_optional(fd, "none") is None
    assert names(path) == ["link"]


def test_removal_does_not_follow_links(top):
    path, fd = top
    (path / "tree/sub").mkdir(parents=True)
    (path / "tree/out").symlink_to(path.parent)
    fs.remove_tree(fd, "tree")
    fs.remove_tree(fd, "tree")
    fs.remove_tree(fd, "none/below")
    assert names(path) == []
    assert (path.parent / "secret").exists()


def test_a_failing_removal_is_an_error(top):
    path, fd = top
    (path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        fs.remove_tree(fd, "file/below")


@pytest.mark.parametrize("name", ["tree/deep/stuck", "tree/stuck"])
def test_a_failing_removal_names_the_file(top, monkeypatch, name):
    path, fd = top
    (path / "tree/deep").mkdir(parents=True)
    (path / name).touch()
    unlink = os.unlink

    def refuse(one, *, dir_fd=None):
        if one == "stuck":
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), one)
        unlink(one, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", refuse)
    with pytest.raises(PermissionError) as caught:
        fs.remove_tree(fd, "tree")
    assert (caught.value.errno, caught.value.filename) == (errno.EPERM, name)


def test_a_pipe_is_not_waited_for(top):
    path, fd = top
    os.mkfifo(path / "pipe")
    with pytest.raises(OSError, match="Not a regular file"):
        fs.read_optional(fd, "pipe")


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda path: path.mkdir(), "Is a directory: 'it'"),
        (os.mkfifo, "Not a regular file: 'it'"),
        (lambda path: os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5)), "Not a regular file"),
        (lambda path: path.symlink_to("it"), "Too many levels of symbolic links"),
        (lambda path: path.symlink_to("gone"), "No such file or directory"),
        (lambda path: path.write_bytes(bytes(9)), "Larger than 8 bytes: 'it'"),
    ],
)
def test_only_a_regular_file_of_limited_size_is_read(top, make, text):
    path, fd = top
    make(path / "it")
    with pytest.raises(OSError, match=text):
        fs.read_bytes(fd, "it", 8)


def test_a_size_that_the_kernel_does_not_tell_counts_too():
    proc = os.open("/proc/self", os.O_RDONLY)
    try:
        assert fs.stat_optional(proc, "maps").st_size == 0
        with pytest.raises(OSError, match="Larger than 64 bytes"):
            fs.read_bytes(proc, "maps", 64)
    finally:
        os.close(proc)


def test_a_huge_file_is_refused_before_it_is_read(top, monkeypatch):
    path, fd = top
    with (path / "huge").open("wb") as file:
        file.truncate(1 << 30)
    monkeypatch.setattr(fs, "read_fd", lambda *_: pytest.fail("it is read"))
    with pytest.raises(OSError, match="Larger than 4194304 bytes"):
        fs.read_bytes(fd, "huge")
    (path / "full").write_bytes(bytes(fs.SIZE_LIMIT))
    monkeypatch.undo()
    assert len(fs.read_bytes(fd, "full")) == fs.SIZE_LIMIT
