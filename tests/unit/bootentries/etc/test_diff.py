"""What counts as a change of /etc, in which order changes come, and at what cost."""

import os
import subprocess
import tracemalloc

import pytest
from etc_model import DEVICE, FIFO, SOCKET, Node, d, edited, f, ln, write

from bootentries.etc.diff import Change, Kind, changes_in, diff

MEGABYTE = 1 << 20


@pytest.fixture
def fds(trees):
    found = [os.open(path, os.O_RDONLY) for path in (trees.default, trees.local)]
    yield found
    for fd in found:
        os.close(fd)


def lines(found):
    return [f"{change.kind.value} {change.path}" for change in found]


CASES = [
    ("nothing", {"x": f("a")}, {}, []),
    ("content", {"x": f("a")}, {"x": f("b")}, ["M x"]),
    ("size", {"x": f("a")}, {"x": f("ab")}, ["M x"]),
    ("mode of a file", {"x": f("a")}, {"x": f("a", 0o600)}, ["M x"]),
    ("set-id bit", {"x": f("a", 0o755)}, {"x": f("a", 0o4755)}, ["M x"]),
    ("owner of a file", {"x": f("a")}, {"x": f("a", owner=(1, 0))}, ["M x"]),
    ("group of a file", {"x": f("a")}, {"x": f("a", owner=(0, 1))}, ["M x"]),
    ("extended attributes", {"x": f("a"), "y": d()}, {"x": f("a", m=b"1"), "y": d(m=b"1")}, []),
    ("time", {"x": f("a")}, {"x": Node("file", "a", mtime=5)}, []),
    ("target of a link", {"x": ln("a")}, {"x": ln("b")}, ["M x"]),
    ("owner of a link", {"x": ln("a")}, {"x": ln("a", (1, 0))}, ["M x"]),
    ("mode of a directory", {"x": d(), "x/y": f()}, {"x": d(0o700)}, ["M x"]),
    ("owner of a directory", {"x": d()}, {"x": d(owner=(1, 0))}, ["M x"]),
    ("directory and what is in it", {"x": d(), "x/y": f("a")}, {"x": d(0o700), "x/y": f("b")},
     ["M x", "M x/y"]),
    ("removed tree is one change", {"x": d(), "x/y": d(), "x/y/z": f()}, {"x": None}, ["D x"]),
    ("added tree is listed whole", {}, {"x": d(), "x/y": d(), "x/y/z": f()},
     ["A x", "A x/y", "A x/y/z"]),
    ("directory to file", {"x": d(), "x/y": f()}, {"x": f()}, ["M x"]),
    ("file to directory", {"x": f()}, {"x": d(), "x/y": f()}, ["M x"]),
    ("directory to link", {"x": d(), "x/y": f(), "z": d()}, {"x": ln("z")}, ["M x"]),
    ("link is not followed", {"l": ln("x"), "x": d()}, {"x/y": f()}, ["A x/y"]),
    ("link in a circle", {"l": ln("l")}, {"m": ln("l")}, ["A m"]),
    ("file to fifo", {"x": f()}, {"x": Node(FIFO)}, ["M x"]),
    ("special files", {}, {"a": Node(FIFO), "b": Node(SOCKET), "c": Node(DEVICE)},
     ["A a", "A b", "A c"]),
    ("same fifo", {"x": Node(FIFO)}, {}, []),
    ("fifo to socket", {"x": Node(FIFO)}, {"x": Node(SOCKET)}, ["M x"]),
    ("names", {"new\nline": f(), "bad\udcff": f()}, {"new\nline": None, "bad\udcff": f("b")},
     ["M bad\udcff", "D new\nline"]),
    ("order", {"b": d(), "b/x": f(), "a": f(), "d": f(), "c": d(), "c/y": f()},
     {"a": f("a"), "b/x": f("b"), "b/a": f(), "c": d(0o700), "c/y": None, "d": None, "A": f()},
     ["M a", "M c", "D d", "A A", "M b/x", "A b/a", "D c/y"]),
]  # fmt: skip


@pytest.mark.parametrize(("default", "edits", "expected"), [case[1:] for case in CASES],
                         ids=[case[0] for case in CASES])  # fmt: skip
def test_changes(trees, fds, default, edits, expected):
    write(trees.default, default)
    write(trees.local, edited(default, edits))
    assert lines(diff(*fds)) == expected


def test_the_top_directory_itself_is_not_compared(trees, fds):
    trees.local.chmod(0o700)
    os.chown(trees.local, 1, 2)
    assert lines(diff(*fds)) == []


def test_one_directory_alone(trees, fds):
    write(trees.default, {"x": d(), "x/a": f(), "x/s": d(), "x/s/deep": f()})
    write(trees.local, {"x": d(), "x/a": f("b"), "x/s": d(), "x/n": d(), "x/n/deep": f()})
    assert lines(changes_in(*fds, "x")) == ["M x/a", "A x/n"]
    assert lines(changes_in(None, fds[1], "x")) == ["A x/a", "A x/n", "A x/s"]
    assert lines(diff(None, fds[1], "x/n")) == ["A x/n/deep"]


def test_a_default_that_vanishes_meanwhile_is_removed(trees, fds):
    write(trees.default, {"a": f("1"), "b": f()})
    write(trees.local, {"a": f("2"), "b": f()})
    found = diff(*fds)
    assert next(found) == Change(Kind.MODIFIED, "a")
    (trees.local / "b").unlink()
    assert lines(found) == ["D b"]


def test_an_added_file_that_vanishes_meanwhile_was_never_there(trees, fds):
    write(trees.local, {"a": f(), "b": f(), "c": f()})
    found = diff(*fds)
    assert next(found) == Change(Kind.ADDED, "a")
    (trees.local / "b").unlink()
    assert lines(found) == ["A c"]


def test_a_failing_call_names_the_path(trees, fds):
    write(trees.local, {"a": d(), "a/b": d(), "a/b/c": d()})
    found = diff(*fds)
    assert lines([next(found), next(found)]) == ["A a", "A a/b"]
    (trees.local / "a/b/c").rmdir()
    (trees.local / "a/b").rmdir()
    with pytest.raises(FileNotFoundError) as caught:
        list(found)
    assert os.fsdecode(caught.value.filename) == "a/b"


def test_a_diff_given_up_leaves_nothing_open(trees, fds):
    write(trees.default, {"a": d(), "a/b": f("1")})
    write(trees.local, {"a": d(), "a/b": f("2")})
    before = os.listdir("/proc/self/fd")  # noqa: PTH208
    found = diff(*fds)
    next(found)
    found.close()
    assert os.listdir("/proc/self/fd") == before  # noqa: PTH208


def test_a_deep_tree(trees, fds):
    """Deeper than there may be open files, or calls on Python's stack.

    That holds for pytest's own removal of old directories, too.
    """
    depth = 1500
    for top in fds:
        here = os.dup(top)
        for _ in range(depth):
            os.mkdir("d", dir_fd=here)
            below = os.open("d", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        os.mkdir("mine" if top == fds[1] else "theirs", dir_fd=here)
        os.close(here)
    found = lines(diff(*fds))
    subprocess.run(["rm", "-r", trees.default / "d", trees.local / "d"], check=True)
    assert found == ["D " + "d/" * depth + "theirs", "A " + "d/" * depth + "mine"]


@pytest.fixture
def traced():
    """Return a function that tells the most memory in use since the test began."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    yield lambda: tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()


def test_large_files_are_compared_in_blocks(trees, fds, traced):
    for path in (trees.default / "x", trees.local / "x"):
        with path.open("wb") as out:
            out.truncate(64 * MEGABYTE)
    assert lines(diff(*fds)) == []
    with (trees.local / "x").open("r+b") as out:
        out.seek(-1, os.SEEK_END)
        out.write(b"!")
    assert lines(diff(*fds)) == ["M x"]
    assert traced() < MEGABYTE
