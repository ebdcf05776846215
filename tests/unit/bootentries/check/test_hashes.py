"""What was hashed once is not read again."""

import hashlib
import os

import pytest

from bootentries.check.hashes import Hashes
from bootentries.kernel import KernelFile, KernelLayout


@pytest.fixture
def top(tmp_path):
    """Two directories, the files in the second one being hard links of the first one's."""
    for name, content in (("vmlinuz", b"kernel"), ("initramfs.img", b"initramfs")):
        (tmp_path / "a").mkdir(exist_ok=True)
        (tmp_path / "b").mkdir(exist_ok=True)
        (tmp_path / "a" / name).write_bytes(content)
        (tmp_path / "b" / name).hardlink_to(tmp_path / "a" / name)
    fd = os.open(tmp_path, os.O_RDONLY)
    yield tmp_path, fd
    os.close(fd)


def layout(base, bootcsum=None):
    return KernelLayout(
        KernelFile(f"{base}/vmlinuz", "vmlinuz"),
        KernelFile(f"{base}/initramfs.img", "initramfs"),
        bootcsum=bootcsum,
    )


def test_hard_links_are_read_once(top):
    path, fd = top
    hashes = Hashes()
    wanted = hashlib.sha256(b"kernelinitramfs").hexdigest()
    assert hashes.layout(fd, layout("a")) == wanted
    # Whoever reads it again would see this.
    (path / "a/vmlinuz").write_bytes(b"KERNEL")
    assert hashes.layout(fd, layout("b")) == wanted
    assert Hashes().layout(fd, layout("b")) != wanted


def test_copies_are_read(top):
    path, fd = top
    hashes = Hashes()
    first = hashes.layout(fd, layout("a"))
    (path / "b/vmlinuz").unlink()
    (path / "b/vmlinuz").write_bytes(b"KERNEL")
    assert hashes.layout(fd, layout("b")) != first


def test_what_a_name_says_is_not_believed(top):
    _, fd = top
    assert Hashes().layout(fd, layout("a", "0" * 64)) == Hashes().layout(fd, layout("a"))


def test_files(top):
    path, fd = top
    hashes = Hashes()
    wanted = hashlib.sha256(b"kernel").hexdigest()
    assert hashes.file(fd, "a/vmlinuz") == wanted
    (path / "a/vmlinuz").write_bytes(b"KERNEL")
    assert hashes.file(fd, "b/vmlinuz") == wanted
    with pytest.raises(FileNotFoundError):
        hashes.file(fd, "none")
