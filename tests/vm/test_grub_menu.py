"""The generated GRUB menu and its stub, read by the real GRUB, down to /proc/cmdline."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bootentries.deployment import Deployment, Entry
from bootentries.entries.bls import parse
from bootentries.loaders import Menu, MenuItem
from bootentries.loaders.grub_menu import grub_menu, menu_id
from bootentries.loaders.grub_stub import LAST_GOOD, StubOptions, grub_stub
from bootvm.menu import Menu as Screen
from bootvm.spec import Disk, VmSpec
from bootvm.vm import Vm
from guest import busybox, grub, layout
from guest.shell import run
from guest.tree import Tree

pytestmark = pytest.mark.vm

Start = Callable[..., Vm]
NASTY = """a=x;y b={z} c=$HOME d="two words" e=p|q f=<r> g=h&i j=#k l=m*"""
# What the kernel is told: GRUB puts quotes around the one argument with a blank in it.
ARRIVES = """a=x;y b={z} c=$HOME "d=two words" e=p|q f=<r> g=h&i j=#k l=m*"""


def item(number: int, title: str, options: str) -> MenuItem:
    text = (
        f"title {title}\nversion {number}\noptions {busybox.CMDLINE} {options}\n"
        "linux /ostree/k/vmlinuz\ninitrd /ostree/k/initrd.img\n"
    )
    return MenuItem(
        Entry(f"ostree-{number}.conf", parse(text)), Deployment("os", "c" * 64, number, "b" * 64)
    )


ITEMS = (
    item(2, """It's a "title" $x {y} ; # z""", f"chosen=one {NASTY}"),
    item(1, "The other", "chosen=two"),
)
MENU = grub_menu(Menu(1, ITEMS, boot_on_root=True))


def disk(tree: Tree, place: Path, files: dict[str, str]) -> Path:
    """A BIOS disk with our stub, a kernel where entries name it, and `files` below /boot."""
    boot = place / "top/boot"
    for name in ("grub", "loader.0", "loader.1", "ostree/k"):
        (boot / name).mkdir(parents=True)
    shutil.copy(tree.vmlinuz, boot / "ostree/k/vmlinuz")
    shutil.copy(busybox.initramfs(), boot / "ostree/k/initrd.img")
    (boot / "loader").symlink_to("loader.1")
    (boot / "grub/grub.cfg").write_text(grub_stub(StubOptions(serial_speed=115200, timeout=4)))
    for name, text in files.items():
        (boot / name).write_text(text)
    image = place / "disk.img"
    shape = layout.bios_layout(root_mib=96)
    layout.write_table(image, shape)
    root = shape.named("root")
    where = ["-E", f"offset={root.offset}", str(image), f"{root.size // 1024}k"]
    run(["mkfs.ext4", "-q", "-F", "-L", "root", "-d", str(place / "top"), *where])
    early = "search.fs_label root root\nset prefix=($root)/boot/grub\n"
    grub.embed(image, shape.named("bios"), grub.core_image(early))
    return image


def chosen(vm: Vm) -> str:
    vm.wait_for(busybox.GREETING, 90)
    return vm.console.wait_for(re.compile(r"chosen=(\w+)\s"), 10).group(1)


def test_every_word_arrives(guest_tree: Tree, machine: Start, tmp_path: Path) -> None:
    vm = machine(
        VmSpec(disks=(Disk(disk(guest_tree, tmp_path, {"loader.1/grub.cfg": MENU})),), memory=256)
    )
    screen = Screen(vm.console)
    screen.wait("The other", 30)
    assert screen.selected() == """It's a "title" $x {y} ; # z"""
    vm.wait_for(busybox.GREETING, 90)
    line = vm.console.wait_for(re.compile(r"chosen=one ([^\r\n]*)[\r\n]"), 10).group(1)
    assert line == ARRIVES


DAMAGED = {
    "missing": {},
    "empty": {"loader.1/grub.cfg": ""},
    "cut off": {"loader.1/grub.cfg": MENU[: MENU.index("initrd")]},
    "garbage": {"loader.1/grub.cfg": "}{ not a menu\n"},
}


@pytest.mark.parametrize("files", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_menu_is_replaced_by_the_last_good_one(
    guest_tree: Tree, machine: Start, tmp_path: Path, files: dict[str, str]
) -> None:
    image = disk(guest_tree, tmp_path, {**files, f"grub/{LAST_GOOD}": MENU})
    vm = machine(VmSpec(disks=(Disk(image),), memory=256))
    vm.wait_for("The boot menu is missing or damaged: taking the last good one.", 30)
    screen = Screen(vm.console)
    screen.choose("The other")
    assert chosen(vm) == "two"


def test_without_one_the_other_list_is_taken(
    guest_tree: Tree, machine: Start, tmp_path: Path
) -> None:
    """What GRUB sees when a power cut left the link `loader` without its file."""
    image = disk(guest_tree, tmp_path, {"loader.0/grub.cfg": MENU})
    vm = machine(VmSpec(disks=(Disk(image),), memory=256))
    vm.wait_for("The boot menu is missing or damaged", 30)
    screen = Screen(vm.console)
    screen.choose("The other")
    assert chosen(vm) == "two"


def test_a_choice_for_one_boot(guest_tree: Tree, machine: Start, tmp_path: Path) -> None:
    image = disk(guest_tree, tmp_path, {"loader.1/grub.cfg": MENU, "grub/grubenv": grubenv()})
    vm = machine(VmSpec(disks=(Disk(image),), memory=256, allow_reboot=True))
    assert chosen(vm) == "two"
    vm.console.send("reboot -f\n")
    vm.wait_for("The highlighted entry", 30)
    assert chosen(vm) == "one"


def grubenv() -> str:
    text = f"# GRUB Environment Block\nnext_entry={menu_id(ITEMS[1])}\n"
    return text + "#" * (1024 - len(text))
