"""Which keys `loader set` changes; typed, it is in `test_esp` and `test_loader`."""

import pytest

from bootentries.cli.loader_set import Change, plan_changes, unready

GRUB, BOTH = "grub2", True


@pytest.mark.parametrize(
    ("listed", "has_esp", "name", "only", "changes"),
    [
        (GRUB, False, "sdboot", False, ["bootchain.bootloader: not set -> sdboot"]),
        (GRUB, BOTH, "sdboot", False, []),
        (GRUB, BOTH, "sdboot", True, ["sysroot.bootloader: grub2 -> none"]),
        (None, False, "sdboot", True,
         ["sysroot.bootloader: not set -> none", "bootchain.bootloader: not set -> sdboot"]),
        ("none", BOTH, GRUB, False, ["sysroot.bootloader: none -> grub2"]),
        (GRUB, BOTH, GRUB, True, ["bootchain.bootloader: sdboot -> none"]),
        (GRUB, False, GRUB, True, []),
        ("none", BOTH, GRUB, True,
         ["sysroot.bootloader: none -> grub2", "bootchain.bootloader: sdboot -> none"]),
    ],
)  # fmt: skip
def test_what_set_changes(listed, has_esp, name, only, changes):
    assert [str(item) for item in plan_changes(listed, has_esp, name, only)] == changes


def test_a_change_in_words():
    assert str(Change("a.b", None, "c")) == "a.b: not set -> c"


def test_what_a_bootloader_lacks(fake, root):
    assert unready(root, "none") == []
    assert [item.code.name for item in unready(root, "grub2")][:1] == ["stub-missing"]
    assert [item.code.name for item in unready(root, "uboot")] == ["menu-missing"]
