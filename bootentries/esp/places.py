"""Holding a partition open: where it is mounted, or mounted for the occasion.

A mount of ours is made in a mount namespace of our own, so nobody else sees it.
"""

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bootentries import syscalls
from bootentries.errors import BootentriesError, from_os_error
from bootentries.esp.find import Source
from bootentries.esp.fsck import mend
from bootentries.fstype import filesystem_type
from bootentries.root import Root
from bootentries.txn.namespace import enter_private_namespace

_MOUNTINFO = "/proc/self/mountinfo"
# From linux/mount.h
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 0x1, 0x2, 0x4, 0x8
_DATA = b"umask=0077"
# How the directories begin where a partition is mounted for the occasion.
OWN_MOUNT = "/run/bootentries-esp-"
FAT = ("vfat", "msdos")
RELAX = "SYSTEMD_RELAX_ESP_CHECKS"
_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class PlaceGone(BootentriesError):
    """There is no such device or directory: nothing can boot from it now."""


def _nobody(text: str) -> None:
    del text


def _not_opened(error: OSError, path: str) -> BootentriesError:
    found = from_os_error("open ESP", error, path)
    if error.errno not in (errno.ENOENT, errno.ENXIO, errno.ENODEV):
        return found
    return PlaceGone(found.operation, found.obj, found.reason, found.hint)


@contextmanager
def opened_place(
    root: Root, source: Source, *, write: bool, note: Callable[[str], None] = _nobody
) -> Iterator[int]:
    """Yield the top directory of a partition; raises BootentriesError when it is not there.

    Without `write` it is not changed by mounting, either; with it, one that was left dirty
    is repaired before, which is noted.
    """
    if source.device:
        with _device(source.path, write, note) as fd:
            yield fd
        return
    try:
        fd = os.open(source.path, _FLAGS)
    except OSError as error:
        raise _not_opened(error, source.path) from error
    try:
        _check_directory(root, fd, source.path)
        yield fd
    finally:
        os.close(fd)


def _check_directory(root: Root, fd: int, path: str) -> None:
    """Raise BootentriesError for a directory where no partition is mounted.

    With the variable that makes systemd's tools lenient any other filesystem will do.
    """
    kind = filesystem_type(fd)
    is_own = os.fstat(fd).st_dev == os.stat("ostree", dir_fd=root.fd).st_dev
    if kind in FAT or (os.environ.get(RELAX) == "1" and not is_own):
        return
    raise BootentriesError(
        "open ESP", path, f"nothing is mounted there: it is on {kind or 'no known filesystem'}",
        hint="mount the FAT partition there, or name its device",
    )  # fmt: skip


@contextmanager
def _device(node: str, write: bool, note: Callable[[str], None]) -> Iterator[int]:
    try:
        number = os.stat(node).st_rdev
    except OSError as error:
        raise _not_opened(error, node) from error
    path = mounted_on(number)
    if path is not None:
        try:
            fd = os.open(path, _FLAGS)
        except OSError as error:
            raise from_os_error("open ESP", error, path) from error
        try:
            yield fd
        finally:
            os.close(fd)
        return
    if os.geteuid() != 0:
        raise BootentriesError(
            "open ESP", node, "it is not mounted, and only root can mount it",
            hint="run it with sudo",
        )  # fmt: skip
    enter_private_namespace()
    if write:
        said = mend(node)
        if said is not None:
            note(said)
    with _mounted(node, write) as fd:
        yield fd


@contextmanager
def _mounted(node: str, write: bool) -> Iterator[int]:
    flags = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC | (0 if write else _MS_RDONLY)
    directory = tempfile.mkdtemp(prefix=os.path.basename(OWN_MOUNT), dir=os.path.dirname(OWN_MOUNT))
    try:
        try:
            _mount(node, directory, flags)
        except OSError as error:
            raise BootentriesError(
                "mount ESP", node, error.strerror or str(error),
                hint="is there a FAT filesystem on it, and the kernel's vfat? look at dmesg",
            ) from error  # fmt: skip
        try:
            fd = os.open(directory, _FLAGS)
            try:
                yield fd
            finally:
                os.close(fd)
        finally:
            _unmount(directory, node)
    finally:
        os.rmdir(directory)


def _mount(node: str, directory: str, flags: int) -> None:
    """Mount a partition; one that is read-only is found so by whoever wants to write there."""
    words = (os.fsencode(node), os.fsencode(directory), b"vfat")
    try:
        syscalls.mount(*words, flags, _DATA)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EROFS):
            raise
        syscalls.mount(*words, flags | _MS_RDONLY, _DATA)


def _unmount(directory: str, node: str) -> None:
    try:
        syscalls.umount(os.fsencode(directory), 0)
    except OSError as error:
        raise from_os_error("unmount ESP", error, node) from error


def mounted_on(device: int, table: str | None = None) -> str | None:
    """Return where a device's whole filesystem is mounted and can be reached, or None.

    `table` is the text of a mountinfo file, by default this process's own (proc(5)).
    """
    if table is None:
        with open(_MOUNTINFO, errors="surrogateescape") as file:
            table = file.read()
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in table.splitlines():
        fields = line.split(" ")
        if len(fields) > 4 and fields[2] == wanted and fields[3] == "/":
            path = _unescaped(fields[4])
            if _is_reached(path, device):
                return path
    return None


def _is_reached(path: str, device: int) -> bool:
    """Return whether a path leads to the filesystem, and not to one mounted above it."""
    try:
        return os.stat(path).st_dev == device
    except OSError:
        return False


def _unescaped(path: str) -> str:
    for code in ("\\040", "\\011", "\\012", "\\134"):
        path = path.replace(code, chr(int(code[1:], 8)))
    return path
