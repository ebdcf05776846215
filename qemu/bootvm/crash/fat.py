"""Reads a FAT12, FAT16 or FAT32 filesystem as firmware does: as it is, without any repair.

Format: Microsoft's "FAT: General Overview of On-Disk Format" (FAT32 File System
Specification 1.03).  Only the first copy of the table is believed, which is the one that
EDK2 and Linux read.  A long name counts only when its pieces are whole and carry the short
name's checksum; otherwise the short name is the name.  A file is its directory entry's size:
a chain that ends before is an error, as it is to firmware.

Bytes in, values out: `data` is anything that can be sliced.
"""

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from bootvm.errors import BootvmError

_LONG_NAME = 0x0F
_DIRECTORY, _VOLUME = 0x10, 0x08
_LOWER_STEM, _LOWER_SUFFIX = 0x08, 0x10  # in the byte that NT uses for case
_ENTRY = 32


class FatError(BootvmError):
    """The filesystem, or a file in it, cannot be read; the message names the place."""


@dataclass(frozen=True, slots=True)
class Node:
    """A file or directory; `path` is from the root, without a slash in front."""

    path: str
    is_directory: bool
    size: int
    cluster: int

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class _Shape:
    """The numbers of the boot sector, in bytes; `bits` is 12, 16 or 32."""

    bits: int
    table: int
    table_size: int
    root: int
    root_entries: int
    root_cluster: int
    heap: int
    cluster: int
    clusters: int


def _shape(data: bytes | mmap.mmap, at: int) -> _Shape:
    head = bytes(data[at : at + 512])
    if len(head) < 512 or head[510:512] != b"\x55\xaa":
        raise FatError("read FAT", "boot sector", "no signature")
    sector, per_cluster, reserved, tables, root_entries, small = struct.unpack_from(
        "<HBHBHH", head, 11
    )
    per_table16 = struct.unpack_from("<H", head, 22)[0]
    large, per_table32 = struct.unpack_from("<II", head, 32)
    if sector not in (512, 1024, 2048, 4096) or not per_cluster or not tables or not reserved:
        raise FatError("read FAT", "boot sector", "numbers that no FAT has")
    table_size = (per_table16 or per_table32) * sector
    root = at + reserved * sector + tables * table_size
    heap = root + -(-root_entries * _ENTRY // sector) * sector
    clusters = (at + (small or large) * sector - heap) // (per_cluster * sector)
    if clusters < 1 or not table_size:
        raise FatError("read FAT", "boot sector", "no room for files")
    bits = 12 if clusters < 4085 else 16 if clusters < 65525 else 32
    root_cluster = struct.unpack_from("<I", head, 44)[0] if bits == 32 else 0
    return _Shape(
        bits, at + reserved * sector, table_size, root, root_entries, root_cluster, heap,
        per_cluster * sector, clusters,
    )  # fmt: skip


class Fat:
    """The filesystem that begins at byte `offset` of `data`."""

    def __init__(self, data: bytes | mmap.mmap, offset: int = 0) -> None:
        """Raises FatError when there is none."""
        self._data = data
        self._shape = _shape(data, offset)

    @property
    def bits(self) -> int:
        return self._shape.bits

    def listing(self, path: str = "") -> list[Node]:
        """What is in a directory, in the order of its entries, without `.` and `..`."""
        node = self.find(path)
        if not node.is_directory:
            raise FatError("list", path, "not a directory")
        return list(self._entries(node))

    def walk(self, path: str = "") -> Iterator[Node]:
        """All files and directories below `path`, a directory before what is in it."""
        for node in self.listing(path):
            yield node
            if node.is_directory:
                yield from self.walk(node.path)

    def find(self, path: str) -> Node:
        """The node at `path`, whatever the case of its letters; raises FatError when missing."""
        node = Node("", True, 0, self._shape.root_cluster)
        for word in path.strip("/").split("/") if path.strip("/") else ():
            # Entry by entry, as firmware does: what is behind the one looked for may be broken.
            inside = self._entries(node) if node.is_directory else iter(())
            found = next((one for one in inside if one.name.casefold() == word.casefold()), None)
            if found is None:
                raise FatError("find", path, "no such file")
            node = found
        return node

    def read(self, path: str) -> bytes:
        """A file's content; raises FatError when the chain does not hold its size."""
        node = self.find(path)
        if node.is_directory:
            raise FatError("read", path, "a directory")
        if not node.size:
            return b""
        pieces, missing = [], node.size
        for place in self._chain(node.cluster, path):
            pieces.append(self._data[place : place + min(self._shape.cluster, missing)])
            missing -= len(pieces[-1])
            if missing <= 0:
                return b"".join(pieces)
        raise FatError("read", path, f"its clusters end {missing} bytes before its size")

    # ---- clusters ----

    def _next(self, cluster: int) -> int:
        shape = self._shape
        if shape.bits == 12:
            at = shape.table + cluster * 3 // 2
            value = int.from_bytes(self._data[at : at + 2], "little")
            return value >> 4 if cluster & 1 else value & 0xFFF
        width = shape.bits // 8
        at = shape.table + cluster * width
        return int.from_bytes(self._data[at : at + width], "little") & 0x0FFFFFFF

    def _chain(self, cluster: int, path: str) -> Iterator[int]:
        """Where each cluster of a file is, to the end of its chain."""
        shape = self._shape
        end = (1 << min(shape.bits, 28)) - 8
        seen = 0
        while cluster < end:
            if not 2 <= cluster < shape.clusters + 2:
                raise FatError("read", path or "/", f"a chain that leads to cluster {cluster}")
            seen += 1
            if seen > shape.clusters:
                raise FatError("read", path or "/", "a chain without an end")
            yield shape.heap + (cluster - 2) * shape.cluster
            cluster = self._next(cluster)

    # ---- directories ----

    def _slots(self, node: Node) -> Iterator[bytes]:
        """The entries of 32 bytes, up to the first that was never used."""
        shape = self._shape
        if not node.path and shape.bits != 32:
            top = bytes(self._data[shape.root : shape.root + shape.root_entries * _ENTRY])
            pieces = iter((top,))
        else:
            # To its end first: EDK2 takes a directory whose chain has none for an empty one.
            chain = list(self._chain(node.cluster, node.path))
            pieces = (bytes(self._data[place : place + shape.cluster]) for place in chain)
        for piece in pieces:
            for at in range(0, len(piece) - _ENTRY + 1, _ENTRY):
                if piece[at] == 0:
                    return
                yield piece[at : at + _ENTRY]

    def _entries(self, node: Node) -> Iterator[Node]:
        above = f"{node.path}/" if node.path else ""
        pieces: list[bytes] = []
        for slot in self._slots(node):
            if slot[0] == 0xE5:
                pieces = []
                continue
            if slot[11] & 0x3F == _LONG_NAME:
                pieces = [slot] if slot[0] & 0x40 else [*pieces, slot]
                continue
            long, pieces = _long_name(pieces, slot[:11]), []
            if slot[11] & _VOLUME or slot[:11] in (b".          ", b"..         "):
                continue
            high, low = struct.unpack_from("<H", slot, 20)[0], struct.unpack_from("<H", slot, 26)[0]
            cluster = low | (high << 16 if self._shape.bits == 32 else 0)
            size = struct.unpack_from("<I", slot, 28)[0]
            name = long or _short_name(slot)
            yield Node(above + name, bool(slot[11] & _DIRECTORY), size, cluster)


def _short_name(slot: bytes) -> str:
    stem, suffix = (part.decode("cp437").rstrip() for part in (slot[:8], slot[8:11]))
    if slot[0] == 0x05:
        stem = b"\xe5".decode("cp437") + stem[1:]
    stem = stem.lower() if slot[12] & _LOWER_STEM else stem
    suffix = suffix.lower() if slot[12] & _LOWER_SUFFIX else suffix
    return f"{stem}.{suffix}" if suffix else stem


def _checksum(short: bytes) -> int:
    total = 0
    for byte in short:
        total = ((total & 1) << 7 | total >> 1) + byte & 0xFF
    return total


def _long_name(pieces: list[bytes], short: bytes) -> str:
    """The name in the entries before a short one; empty when they do not belong to it."""
    if not pieces:
        return ""
    count = pieces[0][0] & 0x3F
    numbers = [piece[0] & 0x3F for piece in pieces]
    if numbers != list(range(count, 0, -1)) or any(
        piece[13] != _checksum(short) for piece in pieces
    ):
        return ""
    text = b"".join(piece[1:11] + piece[14:26] + piece[28:32] for piece in reversed(pieces))
    return text.decode("utf-16-le", "replace").partition("\0")[0]
