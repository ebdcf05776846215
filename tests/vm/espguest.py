"""A guest that boots by systemd-boot from EFI partitions alone, and can be updated."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import living
from living import CHECKOUT, FIRST, QUIET, Living

from bootvm import firmware, image
from bootvm.agent import with_agent
from bootvm.crash.fat import Fat
from bootvm.menu import Menu
from bootvm.spec import Disk as VmDisk
from bootvm.spec import Firmware, VmSpec
from bootvm.vm import Vm
from guest import commit, disk, esp, updates
from guest.disk import Deployment, Disk, DiskSpec
from guest.esp import EspSpec
from guest.shape import File, Variant
from guest.tree import Tree

ENTRIES = "loader/entries"
IN_STEP = "bootentries esp sync --dry-run"


@dataclass(slots=True)
class Guest:
    """The disks, which keep what is written to them, and their layout."""

    disks: tuple[Path, ...]
    layout: Disk
    machine: Callable[..., Vm]

    def boot(self, title: str | None = None, order: tuple[int, ...] = (0, 1)) -> Living:
        """Boot to the end, from the menu's line with `title` or from the default.

        `order` is that in which the firmware tries the disks.
        """
        disks = tuple(
            VmDisk(self.disks[number], "qcow2", overlay=False)
            for number in order
            if number < len(self.disks)
        )
        spec = VmSpec(firmware=Firmware.UEFI, ovmf=firmware.find(), disks=disks)
        vm = self.machine(with_agent(spec))
        if title is not None:
            Menu(vm.console).choose(title, 120)
        found = Living(vm)
        found.up()
        return found

    def fat(self, number: int, place: Path) -> dict[str, bytes]:
        """All files of the EFI partition on disk `number`, by a reader that repairs nothing."""
        raw = image.flatten(self.disks[number], place / "raw.img")
        fat = Fat(raw.read_bytes(), self.layout.layout.named("esp1").offset)
        found = {node.path: fat.read(node.path) for node in fat.walk() if not node.is_directory}
        raw.unlink()
        return found


def build(
    tree: Tree, versions: tuple[str, ...], place: Path, machine: Callable[..., Vm],
    spec: EspSpec | None = None,
) -> Guest:  # fmt: skip
    """FIRST deployed, and a remote with `versions`, each with an initramfs of its own."""
    base = living.base_image(tree)
    release = (tree.path / "usr/lib/os-release").read_text()

    def own(version: str) -> tuple[File, ...]:
        return (
            File(f"usr/lib/modules/{tree.kernel}/initramfs.img", living.image_of(base, version)),
        )

    units = living.unit_files(tree, "--esp")
    variant = Variant(version=FIRST, files=(*own(FIRST), *QUIET, *units), checkout=CHECKOUT)
    first = commit.make(tree, variant, None)
    wanted = DiskSpec((Deployment(first),), bootloader="none", readonly=True)
    made = esp.make(tree, wanted, disk.programs(CHECKOUT), spec or EspSpec(mib=128))
    later = [
        updates.Update(
            one,
            (
                *own(one),
                File("usr/lib/os-release", f"{release}IMAGE_VERSION={one}\n".encode()),
                File("usr/share/guest/version", f"{one}\n".encode()),
            ),
        )
        for one in versions
    ]
    whole = updates.add(tree, made.disk, later)
    sources = (whole.path,) if made.second is None else (whole.path, made.second)
    paths = []
    for number, source in enumerate(sources):
        paths.append(place / f"disk{number}.qcow2")
        image.overlay(source, paths[-1])
    return Guest(tuple(paths), whole, machine)
