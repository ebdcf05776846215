"""The key `sysroot.bootloader` in the repository's configuration: an edit that keeps the rest."""

from bootentries.repo import LOADERS, parse_config
from prepare_root.formats import FormatError, keyfile

_GROUP, _KEY = b"sysroot", b"bootloader"
_BLANKS = b" \t\n\v\f\r"


def bootloader_of(data: bytes) -> str | None:
    """Return what a configuration says, valid or not; raises FormatError for no key file."""
    value = keyfile.parse(data).string(_GROUP, _KEY)
    return None if value is None else value.decode()


def with_bootloader(data: bytes, name: str) -> bytes:
    """Return the configuration with the bootloader set; every other line stays as it is.

    Raises FormatError for a file that is not valid, and for a name that is none.
    """
    if name not in LOADERS:
        raise FormatError(f"{name!r} is not one of {', '.join(LOADERS)}")
    found = keyfile.parse(data).groups.get(_GROUP, {}).get(_KEY)
    lines = data.split(b"\n")
    if found is not None:
        # The line that counts: a later one of the same key replaces an earlier one.
        _value, number = found
        lines[number - 1] = _replaced(lines[number - 1], name.encode())
    else:
        _insert(lines, name.encode())
    result = b"\n".join(lines)
    if parse_config(result).bootloader != name:
        raise FormatError("the edit did not take")
    return result


def _replaced(line: bytes, value: bytes) -> bytes:
    """Return a key's line with another value, its blanks and line end kept."""
    key, _, rest = line.partition(b"=")
    blanks = rest[: len(rest) - len(rest.lstrip(b" \t"))]
    return key + b"=" + blanks + value + _line_end(line)


def _insert(lines: list[bytes], value: bytes) -> None:
    """Add the key below the group's header, or a group for it at the end."""
    headers = [index for index, line in enumerate(lines) if _is_header(line)]
    if headers:
        header = lines[headers[-1]]
        lines.insert(headers[-1] + 1, _KEY + b"=" + value + _line_end(header))
        return
    while lines and not lines[-1].strip(_BLANKS):
        lines.pop()
    lines += [b"", b"[" + _GROUP + b"]", _KEY + b"=" + value, b""]


def _is_header(line: bytes) -> bool:
    return line.strip(_BLANKS) == b"[" + _GROUP + b"]"


def _line_end(line: bytes) -> bytes:
    return b"\r" if line.endswith(b"\r") else b""
