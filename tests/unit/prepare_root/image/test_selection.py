"""Which modules are asked for, by options and by configuration."""

import pytest

from prepare_root.image import selection
from prepare_root.image.errors import ImageError
from prepare_root.image.hostroot import HostRoot
from prepare_root.image.selection import Wanted

HOST = HostRoot("sda2", "xfs", ("scsi:t-0x00", "pci:ahci"), ("sd_mod", "ahci"))


def names(wanted: Wanted, *, required: bool | None = None) -> list[str]:
    return [one.name for one in wanted.requests if required in (None, one.required)]


def test_named_modules_replace_the_defaults() -> None:
    assert names(selection.default((), ())) == [
        "virtio_blk", "nvme", "ahci", "ext4", "overlay", "erofs",
    ]  # fmt: skip
    assert names(selection.default((), ()), required=True) == []
    assert names(selection.default(("xfs",), ())) == ["virtio_blk", "nvme", "ahci", "xfs"]
    found = selection.default(("xfs",), ("sdhci_pci debug=1",))
    assert names(found, required=True) == ["sdhci_pci", "xfs"]


def test_named_modules_are_added_to_those_of_most_machines() -> None:
    found = selection.generic(("f2fs",), ("megaraid_sas",))
    assert names(found, required=True) == ["megaraid_sas", "f2fs"]
    rest = set(names(found, required=False))
    assert {"virtio_scsi", "usb_storage", "uas", "mmc_block", "nvme", "ahci"} <= rest
    assert {"ext4", "xfs", "btrfs", "overlay", "erofs", "efivarfs"} <= rest


def test_one_machine() -> None:
    found = selection.hostonly(HOST, ("vfat",), ("ehci_pci",))
    assert found.aliases == HOST.aliases
    assert names(found, required=True) == ["ehci_pci", "xfs", "vfat"]
    assert names(found, required=False) == ["sd_mod", "ahci", "overlay", "erofs", "efivarfs"]
    # What they meet at run time is there by the machine's own devices.
    assert [one.name for one in found.requests if not one.companions] == ["sd_mod", "ahci"]


@pytest.mark.parametrize(
    ("filesystems", "drivers", "name", "what"),
    [
        (["nfs"], [], "nfs", "the network"),
        ([], ["nbd max_part=8"], "nbd", "the network"),
        ([], ["nvme-tcp"], "nvme-tcp", "the network"),
        ([], ["dm-crypt"], "dm-crypt", "LUKS or LVM"),
        (["crypto_LUKS"], [], "crypto_LUKS", "LUKS or LVM"),
        ([], ["raid1"], "raid1", "RAID"),
        (["zfs"], [], "zfs", "ZFS"),
        ([], ["bcache"], "bcache", "bcache"),
    ],
)
@pytest.mark.parametrize("choose", [selection.default, selection.generic])
def test_dracut_is_the_way(choose, filesystems, drivers, name, what) -> None:
    with pytest.raises(ImageError) as caught:
        choose(filesystems, drivers)
    assert str(caught.value) == (
        f"choose modules: {name}: a root on {what} needs more than modules,"
        " and has no place in this image"
    )
    assert caught.value.hint == "make the image with dracut, and prepare-root in it"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("[composefs]\nenabled=yes\n", [("erofs", True), ("overlay", True)]),
        ("[composefs]\nenabled=maybe\n", [("erofs", False), ("overlay", False)]),
        ("[root]\ntransient=true\n[composefs]\nenabled=no\n", [("overlay", True)]),
        ("[etc]\ntransient=true\n", [("overlay", True)]),
    ],
)
def test_what_a_configuration_needs(text: str, expected: list[tuple[str, bool]]) -> None:
    found = selection.for_config(text)
    assert [(one.name, one.required) for one in found] == expected
    assert all(one.filesystem for one in found)
