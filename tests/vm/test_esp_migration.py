"""From GRUB to systemd-boot and back, one step at a time, on a machine that boots all along.

The firmware's variables are those of one machine, and `efibootmgr` changes them, as
`docs/esp.md` says.
"""

import re
from collections.abc import Callable
from pathlib import Path

import espguest
import living
import pytest
from esplook import DOWN, VENDOR, codes
from living import FIRST, Living

from bootvm.vm import Vm
from guest import firmware
from guest.esp import EspSpec
from guest.shape import File
from guest.tree import Tree

pytestmark = pytest.mark.vm

VARIABLES = "/sys/firmware/efi/efivars"
CONFIG = "/sysroot/ostree/repo/config"
CREATE = (
    "efibootmgr --create-only --disk /dev/vda --part 1 "
    r"--loader '\EFI\systemd\systemd-bootx64.efi' --label systemd-boot"
)
GRUBS = ["EFI/BOOT/BOOTX64.EFI", "EFI/debian/grub.cfg", "EFI/debian/grubx64.efi"]


def tools() -> tuple[File, ...]:
    """systemd-boot for the tree, and the program that changes the firmware's variables."""
    place = firmware.unpacked("efibootmgr") / "usr"
    libraries = [
        path
        for name in ("libefiboot.so.1", "libefivar.so.1", "libpopt.so.0")
        for path in (place / "lib/x86_64-linux-gnu").glob(name)
    ]
    return (
        File("usr/lib/systemd/boot/efi/systemd-bootx64.efi", firmware.systemd_boot()),
        File("usr/bin/efibootmgr", place / "bin/efibootmgr", 0o755),
        *(File(f"usr/lib/x86_64-linux-gnu/{path.name}", path) for path in libraries),
    )


def loader(running: Living) -> str:
    """The program that booted this system: systemd-boot leaves its name in a variable."""
    mounted = f"mountpoint -q {VARIABLES} || mount -t efivarfs efivarfs {VARIABLES}"
    found = running.sh(f"{mounted}; ls {VARIABLES}").split()
    return "systemd-boot" if f"LoaderInfo-{VENDOR}" in found else "grub"


def booted(running: Living) -> tuple[str, str | None]:
    """What booted, and the last of our arguments."""
    steps: list[str] = re.findall(r"step=(\d)", running.sh("cat /proc/cmdline"))
    return loader(running), steps[-1] if steps else None


def write(running: Living, number: int) -> None:
    """Write a list; both loaders' lists have to be sound then."""
    running.sh(f"bootentries instutil set-kargs --merge --append=step={number}", 240)
    assert codes(running) == set()


def test_each_step_and_its_way_back(
    guest_tree: Tree, machine: Callable[..., Vm], tmp_path: Path
) -> None:
    guest = espguest.build(
        guest_tree, (), tmp_path, machine, EspSpec(mib=128, grub=True), more=tools()
    )
    box = living.begin(Living(guest.start(allow_reboot=True)))
    assert (booted(box), box.version()) == (("grub", None), FIRST)

    # A list of ours keeps a menu for GRUB beside; libostree's does not.
    write(box, 1)

    # 1: told, untold, and told again.
    config = box.sh(f"cat {CONFIG}")
    done = box.vm.run("bootentries loader set sdboot")
    assert "to go back: bootentries loader set grub2 --only" in done.stderr, done
    box.sh("bootentries loader set grub2 --only")
    undone = box.sh(f"cat {CONFIG}").replace("[bootchain]\nbootloader=none\n", "")
    assert undone.rstrip() == config.rstrip()
    box.sh("bootentries loader set sdboot")
    done = box.vm.run("bootentries loader set sdboot --only")
    assert "no partition is in step with systemd-boot on it" in done.stderr, done
    # 2: GRUB's programs stay.
    done = box.vm.run("bootentries esp install", 240)
    assert done.status == 0, done
    assert "EFI/BOOT/BOOTX64.EFI: somebody else's" in done.stderr
    assert codes(box) == set()
    # 3: for one boot.
    box.sh(CREATE)
    shown = box.sh("efibootmgr")
    (number,) = re.findall(r"^Boot([0-9A-F]{4})\*? systemd-boot", shown, re.MULTILINE)
    (order,) = re.findall(r"^BootOrder: (.*)$", shown, re.MULTILINE)
    box.sh(f"efibootmgr --bootnext {number}")
    write(box, 3)
    box.reboot()
    assert booted(box) == ("systemd-boot", "3")
    box.reboot()
    assert booted(box) == ("grub", "3")
    # 4: for good.
    others = [word for word in order.split(",") if word != number]
    box.sh(f"efibootmgr --bootorder {','.join([number, *others])}")
    box.reboot()
    assert booted(box) == ("systemd-boot", "3")
    # 5: alone.
    box.sh("bootentries loader set sdboot --only")
    write(box, 5)
    box.reboot()
    assert booted(box) == ("systemd-boot", "5")

    # Back: GRUB has no menu of this list, so it cannot be the only one yet.
    done = box.vm.run("bootentries loader set grub2 --only")
    assert done.status == 1, done
    assert "set bootloader: grub2: " in done.stderr
    box.sh("bootentries loader set grub2")
    write(box, 6)
    box.sh(f"efibootmgr --bootnum {number} --delete-bootnum")
    box.reboot()
    assert booted(box) == ("grub", "6")
    box.sh("bootentries loader set grub2 --only")
    box.sh("bootentries esp remove")
    write(box, 7)
    box.reboot()
    assert booted(box) == ("grub", "7")
    assert (codes(box), box.failed()) == (set(), [])
    box.vm.power_off(DOWN)
    assert sorted(guest.fat(0, tmp_path)) == GRUBS
