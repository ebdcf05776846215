"""The archive: GNU cpio's `newc`, made the same bit for bit from the same members.

GNU cpio reads a staging directory and writes the archive.  Two things it leaves to us,
in one walk over its headers: the link count of directories, which depends on the
filesystem of the staging directory, and device nodes, which only root could stage.

Format: the kernel's Documentation/driver-api/early-userspace/buffer-format.rst.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from prepare_root.formats import FormatError, newc
from prepare_root.image.errors import ImageError
from prepare_root.image.run import run

TRAILER = newc.TRAILER.decode()
BLOCK = 512  # GNU cpio fills its last record up to this with NULs


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an archive; `data` is the file's content or the link's target."""

    name: str
    mode: int
    ino: int = 0
    uid: int = 0
    gid: int = 0
    nlink: int = 1
    mtime: int = 0
    rdev: tuple[int, int] = (0, 0)
    data: bytes = b""

    def encode(self) -> bytes:
        """The member's header, name and data, each padded to four bytes."""
        name = os.fsencode(self.name) + b"\0"
        fields = (
            self.ino,
            self.mode,
            self.uid,
            self.gid,
            self.nlink,
            self.mtime,
            len(self.data),
            0,  # the archive's own device: always 0, so that it names no machine
            0,
            *self.rdev,
            len(name),
            0,  # checksum, unused by this magic
        )
        header = newc.MAGIC + b"".join(b"%08X" % field for field in fields)
        return _padded(header + name) + _padded(self.data)


def members(archive: bytes) -> Iterator[Member]:
    """The members of an uncompressed `newc` archive, up to its trailer.

    Raises ImageError for anything that is not one.
    """
    try:
        found, _ = newc.read(archive, 0)
    except FormatError as error:
        raise ImageError("read archive", "archive", str(error)) from error
    for one in found:
        yield Member(
            os.fsdecode(one.name), one.mode, one.ino, one.uid, one.gid, one.nlink, one.mtime,
            one.rdev, one.data,
        )  # fmt: skip


def pack(stage: Path, names: Sequence[str], nodes: Sequence[Member] = ()) -> bytes:
    """An archive of `names` (relative to `stage`, parents included) and of device `nodes`.

    Members are sorted by name; owners are root.  Modes and times are those of the staging
    directory.  Raises ImageError when GNU cpio fails.
    """
    listing = b"".join(name + b"\0" for name in sorted(os.fsencode(name) for name in names))
    archive = run(
        (
            "cpio",
            "--create",
            "--null",
            "--quiet",
            "--format=newc",
            "--reproducible",
            "--renumber-inodes",
            "--owner=+0:+0",
        ),
        "write archive",
        str(stage),
        stdin=listing,
        cwd=stage,
    )
    return _finish([_settled(member) for member in members(archive)], nodes)


def _settled(member: Member) -> Member:
    """The member with the link count that no filesystem decides."""
    nlink = 2 if stat.S_ISDIR(member.mode) else 1
    return Member(
        member.name,
        member.mode,
        member.ino,
        0,
        0,
        nlink,
        member.mtime,
        member.rdev,
        member.data,
    )


def _finish(staged: Sequence[Member], nodes: Sequence[Member]) -> bytes:
    """The final archive; nodes come last, when their directories are there."""
    next_ino = max((member.ino for member in staged), default=0) + 1
    parts = [member.encode() for member in staged]
    for ino, node in enumerate(nodes, next_ino):
        parts.append(
            Member(node.name, node.mode, ino, 0, 0, 1, node.mtime, node.rdev, b"").encode()
        )
    parts.append(Member(TRAILER, 0).encode())
    archive = b"".join(parts)
    return archive + b"\0" * (-len(archive) % BLOCK)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
