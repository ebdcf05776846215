"""Whether a sysroot is the booted one, and what is kept about that in /run/ostree."""

import os
from dataclasses import dataclass

from bootentries import fs
from bootentries.errors import BootentriesError
from prepare_root.formats import FormatError
from prepare_root.formats.booted import BootedMetadata
from prepare_root.formats.gvariant import Variant, decode

STAGED = "ostree/staged-deployment"
NEXTROOT = "ostree/nextroot-booted"


@dataclass(frozen=True, slots=True)
class BootedRoot:
    """Device and inode that the booted deployment's directory has."""

    device: int
    inode: int


@dataclass(frozen=True, slots=True)
class Named:
    """A deployment as /run/ostree/staged-deployment names one; `name` is CHECKSUM.SERIAL."""

    stateroot: str
    name: str
    bootcsum: str


@dataclass(frozen=True, slots=True)
class Staged:
    """The content of /run/ostree/staged-deployment.

    `kargs` is None for those of the merge deployment.  `overlays` are the checksums of
    overlay initrds in /run/ostree/staged-initrds, `extras` keys for the boot entry.
    """

    stateroot: str
    name: str
    bootcsum: str
    kargs: tuple[str, ...] | None = None
    locked: bool = False
    merge: Named | None = None
    overlays: tuple[str, ...] = ()
    extras: tuple[tuple[str, str], ...] = ()


def booted_root(root_fd: int, run: str = "/run") -> BootedRoot | None:
    """Return what to look for, or None unless the sysroot open as `root_fd` is `/` and booted.

    Raises BootentriesError for an unreadable /run/ostree-booted.
    """
    here, slash = os.fstat(root_fd), os.stat("/")
    if (here.st_dev, here.st_ino) != (slash.st_dev, slash.st_ino):
        return None
    run_fd = os.open(run, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        data = fs.read_optional(run_fd, "ostree-booted")
    finally:
        os.close(run_fd)
    if data is None:
        return None
    # An empty file says "booted" and no more.
    return _backing(data, f"{run}/ostree-booted") or BootedRoot(slash.st_dev, slash.st_ino)


def soft_reboot_root(run: str = "/run") -> BootedRoot | None:
    """Return what a soft reboot is prepared to boot, or None; raises BootentriesError."""
    run_fd = os.open(run, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        data = fs.read_optional(run_fd, NEXTROOT)
    finally:
        os.close(run_fd)
    if data is None:
        return None
    found = _backing(data, f"{run}/{NEXTROOT}")
    if found is None:
        raise BootentriesError(
            "read soft reboot state", f"{run}/{NEXTROOT}", "it names no deployment"
        )
    return found


def _backing(data: bytes, where: str) -> BootedRoot | None:
    try:
        metadata = BootedMetadata.decode(data)
    except FormatError as error:
        raise BootentriesError("read booted state", where, str(error)) from error
    if metadata.device is None or metadata.inode is None:
        return None
    return BootedRoot(metadata.device, metadata.inode)


def read_staged(run: str = "/run") -> Staged | None:
    """Return the staged deployment's description, or None; raises BootentriesError."""
    run_fd = os.open(run, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        data = fs.read_optional(run_fd, STAGED)
        locked = fs.stat_optional(run_fd, f"{STAGED}-locked") is not None
    finally:
        os.close(run_fd)
    if data is None:
        return None
    where = f"{run}/{STAGED}"
    try:
        table = decode("a{sv}", data)
        if not isinstance(table, dict):
            raise FormatError("not a dictionary")
        return _staged(table, locked)
    except FormatError as error:
        raise BootentriesError("read staged deployment", where, str(error)) from error


def unlocked_state(name: str, run: str = "/run") -> str:
    """Return `development`, `transient` or `none` for the deployment of this name."""
    place = f"{run}/ostree/deployment-state/{name}"
    if os.path.isdir(place):
        for state in ("development", "transient"):
            if os.path.lexists(f"{place}/unlocked-{state}"):
                return state
    return "none"


def _staged(table: dict[object, object], locked: bool) -> Staged:
    target = _named(table, "target")
    if target is None:
        raise FormatError("key 'target' is missing")
    kargs = _value(table, "kargs", "as")
    overlays = _value(table, "overlay-initrds", "as")
    extras = _value(table, "bootconfig-extra", "a{ss}")
    return Staged(
        stateroot=target.stateroot,
        name=target.name,
        bootcsum=target.bootcsum,
        kargs=tuple(kargs) if isinstance(kargs, list) else None,
        locked=locked or _value(table, "locked", "b") is True,
        merge=_named(table, "merge-deployment"),
        overlays=tuple(overlays) if isinstance(overlays, list) else (),
        extras=tuple(extras.items()) if isinstance(extras, dict) else (),
    )


def _named(table: dict[object, object], key: str) -> Named | None:
    fields = _value(table, key, "a{sv}")
    if not isinstance(fields, dict):
        return None
    values = [_value(fields, name, "s") for name in ("osname", "name", "bootcsum")]
    stateroot, name, bootcsum = values
    if not isinstance(stateroot, str) or not isinstance(name, str) or not isinstance(bootcsum, str):
        raise FormatError(f"key {key!r} lacks name, osname or bootcsum")
    return Named(stateroot, name, bootcsum)


def _value(table: dict[object, object], key: str, type_string: str) -> object:
    value = table.get(key)
    if value is None:
        return None
    if not isinstance(value, Variant) or value.type != type_string:
        raise FormatError(f"key {key!r} is not of type {type_string!r}")
    return value.value
