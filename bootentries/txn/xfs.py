"""Directories that GRUB reads on XFS, kept in one form while kernels and lists come and go.

GRUB replays no journal.  XFS has the names of a small directory in its inode, and moves them
to a block of their own when there are too many; inode and block come to the disk one after
the other, and between them GRUB finds the directory empty, with the kernels of the old list
and of the new one.  In a block they change by one write.  So names that nobody needs keep
them there.  About 180 bytes of names fill an inode: two kernels do.

GRUB's own directory is left as it is: the last good menu is renamed there at once, and no cut
was found that leaves what is between.
"""

import os
from dataclasses import dataclass

from bootentries import fs
from bootentries.fstype import filesystem_type
from bootentries.root import Root
from bootentries.txn.context import Context
from bootentries.txn.ops import Op

# In /boot: kernels, which always come to be more than two; and /boot itself, where it is full.
_KERNELS, _BOOT = "boot/ostree", "boot"
# Others leave files alone there; what begins with a dot is in nobody's way.
FILLER = ".bootchain-room-"
_NAME_LENGTH = 240
# Two are more than an inode of 512 bytes holds, the usual size; of 2048 bytes, eight.
_LEAST, _MOST = 2, 8
# The size of a directory that has a block.
_BLOCK = 4096
# What an inode of 512 bytes holds of names for certain, less what a new list adds to /boot for
# a while: `loader.1` and the link that is renamed, each with 8 bytes or more beside its name.
_CROWDED = 176 - 40
_BESIDE = 8
# So many bytes of names fit in no inode, whatever goes.
_NEVER_IN_INODE = 2048


def plan_keep_in_block(root: Root) -> tuple[Op, ...]:
    """Return what has to be done in /boot before kernels and lists change; raises OSError."""
    boot = root.boot()
    if filesystem_type(boot) != "xfs":
        return ()
    paths = []
    if not _settled(boot, "ostree"):
        paths.append(_KERNELS)
    if _crowded(boot) and not _settled(boot, "."):
        paths.append(_BOOT)
    return tuple(KeepInBlock(path) for path in paths)


def _settled(boot: int, path: str) -> bool:
    names = fs.list_optional(boot, path) or []
    found = fs.stat_optional(boot, path)
    # Not one filler alone, which is what a writer that was killed may leave.
    fillers = sum(name.startswith(FILLER) for name in names)
    return fillers >= _LEAST and found is not None and found.st_size >= _BLOCK


def _crowded(boot: int) -> bool:
    """Return whether a new list may move the names of a directory out of its inode, or back."""
    names = sum(len(os.fsencode(name)) + _BESIDE for name in os.listdir(boot))
    return os.fstat(boot).st_size >= _CROWDED and names < _NEVER_IN_INODE


@dataclass(frozen=True, slots=True)
class KeepInBlock:
    """Give a directory names enough that XFS keeps it in a block of its own."""

    path: str

    def describe(self) -> str:
        return f"make room for names in {self.path}"

    def apply(self, context: Context) -> None:
        fd, name = context.locate(self.path)
        fs.make_dirs(fd, name)
        with fs.opened(fd, name) as directory:
            for number in range(_MOST):
                if number >= _LEAST and os.fstat(directory).st_size >= _BLOCK:
                    break
                filler = f"{FILLER}{number}".ljust(_NAME_LENGTH, "-")
                flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
                os.close(os.open(filler, flags, 0o644, dir_fd=directory))
