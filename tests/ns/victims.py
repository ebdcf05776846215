"""Sysroots to damage: where their parts are, and sound ways of having more of them.

Files may be hard links, so they are replaced and never written in place.
"""

import hashlib
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from bootentries import fs
from bootentries.kernel import compute_bootcsum, find_kernel
from bootentries.loaders.grub_menu import grub_menu
from bootentries.loaders.grub_stub import LAST_GOOD, StubOptions, grub_stub
from bootentries.loaders.read import read_menu
from bootentries.root import open_root
from bootentries.sysroot import load

OVERLAY = b"further initramfs"


@dataclass(slots=True)
class Victim:
    """A sysroot and where its parts are; index 0 is the default."""

    top: Path

    def __post_init__(self) -> None:
        with open_root(str(self.top)) as root:
            self.found = load(root)
        self.n, self.m = self.found.bootversion, self.found.subbootversion

    found: object = None
    n: int = 0
    m: int = 0

    @property
    def deploy(self) -> Path:
        return self.deployment().parent

    @property
    def links(self) -> Path:
        return self.top / f"ostree/boot.{self.n}.{self.m}"

    @property
    def loader(self) -> Path:
        return self.top / f"boot/loader.{self.n}"

    @property
    def refs(self) -> Path:
        return self.top / "ostree/repo/refs/heads/ostree"

    def item(self, index: int = 0):
        return self.found.deployments[index]

    def deployment(self, index: int = 0) -> Path:
        return self.top / self.item(index).path

    def sharing(self) -> list[int]:
        """The deployments with the default's kernel."""
        wanted = self.item().bootcsum
        return [item.index for item in self.found.deployments if item.bootcsum == wanted]

    def entry(self, index: int = 0) -> Path:
        return self.loader / "entries" / self.item(index).entry.name

    def bootlink(self, index: int = 0) -> Path:
        item = self.item(index)
        return self.links / item.stateroot / item.bootcsum / str(item.bootserial)

    def payload(self, index: int = 0) -> Path:
        return self.top / f"boot/ostree/{self.item(index).stateroot}-{self.item(index).bootcsum}"

    def modules(self, index: int = 0) -> Path:
        return next((self.deployment(index) / "usr/lib/modules").iterdir())

    def kernel(self) -> Path:
        return next(self.payload().glob("vmlinuz-*"))

    def initramfs(self) -> Path:
        return next(self.payload().glob("initramfs-*"))

    def commit(self) -> Path:
        checksum = self.item().checksum
        return self.top / f"ostree/repo/objects/{checksum[:2]}/{checksum[2:]}.commit"

    def edit(self, old: str, new: str, index: int = 0) -> None:
        """Change an entry's text."""
        text = self.entry(index).read_text()
        assert old in text
        put(self.entry(index), text.replace(old, new))

    def line(self, key: str, index: int = 0) -> str:
        """A line of an entry, with its line feed."""
        lines = self.entry(index).read_text().splitlines(keepends=True)
        return next(line for line in lines if line.startswith(f"{key} "))


def put(path: Path, content: str | bytes, mode: int = 0o644) -> None:
    """Write a new file in place of what is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(mode)


def away(path: Path) -> None:
    """Take something away."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def relink(path: Path, text: str) -> None:
    """Make a symlink in place of what is there."""
    if path.is_symlink() or path.exists():
        away(path)
    path.symlink_to(text)


# Sound ways in which a sysroot can be more than the plain one.


def with_grub(victim: Victim) -> None:
    """GRUB as the bootloader, with everything in step."""
    config = victim.top / "ostree/repo/config"
    with config.open("a") as file:
        file.write("\n[sysroot]\nbootloader=grub2\n")
    grub = victim.top / "boot/grub"
    put(grub / "grub.cfg", grub_stub(StubOptions()))
    with open_root(str(victim.top)) as root:
        menu = grub_menu(read_menu(root, victim.n))
    put(victim.loader / "grub.cfg", menu)
    put(grub / LAST_GOOD, menu)


def with_overlay(victim: Victim) -> Path:
    """An overlay initrd of the default; returns its file."""
    name = f"ostree/initramfs-overlays/{hashlib.sha256(OVERLAY).hexdigest()}.img"
    put(victim.top / "boot" / name, OVERLAY)
    victim.edit(victim.line("initrd"), f"{victim.line('initrd')}initrd /{name}\n")
    return victim.top / "boot" / name


def with_hmac(victim: Victim) -> Path:
    """A checksum file beside the default's kernel; returns the one in /boot."""
    kver = victim.modules().name
    for index in victim.sharing():
        put(victim.modules(index) / ".vmlinuz.hmac", "h")
    put(victim.payload() / f".vmlinuz-{kver}.hmac", "h")
    return victim.payload() / f".vmlinuz-{kver}.hmac"


def with_devicetree(victim: Victim) -> Path:
    """A device tree for the default's kernel; returns the one in /boot."""
    kver = victim.modules().name
    for index in victim.sharing():
        put(victim.modules(index) / "devicetree", "dt")
    put(victim.payload() / f"devicetree-{kver}", "dt")
    payload = rename_bootcsum(victim)
    for index in victim.sharing():
        line = f"devicetree /ostree/{payload.name}/devicetree-{kver}\n"
        victim.edit(victim.line("linux", index), line + victim.line("linux", index), index)
    return payload / f"devicetree-{kver}"


def with_dtb(victim: Victim) -> Path:
    """A tree of device trees for the default's kernel; returns the one in /boot."""
    for index in victim.sharing():
        put(victim.modules(index) / "dtb/vendor/a.dtb", "a")
        put(victim.modules(index) / "dtb/b.dtb", "b")
    put(victim.payload() / "dtb/vendor/a.dtb", "a")
    put(victim.payload() / "dtb/b.dtb", "b")
    payload = rename_bootcsum(victim)
    for index in victim.sharing():
        with victim.entry(index).open("a") as file:
            file.write(f"fdtdir /ostree/{payload.name}/dtb\n")
    return payload / "dtb"


def with_counters(victim: Victim) -> None:
    """Boot counting on the default."""
    victim.entry().rename(victim.entry().with_name(f"{victim.entry().stem}+2-1.conf"))


def with_bootprefix(victim: Victim) -> None:
    """Paths that begin with /boot."""
    for index in range(len(victim.found.deployments)):
        victim.edit("linux /ostree", "linux /boot/ostree", index)
        victim.edit("initrd /ostree", "initrd /boot/ostree", index)


def rename_bootcsum(victim: Victim) -> Path:
    """Give the default's kernel the checksum that its files have now; returns the payload."""
    old = victim.item().bootcsum
    with open_root(str(victim.top)) as root, fs.opened(root.fd, victim.item().path) as fd:
        new = compute_bootcsum(fd, find_kernel(fd, ""))
    stateroot = victim.item().stateroot
    sharing = victim.sharing()
    payload = victim.payload().rename(victim.top / f"boot/ostree/{stateroot}-{new}")
    (victim.links / stateroot / old).rename(victim.links / stateroot / new)
    for index in sharing:
        victim.edit(old, new, index)
    items = tuple(
        replace(item, bootcsum=new) if item.bootcsum == old else item
        for item in victim.found.deployments
    )
    victim.found = replace(victim.found, deployments=items)
    return payload


EXTENSIONS = (
    with_grub, with_overlay, with_hmac, with_devicetree, with_dtb, with_counters, with_bootprefix,
)  # fmt: skip


def state(top: Path) -> dict[str, tuple[object, ...]]:
    """Everything below a directory that a write would change; reading changes only atime."""
    found = {}
    for path in sorted(top.rglob("*")):
        seen = path.lstat()
        content = None
        if path.is_symlink():
            content = str(path.readlink())
        elif path.is_file():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        found[str(path.relative_to(top))] = (
            seen.st_mode, seen.st_uid, seen.st_gid, seen.st_nlink, seen.st_size,
            seen.st_mtime_ns, seen.st_ctime_ns, content,
        )  # fmt: skip
    return found
