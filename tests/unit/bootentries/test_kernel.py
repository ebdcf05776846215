"""Kernel layouts; bootcsums are compared with libostree's in the interoperability tests."""

import hashlib
import os

import pytest

from bootentries.errors import BootentriesError
from bootentries.kernel import compute_bootcsum, find_kernel

SUM, OTHER = "a" * 64, "b" * 64
M = "usr/lib/modules/6.1"
L = "usr/lib/ostree-boot"


def layout_of(top, files, **options):
    for name, content in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    fd = os.open(top, os.O_RDONLY)
    try:
        layout = find_kernel(fd, "tree", **options)
        return layout, compute_bootcsum(fd, layout)
    finally:
        os.close(fd)


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


CASES = [
    ({f"{M}/vmlinuz": "k"}, ["vmlinuz-6.1"], sha("k")),
    (
        {f"{M}/vmlinuz": "k", f"{M}/initramfs": "i"},
        ["vmlinuz-6.1", "initramfs-6.1.img"],
        sha("ki"),
    ),
    (
        {f"{M}/vmlinuz": "k", f"{M}/initramfs": "no", f"{M}/initramfs.img": "i"},
        ["vmlinuz-6.1", "initramfs-6.1.img"],
        sha("ki"),
    ),
    (
        {f"{M}/vmlinuz": "k", f"{M}/initramfs.img": "i", f"{M}/devicetree": "d", f"{M}/dtb/x": "n"},
        ["vmlinuz-6.1", "initramfs-6.1.img", "devicetree-6.1"],
        sha("kid"),
    ),
    (
        {f"{M}/vmlinuz": "k", f"{M}/dtb/b": "2", f"{M}/dtb/a/z": "1", f"{M}/dtb/B": "0"},
        ["vmlinuz-6.1"],
        sha("k012"),
    ),
    (
        {f"{M}/vmlinuz": "k", f"{M}/.vmlinuz.hmac": "h", f"{M}/aboot.img": "b"},
        ["vmlinuz-6.1", ".vmlinuz-6.1.hmac", "aboot-6.1.img"],
        sha("k"),
    ),
    ({f"{L}/vmlinuz-6.1-{SUM}": "k"}, ["vmlinuz-6.1"], SUM),
    ({f"boot/vmlinuz-{SUM}": "k", f"boot/initramfs-{SUM}": "i"}, ["vmlinuz", "initramfs"], SUM),
    (
        {f"{L}/vmlinuz-6.1-{SUM}": "k", f"{L}/devicetree-6.1-{SUM}": "d"},
        ["vmlinuz-6.1", "devicetree-6.1"],
        SUM,
    ),
    # the older layout has no such parts, and other names there mean nothing
    (
        {
            f"{L}/vmlinuz-{SUM}": "k",
            f"{L}/.vmlinuz.hmac": "h",
            f"{L}/aboot.img": "a",
            f"{L}/dtb/x": "n",
            f"{L}/config-{SUM}": "c",
            f"{L}/initramfs-1.img": "i",
        },
        ["vmlinuz"],
        SUM,
    ),
    (
        {f"{M}/vmlinuz": "k", f"{M}/devicetree": "d", f"{M}/.vmlinuz.hmac": "h"},
        ["vmlinuz-6.1", "devicetree-6.1", ".vmlinuz-6.1.hmac"],
        sha("kd"),
    ),
    ({f"{M}/vmlinuz": "k", f"{L}/vmlinuz-1-{SUM}": "k"}, ["vmlinuz-6.1"], sha("k")),
    # the initramfs decides when both layouts are there
    (
        {f"{M}/vmlinuz": "k", f"{L}/vmlinuz-1-{SUM}": "k", f"{L}/initramfs-1-{SUM}": "i"},
        ["vmlinuz-1", "initramfs-1"],
        SUM,
    ),
    (
        {f"{M}/vmlinuz": "k", f"{M}/initramfs": "i", f"{L}/vmlinuz-1-{SUM}": "k"},
        ["vmlinuz-6.1", "initramfs-6.1.img"],
        sha("ki"),
    ),
]


@pytest.mark.parametrize(("files", "names", "bootcsum"), CASES)
def test_layouts(tmp_path, files, names, bootcsum):
    layout, computed = layout_of(tmp_path, files)
    assert [part.name for part in layout.files()] == names
    assert computed == bootcsum


def test_one_device_tree_hides_a_tree_of_them(tmp_path):
    files = {f"{M}/vmlinuz": "k", f"{M}/dtb/x": "n"}
    layout, _ = layout_of(tmp_path, files)
    assert (layout.dtb and layout.dtb.name, layout.devicetree) == ("dtb", None)
    layout, _ = layout_of(tmp_path, {f"{M}/devicetree": "d"})
    assert (layout.dtb, layout.devicetree and layout.devicetree.name) == (None, "devicetree-6.1")


def test_no_dtb_skips_devicetrees(tmp_path):
    files = {f"{M}/vmlinuz": "k", f"{M}/devicetree": "d"}
    layout, computed = layout_of(tmp_path, files, devicetrees=False)
    assert (layout.devicetree, computed) == (None, sha("k"))


FAULTS = [
    ({"usr/x": ""}, "no kernel in /usr/lib/modules, /usr/lib/ostree-boot or /boot"),
    (
        {f"{M}/vmlinuz": "k", "usr/lib/modules/6.2/vmlinuz": "k"},
        "several kernels in /usr/lib/modules: 6.1, 6.2",
    ),
    (
        {f"{L}/vmlinuz-1-{SUM}": "k", f"{L}/initramfs-1-{OTHER}": "i"},
        "mismatched kernel checksum vs initrd in /usr/lib/ostree-boot",
    ),
    (
        {f"{L}/vmlinuz-1-{SUM}": "k", f"{L}/devicetree-1-{OTHER}": "i"},
        "mismatched kernel checksum vs device tree in /usr/lib/ostree-boot",
    ),
    (
        {f"{L}/vmlinuz-1-{SUM}": "k", f"{L}/vmlinuz-2-{OTHER}": "k"},
        "several vmlinuz files in /usr/lib/ostree-boot",
    ),
    # an existing usr/lib/ostree-boot hides boot
    (
        {f"{L}/readme": "", f"boot/vmlinuz-{SUM}": "k"},
        "no kernel in /usr/lib/modules, /usr/lib/ostree-boot or /boot",
    ),
    ({f"boot/vmlinuz-1-{SUM[:-1]}": "k"}, "no kernel in"),
    ({f"{M}/vmlinuz/not-a-file": ""}, "no kernel in"),
]


@pytest.mark.parametrize(("files", "reason"), FAULTS)
def test_trees_without_one_kernel(tmp_path, files, reason):
    with pytest.raises(BootentriesError) as caught:
        layout_of(tmp_path, files)
    assert str(caught.value).startswith(f"find kernel: tree: {reason}")


def test_links_are_followed_inside_the_tree(tmp_path):
    (tmp_path / "tree" / M).mkdir(parents=True)
    (tmp_path / "vmlinuz").write_text("outside")
    (tmp_path / "tree/vmlinuz").write_text("inside")
    (tmp_path / "tree" / M / "vmlinuz").symlink_to("/../vmlinuz")
    _, computed = layout_of(tmp_path / "tree", {})
    assert computed == sha("inside")


def test_links_in_a_devicetree_are_followed(tmp_path):
    files = {f"{M}/vmlinuz": "k", "usr/lib/blobs/b": "1", f"{M}/dtb/z": "2"}
    (tmp_path / M / "dtb").mkdir(parents=True)
    (tmp_path / M / "dtb/a").symlink_to("../../../blobs/b")
    _, computed = layout_of(tmp_path, files)
    assert computed == sha("k12")


def test_dangling_links_in_a_devicetree_are_skipped(tmp_path):
    (tmp_path / M / "dtb").mkdir(parents=True)
    (tmp_path / M / "dtb/gone").symlink_to("nowhere")
    _, computed = layout_of(tmp_path, {f"{M}/vmlinuz": "k", f"{M}/dtb/here": "1"})
    assert computed == sha("k1")
