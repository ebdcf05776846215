"""Kernels on a real XFS: their directory stays in a block while they come and go."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootentries.root import open_root
from bootentries.txn.context import Context
from bootentries.txn.xfs import FILLER, plan_keep_in_block

pytestmark = [
    pytest.mark.ns,
    pytest.mark.skipif(shutil.which("mkfs.xfs") is None, reason="xfsprogs is not installed"),
]
BLOCK = 4096


def made(top: Path, fstype: str, size: str) -> Iterator[Path]:
    image, point = top / "image", top / "sysroot"
    subprocess.run(["truncate", "-s", size, image], check=True)
    subprocess.run([f"mkfs.{fstype}", "-q", image], check=True)
    point.mkdir()
    subprocess.run(["mount", "-o", "loop", image, point], check=True)
    (point / "ostree/repo").mkdir(parents=True)
    (point / "boot/ostree").mkdir(parents=True)
    yield point
    subprocess.run(["umount", point], check=True)


@pytest.fixture
def xfs(tmp_path: Path) -> Iterator[Path]:
    yield from made(tmp_path, "xfs", "320M")


@pytest.fixture
def ext4(tmp_path: Path) -> Iterator[Path]:
    yield from made(tmp_path, "ext4", "32M")


def payload(top: Path, digit: str) -> Path:
    return top / f"boot/ostree/debian-{digit * 64}"


def size(top: Path) -> int:
    return (top / "boot/ostree").stat().st_size


def change(top: Path) -> list[int]:
    """The sizes of the directory while kernels come and go."""
    sizes = [size(top)]
    for digit in "12345":
        payload(top, digit).mkdir()
        sizes.append(size(top))
    for digit in "12345":
        payload(top, digit).rmdir()
        sizes.append(size(top))
    return sizes


def test_without_room_it_goes_back_and_forth(xfs: Path) -> None:
    sizes = change(xfs)
    assert min(sizes) < BLOCK <= max(sizes)
    assert sizes[-1] < BLOCK


@pytest.mark.parametrize("there_first", [0, 1, 5])
def test_with_room_it_stays_in_a_block(xfs: Path, there_first: int) -> None:
    for digit in "6789a"[:there_first]:
        payload(xfs, digit).mkdir()
    with open_root(str(xfs)) as root:
        todo = plan_keep_in_block(root)
        assert [op.describe() for op in todo] == ["make room for names in boot/ostree"]
        todo[0].apply(Context(root, print))
        fillers = [path.name for path in (xfs / "boot/ostree").iterdir() if path.is_file()]
        assert len(fillers) == 2
        assert all(name.startswith(FILLER) for name in fillers)
        assert plan_keep_in_block(root) == ()
    for digit in "6789a"[:there_first]:
        payload(xfs, digit).rmdir()
    assert set(change(xfs)) == {BLOCK}


def test_what_was_half_done_is_completed(xfs: Path) -> None:
    with open_root(str(xfs)) as root:
        (todo,) = plan_keep_in_block(root)
        todo.apply(Context(root, print))
        first, second = sorted((xfs / "boot/ostree").iterdir())
        second.unlink()
        for digit in "12345":  # so many that it is in a block for now
            payload(xfs, digit).mkdir()
        assert plan_keep_in_block(root) == (todo,)
        todo.apply(Context(root, print))
        assert plan_keep_in_block(root) == ()
    assert (first.is_file(), second.is_file()) == (True, True)


def crowd(top: Path, version: str) -> None:
    """What a distribution that was there before may have left."""
    (top / "boot/loader.0").mkdir()
    (top / "boot/loader").symlink_to("loader.0")
    for name in ("efi", "grub2"):
        (top / "boot" / name).mkdir()
    for name in ("vmlinuz", "initramfs", ".vmlinuz"):
        (top / f"boot/{name}-{version}").touch()


def swap(top: Path) -> list[int]:
    """The sizes of /boot while a list takes the place of another."""
    boot, sizes = top / "boot", []
    for old, new in ("01", "10"):
        (boot / f"loader.{new}").mkdir()
        (boot / "loader.tmp").symlink_to(f"loader.{new}")
        sizes.append(boot.stat().st_size)
        (boot / "loader.tmp").rename(boot / "loader")
        (boot / f"loader.{old}").rmdir()
        sizes.append(boot.stat().st_size)
    return sizes


def test_a_crowded_boot_goes_back_and_forth(xfs: Path) -> None:
    crowd(xfs, "6.12.0-55.el10.x86_64")
    sizes = swap(xfs)
    assert min(sizes) < BLOCK <= max(sizes)


def test_a_crowded_boot_stays_in_a_block(xfs: Path) -> None:
    crowd(xfs, "6.12.0-55.el10.x86_64")
    with open_root(str(xfs)) as root:
        todo = plan_keep_in_block(root)
        said = [op.describe() for op in todo]
        assert said == ["make room for names in boot/ostree", "make room for names in boot"]
        for op in todo:
            op.apply(Context(root, print))
        assert plan_keep_in_block(root) == ()
    assert set(swap(xfs)) == {BLOCK}


def test_a_crowded_boot_that_was_half_done_is_completed(xfs: Path) -> None:
    crowd(xfs, "6.12.0-55.el10.x86_64")
    with open_root(str(xfs)) as root:
        todo = plan_keep_in_block(root)
        for op in todo:
            op.apply(Context(root, print))
        max((xfs / "boot").glob(f"{FILLER}*")).unlink()
        assert plan_keep_in_block(root) == todo[1:]


@pytest.mark.parametrize(
    "names", [[], ["a-name-of-thirty-two-characters-" + str(n) for n in range(60)]]
)
def test_a_boot_with_few_names_or_very_many_needs_none(xfs: Path, names: list[str]) -> None:
    for name in ("loader.0", "efi", "grub2", *names):
        (xfs / "boot" / name).mkdir()
    (xfs / "boot/loader").symlink_to("loader.0")
    with open_root(str(xfs)) as root:
        assert [op.describe() for op in plan_keep_in_block(root)] == [
            "make room for names in boot/ostree"
        ]


def test_other_filesystems_need_none(ext4: Path) -> None:
    with open_root(str(ext4)) as root:
        assert plan_keep_in_block(root) == ()
