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
    if keyfile.parse(data).groups.get(_GROUP, {}).get(_KEY) is None:
        # Errors about other keys then name their lines in the file as it is.
        parse_config(data)
    result = with_value(data, _GROUP, _KEY, name.encode())
    if parse_config(result).bootloader != name:
        raise FormatError("the edit did not take")
    return result


def with_value(data: bytes, group: bytes, key: bytes, value: bytes) -> bytes:
    """Return a key file with one key set; every other line stays as it is.

    Raises FormatError for a file that is not valid.
    """
    found = keyfile.parse(data).groups.get(group, {}).get(key)
    lines = data.split(b"\n")
    headers = [index for index, line in enumerate(lines) if _is_header(line, group)]
    if found is not None:
        # The line that counts: a later one of the same key replaces an earlier one.
        _value, number = found
        lines[number - 1] = _replaced(lines[number - 1], value)
        return b"\n".join(lines)
    if headers:
        lines.insert(headers[-1] + 1, key + b"=" + value + _line_end(lines[headers[-1]]))
        return b"\n".join(lines)
    return data + _gap(data) + b"[" + group + b"]\n" + key + b"=" + value + b"\n"


def _replaced(line: bytes, value: bytes) -> bytes:
    """Return a key's line with another value, its blanks and line end kept."""
    key, _, rest = line.partition(b"=")
    blanks = rest[: len(rest) - len(rest.lstrip(b" \t"))]
    return key + b"=" + blanks + value + _line_end(line)


def _gap(data: bytes) -> bytes:
    """Return what puts one empty line between a file and a new group."""
    if not data or data.endswith(b"\n\n"):
        return b""
    return b"\n" if data.endswith(b"\n") else b"\n\n"


def _is_header(line: bytes, group: bytes) -> bool:
    return line.strip(_BLANKS) == b"[" + group + b"]"


def _line_end(line: bytes) -> bytes:
    return b"\r" if line.endswith(b"\r") else b""
