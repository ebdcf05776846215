"""What goes into an image, and that it is the same bit for bit wherever it is made."""

import os
import shutil
import stat
from pathlib import Path

import pytest

from prepare_root.image import contents, cpio, kmodules
from prepare_root.image.errors import ImageError
from prepare_root.image.moduletree import ModuleTree

KVER = "6.1.0-test"


def build(root: Path, program: Path, epoch: int = 0) -> bytes:
    tree = ModuleTree.find(root, KVER)
    closure = kmodules.resolve(tree, [kmodules.Request("xfs"), kmodules.Request("virtio_blk")])
    items = contents.plan(program, KVER, closure, "[sysroot]\nreadonly=true\n", None)
    return contents.pack(items, epoch)


def test_members(kernel_root: Path, static_program: Path) -> None:
    found = {m.name: m for m in cpio.members(build(kernel_root, static_program, 12))}
    modules = f"usr/lib/modules/{KVER}"
    for name in ("proc", "sys", "dev", "run", "sysroot", "etc", "usr/lib/ostree", modules):
        assert found[name].mode == stat.S_IFDIR | 0o755, name
    assert found["init"].mode == stat.S_IFREG | 0o755
    assert found["init"].data == static_program.read_bytes()
    assert found["dev/console"].mode == stat.S_IFCHR | 0o600
    assert found["dev/console"].rdev == (5, 1)
    assert b"ID=bootchain" in found["etc/initrd-release"].data
    assert found["usr/lib/ostree/prepare-root.conf"].data == b"[sysroot]\nreadonly=true\n"
    assert "etc/ostree/prepare-root.conf" not in found
    assert {m.mtime for m in found.values()} == {12}


def test_load_list_names_members_in_order(kernel_root: Path, static_program: Path) -> None:
    found = {m.name: m.data for m in cpio.members(build(kernel_root, static_program))}
    lines = found["usr/lib/bootchain/modules"].decode().splitlines()
    assert [line.rpartition("/")[2] for line in lines] == [
        "crc32c-generic.ko",
        "libcrc32c.ko",
        "xfs.ko",
        "virtio_ring.ko",
        "virtio_blk.ko",
        "virtio_pci.ko",
    ]
    for line in lines:
        assert found[line.removeprefix("/")].startswith(b"\x7fELF")


def test_every_parent_comes_before_its_children(kernel_root: Path, static_program: Path) -> None:
    seen = {"."}
    for member in cpio.members(build(kernel_root, static_program)):
        assert str(Path(member.name).parent) in seen
        seen.add(member.name)


def test_same_bytes_from_other_copies(
    kernel_root: Path, static_program: Path, tmp_path: Path
) -> None:
    one = build(kernel_root, static_program)
    other_root = tmp_path / "a longer way/to it"
    shutil.copytree(kernel_root, other_root, copy_function=shutil.copyfile)
    program = tmp_path / "renamed"
    shutil.copyfile(static_program, program)
    for path in [program, *other_root.rglob("*")]:
        os.utime(path, (1_500_000_000, 1_500_000_000))
    before = os.umask(0o077)
    try:
        other = build(other_root, program)
    finally:
        os.umask(before)
    assert one == other


def test_describe(kernel_root: Path, static_program: Path) -> None:
    tree = ModuleTree.find(kernel_root, KVER)
    closure = kmodules.resolve(tree, [kmodules.Request("isofs")])
    items = contents.plan(static_program, KVER, closure, "", "[etc]\ntransient=true\n")
    lines = [item.describe() for item in items]
    size = static_program.stat().st_size
    assert f"-rwxr-xr-x {size:>9} init  <- {static_program}" in lines
    assert f"-rw-r--r-- {21:>9} etc/ostree/prepare-root.conf" in lines
    assert f"drwxr-xr-x {'':>9} sysroot/" in lines


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("/bin/sh", "not static: it asks for /lib64/ld-linux"),
        ("/etc/os-release", "not an ELF executable"),
        ("/nonexistent", "No such file or directory"),
    ],
)
def test_executable_that_no_image_can_start(source: str, reason: str) -> None:
    with pytest.raises(ImageError, match=f"^read executable: {source}: {reason}"):
        contents.read_static(Path(source))
