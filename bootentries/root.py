"""The two directories that everything hangs on: a sysroot and its boot directory."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bootentries import fs
from bootentries.errors import BootentriesError, from_os_error
from bootentries.fstype import filesystem_type

# What the kernel calls FAT; it has no symbolic links, and boot/loader has to be one.
_FAT = ("vfat", "msdos")


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
            if boot_fd is not None:
                _check_boot(fd, boot_fd, shown)
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
    except FileNotFoundError as error:
        if fs.stat_optional(root_fd, "boot", follow=False) is None:
            return None
        raise BootentriesError(
            "open boot directory", "boot", "it is a link that leads nowhere in the sysroot"
        ) from error
    except OSError as error:
        raise from_os_error("open boot directory", error) from error


def _check_boot(root_fd: int, boot_fd: int, shown: str) -> None:
    """Raise BootentriesError for a filesystem that can hold no list.

    The sysroot's own has hard links, so it can only be another one.
    """
    if os.fstat(root_fd).st_dev == os.fstat(boot_fd).st_dev:
        return
    kind = filesystem_type(boot_fd)
    if kind in _FAT:
        raise BootentriesError(
            "open boot directory", shown, f"a {kind} filesystem cannot be the boot directory",
            hint="boot/loader is a symbolic link, which FAT has not: keep FAT for the EFI "
            "partition, mounted on /efi or /boot/efi",
        )  # fmt: skip
