"""The smallest guest: busybox and a kernel, for tests of machines rather than of systems.

It greets with GREETING and its command line, then gives a shell on the serial line.
"""

import shutil
import tempfile
from pathlib import Path

from guest import cache, firmware, grub, layout
from guest.errors import GuestError
from guest.shell import run
from guest.tree import Tree

BUSYBOX = Path("/usr/bin/busybox")
GREETING = "busybox guest is up"
CMDLINE = "console=ttyS0 quiet panic=-1"

INIT = f"""\
#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox --install -s /bin
echo "{GREETING}: $(cat /proc/cmdline)"
while :; do setsid -c sh </dev/ttyS0 >/dev/ttyS0 2>&1; done
"""


def initramfs() -> Path:
    """The uncompressed image, from the cache or made now."""
    if not BUSYBOX.exists():
        raise GuestError("make guest", BUSYBOX, "not found", "install busybox-static")
    key = cache.digest(INIT, BUSYBOX.read_bytes())

    def build(unfinished: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="busybox-") as scratch:
            top = Path(scratch) / "root"
            (top / "bin").mkdir(parents=True)
            shutil.copy(BUSYBOX, top / "bin/busybox")
            (top / "init").write_text(INIT)
            (top / "init").chmod(0o755)
            names = "".join(f"{name}\0" for name in ("bin", "bin/busybox", "init"))
            command = ["cpio", "--quiet", "--null", "-o", "-H", "newc", "-R", "0:0", "-D", str(top)]
            run([*command, "-F", str(unfinished)], stdin=names.encode())

    return cache.obtain(cache.root() / f"busybox-{key}.cpio", build)


def _menu(entries: tuple[tuple[str, str], ...]) -> str:
    lines = ["serial --unit=0 --speed=115200", "terminal_input console serial"]
    lines += ["terminal_output console serial", "set timeout=20"]
    for title, word in entries:
        lines += [
            f"menuentry '{title}' {{",
            f"  linux /boot/vmlinuz {CMDLINE} {word}",
            "  initrd /boot/initrd.img",
            "}",
        ]
    return "\n".join(lines) + "\n"


def bios_disk(tree: Tree, entries: tuple[tuple[str, str], ...]) -> Path:
    """A disk whose GRUB offers `entries` (title, word for the kernel command line).

    The filesystem is filled from a directory, so nothing is mounted.
    """
    menu = _menu(entries)
    key = cache.digest(tree.key, menu, INIT, *grub.MODULES)

    def build(unfinished: Path) -> None:
        shape = layout.bios_layout(root_mib=96)
        layout.write_table(unfinished, shape)
        root = shape.named("root")
        with tempfile.TemporaryDirectory(prefix="busybox-") as scratch:
            boot = Path(scratch) / "boot"
            (boot / "grub").mkdir(parents=True)
            shutil.copy(tree.vmlinuz, boot / "vmlinuz")
            shutil.copy(initramfs(), boot / "initrd.img")
            (boot / "grub/grub.cfg").write_text(menu)
            where = ["-E", f"offset={root.offset}", str(unfinished), f"{root.size // 1024}k"]
            run(["mkfs.ext4", "-q", "-F", "-L", "root", "-d", scratch, *where])
        early = "search.fs_label root root\nset prefix=($root)/boot/grub\n"
        grub.embed(unfinished, shape.named("bios"), grub.core_image(early))

    return cache.obtain(cache.root() / f"busybox-{key}.img", build)


def _fat(image: Path, files: dict[str, Path | str]) -> None:
    """A FAT filesystem over the whole of `image`; texts are written as they are."""
    with image.open("wb") as file:
        file.truncate(64 * layout.MIB)
    run(["mkfs.vfat", "-F", "32", "-n", "ESP", "-i", "1234ABCD", image])
    directories = sorted({str(up) for name in files for up in Path(name).parents} - {"."})
    relaxed = {"MTOOLS_SKIP_CHECK": "1"}
    if directories:
        run(["mmd", "-i", str(image), *(f"::{one}" for one in directories)], env=relaxed)
    with tempfile.TemporaryDirectory(prefix="busybox-") as scratch:
        for name, content in files.items():
            source = content
            if isinstance(content, str):
                source = Path(scratch) / "text"
                source.write_text(content, newline="")
            run(["mcopy", "-o", "-i", str(image), str(source), f"::{name}"], env=relaxed)


def esp_disk(tree: Tree, word: str) -> Path:
    """A FAT disk for UEFI without a boot loader: the firmware's shell starts the kernel.

    `word` is added to the kernel command line.
    """
    script = f"fs0:\r\n\\vmlinuz.efi initrd=\\initrd.img {CMDLINE} {word}\r\n"
    files: dict[str, Path | str] = {
        "vmlinuz.efi": tree.vmlinuz,
        "initrd.img": initramfs(),
        "startup.nsh": script,
    }
    key = cache.digest(tree.key, script, INIT)
    return cache.obtain(cache.root() / f"busybox-{key}.esp", lambda path: _fat(path, files))


def systemd_boot_disk(tree: Tree, entries: tuple[tuple[str, str], ...]) -> Path:
    """A FAT disk whose systemd-boot offers `entries` (title, word for the command line)."""
    loader = firmware.systemd_boot()
    files: dict[str, Path | str] = {
        "EFI/BOOT/BOOTX64.EFI": loader,
        "loader/loader.conf": "timeout 60\n",
        "vmlinuz.efi": tree.vmlinuz,
        "initrd.img": initramfs(),
    }
    texts = []
    for number, (title, word) in enumerate(entries):
        lines = (f"title {title}", f"sort-key {number}", "linux /vmlinuz.efi")
        texts.append("\n".join((*lines, "initrd /initrd.img", f"options {CMDLINE} {word}\n")))
        files[f"loader/entries/entry{number}.conf"] = texts[-1]
    key = cache.digest(tree.key, loader.read_bytes(), INIT, *texts)
    return cache.obtain(cache.root() / f"busybox-{key}.esp", lambda path: _fat(path, files))
