"""A machine without GRUB: systemd-boot on EFI partitions that follow the list.

The firmware is OVMF, the loader systemd-boot's own program, the menu driven over serial.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path

import espguest
import pytest
from espguest import ENTRIES, IN_STEP
from esplook import (
    DOWN,
    FOLLOWED,
    LEAVE,
    NO_GRUB,
    THEIRS,
    codes,
    configure,
    entries,
    mount,
    payload,
    variable,
)
from living import FIRST, Living

from bootvm.vm import Vm
from guest.esp import EspSpec
from guest.tree import Tree

pytestmark = pytest.mark.vm

Start = Callable[..., Vm]


def in_loaders_order(running: Living) -> list[str]:
    """The deployments in the order of the menu that was, as systemd-boot itself left it."""
    ids = variable(running, "LoaderEntries").split("\0")
    ours = [name for name in ids if name.startswith("bootchain-")]
    assert ours, ids
    assert sorted(ours, reverse=True) == ours
    script = f"{mount('-o ro')}; "
    for name in ours:
        script += f"sed -n 's/^x-bootchain-deployment //p' /run/esp/{ENTRIES}/{name}; "
    return running.sh(f"{script}{LEAVE}").split()


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
    assert in_loaders_order(two) == [
        f"{one['stateroot']}/{one['checksum']}.{one['serial']}"
        for one in two.status()["deployments"]
    ]
    # libostree writes the list by itself, and the partition follows.
    two.sh(THEIRS, 240)
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
    guest = espguest.build(guest_tree, ("2.0", "3.0"), tmp_path, machine, spec)
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
    part = variable(two, "LoaderDevicePartUUID")
    other = two.sh("lsblk -no PARTUUID /dev/disk/by-partlabel/other").strip()
    assert re.sub("[^0-9a-f]", "", other) in re.sub("[^0-9a-f]", "", part.lower())
    # One of them is not there: told, and the other is in step all the same.
    configure(two, "s/PARTLABEL=other/PARTLABEL=gone/")
    done = two.vm.run("bootentries instutil set-kargs --merge --append=alone=1", 240)
    assert "gone" in done.stderr
    assert "hint: " in done.stderr
    assert {"esp-missing", "esp-pending"} == codes(two)
    configure(two, "s/PARTLABEL=gone/PARTLABEL=other/")
    two.vm.power_off(DOWN)

    # One of them cannot be written to any more: what it boots is kept.
    three = guest.boot(locked=1)
    assert "alone=1" in three.sh("cat /proc/cmdline").split()
    before = three.sh("bootentries esp status --json")
    three.offer("3.0")
    done = three.vm.run("bootentries upgrade", 300)
    assert done.status == 0, done
    assert "left for later: sync ESP: /dev/disk/by-partlabel/other: it is read-only" in done.stderr
    assert codes(three) >= {"esp-read-only", "esp-differ", "esp-entry-missing", "esp-pending"}
    after = three.sh("bootentries esp status --json")
    assert [one["state"] for one in json.loads(after)] == ["in step", "failed"]
    assert json.loads(after)[1]["entries"] == json.loads(before)[1]["entries"]
    three.vm.power_off(DOWN)

    # From either, and then they are in step again.
    four = guest.boot(order=(1, 0))
    assert four.version() == "2.0"
    assert four.sh(IN_STEP).count("in step") == 2
    four.sh("bootentries cleanup", 240)
    assert codes(four) == set()
    four.vm.power_off(DOWN)
    five = guest.boot()
    assert five.version() == "3.0"


ONLY = "/run/esp/loader/entries"
OTHERS = (
    f"printf 'title Other\nsort-key zzz\nlinux /other\n' > {ONLY}/other.conf; "
    "echo other > /run/esp/other; mkdir -p /run/esp/bootchain; echo mine > /run/esp/bootchain/mine"
)
# What is wrong, the end of it, the line that is said, and what `verify` names.
FAULTS = {
    "full": (
        f"{mount()}; cat /dev/zero > /run/esp/filler; {LEAVE}",
        f"{mount()}; rm /run/esp/filler; {LEAVE}",
        "MiB are needed",
        {"esp-full", "esp-entry-missing", "esp-pending"},
    ),
    "read-only": (
        mount("-o ro"),
        "true",
        "it is read-only",
        {"esp-read-only", "esp-entry-missing", "esp-pending"},
    ),
}


def test_faults_are_told_and_the_machine_boots(
    guest_tree: Tree, machine: Start, tmp_path: Path
) -> None:
    guest = espguest.build(guest_tree, ("2.0",), tmp_path, machine)
    one = guest.begin()
    assert codes(one) == set()
    one.sh(f"{mount()}; {OTHERS}; {LEAVE}")
    one.offer("2.0")
    for number, (begin, end, said, named) in enumerate(FAULTS.values()):
        one.vm.run(begin, 240)
        if number == 0:
            # We refuse before anything is written; libostree does not ask.
            done = one.vm.run("bootentries upgrade", 300)
            assert (done.status, codes(one)) == (1, set()), done
            assert said in done.stderr, done
            one.sh("ostree admin upgrade", 300)
            verb = "esp sync"
        else:
            verb = f"instutil set-kargs --merge --append=turn={number}"
        done = one.vm.run(f"bootentries {verb}", 300)
        assert said in done.stderr, done
        # A write of ours stops at a partition that fails, so the list before is not cleaned up.
        assert {code for code in codes(one) if code.startswith("esp-")} == named
        # It boots all the same: the list before, or the new one where shutdown could write it.
        one.reboot()
        assert one.version() == (FIRST if number == 0 else "2.0")
        one.sh(end)
        one.sh("bootentries esp sync && bootentries cleanup", 240)
        assert codes(one) == set()
    # No partition where one is said to be: then nothing is kept for it but what runs.
    if "turn=1" not in one.sh("cat /proc/cmdline").split():
        one.reboot()
    configure(one, "s/^bootloader=sdboot/&\\nesp=PARTLABEL=gone/")
    done = one.vm.run("bootentries instutil set-kargs --merge --append=last=1", 240)
    assert "open ESP: /dev/disk/by-partlabel/gone: No such file or directory" in done.stderr
    assert {"esp-missing", "esp-pending"} <= codes(one)
    one.reboot()
    assert one.version() == "2.0"
    configure(one, "/PARTLABEL=gone/d")
    one.sh("bootentries esp sync && bootentries cleanup", 240)
    # A name of ours in capitals, which is the same on FAT.
    one.sh(f"{mount()}; echo x > {ONLY}/BOOTCHAIN-000001-01.CONF; {LEAVE}")
    assert codes(one) == {"esp-name-collision"}
    one.reboot()
    assert {"turn=1", "last=1"} <= set(one.sh("cat /proc/cmdline").split())
    # Somebody else's entry is the first, and nothing of ours says which is the default.
    config = "printf 'timeout 10\\n' > /run/esp/loader/loader.conf"
    one.sh(f"{mount()}; {config}; sed -i s/zzz/aaa/ {ONLY}/other.conf; {LEAVE}")
    assert codes(one) == {"esp-name-collision", "esp-default"}
    one.choose("(ostree:0)")
    assert {"turn=1", "last=1"} <= set(one.sh("cat /proc/cmdline").split())
    # Nobody has the power button yet, so soon after the boot.
    one.leave("systemctl poweroff")
    one.vm.wait_end(DOWN)

    # What was not ours is as it was.
    files = guest.fat(0, tmp_path)
    assert files[f"{ENTRIES}/other.conf"] == b"title Other\nsort-key aaa\nlinux /other\n"
    assert files["other"] == b"other\n"
    assert files["bootchain/mine"] == b"mine\n"
    assert files[f"{ENTRIES}/BOOTCHAIN-000001-01.CONF"] == b"x\n"
    assert files["loader/loader.conf"] == b"timeout 10\n"
