"""Room in directories, made before anything that boots depends on it.

A directory of FAT grows by a cluster that the table has in two places.  A power cut can leave
one of them, and then firmware (EDK2) takes the whole directory for an empty one: nothing of
it boots.  No order of writes from outside helps, so directories get their room when the first
list comes, once and for many lists.
"""

import os
from dataclasses import dataclass

from bootentries import fs, syscalls
from bootentries.esp.ops import Place, directory_of

# Enough for some ten kernels, or thirty entries; a cluster of most partitions.
ROOM = 4096
# What fills a directory for a moment; no loader reads a file with such a name.
FILLER = "bootchain-room-"
_SLOT = 32
_NAME_LENGTH = 240
# Slots of 32 bytes that the longest names of ours take: 13 characters each, and one more.
ENTRY_SLOTS = 5
PAYLOAD_SLOTS = 12


def room(slots: int, size: int) -> int | None:
    """Return the bytes that a directory of `size` has to grow to, for so many slots at once.

    None where it has them.  What grows gets twice of what is needed now.
    """
    due = slots * _SLOT
    return None if size >= max(ROOM, due) else max(ROOM, 2 * due)


def is_filler(name: str) -> bool:
    """Return whether an interrupted run left the file."""
    return name.startswith(FILLER)


@dataclass(frozen=True, slots=True)
class Grow:
    """Let a directory have room for `size` bytes of names; the files that do it go again."""

    path: str
    size: int

    def describe(self) -> str:
        return f"make room for names in {self.path}"

    def apply(self, place: Place) -> None:
        with directory_of(place.fd, self.path) as directory:
            names: list[str] = []
            try:
                while (
                    os.fstat(directory).st_size < self.size
                    and len(names) * _NAME_LENGTH < self.size
                ):
                    name = f"{FILLER}{len(names):03}".ljust(_NAME_LENGTH, "-")
                    names.append(name)
                    fs.remove_tree(directory, name)
                    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                    os.close(os.open(name, flags, 0o644, dir_fd=directory))
                syscalls.syncfs(place.fd)
            finally:
                for name in names:
                    fs.remove_tree(directory, name)
                os.fsync(directory)
                syscalls.syncfs(place.fd)
