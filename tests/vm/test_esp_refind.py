"""rEFInd finds systemd-boot where `esp install` puts it, and that boots the list's default."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from test_esp_damage import INITRAMFS, KERNEL, entry

from bootvm import firmware
from bootvm.spec import Disk, Firmware, VmSpec
from bootvm.vm import Vm
from guest import busybox
from guest.firmware import systemd_boot, unpacked
from guest.tree import Tree

pytestmark = pytest.mark.vm

# Nothing names the program but rEFInd's own search of the partition.
CONFIG = "timeout 3\ntextonly\ndefault_selection systemd-boot\nscan_all_linux_kernels false\n"


def test_it_starts_systemd_boot(
    guest_tree: Tree, machine: Callable[..., Vm], tmp_path: Path
) -> None:
    image = tmp_path / "esp.img"
    refind = unpacked("refind") / "usr/share/refind/refind/refind_x64.efi"
    files: dict[str, Path | str] = {
        "EFI/BOOT/BOOTX64.EFI": refind,
        "EFI/BOOT/refind.conf": CONFIG,
        "EFI/systemd/systemd-bootx64.efi": systemd_boot(),
        "loader/loader.conf": "timeout 0\ndefault bootchain-*\n",
        "loader/entries/bootchain-000001-01.conf": entry(1, "second"),
        "loader/entries/bootchain-000001-02.conf": entry(2, "first"),
        KERNEL: guest_tree.vmlinuz,
        INITRAMFS: busybox.initramfs(),
    }
    busybox._fat(image, files)
    spec = VmSpec(firmware=Firmware.UEFI, ovmf=firmware.find(), disks=(Disk(image),), memory=512)
    vm = machine(spec)
    vm.wait_for("rEFInd", 180)
    vm.console.wait_for(re.compile(rf"{busybox.GREETING}: [^\n]* first\s"), 180)
