"""Reading files out of an initramfs.  Its format is in `prepare_root.formats.newc`."""

import stat
from collections.abc import Iterator

from bootentries.errors import BootentriesError
from bootentries.run import run
from prepare_root.formats import FormatError, newc


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
    try:
        while (at := newc.skip_zeros(image, at)) < len(image):
            if not newc.is_archive(image, at):
                yield from _members(_unpacked(image[at:], where), where)
                return
            members, at = newc.read(image, at)
            for member in members:
                if stat.S_ISREG(member.mode):
                    yield member.name.removeprefix(b"./").lstrip(b"/"), member.data
    except FormatError as error:
        raise _bad(where, str(error)) from error


def _unpacked(data: bytes, where: str) -> bytes:
    how = newc.packed(data, 0)
    try:
        return _gunzip(data) if how == "gzip" else run(newc.FILTERS[how], "unpack", how, stdin=data)
    except ValueError as error:
        raise _bad(where, f"cannot be unpacked by {how}: {error}") from error
    except BootentriesError as error:
        reason = f"cannot be unpacked by {how}: {error.reason}"
        raise _bad(where, reason, error.hint) from error


def _gunzip(data: bytes) -> bytes:
    """Unpack the first stream, and what follows it if that is another one."""
    import zlib  # noqa: PLC0415 - most programs unpack nothing

    result = b""
    while data.startswith(b"\x1f\x8b"):
        unpacker = zlib.decompressobj(wbits=31)
        try:
            result += unpacker.decompress(data)
        except zlib.error as error:
            raise ValueError(str(error)) from error
        data = unpacker.unused_data
    return result


def _bad(where: str, reason: str, hint: str | None = None) -> BootentriesError:
    return BootentriesError("read initramfs", where, reason, hint)
