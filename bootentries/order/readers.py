"""All readers at once: what each makes of the directory of entries that is active."""

import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bootentries import fs
from bootentries.deployment import Entry
from bootentries.entries import bls
from bootentries.errors import from_os_error
from bootentries.order import filename, grub, grub_fedora, libostree, sdboot
from bootentries.reader import Reader
from bootentries.root import Root

DIRECTORY = "loader/entries"
# GRUB gives up at this size, too.
_LIMIT = 1 << 20

_ORDERS: tuple[tuple[str, Callable[[Sequence[Entry]], list[Entry]]], ...] = (
    ("libostree", libostree.order),
    ("systemd-boot", sdboot.order),
    ("grub 2.14", grub.order),
    ("grub of fedora", grub_fedora.order),
    ("zipl, petitboot", filename.order),
)


@dataclass(frozen=True, slots=True)
class View:
    """What one reader shows: names of entry files, that which it boots first."""

    reader: str
    names: tuple[str, ...]

    @property
    def default(self) -> str | None:
        """What boots when nobody chooses and no variable or configuration says otherwise."""
        return self.names[0] if self.names else None


def views(entries: Sequence[Entry]) -> tuple[View, ...]:
    """Return what each reader makes of `entries`, libostree first."""
    return tuple(
        View(reader, tuple(entry.name for entry in order(entries))) for reader, order in _ORDERS
    )


def read_directory(root: Root) -> list[Entry]:
    """Return the files of the active list, foreign ones too, as the directory yields them.

    What is no file, or too big for an entry, is left out.  Raises BootentriesError for what
    cannot be read.
    """
    if root.boot_fd is None:
        return []
    entries = []
    try:
        with Reader(root.boot_fd) as reader:
            for name in _names(root.boot_fd):
                found = reader.stat_optional(f"{DIRECTORY}/{name}")
                if found is None or not stat.S_ISREG(found.st_mode) or found.st_size > _LIMIT:
                    continue
                data = reader.read_optional(f"{DIRECTORY}/{name}", _LIMIT) or b""
                entries.append(Entry(name, bls.parse(data.decode("utf-8", "replace"))))
    except OSError as error:
        raise from_os_error("read entries", error, f"boot/{DIRECTORY}") from error
    return entries


def _names(boot_fd: int) -> list[str]:
    """Return the names in the order of the directory, which counts for GRUB's duplicates."""
    try:
        with fs.opened(boot_fd, DIRECTORY, os.O_RDONLY | os.O_DIRECTORY) as fd:
            return os.listdir(fd)
    except FileNotFoundError:
        return []
