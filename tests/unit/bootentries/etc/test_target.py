"""Where local changes go: directories of the new /etc, links followed inside it only."""

import errno
import os

import pytest
from etc_model import d, f, ln, read, write

from bootentries.etc.target import Target

NEW = {
    "a": d(0o755), "a/b": d(0o750), "file": f(), "in": ln("a/b"), "root": ln("/etc/a"),
    "up": ln("../etc/a"), "self": ln("."), "chain": ln("in"), "out": ln(".."), "top": ln("/"),
    "var": ln("/var/lib"), "far": ln("../../.."), "none": ln("nothing"), "loop": ln("loop"),
    "to-file": ln("file"),
}  # fmt: skip


@pytest.fixture
def target(trees):
    (trees.new / "var/lib").mkdir(parents=True)
    write(trees.merged, NEW)
    fds = [os.open(path, os.O_RDONLY) for path in (trees.new, trees.merged, trees.local)]
    yield Target(fds[0], fds[1]), fds[2]
    for fd in fds:
        os.close(fd)


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("", "."), ("a", "a"), ("a/b", "a/b"), ("in", "a/b"), ("chain", "a/b"), ("root", "a"),
        ("root/b", "a/b"), ("up", "a"), ("self", "."), ("self/in", "a/b"),
    ],
)  # fmt: skip
def test_directories(trees, target, path, where):
    with target[0].opened(path) as fd:
        assert os.fstat(fd).st_ino == (trees.merged / where).stat().st_ino


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("file", errno.ENOTDIR),
        ("to-file", errno.ENOTDIR),
        ("missing", errno.ENOENT),
        ("none", errno.ENOENT),
        ("in/missing", errno.ENOENT),
        ("loop", errno.ELOOP),
        ("out", errno.EXDEV),
        ("top", errno.EXDEV),
        ("var", errno.EXDEV),
        ("far", errno.EXDEV),
    ],
)
def test_what_cannot_be_entered(target, path, reason):
    before = os.listdir("/proc/self/fd")  # noqa: PTH208
    with pytest.raises(OSError) as caught:
        target[0].open(path)
    assert caught.value.errno == reason
    assert os.listdir("/proc/self/fd") == before  # noqa: PTH208


LOCAL = {"a": d(0o700, (1, 1)), "a/n": d(0o701), "a/n/m": d(0o702), "in": d(0o703)}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", {}),
        ("a", {"a": d(0o700, (1, 1))}),
        ("a/n", {"a/n": d(0o701)}),
        ("a/n/m", {"a/n": d(0o701), "a/n/m": d(0o702)}),
        ("in", {"a/b": d(0o703)}),
    ],
)
def test_only_the_directory_itself_and_what_is_made_change(trees, target, path, expected):
    write(trees.local, LOCAL)
    with target[0].ensured(path, target[1]) as fd:
        os.mkdir("here", 0o755, dir_fd=fd)
    place = f"{next(iter(reversed(expected)), '')}/here".lstrip("/")
    assert read(trees.merged) == NEW | expected | {place: d()}


def test_without_extended_attributes(trees, target):
    write(trees.local, {"a": d(0o700, mine=b"1")})
    with Target(target[0].root_fd, target[0].etc_fd, xattrs=False).ensured("a", target[1]):
        pass
    assert read(trees.merged)["a"] == d(0o700)
