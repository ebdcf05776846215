"""The operations of a sync on one partition.  None of them renames anything.

A rename on FAT is two writes: a power cut between them can leave two names for one chain of
clusters, which only fsck can take apart.  So every file is written under its final name,
which nothing reads yet, and an entry is switched on in place.
"""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

from bootentries import fs, syscalls
from bootentries.digest import sha256
from bootentries.errors import BootentriesError
from bootentries.esp.entry import live_offset, switch_offset
from bootentries.esp.names import DIGEST_LENGTH

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Place:
    """A partition's top directory and the boot directory; the fds are the caller's."""

    fd: int
    boot_fd: int
    note: Callable[[str], None]


class EspOp(Protocol):
    """One step of a plan for one partition."""

    def describe(self) -> str:
        """Return one line that says what the step does."""

    def apply(self, place: Place) -> None:
        """Do it; raises OSError or BootentriesError."""


@dataclass(frozen=True, slots=True)
class MakeDir:
    """Make a directory, unless it is there."""

    path: str

    def describe(self) -> str:
        return f"create directory {self.path}"

    def apply(self, place: Place) -> None:
        fs.make_dirs(place.fd, self.path)
        with directory_of(place.fd, os.path.dirname(self.path)) as directory:
            os.fsync(directory)


@dataclass(frozen=True, slots=True)
class CopyPayload:
    """Copy a file of the boot directory; one that is there and whole is kept."""

    source: str
    path: str

    def describe(self) -> str:
        return f"copy {self.path} from boot/{self.source}"

    def apply(self, place: Place) -> None:
        with fs.opened(place.boot_fd, self.source) as source:
            if is_whole(place.fd, self.path):
                return
            remove(place.fd, (self.path,))
            try:
                with created(place.fd, self.path) as out:
                    while block := os.read(source, _BLOCK):
                        fs.write_all(out, block)
            except OSError:
                # No room for it: then half of it must not take what there is.
                with suppress(OSError):
                    remove(place.fd, (self.path,))
                raise


@dataclass(frozen=True, slots=True)
class CheckPayload:
    """Read a file back from storage: its name says what has to be in it."""

    path: str

    def describe(self) -> str:
        return f"read back {self.path}"

    def apply(self, place: Place) -> None:
        if not is_whole(place.fd, self.path):
            raise not_stored(self.path)


@dataclass(frozen=True, slots=True)
class WriteFile:
    """Write a new small file that nothing reads yet; an old one of the name goes before."""

    path: str
    text: str

    def describe(self) -> str:
        return f"write {self.path}"

    def apply(self, place: Place) -> None:
        remove(place.fd, (self.path,))
        with created(place.fd, self.path) as out:
            fs.write_all(out, self.text.encode())


@dataclass(frozen=True, slots=True)
class CheckFile:
    """Read a small file back from storage."""

    path: str
    text: str

    def describe(self) -> str:
        return f"read back {self.path}"

    def apply(self, place: Place) -> None:
        with fs.opened(place.fd, self.path) as fd:
            _drop_cache(fd)
            if fs.read_fd(fd) != self.text.encode():
                raise not_stored(self.path)


@dataclass(frozen=True, slots=True)
class Enable:
    """Make a prepared entry one that loaders boot, by one byte in place."""

    path: str

    def describe(self) -> str:
        return f"switch on {self.path}"

    def apply(self, place: Place) -> None:
        _switch(place.fd, self.path, switch_offset, b"l")


@dataclass(frozen=True, slots=True)
class Disable:
    """Make an entry one that no loader boots, and leave its file and name as they are."""

    path: str

    def describe(self) -> str:
        return f"switch off {self.path}"

    def apply(self, place: Place) -> None:
        try:
            _switch(place.fd, self.path, live_offset, b"#")
        except FileNotFoundError:
            return  # it was blessed meanwhile, under another name


def _switch(root_fd: int, path: str, find: Callable[[bytes], int | None], byte: bytes) -> None:
    with fs.opened(root_fd, path, os.O_RDWR | os.O_NOFOLLOW) as fd:
        offset = find(fs.read_regular(fd, path))
        if offset is None:
            raise BootentriesError(
                "switch entry", path, "it is not what was written",
                hint="another program changes this partition: sync again",
            )  # fmt: skip
        os.pwrite(fd, byte, offset)
        os.fsync(fd)


@dataclass(frozen=True, slots=True)
class Sync:
    """Bring everything to storage."""

    def describe(self) -> str:
        return "sync the partition"

    def apply(self, place: Place) -> None:
        syscalls.syncfs(place.fd)


@dataclass(frozen=True, slots=True)
class RemoveFiles:
    """Remove files; their clusters are free only when no name leads to them any more."""

    paths: tuple[str, ...]

    def describe(self) -> str:
        return f"remove {', '.join(self.paths)}"

    def apply(self, place: Place) -> None:
        remove(place.fd, self.paths)


def remove(root_fd: int, paths: tuple[str, ...]) -> None:
    """Remove files if they are there; raises OSError.

    An open file keeps its clusters: the names are gone from storage before those are free.
    Otherwise a power cut could leave a name for clusters that the next file will take.
    """
    held: list[int] = []
    try:
        for path in paths:
            with directory_of(root_fd, os.path.dirname(path)) as directory:
                name = os.path.basename(path)
                try:
                    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
                    held.append(os.open(name, flags, dir_fd=directory))
                    os.unlink(name, dir_fd=directory)
                except FileNotFoundError:
                    continue
                os.fsync(directory)
        if held:
            syscalls.syncfs(root_fd)
    finally:
        for fd in held:
            os.close(fd)


def stored_digest(root_fd: int, path: str) -> str:
    """Return the sha256 of a file as storage has it; raises OSError."""
    with fs.opened(root_fd, path, os.O_RDONLY | os.O_NONBLOCK) as fd:
        _drop_cache(fd)
        return digest_of(fd)


def digest_of(fd: int) -> str:
    """Return the sha256 of what comes from the place of `fd` on."""
    digest = sha256()
    while block := os.read(fd, _BLOCK):
        digest.update(block)
    return digest.hexdigest()


def not_stored(path: str) -> BootentriesError:
    """Return the error for storage that does not hold what was written."""
    return BootentriesError(
        "read back", path, "storage holds something else than what was written",
        hint="nothing was switched on; check the disk (dmesg, fsck.fat) and sync again",
    )  # fmt: skip


def is_whole(root_fd: int, path: str) -> bool:
    """Return whether a file is there, with the content that its name says; raises OSError."""
    try:
        return stored_digest(root_fd, path).startswith(path[-DIGEST_LENGTH:])
    except FileNotFoundError:
        return False
    except OSError as error:
        # What a power cut can leave of a file on FAT cannot be read to its end.
        if error.errno != errno.EIO:
            raise
        return False


def _drop_cache(fd: int) -> None:
    """Let the next read come from storage; what is not yet written there is kept."""
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)


@contextmanager
def created(root_fd: int, path: str) -> Iterator[int]:
    """Yield a new file; it and its name are on storage when the block ends."""
    with directory_of(root_fd, os.path.dirname(path)) as directory:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(os.path.basename(path), flags, 0o644, dir_fd=directory)
        try:
            yield fd
            os.fsync(fd)
        finally:
            os.close(fd)
        os.fsync(directory)


@contextmanager
def directory_of(root_fd: int, path: str) -> Iterator[int]:
    """Yield a directory, open so that it can be synced."""
    with fs.opened(root_fd, path or ".", os.O_RDONLY | os.O_DIRECTORY) as fd:
        yield fd
