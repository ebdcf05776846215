"""The ctypes system calls do what the C extension does.

Freezing and namespaces need root and a filesystem of their own: tests/ns.
"""

import errno
import os

import pytest

from bootentries import syscalls_ctypes

IMPLEMENTATIONS = [syscalls_ctypes]
try:
    import _bootsys
except ImportError:
    pass
else:
    IMPLEMENTATIONS.append(_bootsys)

RESOLVE_BENEATH, RESOLVE_IN_ROOT = 0x08, 0x10


@pytest.fixture(params=IMPLEMENTATIONS, ids=lambda module: module.__name__)
def calls(request):
    return request.param


@pytest.fixture
def directory(tmp_path):
    (tmp_path / "file").write_text("content")
    fd = os.open(tmp_path, os.O_RDONLY)
    yield fd
    os.close(fd)


def test_openat2(calls, directory):
    fd = calls.openat2(directory, b"/file", os.O_RDONLY, 0, RESOLVE_IN_ROOT)
    try:
        assert os.read(fd, 10) == b"content"
        assert not os.get_inheritable(fd)
    finally:
        os.close(fd)


@pytest.mark.parametrize(
    ("path", "resolve", "code"),
    [
        (b"../x", RESOLVE_BENEATH, errno.EXDEV),
        (b"none", RESOLVE_IN_ROOT, errno.ENOENT),
        (b"file", 1 << 40, errno.EINVAL),
    ],
)
def test_openat2_fails(calls, directory, path, resolve, code):
    with pytest.raises(OSError) as caught:
        calls.openat2(directory, path, os.O_RDONLY, 0, resolve)
    assert caught.value.errno == code
    assert caught.value.filename == path


def test_syncfs(calls, directory):
    calls.syncfs(directory)
    with pytest.raises(OSError) as caught:
        calls.syncfs(-1)
    assert caught.value.errno == errno.EBADF


def test_mount_fails_with_the_target(calls):
    with pytest.raises(OSError) as caught:
        calls.mount(b"none", b"/no/such/place", b"tmpfs", 0, b"")
    assert caught.value.errno in (errno.ENOENT, errno.EPERM)
    assert caught.value.filename == b"/no/such/place"


def test_umount_fails_with_the_path(calls):
    with pytest.raises(OSError) as caught:
        calls.umount(b"/no/such/place", 0)
    assert caught.value.errno in (errno.ENOENT, errno.EPERM)
    assert caught.value.filename == b"/no/such/place"


def test_unshare_fails(calls):
    with pytest.raises(OSError) as caught:
        calls.unshare(1 << 3)
    assert caught.value.errno == errno.EINVAL


def test_freeze_needs_a_filesystem(calls):
    read_fd, write_fd = os.pipe()
    try:
        with pytest.raises(OSError) as caught:
            calls.freeze_thaw(read_fd, 1)
        assert caught.value.errno in (errno.EOPNOTSUPP, errno.EPERM, errno.EINVAL, errno.ENOTTY)
    finally:
        os.close(read_fd)
        os.close(write_fd)
