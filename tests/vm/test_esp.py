"""A machine without GRUB: systemd-boot on EFI partitions that follow the list.

The firmware is OVMF, the loader systemd-boot's own program, the menu driven over serial.
"""

import re
from collections.abc import Callable
from pathlib import Path

import espguest
import pytest
from espguest import ENTRIES, IN_STEP
from living import FIRST, Living

from bootvm.vm import Vm
from guest.esp import EspSpec
from guest.tree import Tree

pytestmark = pytest.mark.vm

Start = Callable[..., Vm]
DOWN = 240
FOLLOWED = (
    "for i in $(seq 60); do "
    "bootentries esp status --json | grep -q '\"in_step\": true' && "
    "! systemctl is-active -q bootentries-esp-follow.service && exit 0; sleep 1; done; "
    "bootentries esp status >&2; exit 1"
)
NO_GRUB = "find /boot /usr /sysroot -xdev -iname '*grub*.efi' -o -name 'grub.cfg' -o -name '*.mod'"


def entries(running: Living) -> list[str]:
    """The names on the partition, mounted for a look."""
    return running.sh(
        "mkdir -p /run/esp; mount -o ro /dev/disk/by-partlabel/esp1 /run/esp; "
        "ls /run/esp/loader/entries; umount /run/esp"
    ).split()


def payload(running: Living) -> list[str]:
    return running.sh(
        "mkdir -p /run/esp; mount -o ro /dev/disk/by-partlabel/esp1 /run/esp; "
        "ls /run/esp/bootchain; umount /run/esp"
    ).split()


def test_updates_and_rollback(guest_tree: Tree, machine: Start, tmp_path: Path) -> None:
    guest = espguest.build(guest_tree, ("2.0", "3.0"), tmp_path, machine)
    one = guest.boot()
    assert one.version() == FIRST
    assert one.sh("cat /proc/cmdline").startswith(r"initrd=\bootchain\initramfs-")
    assert one.sh(NO_GRUB) == ""
    assert one.failed() == []

    # An update by us, now; five more writes of the list leave no more than two lists' files.
    one.offer("2.0")
    one.sh("bootentries upgrade", 300)
    for number in range(5):
        one.sh(f"bootentries instutil set-kargs --merge --append=turn={number}", 240)
        assert one.sh(IN_STEP).endswith(": in step\n")
        assert len(entries(one)) == 2
        assert len(payload(one)) == 3  # one kernel, two initramfs
    assert one.sh("bootentries verify").startswith("sound")
    one.vm.power_off(DOWN)

    # The new one by default, and back by the menu.
    two = guest.boot()
    assert two.version() == "2.0"
    assert [f"turn={number}" in two.sh("cat /proc/cmdline") for number in range(5)] == [True] * 5
    # libostree writes the list by itself, and the partition follows.
    two.sh("ostree admin instutil set-kargs --merge --append=theirs=1", 240)
    two.sh(FOLLOWED, 240)
    assert "theirs=1" in two.sh("cat /proc/cmdline /boot/loader/entries/*.conf")
    two.vm.power_off(DOWN)

    three = guest.boot("(ostree:1)")
    assert three.version() == FIRST
    assert three.failed() == []
    three.offer("3.0")
    three.sh("ostree admin upgrade --stage", 300)
    three.vm.power_off(DOWN)

    # Staged by libostree, finalised at shutdown; the partition was brought in step by then.
    four = guest.boot()
    assert four.version() == "3.0"
    assert four.sh(IN_STEP).endswith(": in step\n")
    assert four.failed() == []
    assert four.sh("bootentries verify").startswith("sound")


def test_two_partitions_in_step_and_either_boots(
    guest_tree: Tree, machine: Start, tmp_path: Path
) -> None:
    spec = EspSpec(mib=128, on_second_disk=True)
    guest = espguest.build(guest_tree, ("2.0",), tmp_path, machine, spec)
    one = guest.boot()
    one.offer("2.0")
    one.sh("bootentries upgrade", 300)
    assert one.sh(IN_STEP).count("in step") == 2
    one.vm.power_off(DOWN)
    first, second = guest.fat(0, tmp_path), guest.fat(1, tmp_path)
    assert first == second
    assert sum(name.startswith(f"{ENTRIES}/") for name in first) == 2

    # The other disk alone has a loader that the firmware tries first.
    two = guest.boot(order=(1, 0))
    assert two.version() == "2.0"
    part = two.sh("cat /sys/firmware/efi/efivars/LoaderDevicePartUUID-* | tr -dc '[:xdigit:]-'")
    other = two.sh("lsblk -no PARTUUID /dev/disk/by-partlabel/other").strip()
    assert re.sub("[^0-9a-f]", "", other) in re.sub("[^0-9a-f]", "", part.lower())
    # One of them fails: told, and the other is in step all the same.
    two.sh(
        "sed -i 's/PARTLABEL=other/PARTLABEL=gone/' /sysroot/ostree/repo/config || "
        "unshare -m sh -c 'mount -o remount,rw /sysroot && "
        "sed -i s/PARTLABEL=other/PARTLABEL=gone/ /sysroot/ostree/repo/config'"
    )
    done = two.vm.run("bootentries instutil set-kargs --merge --append=alone=1", 240)
    assert "gone" in done.stderr
    assert "hint: " in done.stderr
    verify = two.vm.run("bootentries verify", 120)
    assert verify.status == 1
    assert "esp-missing" in two.vm.run("bootentries --json verify", 120).stdout
    two.vm.power_off(DOWN)
    three = guest.boot()
    assert "alone=1" in three.sh("cat /proc/cmdline")
