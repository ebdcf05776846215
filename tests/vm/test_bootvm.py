"""Machines with a busybox guest: firmware, menus, console, snapshots, screenshots."""

import re
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bootvm import firmware, image
from bootvm.errors import BootvmError, ConsoleError
from bootvm.menu import Menu
from bootvm.spec import Disk, Firmware, Interface, VmSpec
from bootvm.vm import Vm
from guest import busybox
from guest.tree import Tree

pytestmark = pytest.mark.vm

Start = Callable[..., Vm]


def direct(tree: Tree, word: str = "", **more: object) -> VmSpec:
    return VmSpec(
        firmware=Firmware.DIRECT,
        kernel=tree.vmlinuz,
        initrd=busybox.initramfs(),
        cmdline=f"{busybox.CMDLINE} {word}",
        memory=256,
        **more,  # type: ignore[arg-type]
    )


def test_direct_kernel_gets_its_command_line(guest_tree: Tree, machine: Start) -> None:
    vm = machine(direct(guest_tree, "chosen=direct"))
    vm.wait_for(busybox.GREETING, 60)
    vm.wait_for("chosen=direct", 5)


def test_grub_boots_the_second_entry_when_it_is_chosen(guest_tree: Tree, machine: Start) -> None:
    disk = busybox.bios_disk(guest_tree, (("First", "chosen=one"), ("Second", "chosen=two")))
    vm = machine(VmSpec(disks=(Disk(disk),), memory=256))
    menu = Menu(vm.console)
    menu.wait("Second", 30)
    assert menu.selected() == "First"
    menu.choose("Second")
    vm.wait_for(busybox.GREETING, 90)
    assert vm.console.wait_for(re.compile(r"chosen=(\w+)\s"), 5).group(1) == "two"


def test_menu_names_what_is_listed_when_the_title_is_not(guest_tree: Tree, machine: Start) -> None:
    disk = busybox.bios_disk(guest_tree, (("First", "chosen=one"), ("Second", "chosen=two")))
    vm = machine(VmSpec(disks=(Disk(disk),), memory=256))
    with pytest.raises(ConsoleError) as caught:
        Menu(vm.console).choose("Third", timeout=4)
    assert "menu: 'Third': not in a menu after 4 s" in str(caught.value)
    assert "| Second" in str(caught.value)


def test_uefi_firmware_starts_the_kernel(guest_tree: Tree, machine: Start) -> None:
    esp = busybox.esp_disk(guest_tree, "chosen=uefi")
    spec = VmSpec(firmware=Firmware.UEFI, disks=(Disk(esp),), ovmf=firmware.find(), memory=512)
    vm = machine(spec)
    vm.wait_for(busybox.GREETING, 180)
    vm.wait_for("chosen=uefi", 5)


def test_systemd_boot_boots_the_second_entry_when_it_is_chosen(
    guest_tree: Tree, machine: Start
) -> None:
    entries = (("First entry", "chosen=one"), ("Second entry", "chosen=two"))
    esp = busybox.systemd_boot_disk(guest_tree, entries)
    spec = VmSpec(firmware=Firmware.UEFI, disks=(Disk(esp),), ovmf=firmware.find(), memory=512)
    vm = machine(spec)
    menu = Menu(vm.console)
    menu.wait("Second entry", 120)
    assert menu.selected() == "First entry"
    menu.choose("Second entry")
    vm.wait_for(busybox.GREETING, 120)
    assert vm.console.wait_for(re.compile(r"chosen=(\w+)\s"), 5).group(1) == "two"


@pytest.mark.parametrize(
    ("interface", "device"), [(Interface.NVME, "nvme0n1"), (Interface.VIRTIO, "virtio")]
)
def test_guest_sees_the_disk(
    guest_tree: Tree, machine: Start, tmp_path: Path, interface: Interface, device: str
) -> None:
    blank = Disk(image.empty(tmp_path / "blank.qcow2", 8), "qcow2", interface)
    vm = machine(direct(guest_tree, disks=(blank,)))
    vm.wait_for(busybox.GREETING, 60)
    # virtio_blk is a module of this kernel, so there the bus must show the device.
    vm.console.send("ls /sys/block; cat /sys/bus/virtio/devices/*/modalias; echo list-$((1+1))\n")
    seen = vm.console.wait_for(re.compile(r"(?s).*list-2"), 20).group()
    assert device in seen


def test_timeout_shows_the_console_and_how_to_read_it(guest_tree: Tree, machine: Start) -> None:
    vm = machine(direct(guest_tree))
    vm.wait_for(busybox.GREETING, 60)
    with pytest.raises(ConsoleError) as caught:
        vm.wait_for("never printed", 1)
    text = str(caught.value)
    assert text.startswith("wait for: 'never printed': not seen in 1 s; the console's last lines:")
    assert f"  | {busybox.GREETING}" in text
    assert caught.value.hint == f"the whole console: less -R {vm.log}"
    assert busybox.GREETING in vm.log.read_text()


def test_a_machine_that_ends_is_noticed_before_the_deadline(
    guest_tree: Tree, machine: Start
) -> None:
    vm = machine(direct(guest_tree))
    vm.wait_for(busybox.GREETING, 60)
    start = time.monotonic()
    vm.console.send("reboot -f\n")
    with pytest.raises(ConsoleError, match=r"the machine ended \(guest-reset\)"):
        vm.wait_for("never printed", 120)
    assert time.monotonic() - start < 40


def test_kill_ends_our_qemu_only_and_at_once(guest_tree: Tree, machine: Start) -> None:
    first = machine(direct(guest_tree))
    second = machine(direct(guest_tree))
    first.kill()
    assert "status -9" in first.ended()
    assert second.ended() == ""
    second.wait_for(busybox.GREETING, 60)


def test_snapshot_continues_where_it_was(guest_tree: Tree, machine: Start, tmp_path: Path) -> None:
    place = Disk(image.empty(tmp_path / "state.qcow2", 512), "qcow2", overlay=False)
    spec = direct(guest_tree, disks=(place,))
    first = machine(spec)
    first.wait_for(busybox.GREETING, 60)
    first.console.send("kept=among; kept=$kept-others; echo set-$kept\n")
    first.wait_for("set-among-others", 20)
    first.snapshot("ready")
    first.kill()
    start = time.monotonic()
    second = machine(spec, restore="ready")
    second.console.send("echo still-$kept\n")
    second.wait_for("still-among-others", 30)
    assert time.monotonic() - start < 15
    assert "Linux version" not in second.console.text


def test_restoring_an_unknown_snapshot_says_so(
    guest_tree: Tree, machine: Start, tmp_path: Path
) -> None:
    place = Disk(image.empty(tmp_path / "state.qcow2", 64), "qcow2", overlay=False)
    with pytest.raises(BootvmError, match="absent"):
        machine(direct(guest_tree, disks=(place,)), restore="absent")


def test_screenshot_is_a_png_of_the_screen(
    guest_tree: Tree, machine: Start, tmp_path: Path
) -> None:
    disk = busybox.bios_disk(guest_tree, (("First", "chosen=one"), ("Second", "chosen=two")))
    vm = machine(VmSpec(disks=(Disk(disk),), memory=256))
    vm.wait_for("executed automatically", 30)
    time.sleep(1)  # GRUB paints the VGA half a second after the serial line
    data = vm.screenshot(tmp_path / "menu.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    assert (width, height) == (720, 400)
    assert len(data) > 1500  # an empty screen compresses to a few hundred bytes


def test_icount_clock_does_not_depend_on_the_host(guest_tree: Tree, machine: Start) -> None:
    words = "console=ttyS0 panic=-1 nokaslr norandmaps"
    clocks: list[list[str]] = []
    for _ in range(2):
        vm = machine(replace(direct(guest_tree, icount=1, cpus=1), cmdline=words))
        vm.wait_for("Run /init", 120)
        clocks.append(re.findall(r"\[ *([0-9.]+)\]", vm.console.text.split("Serial: 8250")[0]))
        vm.kill()
    # Every line up to the first device has the same microsecond.  Later virtio devices
    # answer at the host's pace, and the guest's clock waits for them.
    assert len(clocks[0]) > 100
    assert clocks[0] == clocks[1]


def test_command_shows_the_console_and_exits_by_what_it_saw(
    guest_tree: Tree, seat: None, tmp_path: Path
) -> None:
    words = [sys.executable, "-m", "bootvm", "--firmware", "direct", "--memory", "256"]
    words += ["--kernel", str(guest_tree.vmlinuz), "--initrd", str(busybox.initramfs())]
    words += ["--append", busybox.CMDLINE, "--until"]
    place = str(Path(firmware.__file__).parents[1])

    def boot(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*words, *more], capture_output=True, text=True, cwd=place, timeout=120, check=False
        )

    seen = boot(busybox.GREETING, "--log", str(tmp_path / "kept"))
    assert seen.returncode == 0, seen.stderr
    assert busybox.GREETING in seen.stdout
    assert busybox.GREETING in (tmp_path / "kept.console").read_text()
    missed = boot("never printed", "--timeout", "5")
    assert missed.returncode == 1
    assert "bootvm: wait for: 'never printed': not seen in 5 s" in missed.stderr
    assert "hint: the whole console: less -R " in missed.stderr
