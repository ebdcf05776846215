"""What operations act on."""

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field

from bootentries import fs, syscalls
from bootentries.root import Root

# Longer than any freeze takes; short enough that a blocked system comes back by itself.
FREEZE_LIMIT_S = 10
# The filesystem cannot be frozen, or this process may not: a plain sync has to do.
_NO_FREEZE = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM, errno.EBUSY, errno.ENOTTY})


def freeze_or_sync(fd: int) -> None:
    """Freeze and thaw the filesystem of `fd`, or sync it where that cannot be done.

    GRUB does not replay a journal: only a freeze brings everything to its place.
    """
    try:
        syscalls.freeze_thaw(fd, FREEZE_LIMIT_S)
    except OSError as error:
        if error.errno not in _NO_FREEZE:
            raise
        syscalls.syncfs(fd)


@dataclass(frozen=True, slots=True)
class Context:
    """The directories, the way to freeze, and where remarks go.

    Tests pass another `freeze`: only a filesystem of their own may be frozen.  `run` is
    where a staged deployment is described.  `proved` are files in /boot that were compared
    with what storage holds, and not written since.
    """

    root: Root
    note: Callable[[str], None]
    freeze: Callable[[int], None] = freeze_or_sync
    run: str = "/run"
    proved: set[str] = field(default_factory=set)

    def locate(self, path: str) -> tuple[int, str]:
        """Return (directory fd, relative name); `boot/…` lies in the boot directory."""
        if path == "boot" or path.startswith("boot/"):
            return self.root.boot(), path[5:] or "."
        return self.root.fd, path

    def sync(self) -> None:
        """Sync the filesystems of /ostree and /boot, each by an fd inside it.

        `syncfs` of `/` would do nothing where the root is an image.
        """
        flags = os.O_RDONLY | os.O_DIRECTORY
        with fs.naming("ostree"), fs.opened(self.root.fd, "ostree", flags) as fd:
            syscalls.syncfs(fd)
        with fs.naming("boot"):
            syscalls.syncfs(self.root.boot())
