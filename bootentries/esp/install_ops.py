"""The operations that only installing and removing need: boot programs, and loader.conf.

A program's name is fixed and its content not ours to switch, so it is written beside and
renamed over.  On FAT that is two writes, and what they can leave is looked for.
"""

import errno
import fcntl
import os
import struct
from contextlib import ExitStack
from dataclasses import dataclass, field

from bootentries import fs, syscalls
from bootentries.digest import sha256
from bootentries.errors import BootentriesError
from bootentries.esp.ops import (
    Place,
    WriteFile,
    created,
    directory_of,
    not_stored,
    remove,
    stored_digest,
)

_FIBMAP = 1


@dataclass(frozen=True, slots=True)
class PutProgram:
    """Put a boot program in place; what is there goes when the new one is on storage."""

    path: str
    data: bytes = field(repr=False)

    def describe(self) -> str:
        return f"install {self.path} ({len(self.data)} bytes)"

    def apply(self, place: Place) -> None:
        fs.make_dirs(place.fd, os.path.dirname(self.path))
        # A half of it under the name itself would be nobody's.
        temporary = f"{self.path[:-4]}.new"
        if _shares_clusters(place.fd, temporary, self.path):
            raise BootentriesError(
                "install", temporary, "a power cut left it on the clusters of another file",
                hint="unmount the partition and run: fsck.fat -a DEVICE",
            )  # fmt: skip
        remove(place.fd, (temporary,))
        with created(place.fd, temporary) as out:
            fs.write_all(out, self.data)
        _replace(place.fd, temporary, self.path)
        if stored_digest(place.fd, self.path) != sha256(self.data).hexdigest():
            raise not_stored(self.path)


@dataclass(frozen=True, slots=True)
class Overwrite:
    """Write a file of one sector in place, or new where it is not there."""

    path: str
    text: str

    def describe(self) -> str:
        return f"write {self.path}"

    def apply(self, place: Place) -> None:
        data = self.text.encode()
        found = fs.stat_optional(place.fd, self.path, follow=False)
        if found is None or found.st_size != len(data):
            fs.make_dirs(place.fd, os.path.dirname(self.path))
            WriteFile(self.path, self.text).apply(place)
            return
        with fs.opened(place.fd, self.path, os.O_WRONLY | os.O_NOFOLLOW) as fd:
            os.pwrite(fd, data, 0)
            os.fsync(fd)


@dataclass(frozen=True, slots=True)
class RemoveEmpty:
    """Remove a directory in which nothing is left."""

    path: str

    def describe(self) -> str:
        return f"remove {self.path} if it is empty"

    def apply(self, place: Place) -> None:
        try:
            with directory_of(place.fd, os.path.dirname(self.path)) as directory:
                os.rmdir(os.path.basename(self.path), dir_fd=directory)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTEMPTY):
                raise


def _replace(root_fd: int, source: str, path: str) -> None:
    """Rename over a file that keeps its clusters until the rename is on storage.

    The kernel's FAT leaves the record that the name has now to the renamed file itself: syncing
    the directory does not write it, and syncfs does not flush the disk's cache.
    """
    with ExitStack() as stack:
        if fs.stat_optional(root_fd, path, follow=False) is not None:
            stack.enter_context(fs.opened(root_fd, path))
        renamed = stack.enter_context(fs.opened(root_fd, source))
        directory = stack.enter_context(directory_of(root_fd, os.path.dirname(path)))
        names = (os.path.basename(source), os.path.basename(path))
        os.rename(*names, src_dir_fd=directory, dst_dir_fd=directory)
        os.fsync(renamed)
        os.fsync(directory)
        syscalls.syncfs(root_fd)


def _shares_clusters(root_fd: int, left: str, right: str) -> bool:
    """Return whether two names lead to one chain, as a cut in a rename can leave them."""
    try:
        with fs.opened(root_fd, left) as one, fs.opened(root_fd, right) as other:
            return _first_block(one) == _first_block(other) != 0
    except OSError:
        return False  # not there, or not a filesystem that says


def _first_block(fd: int) -> int:
    """Return where a file's first block is, by FIBMAP of linux/fs.h."""
    found: bytes = fcntl.ioctl(fd, _FIBMAP, struct.pack("i", 0))
    number: int = struct.unpack("i", found)[0]
    return number
