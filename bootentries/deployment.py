"""Deployments and their boot entries, as values."""

import re
from dataclasses import dataclass, field

from bootentries.entries.bls import BlsEntry
from bootentries.entries.names import Counters
from bootentries.errors import BootentriesError
from bootentries.origin import Origin

# Serials are C integers: a longer row of digits is none.
_BOOTLINK = re.compile(r"/ostree/boot\.([01])/([^/]+)/([^/]+)/([0-9]{1,10})")
_DIRECTORY = re.compile(r"([0-9a-f]+)\.([0-9]{1,10})")
_OVERLAY = re.compile(r"([0-9a-f]{64})\.img")


@dataclass(frozen=True, slots=True)
class Bootlink:
    """The path in `ostree=`: which bootlink leads to the deployment."""

    bootversion: int
    stateroot: str
    bootcsum: str
    bootserial: int

    @classmethod
    def parse(cls, text: str) -> "Bootlink | None":
        """Return the parts of a path, or None when it is none."""
        found = _BOOTLINK.fullmatch(text)
        if found is None or found[2] in (".", "..") or found[3] in (".", ".."):
            return None
        return cls(int(found[1]), found[2], found[3], int(found[4]))

    def __str__(self) -> str:
        below = f"{self.stateroot}/{self.bootcsum}/{self.bootserial}"
        return f"/ostree/boot.{self.bootversion}/{below}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry file in `boot/loader/entries`; `name` is empty for one not yet written."""

    name: str
    bls: BlsEntry
    counters: Counters = field(default_factory=Counters)

    @property
    def options(self) -> str:
        """The kernel command line."""
        return self.bls.get("options") or ""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One item of the deployment list; `index` is its place there, 0 is the default.

    A staged one has no entry: its arguments are in `options`.
    """

    stateroot: str
    checksum: str
    serial: int
    bootcsum: str
    bootserial: int = 0
    index: int = 0
    options: str = ""
    entry: Entry | None = None
    origin: Origin = field(default_factory=Origin)
    version: str | None = None
    booted: bool = False
    staged: bool = False
    finalization_locked: bool = False
    unlocked: str = "none"
    soft_reboot_target: bool = False
    # sha256 of the overlay initrds that a staged one will have; others have them in the entry.
    staged_overlays: tuple[str, ...] = ()
    # What an administrator calls it.
    label: str | None = None

    @property
    def identity(self) -> tuple[str, str, int]:
        """What makes two items the same deployment."""
        return (self.stateroot, self.checksum, self.serial)

    @property
    def name(self) -> str:
        """`CHECKSUM.SERIAL`, the name of its directory."""
        return f"{self.checksum}.{self.serial}"

    @property
    def path(self) -> str:
        """The deployment root, relative to the sysroot."""
        return deployment_path(self.stateroot, self.checksum, self.serial)

    @property
    def pinned(self) -> bool:
        """Whether clean-up must leave it alone."""
        return self.origin.pinned


def deployment_path(stateroot: str, checksum: str, serial: int) -> str:
    """Return where a deployment's root is, relative to the sysroot."""
    return f"ostree/deploy/{stateroot}/deploy/{checksum}.{serial}"


def parse_directory(name: str) -> tuple[str, int] | None:
    """Return (checksum, serial) of a deployment directory's name, or None."""
    found = _DIRECTORY.fullmatch(name)
    return None if found is None else (found[1], int(found[2]))


def overlay_checksums(bls: BlsEntry, where: str) -> tuple[str, ...]:
    """Return the checksums of the overlay initrds; raises BootentriesError."""
    checksums = []
    for path in bls.initrds()[1:]:
        found = _OVERLAY.fullmatch(path.rpartition("/")[2])
        if found is None:
            raise BootentriesError("read entry", where, f"malformed overlay initrd {path!r}")
        checksums.append(found[1])
    return tuple(checksums)
