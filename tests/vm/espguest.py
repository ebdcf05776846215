"""A guest that boots by systemd-boot from EFI partitions alone, and can be updated."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import living
from living import CHECKOUT, MENU, Living

from bootvm import firmware, image
from bootvm.agent import with_agent
from bootvm.crash.fat import Fat
from bootvm.menu import ENTER, Menu
from bootvm.spec import Disk as VmDisk
from bootvm.spec import Firmware, VmSpec
from bootvm.vm import Vm
from guest import commit, disk, esp, updates
from guest.disk import Deployment, Disk, DiskSpec
from guest.esp import EspSpec
from guest.shape import File
from guest.tree import Tree

ENTRIES = "loader/entries"
FIRST_LINE = " (ostree:0)"
IN_STEP = "bootentries esp sync --dry-run"
# What brings partitions in step at boot may go on when all else is over.
SETTLED = (
    'while [ "$(systemctl show -P ActiveState bootentries-esp.service)" = activating ]; '
    "do sleep 0.2; done"
)


@dataclass(slots=True)
class LoaderMenu(Living):
    """A guest whose reboots are seen in systemd-boot's menu."""

    def reboot(self, how: str = "systemctl reboot") -> None:
        """Shut down, and boot what the menu has highlighted: the first deployment of its list."""
        menu = Menu(self.vm.console, len(self.vm.console.raw))
        self.leave(how)
        menu.wait(FIRST_LINE, MENU)
        assert FIRST_LINE in menu.selected(), menu.lines()
        self.vm.console.send(ENTER)
        self.up()
        self.sh(SETTLED)


@dataclass(slots=True)
class Guest:
    """The disks, which keep what is written to them, and their layout."""

    disks: tuple[Path, ...]
    layout: Disk
    machine: Callable[..., Vm]

    def boot(
        self, title: str | None = None, order: tuple[int, ...] = (0, 1), locked: int = -1
    ) -> Living:
        """Boot to the end, from the menu's line with `title` or from the default.

        `order` is that in which the firmware tries the disks; for `locked` see `start`.
        """
        vm = self.start(order, locked=locked)
        if title is not None:
            Menu(vm.console).choose(title, 120)
        found = Living(vm)
        found.up()
        found.sh(SETTLED)
        return found

    def begin(self) -> "LoaderMenu":
        """Boot a machine that stays the same over its reboots."""
        found = living.begin(LoaderMenu(self.start((0, 1), allow_reboot=True)))
        found.sh(SETTLED)
        return found

    def start(
        self, order: tuple[int, ...] = (0, 1), *, allow_reboot: bool = False, locked: int = -1
    ) -> Vm:
        """Switch a machine on; the firmware keeps its variables as long as it is the same.

        The disk `locked` cannot be written to.
        """
        disks = tuple(
            VmDisk(self.disks[number], "qcow2", overlay=False, readonly=number == locked)
            for number in order
            if number < len(self.disks)
        )
        spec = VmSpec(
            firmware=Firmware.UEFI, ovmf=firmware.find(), disks=disks, allow_reboot=allow_reboot
        )
        return self.machine(with_agent(spec))

    def fat(self, number: int, place: Path, label: str = "esp1") -> dict[str, bytes]:
        """All files of a FAT partition on disk `number`, by a reader that repairs nothing.

        That of a second disk begins where `esp1` does.
        """
        raw = image.flatten(self.disks[number], place / "raw.img")
        fat = Fat(raw.read_bytes(), self.layout.layout.named(label).offset)
        found = {node.path: fat.read(node.path) for node in fat.walk() if not node.is_directory}
        raw.unlink()
        return found


def build(
    tree: Tree, versions: tuple[str, ...], place: Path, machine: Callable[..., Vm],
    spec: EspSpec | None = None, *, units: bool = True, fstab: str = "",
    more: tuple[File, ...] = (),
) -> Guest:  # fmt: skip
    """FIRST deployed, and a remote with `versions`, each with an initramfs of its own.

    With `units` ours are part of the tree.  `more` are files of all versions.
    """
    spec = spec or EspSpec(mib=128)
    files = living.unit_files(tree, "--esp") if units else ()
    content = living.contents(tree, versions, fstab=fstab, units=files, more=more)
    first = commit.make(tree, content.first, None)
    listed = "grub2" if spec.grub else "none"
    wanted = DiskSpec((Deployment(first),), bootloader=listed, readonly=True)
    made = esp.make(tree, wanted, disk.programs(CHECKOUT), spec)
    whole = updates.add(tree, made.disk, content.later)
    sources = (whole.path,) if made.second is None else (whole.path, made.second)
    paths = []
    for number, source in enumerate(sources):
        paths.append(place / f"disk{number}.qcow2")
        image.overlay(source, paths[-1])
    return Guest(tuple(paths), whole, machine)
