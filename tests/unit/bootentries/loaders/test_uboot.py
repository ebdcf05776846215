"""uEnv.txt: numbered variables, and the tree's own."""

import pytest

from bootentries.errors import BootentriesError
from bootentries.loaders.uboot import UbootLoader, read_tree_texts, uboot_environment

DT = "initrd /ostree/k2/i\ndevicetree /ostree/k2/dt\n"
FIRST = (
    "kernel_image=/boot/ostree/k2/vmlinuz\nramdisk_image=/boot/ostree/k2/i\n"
    "fdt_file=/boot/ostree/k2/dt\nbootargs=arg=2\n"
)
SECOND = "kernel_image2=/boot/ostree/k1/vmlinuz\nfdtdir2=/boot/ostree/k1/dtb\nbootargs2=arg=1\n"


@pytest.mark.parametrize(
    ("tree_text", "between"),
    [(None, ""), ("x=1\ny=2\n", "x=1\ny=2\n\n"), ("x=1", "x=1\n"), ("", "\n")],
)
def test_environment(menus, tree_text, between):
    chosen = menus.menu(menus.item(2, DT), menus.item(1, "fdtdir /ostree/k1/dtb\n"))
    assert uboot_environment(chosen, tree_text) == FIRST + between + SECOND


def test_without_entries_it_is_empty(menus):
    assert uboot_environment(menus.menu(), "x=1\n") == ""


def test_the_default_deployment_has_the_word(menus):
    texts = {menus.item(1).deployment.path: "one=1\n", menus.item(2).deployment.path: "two=2\n"}
    (write,) = UbootLoader(texts).before_swap(menus.menu(menus.item(2), menus.item(1)))
    assert write.path == "boot/loader.1/uEnv.txt"
    assert "two=2\n" in write.text
    assert "one=1\n" not in write.text
    (write,) = UbootLoader(texts).before_swap(menus.menu(menus.item(3), menus.item(1)))
    assert "=1\n" not in write.text.replace("arg=1\n", "")


def tree_file(fake, index):
    path = fake.deployment(index) / "usr/lib/ostree-boot/uEnv.txt"
    path.parent.mkdir()
    return path


def test_trees_are_read_and_errors_kept(fake, root, menus):
    tree_file(fake, 0).write_bytes(b"\xff")
    # An absolute link means the deployment's own root.
    (fake.deployment(1) / "usr/share").mkdir()
    (fake.deployment(1) / "usr/share/env").write_text("x=1\n")
    tree_file(fake, 1).symlink_to("/usr/share/env")
    texts = read_tree_texts(root)
    paths = [f"ostree/deploy/testos/deploy/{checksum}.0" for checksum in fake.checksums]
    assert list(texts) == paths
    assert texts[paths[1]] == "x=1\n"
    error = texts[paths[0]]
    assert isinstance(error, BootentriesError)
    assert str(error) == (
        f"read bootloader configuration: {paths[0]}/usr/lib/ostree-boot/uEnv.txt: "
        "line 1 is not UTF-8"
    )
    # It counts for the default only.
    bad = menus.menu(menus.of(fake, 0), menus.of(fake, 1))
    with pytest.raises(BootentriesError, match="is not UTF-8"):
        UbootLoader(texts).before_swap(bad)
    UbootLoader(texts).before_swap(menus.menu(menus.of(fake, 1), menus.of(fake, 0)))


def test_operations(menus):
    assert UbootLoader().resume() == UbootLoader().after_swap(menus.menu()) == ()
