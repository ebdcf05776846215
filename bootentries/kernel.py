"""Where a deployment keeps its kernel, and the checksum that names it in /boot.

Two layouts exist: `usr/lib/modules/KVER/` (bootcsum = sha256 over the raw bytes of kernel,
initramfs and device tree, in that order) and the older `usr/lib/ostree-boot/` or `boot/`,
whose file names end in the bootcsum.
"""

import os
import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bootentries import fs
from bootentries.digest import sha256
from bootentries.errors import BootentriesError

if TYPE_CHECKING:
    import hashlib

MODULES = "usr/lib/modules"
LEGACY = ("usr/lib/ostree-boot", "boot")
_CHECKSUM = re.compile(r"[0-9a-f]{64}")
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class KernelFile:
    """One file or tree to install: its path in the deployment and its name in /boot."""

    source: str
    name: str


@dataclass(frozen=True, slots=True)
class KernelLayout:
    """The parts of one kernel; `bootcsum` is None until it is computed (modules layout)."""

    linux: KernelFile
    initramfs: KernelFile | None = None
    devicetree: KernelFile | None = None
    dtb: KernelFile | None = None
    hmac: KernelFile | None = None
    aboot: KernelFile | None = None
    bootcsum: str | None = None

    @property
    def release(self) -> str:
        """What `uname -r` will say: the name in /boot is `vmlinuz-RELEASE`."""
        return self.linux.name.removeprefix("vmlinuz").removeprefix("-")

    def files(self) -> tuple[KernelFile, ...]:
        """Return the single files in the order in which they are installed."""
        parts = (self.linux, self.initramfs, self.devicetree, self.hmac, self.aboot)
        return tuple(part for part in parts if part is not None)


def find_kernel(deploy_fd: int, where: str, devicetrees: bool = True) -> KernelLayout:
    """Return the layout of the deployment that is open as `deploy_fd`; nothing is hashed.

    `where` names it in errors.  Raises BootentriesError when there is no kernel, when
    there are several, or when legacy names disagree.
    """
    modules = _modules_layout(deploy_fd, where, devicetrees)
    legacy = _legacy_layout(deploy_fd, where)
    if legacy is not None and (
        modules is None or (modules.initramfs is None and legacy.initramfs is not None)
    ):
        return legacy
    if modules is not None:
        return modules
    raise BootentriesError(
        "find kernel",
        where,
        "no kernel in /usr/lib/modules, /usr/lib/ostree-boot or /boot",
        hint="a tree needs usr/lib/modules/KVER/vmlinuz",
    )


def compute_bootcsum(deploy_fd: int, layout: KernelLayout) -> str:
    """Return the layout's bootcsum, hashing the files unless their names carry it."""
    if layout.bootcsum is not None:
        return layout.bootcsum
    digest = sha256()
    _feed(digest, deploy_fd, layout.linux.source)
    if layout.initramfs is not None:
        _feed(digest, deploy_fd, layout.initramfs.source)
    if layout.devicetree is not None:
        _feed(digest, deploy_fd, layout.devicetree.source)
    elif layout.dtb is not None:
        _feed_tree(digest, deploy_fd, layout.dtb.source)
    return digest.hexdigest()


def _modules_layout(deploy_fd: int, where: str, devicetrees: bool) -> KernelLayout | None:
    versions = [
        name
        for name in fs.list_optional(deploy_fd, MODULES) or []
        if fs.is_dir(deploy_fd, f"{MODULES}/{name}")
        and fs.is_file(deploy_fd, f"{MODULES}/{name}/vmlinuz")
    ]
    if not versions:
        return None
    if len(versions) > 1:
        raise BootentriesError(
            "find kernel",
            where,
            f"several kernels in /{MODULES}: {', '.join(versions)}",
            hint="leave one vmlinuz in the tree: which one boots would be left to chance",
        )
    kver = versions[0]
    base = f"{MODULES}/{kver}"

    def part(name: str, installed: str) -> KernelFile | None:
        present = fs.is_file(deploy_fd, f"{base}/{name}")
        return KernelFile(f"{base}/{name}", installed) if present else None

    initramfs_name = f"initramfs-{kver}.img"
    devicetree = part("devicetree", f"devicetree-{kver}") if devicetrees else None
    has_dtb = devicetrees and devicetree is None and fs.is_dir(deploy_fd, f"{base}/dtb")
    return KernelLayout(
        linux=KernelFile(f"{base}/vmlinuz", f"vmlinuz-{kver}"),
        initramfs=part("initramfs.img", initramfs_name) or part("initramfs", initramfs_name),
        devicetree=devicetree,
        dtb=KernelFile(f"{base}/dtb", "dtb") if has_dtb else None,
        hmac=part(".vmlinuz.hmac", f".vmlinuz-{kver}.hmac"),
        aboot=part("aboot.img", f"aboot-{kver}.img"),
    )


def _legacy_layout(deploy_fd: int, where: str) -> KernelLayout | None:
    # An existing directory hides the ones after it, even when no kernel is in it.
    base = next((path for path in LEGACY if fs.is_dir(deploy_fd, path)), None)
    if base is None:
        return None
    found: dict[str, tuple[KernelFile, str]] = {}
    for name in fs.list_optional(deploy_fd, base) or []:
        installed, dash, checksum = name.rpartition("-")
        if not dash or not _CHECKSUM.fullmatch(checksum):
            continue
        kind = installed.partition("-")[0]
        if kind not in ("vmlinuz", "initramfs", "devicetree"):
            continue
        if kind in found:
            raise BootentriesError("find kernel", where, f"several {kind} files in /{base}")
        found[kind] = (KernelFile(f"{base}/{name}", installed), checksum)
    if "vmlinuz" not in found:
        return None
    linux, bootcsum = found["vmlinuz"]
    for kind, text in (("initramfs", "initrd"), ("devicetree", "device tree")):
        if kind in found and found[kind][1] != bootcsum:
            raise BootentriesError(
                "find kernel", where, f"mismatched kernel checksum vs {text} in /{base}"
            )
    return KernelLayout(
        linux=linux,
        initramfs=found["initramfs"][0] if "initramfs" in found else None,
        devicetree=found["devicetree"][0] if "devicetree" in found else None,
        bootcsum=bootcsum,
    )


def _feed(digest: "hashlib._Hash", root_fd: int, path: str) -> None:
    with fs.opened(root_fd, path) as fd:
        while block := os.read(fd, _BLOCK):
            digest.update(block)


def _feed_tree(digest: "hashlib._Hash", root_fd: int, path: str) -> None:
    """Feed the content of every file, by name at each level; dangling links are skipped."""
    names = fs.list_optional(root_fd, path) or []
    for name in sorted(names, key=os.fsencode):
        found = fs.stat_optional(root_fd, f"{path}/{name}")
        if found is None:
            continue
        if stat.S_ISDIR(found.st_mode):
            _feed_tree(digest, root_fd, f"{path}/{name}")
        elif stat.S_ISREG(found.st_mode):
            _feed(digest, root_fd, f"{path}/{name}")
