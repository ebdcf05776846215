"""A disk with an XBOOTLDR partition: entries and kernels go there, the loader stays on the ESP.

They were on the ESP before that partition was, so they have to be moved.
"""

from collections.abc import Callable
from pathlib import Path

import espguest
import pytest
from espguest import ENTRIES, IN_STEP
from esplook import DOWN, codes, variable
from living import FIRST

from bootvm.vm import Vm
from guest.esp import EspSpec
from guest.shape import File
from guest.tree import Tree

pytestmark = pytest.mark.vm

# systemd mounts the ESP on /efi of a disk with both, and fails where that is not there; and not
# where something is in it.
NOT_EMPTY = File("efi/.not-empty", b"")


def parts(guest: espguest.Guest, place: Path) -> tuple[list[str], list[str]]:
    """The files of the ESP and of the XBOOTLDR partition."""
    esp, other = (sorted(guest.fat(0, place, label)) for label in ("esp1", "xbootldr"))
    return esp, other


def test_the_list_moves_there(guest_tree: Tree, machine: Callable[..., Vm], tmp_path: Path) -> None:
    spec = EspSpec(mib=48, xbootldr_mib=96)
    guest = espguest.build(guest_tree, ("2.0",), tmp_path, machine, spec, more=(NOT_EMPTY,))
    esp, other = parts(guest, tmp_path)
    assert f"{ENTRIES}/bootchain-000001-01.conf" in esp
    assert other == []

    # Booted from the ESP; what brings partitions in step at boot has moved it.
    one = guest.boot()
    assert one.version() == FIRST
    assert one.sh(IN_STEP) == "/dev/vda1: in step\n"
    assert (codes(one), one.failed()) == (set(), [])
    one.offer("2.0")
    one.sh("bootentries upgrade", 300)
    assert codes(one) == set()
    one.vm.power_off(DOWN)
    esp, other = parts(guest, tmp_path)
    programs = ["EFI/BOOT/BOOTX64.EFI", "EFI/systemd/systemd-bootx64.efi"]
    assert [name for name in esp if not name.startswith("bootchain/owned-")] == [
        *programs, "loader/entries.srel", "loader/loader.conf",
    ]  # fmt: skip
    entries = [name for name in other if name.startswith(f"{ENTRIES}/")]
    # After that on the ESP, which had the first number.
    assert entries == [f"{ENTRIES}/bootchain-000003-0{number}.conf" for number in (1, 2)]
    assert len([name for name in other if name.startswith("bootchain/")]) == 3

    two = guest.boot()
    assert two.version() == "2.0"
    shown = [name for name in variable(two, "LoaderEntries").split("\0") if "bootchain" in name]
    assert [f"{ENTRIES}/{name}" for name in shown] == entries[::-1]
    other = two.sh("lsblk -no PARTUUID /dev/disk/by-partlabel/esp1").strip()
    assert variable(two, "LoaderDevicePartUUID").rstrip("\0").lower() == other
