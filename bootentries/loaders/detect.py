"""Which backend a sysroot needs: what its repository says, else what lies in /boot.

Detection advises: `sysroot.bootloader` in the repository's configuration always wins.  The
probes and their order are libostree's.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from bootentries import fs
from bootentries.errors import BootentriesError, from_os_error
from bootentries.esp.config import read_esp_config
from bootentries.loaders import Loader
from bootentries.loaders.files import read_text
from bootentries.loaders.grub_stub import MARKER
from bootentries.loaders.none import NoLoader
from bootentries.loaders.syslinux import CONFIG as SYSLINUX_CONFIG
from bootentries.loaders.syslinux import FILE as SYSLINUX_FILE
from bootentries.loaders.syslinux import SyslinuxLoader, read_syslinux
from bootentries.loaders.uboot import FILE as UBOOT_FILE
from bootentries.loaders.uboot import UbootLoader, read_tree_texts
from bootentries.repo import RepoConfig
from bootentries.root import Root

GRUB_DIRECTORIES = ("grub", "grub2")
_BOOTUPD = "bootupd-state.json"
_STATIC = re.compile(r'"static-configs"(?!:null)')
_ESP = "efi/EFI"


@dataclass(frozen=True, slots=True)
class Probe:
    """One place that was looked at: what was found, and what that says.

    `active` means that it speaks for `loader`, `vetoes` that it speaks against it.
    """

    loader: str
    path: str
    found: bool
    active: bool
    remark: str = ""
    vetoes: bool = False


@dataclass(frozen=True, slots=True)
class Detection:
    """All probes, in the order in which they count."""

    probes: tuple[Probe, ...]

    @property
    def loader(self) -> str:
        """The first loader that a probe speaks for and none against; else `none`."""
        vetoed = {probe.loader for probe in self.probes if probe.vetoes}
        found = (probe.loader for probe in self.probes if probe.active)
        return next((loader for loader in found if loader not in vetoed), "none")


def detect(root: Root, machine: str | None = None) -> Detection:
    """Look for bootloaders; `machine` is what `uname -m` says.

    Raises BootentriesError for a file that has to be read and cannot be.
    """
    machine = os.uname().machine if machine is None else machine
    is_s390 = machine == "s390x"
    try:
        return Detection(
            (
                Probe("zipl", "machine", is_s390, is_s390, machine),
                _syslinux(root),
                _bootupd(root),
                *_grub(root),
                _uboot(root),
            )
        )
    except OSError as error:
        raise from_os_error("detect bootloader", error) from error


def in_force(configured: str, detection: Detection) -> str:
    """Return the loader that a write uses."""
    return detection.loader if configured == "auto" else configured


def choose_loader(root: Root, config: RepoConfig) -> Loader:
    """Return the backend of a write, with all that it has to know; it only reads.

    Where `[bootchain]` says so it brings EFI partitions in step, too.  Raises
    BootentriesError when what has to be read is missing or malformed.
    """
    loader = choose_menu_loader(root, config)
    if not read_esp_config(root.fd).enabled:
        return loader
    from bootentries.loaders.sdboot import SdbootLoader  # noqa: PLC0415

    return SdbootLoader(loader)


def choose_menu_loader(root: Root, config: RepoConfig) -> Loader:
    """Return the backend of `sysroot.bootloader` alone; raises BootentriesError."""
    name = config.bootloader
    if name == "auto":
        name = detect(root).loader
    try:
        return _loader(name, root, config)
    except OSError as error:
        raise from_os_error("choose bootloader", error) from error


def _loader(name: str, root: Root, config: RepoConfig) -> Loader:
    match name:
        case "none":
            return NoLoader()
        case "grub2":
            # The backends that need no probe are loaded when they are chosen.
            from bootentries.loaders.grub import GrubLoader  # noqa: PLC0415

            directory = grub_directory(root) or GRUB_DIRECTORIES[0]
            return GrubLoader(directory, atomic=not directory.startswith(_ESP))
        case "syslinux":
            return SyslinuxLoader(read_syslinux(root), config.bootprefix)
        case "uboot":
            return UbootLoader(read_tree_texts(root))
        case "zipl":
            from bootentries.loaders.zipl import read_zipl  # noqa: PLC0415

            return read_zipl(root)
        case "aboot":
            from bootentries.loaders.aboot import AbootLoader  # noqa: PLC0415
            from bootentries.loaders.stamp import pending_menu  # noqa: PLC0415

            return AbootLoader(pending_menu(root))
    raise BootentriesError("choose bootloader", name, "no such bootloader")


def grub_directory(root: Root) -> str | None:
    """Return GRUB's directory below the boot directory, or None.

    Without one there it is the directory on the EFI partition that has its configuration.
    """
    for name in GRUB_DIRECTORIES:
        if fs.is_dir(root.boot(), name):
            return name
    return next((f"{_ESP}/{name}" for name in _esp_directories(root)), None)


def _syslinux(root: Root) -> Probe:
    shown = f"boot/{SYSLINUX_CONFIG}"
    if fs.stat_optional(root.boot(), SYSLINUX_CONFIG, follow=False) is None:
        return Probe("syslinux", shown, False, False)
    wanted = f"../loader/{SYSLINUX_FILE}"
    try:
        text = fs.readlink_optional(root.boot(), SYSLINUX_CONFIG)
    except OSError:
        text = None
    remark = (
        f"a link to {text}" if text is not None
        else f"not a link to {wanted}: it has to include what is written there"
    )  # fmt: skip
    return Probe("syslinux", shown, True, True, remark)


def _bootupd(root: Root) -> Probe:
    shown = f"boot/{_BOOTUPD}"
    text = read_text(root.boot(), _BOOTUPD, shown)
    if text is None:
        return Probe("grub2", shown, False, False)
    if _STATIC.search(text):
        remark = "bootupd has static configurations: GRUB reads the entries itself"
        return Probe("grub2", shown, True, False, remark, vetoes=True)
    return Probe("grub2", shown, True, False, "bootupd has no static configurations")


def _grub(root: Root) -> Iterator[Probe]:
    for directory in GRUB_DIRECTORIES:
        yield _grub_config(root, f"{directory}/grub.cfg")
    names = list(_esp_directories(root))
    if not names:
        yield Probe("grub2", f"boot/{_ESP}/*/grub.cfg", False, False)
    for name in names:
        yield _grub_config(root, f"{_ESP}/{name}/grub.cfg")


def _grub_config(root: Root, path: str) -> Probe:
    if fs.stat_optional(root.boot(), path, follow=False) is None:
        return Probe("grub2", f"boot/{path}", False, False)
    try:
        text = read_text(root.boot(), path, f"boot/{path}") or ""
    except BootentriesError as error:
        return Probe("grub2", f"boot/{path}", True, True, error.reason)
    remark = (
        "the stub of bootentries" if text.startswith(MARKER)
        else "not the stub of bootentries: it has to read boot/loader/grub.cfg"
    )  # fmt: skip
    return Probe("grub2", f"boot/{path}", True, True, remark)


def _esp_directories(root: Root) -> Iterator[str]:
    """Yield the directories on the EFI partition that have a GRUB configuration."""
    for name in fs.list_optional(root.boot(), _ESP) or []:
        # BOOT is the fallback that firmware looks for; what is there forwards to another.
        place = f"{_ESP}/{name}"
        if (
            name != "BOOT"
            and fs.is_dir(root.boot(), place)
            and fs.stat_optional(root.boot(), f"{place}/grub.cfg") is not None
        ):
            yield name


def _uboot(root: Root) -> Probe:
    path = f"loader/{UBOOT_FILE}"
    found = fs.is_file(root.boot(), path)
    return Probe("uboot", f"boot/{path}", found, found)
