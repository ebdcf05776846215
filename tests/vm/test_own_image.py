"""What an initramfs of our own can have beside its modules, on a real kernel and loader."""

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import rootmatrix
from rootmatrix import UUIDS

from bootvm import firmware as ovmf
from bootvm.spec import Disk, Firmware, VmSpec
from bootvm.vm import Vm
from guest import firmware, kernel
from guest.busybox import BUSYBOX
from guest.kernel import Kernel
from guest.layout import MIB, SECTOR
from guest.shell import run
from guest.tree import Tree
from prepare_root.image import cpio

pytestmark = pytest.mark.vm

Starter = Callable[..., Vm]
DEADLINE = 120
CONSOLE = "console=ttyS0 panic=-1"
SHELL = ("--include", f"{BUSYBOX}:/bin/sh")
PROMPT = "/ # "


@pytest.fixture(scope="module")
def real() -> Kernel:
    return kernel.get("trixie")


def direct(real: Kernel, image: Path, disk: Path, words: str) -> VmSpec:
    cmdline = f"{CONSOLE} root=UUID={UUIDS['ext4']} rw init=/var/facts {rootmatrix.target(disk)}"
    return VmSpec(
        firmware=Firmware.DIRECT,
        kernel=real.vmlinuz,
        initrd=image,
        cmdline=f"{cmdline} {words}",
        disks=(Disk(disk),),
        memory=512,
    )


def ask(vm: Vm, script: str) -> str:
    """What a shell on the console answers; its prompt is there.  One line of its width."""
    line = f"{script}; echo e$((1+1))"
    assert len(line) < 76
    vm.console.send(f"{line}\n")
    said = vm.console.wait_for(re.compile(r"(?s)e\$\(\(1\+1\)\)\r?\n(.*?)e2"), 30)
    vm.wait_for(PROMPT, 30)
    return said[1].replace("\r", "").strip()


def test_a_shell_at_each_point(
    guest_tree: Tree, real: Kernel, machine: Starter, tmp_path: Path
) -> None:
    disk = rootmatrix.disk(guest_tree, "ext4")
    image = rootmatrix.image(real, tmp_path / "image", *SHELL)
    points = ("pre-mount", "mount", "pre-pivot")
    words = " ".join(("loglevel=5", *(f"rd.break={one}" for one in points)))
    vm = machine(direct(real, image, disk, words))
    seen = {}
    for point in points:
        vm.wait_for(f"rd.break: {point}: starting /bin/sh; leaving it goes on", DEADLINE)
        vm.wait_for(PROMPT, 30)
        # Process 1 waits; the shell leads a session on the console, with jobs.
        assert ask(vm, "tty") == "/dev/ttyS0"
        assert ask(vm, "cat /proc/1/cmdline").strip("\0") == "/init"
        assert re.search(r"\[1\]\+? +Running +sleep 99", ask(vm, "sleep 99 & jobs"))
        seen[point] = ask(vm, "(cd /sysroot; echo os*/repo usr/*/busybox)")
        vm.console.send("kill %1; exit\n")
    vm.wait_for("fact: end", DEADLINE)
    assert seen == {
        "pre-mount": "os*/repo usr/*/busybox",
        "mount": "ostree/repo usr/*/busybox",
        "pre-pivot": "ostree/repo usr/bin/busybox",
    }
    vm.wait_end(DEADLINE)


def archive(*members: cpio.Member) -> bytes:
    return b"".join(member.encode() for member in (*members, cpio.Member(cpio.TRAILER, 0)))


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_between_microcode_and_overlays(
    guest_tree: Tree, real: Kernel, machine: Starter, tmp_path: Path, packed: bool
) -> None:
    """Loaders join the images of all `initrd` lines, each at a multiple of four."""
    disk = rootmatrix.disk(guest_tree, "ext4")
    (tmp_path / "intel-ucode").mkdir()
    (tmp_path / "intel-ucode/06-9e-0a").write_bytes(b"\1\0\0\0of a processor")
    out = tmp_path / "image"
    rootmatrix.image(real, out, "--microcode", str(tmp_path), "--compress", "zstd")
    config = b"[record]\nmounts=yes\n"
    overlays = (
        # A directory that is there already may come again; a later file replaces an earlier one.
        archive(
            cpio.Member("etc", 0o040755, ino=1, nlink=2),
            cpio.Member("etc/ostree", 0o040755, ino=2, nlink=2),
            cpio.Member("etc/ostree/prepare-root.conf", 0o100644, ino=3, data=config),
        ),
        archive(
            cpio.Member("bin", 0o040755, ino=1, nlink=2),
            cpio.Member("bin/sh", 0o100755, ino=2, data=BUSYBOX.read_bytes()),
        ),
    )
    data = out.read_bytes()
    for overlay in overlays:
        data += bytes(-len(data) % 4) + (gzip.compress(overlay) if packed else overlay)
    out.write_bytes(data)
    vm = machine(direct(real, out, disk, "quiet rd.break=mount"))
    vm.wait_for(PROMPT, DEADLINE)
    found = ask(vm, "(cd /kernel/x86/m*; tail -c 14 *; cat /early*)")
    assert found == "of a processor1"
    vm.console.send("exit\n")
    vm.wait_for("fact: end", DEADLINE)
    assert re.search(r"fact: run .*\bmounts\b", vm.console.text)
    vm.wait_end(DEADLINE)


def test_the_loader_says_which_disk(
    guest_tree: Tree, real: Kernel, machine: Starter, tmp_path: Path
) -> None:
    """Without a root= at all, and with a root of the same type on another disk."""
    source = rootmatrix.disk(guest_tree, "ext4")
    image = rootmatrix.image(real, tmp_path / "image", "--generic")
    disk = with_loader(source, real, image, tmp_path)
    other = rootmatrix.disk(guest_tree, "btrfs")
    spec = VmSpec(
        firmware=Firmware.UEFI,
        disks=(Disk(other), Disk(disk)),
        ovmf=ovmf.find(),
        memory=768,
    )
    vm = machine(spec)
    vm.wait_for("fact: end", 2 * DEADLINE)
    assert re.search(r"fact: mount .* - ext4 /dev/vdb2 ", vm.console.text)
    # For this alone the variables' filesystem was mounted; it is the system's to mount.
    assert re.search(r"fact: modules .*\befivarfs\b", vm.console.text)
    vm.wait_end(DEADLINE)


def with_loader(source: Path, real: Kernel, image: Path, top: Path) -> Path:
    """A disk with systemd-boot on an EFI partition, and the root partition of another one."""
    fat, disk = top / "fat", top / "disk.img"
    with fat.open("wb") as file:
        file.truncate(96 * MIB)
    run(["mkfs.vfat", "-F", "32", "-n", "ESP", fat])
    entry = (
        "title the only one\nlinux /vmlinuz\ninitrd /initrd\n"
        f"options {CONSOLE} quiet rw init=/var/facts {rootmatrix.target(source)}\n"
    )
    (top / "entry").write_text(entry)
    (top / "loader.conf").write_text("timeout 0\n")
    files = {
        "EFI/BOOT/BOOTX64.EFI": firmware.systemd_boot(),
        "loader/loader.conf": top / "loader.conf",
        "loader/entries/only.conf": top / "entry",
        "vmlinuz": real.vmlinuz,
        "initrd": image,
    }
    directories = ("EFI", "EFI/BOOT", "loader", "loader/entries")
    relaxed = {"MTOOLS_SKIP_CHECK": "1"}
    run(["mmd", "-i", fat, *(f"::{name}" for name in directories)], env=relaxed)
    for name, path in files.items():
        run(["mcopy", "-i", fat, path, f"::{name}"], env=relaxed)
    with disk.open("wb") as file:
        file.truncate(640 * MIB)
    size = rootmatrix.root_of(source, disk, 128 * MIB)
    first, last = 128 * MIB // SECTOR, (128 * MIB + size) // SECTOR - 1
    run(["dd", "conv=notrunc", "bs=1M", "seek=1", f"if={fat}", f"of={disk}"])
    run(
        [
            *("sgdisk", "--set-alignment=1", f"--new=1:2048:{97 * MIB // SECTOR - 1}"),
            *("--typecode=1:ef00", f"--new=2:{first}:{last}", "--typecode=2:8304", disk),
        ]
    )
    return disk
