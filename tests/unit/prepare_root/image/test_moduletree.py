"""A kernel's tree of modules: found, indexed without a change to it, and read."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from prepare_root.image import kmodules, moduletree
from prepare_root.image.errors import ImageError
from prepare_root.image.kmodules import Request
from prepare_root.image.moduletree import ModuleTree
from prepare_root.image.run import run

KVER = "6.1.0-test"


def names(root: Path, *requests: Request) -> list[str]:
    tree = ModuleTree.find(root, KVER)
    return [module.name for module in kmodules.resolve(tree, requests).modules]


def test_a_tree_without_indexes_is_left_as_it_was(kernel_root: Path) -> None:
    before = sorted(path.name for path in (kernel_root / "usr/lib/modules" / KVER).iterdir())
    names(kernel_root, Request("xfs"))
    after = sorted(path.name for path in (kernel_root / "usr/lib/modules" / KVER).iterdir())
    assert after == before
    assert "modules.dep.bin" not in after


def test_indexes_that_are_there_are_used(kernel_root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(kernel_root, copy)
    tree = ModuleTree.find(copy, KVER)
    with moduletree.kmod_view(tree) as view:
        for index in (view / "lib/modules" / KVER).glob("modules.*"):
            if not (tree.directory / index.name).exists():
                shutil.copyfile(index, tree.directory / index.name)
    (tree.directory / "kernel/fs/isofs/isofs.ko").unlink()
    # Only an index still knows it: so the index was asked, not the files.
    assert names(copy, Request("isofs")) == ["isofs"]


def test_a_module_that_kmod_cannot_read(kernel_root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(kernel_root, copy)
    if "+ZLIB" in run(("modprobe", "--version"), "ask", "kmod").decode():
        pytest.skip("this kmod reads every way to compress a module")
    bad = copy / "usr/lib/modules" / KVER / "kernel/fs/bad.ko.gz"
    bad.write_bytes(b"")
    with pytest.raises(ImageError, match=f"^index modules: {bad}: this machine's kmod"):
        names(copy, Request("isofs"))


@pytest.mark.parametrize("below", ["", "usr/lib/modules"])
def test_find_accepts_a_root_and_a_modules_directory(kernel_root: Path, below: str) -> None:
    tree = ModuleTree.find(kernel_root / below, KVER)
    assert tree.directory == kernel_root / "usr/lib/modules" / KVER
    assert tree.root == kernel_root


def test_find_outside_of_a_root(kernel_root: Path, tmp_path: Path) -> None:
    (tmp_path / KVER).symlink_to(kernel_root / "usr/lib/modules" / KVER)
    tree = ModuleTree.find(tmp_path, KVER)
    assert tree.root is None
    assert [m.name for m in kmodules.resolve(tree, [Request("isofs")]).modules] == ["isofs"]


@pytest.mark.parametrize(
    ("kver", "reason", "hint"),
    [
        ("6.9", "no such kernel", f"kernels there: {KVER}"),
        ("", "not a kernel version", ""),
        ("..", "not a kernel version", ""),
        ("6.1/..", "not a kernel version", ""),
        ("6.1 x", "not a kernel version", ""),
    ],
)
def test_find_fails(kernel_root: Path, kver: str, reason: str, hint: str) -> None:
    with pytest.raises(ImageError, match=r"^find modules: ") as caught:
        ModuleTree.find(kernel_root, kver)
    assert (caught.value.reason, caught.value.hint) == (reason, hint)


def test_find_in_an_empty_directory(tmp_path: Path) -> None:
    with pytest.raises(ImageError) as caught:
        ModuleTree.find(tmp_path, KVER)
    assert caught.value.hint.startswith("no kernel is there at all")


@pytest.mark.parametrize("name", ["a.ko", "a.ko.xz", "a.ko.gz", "a.ko.zst"])
def test_read_module(module_file: Callable[[str], Path], name: str) -> None:
    assert moduletree.read_module(module_file(name)) == moduletree.read_module(module_file("a.ko"))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a.ko", "not an ELF file"),
        ("a.ko.xz", "Input format not supported by decoder"),
        ("a.ko.gz", "Not a gzipped file"),
        ("a.ko.zst", "zstd failed"),
    ],
)
def test_read_module_that_is_damaged(tmp_path: Path, name: str, reason: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"damaged" * 10)
    with pytest.raises(ImageError, match=f"^read module: {path}: {reason}"):
        moduletree.read_module(path)
