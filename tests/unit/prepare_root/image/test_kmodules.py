"""Closures come from the real kmod over real, small object files."""

from pathlib import Path

import pytest

from prepare_root import kmodules as init_modules
from prepare_root.image import kmodules
from prepare_root.image.errors import ImageError
from prepare_root.image.kmodules import Request
from prepare_root.image.moduletree import ModuleTree, read_module
from prepare_root.image.run import attempt

KVER = "6.1.0-test"


def names(root: Path, *requests: Request) -> list[str]:
    tree = ModuleTree.find(root, KVER)
    return [module.name for module in kmodules.resolve(tree, requests).modules]


@pytest.mark.parametrize(
    ("requests", "expected"),
    [
        pytest.param([Request("virtio_pci")], ["virtio_ring", "virtio_pci"], id="dependency-first"),
        pytest.param(
            [Request("xfs", filesystem=True)],
            ["crc32c_generic", "libcrc32c", "xfs"],
            id="soft-dependency-of-a-dependency",
        ),
        pytest.param([Request("iso9660", filesystem=True)], ["isofs"], id="filesystem-alias"),
        pytest.param([Request("isofs", filesystem=True)], ["isofs"], id="filesystem-module-name"),
        pytest.param(
            [Request("virtio-pci")], ["virtio_ring", "virtio_pci"], id="dash-is-underscore"
        ),
        pytest.param(
            [Request("virtio_blk")],
            ["virtio_ring", "virtio_blk", "virtio_pci"],
            id="companion",
        ),
        pytest.param(
            [Request("xfs"), Request("erofs"), Request("xfs")],
            ["crc32c_generic", "libcrc32c", "xfs", "erofs"],
            id="each-once",
        ),
        pytest.param([Request("ext4", filesystem=True)], [], id="built-in"),
        pytest.param([Request("nvme", required=False)], [], id="default-not-there"),
        pytest.param([], [], id="nothing"),
    ],
)
def test_load_order(kernel_root: Path, requests: list[Request], expected: list[str]) -> None:
    assert names(kernel_root, *requests) == expected


def test_index_says_who_asks_for_what(kernel_root: Path) -> None:
    tree = ModuleTree.find(kernel_root, KVER)
    requests = [
        Request("virtio_blk"), Request("xfs", filesystem=True), Request("isofs", filesystem=True),
        Request("libcrc32c"), Request("ext4", filesystem=True), Request("xfs", filesystem=True),
    ]  # fmt: skip
    closure = kmodules.resolve(tree, requests)
    order = "virtio_ring virtio_blk crc32c_generic libcrc32c xfs isofs virtio_pci"
    assert [module.name for module in closure.modules] == order.split()
    assert closure.index().splitlines() == [
        "alias virtio:d2v* 0 1", "fs xfs 2 3 4", "fs iso9660 5", "fs isofs 5",
        "always 2 3", "alias pci:v1AF4d* 0 6",
    ]  # fmt: skip


def test_index_is_read_by_init(kernel_root: Path) -> None:
    tree = ModuleTree.find(kernel_root, KVER)
    closure = kmodules.resolve(tree, [Request("virtio_blk"), Request("erofs", filesystem=True)])
    index = init_modules.parse_index(closure.index().encode(), len(closure.modules))
    assert index.aliases == {
        b"virtio": [(b"virtio:d2v*", (0, 1))],
        b"pci": [(b"pci:v1AF4d*", (0, 5))],
    }
    assert index.filesystems == {b"erofs": (2, 3, 4)}
    assert index.always == ()


@pytest.mark.parametrize(
    ("modaliases", "expected"),
    [
        (("virtio:d2v1",), ["virtio_ring", "virtio_blk"]),
        (("pci:v1AF4d1", "virtio:d2v1"), ["virtio_ring", "virtio_pci", "virtio_blk"]),
        (("virtio:d3v1", "pci:v8086d1", "crc32c", "of:Nx"), []),
        ((), []),
    ],
)
def test_what_devices_ask_for(
    kernel_root: Path, modaliases: tuple[str, ...], expected: list[str]
) -> None:
    """Without companions: what such a driver meets is another device, with an alias of its own."""
    closure = kmodules.resolve(ModuleTree.find(kernel_root, KVER), (), modaliases)
    assert [module.name for module in closure.modules] == expected
    assert closure.absent == ()


def test_what_is_no_module_is_told_apart(kernel_root: Path) -> None:
    tree = ModuleTree.find(kernel_root, KVER)
    requests = [Request("ext4", filesystem=True), Request("nvme", required=False)]
    closure = kmodules.resolve(tree, requests)
    assert (closure.builtin, closure.absent) == (("ext4",), ("nvme",))


def test_paths_are_those_of_the_decompressed_module(kernel_root: Path) -> None:
    tree = ModuleTree.find(kernel_root, KVER)
    module = kmodules.resolve(tree, [Request("overlay")]).modules[0]
    assert module.path == f"usr/lib/modules/{KVER}/kernel/fs/overlayfs/overlay.ko"
    assert module.load_line == f"/{module.path}"
    assert module.source.name == "overlay.ko.xz"
    assert read_module(module.source)[:4] == b"\x7fELF"


def test_named_module_that_the_kernel_lacks(kernel_root: Path) -> None:
    with pytest.raises(ImageError) as caught:
        names(kernel_root, Request("nvme"))
    assert str(caught.value) == (
        f"find module: nvme: not in kernel {KVER}, neither as a module nor built in"
    )


def test_parameters_go_to_the_named_module_only(kernel_root: Path) -> None:
    tree = ModuleTree.find(kernel_root, KVER)
    closure = kmodules.resolve(tree, [Request.parse("virtio_blk queue_depth=4 x=y")])
    lines = {module.name: module.load_line.partition(".ko")[2] for module in closure.modules}
    assert lines == {"virtio_ring": "", "virtio_blk": " queue_depth=4 x=y", "virtio_pci": ""}


def test_parameters_of_a_built_in_module(kernel_root: Path) -> None:
    with pytest.raises(ImageError, match=r"set module parameters: ext4: built into") as caught:
        names(kernel_root, Request("ext4", params="debug=1"))
    assert caught.value.hint == "put ext4.debug=1 on the kernel command line"


def test_modprobe_configuration_of_this_machine_is_not_asked(
    kernel_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, ...]] = []

    def spy(argv: tuple[str, ...], operation: str) -> object:
        seen.append(argv)
        return attempt(argv, operation)

    monkeypatch.setattr(kmodules, "attempt", spy)
    names(kernel_root, Request("isofs"))
    assert all(argv[1:3] == ("-C", "/dev/null") for argv in seen)
    assert seen


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ext4", Request("ext4")),
        (" virtio_blk  a=1 b ", Request("virtio_blk", params="a=1 b")),
    ],
)
def test_parse(text: str, expected: Request) -> None:
    assert Request.parse(text) == expected


@pytest.mark.parametrize("text", ["", " ", "a/b", "../x", "x =1", "-S", "--help"])
def test_parse_fails(text: str) -> None:
    with pytest.raises(ImageError, match=r"^read module name: "):
        Request.parse(text)
