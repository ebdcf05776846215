"""Reading files out of an initramfs: archives one after another, each packed in its own way.

Format: the kernel's Documentation/driver-api/early-userspace/buffer-format.rst.  Making images
belongs to `prepare_root.image`.
"""

import stat
from collections.abc import Generator, Iterator

from bootentries.errors import BootentriesError
from bootentries.run import run

_HEADER = 110
_TRAILER = b"TRAILER!!!"
_NEWC = (b"070701", b"070702")
# How each compression begins, and the filter that unpacks it where Python cannot.
_MAGICS = (
    (b"\x1f\x8b", ("gzip", "-dc")),
    (b"\xfd7zXZ\0", ("xz", "-dc")),
    (b"\x28\xb5\x2f\xfd", ("zstd", "-dcq")),
    (b"\x02\x21\x4c\x18", ("lz4", "-dc")),
    (b"BZh", ("bzip2", "-dc")),
    (b"\x5d\0\0", ("xz", "--format=lzma", "-dc")),
    (b"\x89LZO", ("lzop", "-dc")),
)


def read_files(image: bytes, names: tuple[str, ...], where: str) -> dict[str, bytes]:
    """Return those of `names` that are in an initramfs; of several the last one, as at boot.

    Names are relative to the root, without `./`.  `where` names the image in errors.  Raises
    BootentriesError when it is no initramfs, or packed in a way that nothing here unpacks.
    """
    found: dict[str, bytes] = {}
    wanted = {name.encode(): name for name in names}
    for name, data in _members(image, where):
        key = wanted.get(name)
        if key is not None:
            found[key] = data
    return found


def _members(image: bytes, where: str) -> Iterator[tuple[bytes, bytes]]:
    """Yield (name, content) of every regular file."""
    at = 0
    while (at := _skip_zeros(image, at)) < len(image):
        if image[at : at + 6] in _NEWC:
            at = yield from _archive(image, at, where)
        else:
            # What is packed is the rest: dracut and initramfs-tools pack one archive, the last.
            yield from _members(_unpacked(image[at:], where), where)
            return


def _archive(image: bytes, at: int, where: str) -> Generator[tuple[bytes, bytes], None, int]:
    """Yield the regular files of one archive, and return where it ends."""
    while True:
        head = image[at : at + _HEADER]
        if len(head) < _HEADER or head[:6] not in _NEWC:
            raise _bad(where, f"no header at {at}")
        try:
            mode, size, length = (int(head[i : i + 8], 16) for i in (14, 54, 94))
        except ValueError as error:
            raise _bad(where, f"bad header at {at}") from error
        start = _aligned(at + _HEADER + length)
        name = image[at + _HEADER : at + _HEADER + length].rstrip(b"\0")
        at = _aligned(start + size)
        if start + size > len(image):
            raise _bad(where, "cut short")
        if name == _TRAILER:
            return at
        if stat.S_ISREG(mode):
            yield name.removeprefix(b"./").lstrip(b"/"), image[start : start + size]


def _unpacked(data: bytes, where: str) -> bytes:
    for magic, argv in _MAGICS:
        if data.startswith(magic):
            try:
                return _gunzip(data) if argv[0] == "gzip" else _filtered(data, argv)
            except (ValueError, BootentriesError) as error:
                reason = error.reason if isinstance(error, BootentriesError) else str(error)
                hint = error.hint if isinstance(error, BootentriesError) else None
                raise _bad(where, f"cannot be unpacked by {argv[0]}: {reason}", hint) from error
    raise _bad(where, f"neither an archive nor packed in a known way: it begins {data[:6]!r}")


def _gunzip(data: bytes) -> bytes:
    """Unpack the first stream, and what follows it if that is another one."""
    import zlib  # noqa: PLC0415 - most programs unpack nothing

    result = b""
    while data.startswith(_MAGICS[0][0]):
        unpacker = zlib.decompressobj(wbits=31)
        try:
            result += unpacker.decompress(data)
        except zlib.error as error:
            raise ValueError(str(error)) from error
        data = unpacker.unused_data
    return result


def _filtered(data: bytes, argv: tuple[str, ...]) -> bytes:
    return run(argv, "unpack", argv[0], stdin=data)


def _skip_zeros(image: bytes, at: int) -> int:
    while at < len(image) and not image[at]:
        at += 1
    return at


def _aligned(at: int) -> int:
    return (at + 3) & ~3


def _bad(where: str, reason: str, hint: str | None = None) -> BootentriesError:
    return BootentriesError("read initramfs", where, reason, hint)
