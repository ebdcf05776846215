"""The two directories that everything hangs on: a sysroot and its boot directory."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bootentries import fs
from bootentries.errors import BootentriesError, from_os_error


@dataclass(frozen=True, slots=True)
class Root:
    """Open directory fds, owned by `open_root`; `boot_fd` is None without a /boot."""

    path: str
    fd: int
    boot_fd: int | None
    boot_path: str

    def boot(self) -> int:
        """Return the boot directory's fd; raises BootentriesError when there is none."""
        if self.boot_fd is None:
            raise BootentriesError(
                "open boot directory", self.boot_path, "no such directory",
                hint="mount it, or name it with --boot",
            )  # fmt: skip
        return self.boot_fd

    def boot_is_on_root(self) -> bool:
        """Return whether /boot is a plain directory of the sysroot's filesystem.

        A bootloader then sees its files below `/boot`, else at the top.
        """
        return os.fstat(self.boot()).st_dev == os.stat("ostree", dir_fd=self.fd).st_dev


@contextmanager
def open_root(path: str, boot_path: str | None = None) -> Iterator[Root]:
    """Open a sysroot for a block; `boot_path` overrides its `boot`."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise from_os_error("open sysroot", error, path) from error
    try:
        if not fs.is_dir(fd, "ostree"):
            raise BootentriesError(
                "open sysroot", path, "no ostree directory in it",
                hint="name the physical root of an OSTree system with --sysroot",
            )  # fmt: skip
        boot_fd = _open_boot(fd, boot_path)
        try:
            shown = boot_path or os.path.join(path, "boot")
            yield Root(path, fd, boot_fd, shown)
        finally:
            if boot_fd is not None:
                os.close(boot_fd)
    finally:
        os.close(fd)


def _open_boot(root_fd: int, boot_path: str | None) -> int | None:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    if boot_path is not None:
        try:
            return os.open(boot_path, flags)
        except OSError as error:
            raise from_os_error("open boot directory", error, boot_path) from error
    try:
        return fs.open_in(root_fd, "boot", flags)
    except FileNotFoundError:
        return None
