"""A directory that a power cut left without its end: what firmware makes of it, and who mends it.

While a directory grows, the table has its new cluster in two places, and a cut can leave one
of them: the directory goes on in a cluster that is free.  Firmware takes it for an empty one.
"""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bootvm import firmware
from bootvm.crash.fat import Fat, FatError
from bootvm.spec import Disk, Firmware, VmSpec
from bootvm.vm import Vm
from guest import busybox
from guest.firmware import systemd_boot
from guest.tree import Tree

pytestmark = pytest.mark.vm

SECTOR = 512
DELETED = b"\xe5"
GROWN = ("loader/entries", "bootchain")
KERNEL = "bootchain/vmlinuz-" + "a" * 32
INITRAMFS = "bootchain/initramfs-" + "b" * 32


def entry(number: int, word: str) -> str:
    """An entry as a sync writes it; the higher number is the default."""
    return (
        f"title {word}\nsort-key bootchain\nversion 1.{number}\nlinux /{KERNEL}\n"
        f"initrd /{INITRAMFS}\noptions {busybox.CMDLINE} {word}\n"
    )


def lead_nowhere(image: Path, path: str) -> None:
    """Let a directory on FAT32 go on in a free cluster, with no end mark in any of them."""
    data = bytearray(image.read_bytes())
    above, _, name = path.rpartition("/")
    (node,) = (one for one in Fat(bytes(data)).listing(above) if one.name == name)
    cluster, tables = data[13] * SECTOR, data[16]
    first = int.from_bytes(data[14:16], "little") * SECTOR
    size = int.from_bytes(data[36:40], "little") * SECTOR
    heap = first + tables * size

    def value(number: int) -> int:
        at = first + 4 * number
        return int.from_bytes(data[at : at + 4], "little") & 0x0FFFFFFF

    last = node.cluster
    while value(last) < 0x0FFFFFF8:
        last = value(last)
    free = next(number for number in range(last, size // 4) if not value(number))
    for copy in range(tables):
        at = first + copy * size + 4 * last
        data[at : at + 4] = free.to_bytes(4, "little")
    for number in (last, free):
        begin = heap + (number - 2) * cluster
        for at in range(begin, begin + cluster, 32):
            if number == free or not data[at]:
                data[at : at + 32] = DELETED * 32
    image.write_bytes(data)


@pytest.mark.parametrize("path", GROWN)
def test_it_is_empty_until_it_is_mended(
    guest_tree: Tree, machine: Callable[..., Vm], tmp_path: Path, path: str
) -> None:
    image = tmp_path / "esp.img"
    files: dict[str, Path | str] = {
        "EFI/BOOT/BOOTX64.EFI": systemd_boot(),
        "loader/loader.conf": "timeout 0\ndefault bootchain-*\n",
        "loader/entries/bootchain-000001-01.conf": entry(1, "second"),
        "loader/entries/bootchain-000001-02.conf": entry(2, "first"),
        KERNEL: guest_tree.vmlinuz,
        INITRAMFS: busybox.initramfs(),
    }
    busybox._fat(image, files)
    lead_nowhere(image, path)
    with pytest.raises(FatError, match="a chain that leads to cluster 0"):
        Fat(image.read_bytes()).listing(path)
    spec = VmSpec(firmware=Firmware.UEFI, ovmf=firmware.find(), disks=(Disk(image),), memory=512)
    machine(spec).console.wait_for("Reboot Into Firmware Interface", 180)

    # What a sync runs before it writes makes it whole again, with all that was in it.
    done = subprocess.run(["fsck.fat", "-a", image], capture_output=True, check=False)
    assert done.returncode == 1, done.stdout
    whole = Fat(image.read_bytes())
    assert set(files) <= {node.path for node in whole.walk() if not node.is_directory}
    assert whole.read(KERNEL) == guest_tree.vmlinuz.read_bytes()
    greeting = re.compile(rf"{busybox.GREETING}: [^\n]* first")
    machine(spec).console.wait_for(greeting, 180)
