"""systemd-boot's own programs: from a tree to a partition.

`EFI/systemd/` is where firmware variables point, `EFI/BOOT/` where firmware looks without
any.  A program that somebody else put there stays.
"""

import re
from dataclasses import dataclass

from bootentries import fs
from bootentries.digest import sha256
from bootentries.errors import BootentriesError, from_os_error
from bootentries.esp.names import PAYLOAD

TREE = "usr/lib/systemd/boot/efi"
_PROGRAM = re.compile(r"systemd-boot([a-z0-9]+)\.efi")
_INFO = re.compile(rb"#### LoaderInfo: ([ -~]{1,80}?) ####")
# More than any boot loader has.
_LIMIT = 64 << 20


@dataclass(frozen=True, slots=True)
class Program:
    """A program of the tree; `arch` is in EFI's words."""

    arch: str
    data: bytes
    digest: str

    @property
    def paths(self) -> tuple[str, str]:
        """Where it goes, relative to the top of the partition."""
        return (
            f"EFI/systemd/systemd-boot{self.arch}.efi",
            f"EFI/BOOT/BOOT{self.arch.upper()}.EFI",
        )


@dataclass(frozen=True, slots=True)
class Installed:
    """What is at one of the places; `info` is what the program calls itself."""

    path: str
    digest: str | None
    info: str | None
    owned: bool

    @property
    def state(self) -> str:
        """One of absent, ours, foreign."""
        if self.digest is None:
            return "absent"
        return "ours" if self.owned else "foreign"


def read_programs(tree_fd: int, where: str) -> tuple[Program, ...]:
    """Return the programs of a tree; raises BootentriesError when there is none.

    One that is signed for Secure Boot (`.efi.signed`) comes before one that is not.
    """
    try:
        names = fs.list_optional(tree_fd, TREE) or []
        programs = []
        for name in names:
            found = _PROGRAM.fullmatch(name)
            if found is None:
                continue
            signed = f"{name}.signed"
            data = fs.read_bytes(tree_fd, f"{TREE}/{signed if signed in names else name}", _LIMIT)
            programs.append(Program(found[1], data, _digest(data)))
    except OSError as error:
        raise from_os_error("read systemd-boot", error, f"{where}/{TREE}") from error
    if not programs:
        raise BootentriesError(
            "read systemd-boot", f"{where}/{TREE}", "no systemd-boot in this tree",
            hint="add it to the tree (Debian: systemd-boot-efi), or name one with --from",
        )  # fmt: skip
    return tuple(programs)


def owned_path(digest: str) -> str:
    """Return the name of the empty file that says that a program is ours."""
    return f"{PAYLOAD}/owned-{digest}"


def read_installed(fd: int, path: str) -> Installed:
    """Return what is at `path` of a partition; raises OSError."""
    data = fs.read_optional(fd, path, _LIMIT)
    if data is None:
        return Installed(path, None, None, False)
    digest = _digest(data)
    info = _INFO.search(data)
    owned = fs.stat_optional(fd, owned_path(digest), follow=False) is not None
    return Installed(path, digest, None if info is None else info[1].decode(), owned)


def owned_digests(fd: int) -> tuple[str, ...]:
    """Return the digests of all programs that were ever put here."""
    start = "owned-"
    names = fs.list_optional(fd, PAYLOAD) or []
    return tuple(name.removeprefix(start) for name in names if name.startswith(start))


def _digest(data: bytes) -> str:
    return sha256(data).hexdigest()
