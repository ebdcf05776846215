"""Reading, writing and resolving on real directories; every fd is closed whatever happens."""

import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from prepare_root import files
from prepare_root.constants import O_PATH, RESOLVE_BENEATH, RESOLVE_IN_ROOT


def open_fds():
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


@pytest.fixture(autouse=True)
def no_fd_is_lost():
    before = open_fds()
    yield
    assert open_fds() == before


@pytest.fixture
def top(tmp_path):
    (tmp_path / "root/etc").mkdir(parents=True)
    (tmp_path / "root/etc/fstab").write_text("inside")
    (tmp_path / "outside").write_text("outside")
    return tmp_path


def error_of(call, *words):
    with pytest.raises(OSError) as caught:
        call(*words)
    return caught.value.errno


def test_lstat_tells_absent_from_everything_else(top):
    assert files.lstat(bytes(top / "none")) is None
    assert files.lstat(bytes(top / "outside/below-a-file")) is None
    assert files.lstat(bytes(top / "outside"))[0] == (top / "outside").stat().st_mode
    (top / "loop").symlink_to("loop")
    assert files.lstat(bytes(top / "loop"))[0] & 0o170000 == stat.S_IFLNK
    assert error_of(files.lstat, bytes(top / "loop/below")) == errno.ELOOP
    assert error_of(files.lstat, bytes(top / ("x" * 256))) == errno.ENAMETOOLONG


def test_kinds(top):
    (top / "dangling").symlink_to("none")
    (top / "to-dir").symlink_to("root")
    os.mkfifo(top / "fifo")
    kinds = {
        name: [
            kind
            for kind in ("is_dir", "is_link", "is_file")
            if getattr(files, kind)(files.lstat(bytes(top / name)))
        ]
        for name in ("root", "outside", "dangling", "to-dir", "fifo", "none")
    }
    assert kinds == {
        "root": ["is_dir"],
        "outside": ["is_file"],
        "dangling": ["is_link"],
        "to-dir": ["is_link"],
        "fifo": [],
        "none": [],
    }


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 200000])
def test_read(tmp_path, size):
    data = os.urandom(size)
    (tmp_path / "file").write_bytes(data)
    assert files.read(bytes(tmp_path / "file")) == data
    assert files.read(bytes(tmp_path / "file"), limit=70000) == data[:70000]
    assert files.read_if_exists(bytes(tmp_path / "file")) == data


def test_read_takes_short_reads_together(tmp_path):
    """A pipe gives what is in it; files of /proc do the same."""
    os.mkfifo(tmp_path / "fifo")

    def feed():
        with (tmp_path / "fifo").open("wb", buffering=0) as pipe:
            for _ in range(50):
                pipe.write(b"x" * 3000)

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        assert files.read(bytes(tmp_path / "fifo")) == b"x" * 150000
    finally:
        thread.join()
    assert files.read(b"/proc/self/mountinfo").endswith(b"\n")


def test_read_if_exists(top):
    assert files.read_if_exists(bytes(top / "none")) is None
    assert files.read_if_exists(bytes(top / "outside/x")) is None
    assert error_of(files.read_if_exists, bytes(top)) == errno.EISDIR
    assert error_of(files.read, bytes(top / "none")) == errno.ENOENT


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("fstab", b"inside"),
        ("/etc/fstab", b"inside"),
        ("../../../../../etc/fstab", b"inside"),  # `..` of the root is the root
        ("../../outside", None),
        ("/outside", None),
        ("none", None),
        ("fstab/x", None),
    ],
)
def test_read_in_root_follows_links_inside_only(top, text, found):
    (top / "root/etc/link").symlink_to(text)
    assert files.read_in_root(bytes(top / "root"), b"etc/link") == found
    assert files.read_in_root(bytes(top / "root"), b"/etc/link") == found


def test_read_in_root_without_a_root(top):
    assert error_of(files.read_in_root, bytes(top / "none"), b"x") == errno.ENOENT
    assert error_of(files.read_in_root, bytes(top / "root"), b"etc") == errno.EISDIR
    (top / "root/loop").symlink_to("loop")
    assert error_of(files.read_in_root, bytes(top / "root"), b"loop") == errno.ELOOP


def test_openat2(top):
    (top / "root/out").symlink_to("../outside")
    root = os.open(top / "root", os.O_PATH)
    try:
        assert error_of(files.openat2, root, b"out", O_PATH, RESOLVE_BENEATH) == errno.EXDEV
        assert error_of(files.openat2, root, b"out", O_PATH, RESOLVE_IN_ROOT) == errno.ENOENT
        fd = files.openat2(root, b"etc/fstab", O_PATH, RESOLVE_BENEATH)
        try:
            assert files.fd_path(fd) == bytes((top / "root/etc/fstab").resolve())
            assert not os.get_inheritable(fd)
        finally:
            os.close(fd)
    finally:
        os.close(root)


def test_openat2_while_names_change(top):
    """Renames elsewhere make the kernel say EAGAIN for a path with `..`; nobody sees it."""
    (top / "root/a").mkdir()
    root = os.open(top / "root", os.O_PATH)
    stop = threading.Event()

    def shuffle():
        while not stop.is_set():
            (top / "root/a").rename(top / "root/b")
            (top / "root/b").rename(top / "root/a")

    thread = threading.Thread(target=shuffle)
    thread.start()
    try:
        for _ in range(3000):
            os.close(files.openat2(root, b"etc/../etc/../etc/fstab", O_PATH, RESOLVE_BENEATH))
    finally:
        stop.set()
        thread.join()
        os.close(root)


def test_write_replaces_and_sets_the_mode_whatever_the_umask(tmp_path):
    path = tmp_path / "file"
    old = os.umask(0o077)
    try:
        for data, mode in ((b"long content", 0o644), (b"short", 0o600), (b"", 0o444)):
            files.write(bytes(path), data, mode)
            assert path.read_bytes() == data
            assert stat.S_IMODE(path.stat().st_mode) == mode
    finally:
        os.umask(old)
    assert error_of(files.write, bytes(tmp_path / "none/file"), b"x", 0o600) == errno.ENOENT


def test_write_gives_all_to_a_slow_reader(tmp_path):
    """write(2) takes only what fits into a pipe."""
    os.mkfifo(tmp_path / "fifo")
    got = []
    thread = threading.Thread(target=lambda: got.append((tmp_path / "fifo").read_bytes()))
    thread.start()
    files.write(bytes(tmp_path / "fifo"), b"y" * 300000, 0o600)
    thread.join()
    assert got == [b"y" * 300000]


def test_make_dir_sets_the_mode_whatever_the_umask(tmp_path):
    old = os.umask(0o077)
    try:
        assert files.make_dir(bytes(tmp_path / "a"), 0o755)
        assert files.make_dir(bytes(tmp_path / "b"), 0)
        assert not files.make_dir(bytes(tmp_path / "a"), 0o700)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0
    assert error_of(files.make_dir, bytes(tmp_path / "none/c"), 0o755) == errno.ENOENT


def test_make_dirs(tmp_path):
    (tmp_path / "a").mkdir(mode=0o700)
    files.make_dirs(bytes(tmp_path / "a/b/c"), 0o751)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a", "a/b", "a/b/c")]
    assert modes == [0o700, 0o751, 0o751]
    files.make_dirs(bytes(tmp_path / "a/b/c"), 0o755)
    (tmp_path / "file").write_text("")
    assert error_of(files.make_dirs, bytes(tmp_path / "file/d"), 0o755) == errno.ENOTDIR


def test_readlink_and_empty_directories(tmp_path):
    (tmp_path / "link").symlink_to("te\nxt")
    assert files.readlink(bytes(tmp_path / "link")) == b"te\nxt"
    assert error_of(files.readlink, bytes(tmp_path)) == errno.EINVAL
    (tmp_path / "dir").mkdir()
    assert files.is_empty_dir(bytes(tmp_path / "dir"))
    (tmp_path / "dir/.x").write_text("")
    assert not files.is_empty_dir(bytes(tmp_path / "dir"))
    assert error_of(files.is_empty_dir, bytes(tmp_path / "link")) == errno.ENOENT
