"""The orders that we foretell, beside the menus of the real loaders."""

import base64
import lzma
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from chroots import debian_chroot, package_version
from ordercases import KERNEL, SETS, entry, named, names, together

from bootentries.deployment import Entry
from bootentries.entries.bls import format_entry, parse
from bootentries.order import grub as grub_order
from bootentries.order import sdboot
from bootvm import firmware
from bootvm.spec import Disk, Firmware, VmSpec
from bootvm.terminal import Screen
from bootvm.vm import Vm
from guest import busybox, grub, layout
from guest.shell import run
from guest.tree import Tree

pytestmark = pytest.mark.vm

Start = Callable[..., Vm]

# GRUB 2.14 and systemd-boot 262.
SID = ("grub-pc-bin", "grub-common", "systemd-boot-efi")
SYSTEMD_BOOT = "usr/lib/systemd/boot/efi/systemd-bootx64.efi"
VENDOR = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
READ_VARIABLE = (
    f"tail -c +5 /v/%s-{VENDOR} 2>/dev/null | base64 -w 0 | sed 's/^/<%s:/;s/$/>/'; echo\n"
)
MOUNT = "mkdir /v; insmod /efivarfs.ko; mount -t efivarfs none /v\n"


def counted(member: Entry) -> Entry:
    """Put one set at the top, so that what boots tells which of its members is the first."""
    lines = ("sort-key !", *member.bls.lines)
    return Entry(member.name, parse("\n".join(lines)))


SDBOOT = (
    *together(),
    *(counted(member) for member in SETS["counters of one name"]),
    *named("U-Upper.conf", "u-lower.CONF", "V.Conf", ".hidden.conf", "auto-mine.conf"),
    entry("w-1.conf", 'sort-key "quoted"'),
    entry("w-2.conf", "architecture aa64"),
    entry("w-3.conf", "architecture X64"),
    entry("w-4.conf", "efi /x.efi"),
    Entry("w-5.conf", parse(f"linux /{KERNEL}\rsort-key q\r\n")),
    entry("w-6.conf", "", "sort-key q", "version é1"),
)
# 257 takes an empty machine id for none.
SDBOOT_262 = (
    *SDBOOT,
    entry("w-7.conf", "sort-key r"),
    entry("w-8.conf", "sort-key r", 'machine-id ""'),
)


def efivarfs(tree: Tree, place: Path) -> Path:
    """An archive to be unpacked beside the busybox guest's: the module that shows variables."""
    module = tree.vmlinuz.parent / "kernel/fs/efivarfs/efivarfs.ko.xz"
    top = place / "module"
    top.mkdir()
    (top / "efivarfs.ko").write_bytes(lzma.decompress(module.read_bytes()))
    command = ["cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0", "-D", str(top)]
    run([*command, "-F", str(place / "module.cpio")], stdin=b"efivarfs.ko\n")
    return place / "module.cpio"


def loader(suite: str) -> Path:
    """The EFI program of a suite's systemd-boot."""
    if suite == "trixie":
        from guest.firmware import systemd_boot

        return systemd_boot()
    root = debian_chroot(suite, SID)
    assert package_version(root, "systemd-boot-efi").startswith("262.")
    return root / SYSTEMD_BOOT


def variable(vm: Vm, name: str) -> list[str]:
    """The strings in one of the loader's variables."""
    vm.console.send(READ_VARIABLE.replace("%s", name))
    found = vm.console.wait_for(re.compile(rf"<{name}:([A-Za-z0-9+/=\s]*)>"), 20).group(1)
    return base64.b64decode(found).decode("utf-16-le").rstrip("\0").split("\0")


@pytest.mark.parametrize(
    ("suite", "entries"), [("trixie", SDBOOT), ("sid", SDBOOT_262)], ids=["257", "262"]
)
def test_systemd_boot(
    guest_tree: Tree, machine: Start, tmp_path: Path, suite: str, entries: tuple[Entry, ...]
) -> None:
    """One start shows the whole menu, by a variable, and boots its first entry."""
    bootable = f"initrd /initrd.img\ninitrd /module.cpio\noptions {busybox.CMDLINE}\n"
    files: dict[str, Path | str] = {
        "EFI/BOOT/BOOTX64.EFI": loader(suite),
        "loader/loader.conf": "timeout 0\nauto-entries no\nauto-firmware no\n",
        KERNEL: guest_tree.vmlinuz,
        "initrd.img": busybox.initramfs(),
        "module.cpio": efivarfs(guest_tree, tmp_path),
    }
    for one in entries:
        files[f"loader/entries/{one.name}"] = f"{format_entry(one.bls)}{bootable}"
    image = tmp_path / "esp.img"
    busybox._fat(image, files)
    spec = VmSpec(firmware=Firmware.UEFI, disks=(Disk(image),), ovmf=firmware.find(), memory=512)
    vm = machine(spec)
    vm.wait_for(busybox.GREETING, 180)
    vm.console.send(MOUNT)
    expected = sdboot.order(entries, architecture="x64")
    ids = [sdboot.entry_id(one.name) for one in expected]
    shown = [one for one in variable(vm, "LoaderEntries") if not one.startswith("auto-")]
    assert shown == ids
    assert variable(vm, "LoaderEntrySelected") == ids[:1]
    left, done = sdboot.tries(expected[0].name) or (0, 0)
    renamed = f"\\loader\\entries\\a+{left - 1}-{done + 1}.conf"
    assert variable(vm, "LoaderBootCountPath") == [renamed]


def distinct(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Leave out what GRUB would take for a duplicate."""
    found: list[Entry] = []
    for one in entries:
        if all(grub_order.compare(one.name, other.name) for other in found):
            found.append(one)
    return tuple(found)


# What GRUB's menu may leave out or put in a place of its own.
GRUB = distinct(
    (
        *together(),
        *named(
            ".conf",
            "..conf",
            "U-Upper.conf",
            "V.CONF",
            ".hidden.conf",
            "x~1.conf",
            "x.conf",
            "x.conf.conf",
        ),
        *named("y-1.conf", "y-010.conf", "y-9.conf", "y.a.conf", "y.1.conf", "y1.conf", "ya.conf"),
        Entry("w-1.conf", parse(f"title w-1.conf\n\nlinux /{KERNEL}\n")),
        Entry("w-2.conf", parse(f"title w-2.conf\noptions\nlinux /{KERNEL}\n")),
        Entry("w-3.conf", parse(f"# note\r\n\tlinux\t/{KERNEL}\r\ntitle w-3.conf\r\n")),
    )
)
# `a-01.conf` and `a-1.conf` are one name to GRUB, and it reads nothing after the second.
GRUB_WITH_A_DUPLICATE = named("0.conf", "a-0.conf", "a-01.conf", "a-1.conf", "a-2.conf", "b.conf")
# More than the entries, so that nothing has to be scrolled.
ROWS = 200
GRUB_CONFIG = f"""\
serial --unit=0 --speed=115200
terminfo -g 100x{ROWS} serial
terminal_input serial
terminal_output serial
set timeout=-1
search.fs_label root root
"""


def core_image(root: Path, early: str, work: Path) -> bytes:
    """GRUB 2.14's core image, made by its own program in the chroot."""
    modules = [*grub.MODULES, "blsuki"]
    (work / "early.cfg").write_text(early)
    script = (
        f'mount --bind "{work}" "{root}/mnt" && exec chroot "{root}" grub-mkimage -O i386-pc '
        '-p /boot/grub -c /mnt/early.cfg -o /mnt/core.img "$@"'
    )
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", *modules],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return (work / "core.img").read_bytes()


def grub_menu(machine: Start, place: Path, entries: tuple[Entry, ...]) -> tuple[list[str], str]:
    """The titles in GRUB's menu, and the one that it would boot."""
    root = debian_chroot("sid", SID)
    assert package_version(root, "grub-pc-bin").startswith("2.14")
    top = place / "top"
    (top / "boot/grub").mkdir(parents=True)
    (top / "loader/entries").mkdir(parents=True)
    (top / KERNEL).write_text("not a kernel\n")
    (top / "boot/grub/grub.cfg").write_text(f"{GRUB_CONFIG}blscfg\n")
    for one in entries:
        text = format_entry(one.bls)
        text, had_one = re.subn(r"title [^\r\n]*", f"title {one.name}", text)
        title = "" if had_one else f"title {one.name}\n"
        (top / "loader/entries" / one.name).write_text(f"{title}{text}", newline="")
    image = place / "disk.img"
    shape = layout.bios_layout(root_mib=96)
    layout.write_table(image, shape)
    part = shape.named("root")
    where = ["-E", f"offset={part.offset}", str(image), f"{part.size // 1024}k"]
    run(["mkfs.ext4", "-q", "-F", "-L", "root", "-d", str(top), *where])
    early = "search.fs_label root root\nset prefix=($root)/boot/grub\n"
    grub.embed(image, shape.named("bios"), core_image(root, early, place))
    vm = machine(VmSpec(disks=(Disk(image),), memory=256))
    vm.wait_for("Press enter to boot", 60)
    shown: list[str] = []
    deadline = time.monotonic() + 20
    # It is drawn line by line, and a line that is last for half a second is the last.
    while time.monotonic() < deadline:
        screen = Screen(ROWS, 200)
        screen.feed(vm.console.raw)
        before, shown = shown, [line.strip(" |*") for line in screen.lines()]
        if before == shown and screen.highlighted():
            break
        time.sleep(0.5)
    return [line for line in shown if line.endswith(".conf")], shown[screen.highlighted()[0]]


@pytest.mark.parametrize("entries", [GRUB, GRUB_WITH_A_DUPLICATE], ids=["all", "duplicate"])
def test_grub(machine: Start, tmp_path: Path, entries: tuple[Entry, ...]) -> None:
    titles, chosen = grub_menu(machine, tmp_path, entries)
    # mke2fs fills a directory in the order of the names' bytes.
    expected = names(grub_order.order(sorted(entries, key=lambda one: one.name.encode())))
    assert titles == expected
    assert chosen == expected[0]
