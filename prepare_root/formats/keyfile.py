"""GKeyFile: the format of repository, prepare-root and origin files, read as GLib reads it.

Blanks before a line, after a group's bracket, around `=` and before a value do not count;
`#` lines and empty ones are comments; a later key replaces an earlier one and a group that
comes again is continued.  Booleans are `true`, `1`, `false` and `0` only.
"""

from prepare_root.errors import show
from prepare_root.formats import FormatError

_BLANKS = b" \t\n\v\f\r"
_ESCAPES = {ord("s"): 0x20, ord("n"): 0x0A, ord("t"): 0x09, ord("r"): 0x0D, ord("\\"): 0x5C}
_BOOLEANS = {b"true": True, b"1": True, b"false": False, b"0": False}


class KeyFileError(FormatError):
    """A key file that GLib refuses too; the text starts with the line number."""


class KeyFile:
    """Groups in the order of the file; each maps a key to (raw value, line number)."""

    __slots__ = ("groups",)

    def __init__(self) -> None:
        self.groups: dict[bytes, dict[bytes, tuple[bytes, int]]] = {}

    def raw(self, group: bytes, key: bytes) -> bytes | None:
        """Return the value as it is written, trailing blanks included, or None."""
        found = self.groups.get(group, {}).get(key)
        return None if found is None else found[0]

    def string(self, group: bytes, key: bytes) -> bytes | None:
        """Return the value with its escapes resolved, or None when the key is missing.

        Raises KeyFileError for an unknown escape and for text that is not UTF-8.
        """
        found = self.groups.get(group, {}).get(key)
        if found is None:
            return None
        value, line = found
        try:
            value.decode("utf-8")
        except UnicodeDecodeError:
            raise _error(line, _name(group, key) + ": value is not UTF-8") from None
        return _unescape(value, line, _name(group, key))

    def boolean(self, group: bytes, key: bytes) -> bool | None:
        """Return the value, or None when the key is missing; raises KeyFileError."""
        found = self.groups.get(group, {}).get(key)
        if found is None:
            return None
        value, line = found
        result = _BOOLEANS.get(value.rstrip(_BLANKS))
        if result is None:
            raise _error(line, f"{_name(group, key)}: {_show(value)!r} is not true, 1, false or 0")
        return result


def parse(data: bytes) -> KeyFile:
    """Return what the file says; raises KeyFileError with the number of the bad line."""
    result = KeyFile()
    current: dict[bytes, tuple[bytes, int]] | None = None
    number = 0
    for raw_line in data.split(b"\n"):
        number += 1
        line = raw_line.removesuffix(b"\r").lstrip(_BLANKS)
        if not line or line.startswith(b"#"):
            continue
        group = _group_name(line)
        if group is not None:
            if not _valid_group(group):
                raise _error(number, f"invalid group name {_show(group)!r}")
            current = result.groups.setdefault(group, {})
            continue
        key, equals, value = line.partition(b"=")
        if not equals or not key:
            raise _error(number, f"{_show(line)!r} is not a key, a group or a comment")
        if current is None:
            raise _error(number, "a key comes before the first group")
        key = key.rstrip(_BLANKS)
        if not _valid_key(key):
            raise _error(number, f"invalid key name {_show(key)!r}")
        current[key] = (value.lstrip(_BLANKS), number)
    return result


def _group_name(line: bytes) -> bytes | None:
    if not line.startswith(b"["):
        return None
    name, bracket, rest = line[1:].partition(b"]")
    if not bracket or rest.strip(b" \t"):
        return None
    return name


def _valid_group(name: bytes) -> bool:
    if not name or not _is_utf8(name):
        return False
    return not any(byte < 0x20 or byte == 0x7F or byte == ord("[") for byte in name)


def _valid_key(name: bytes) -> bool:
    """A key is free of brackets, but for a locale in brackets at its end."""
    if not _is_utf8(name):
        return False
    base, bracket, locale = name.partition(b"[")
    if not base or b"]" in base or base.endswith(b" "):
        return False
    if not bracket:
        return True
    inner = locale.removesuffix(b"]")
    return inner != locale and all(
        byte >= 0x80 or byte in b"-_.@" or chr(byte).isalnum() for byte in inner
    )


def _unescape(value: bytes, line: int, name: str) -> bytes:
    if b"\\" not in value:
        return value
    result = bytearray()
    index = 0
    while index < len(value):
        byte = value[index]
        index += 1
        if byte == 0x5C:
            escape = _ESCAPES.get(value[index]) if index < len(value) else None
            if escape is None:
                raise _error(line, f"{name}: invalid escape in {_show(value)!r}")
            byte = escape
            index += 1
        result.append(byte)
    return bytes(result)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _name(group: bytes, key: bytes) -> str:
    return f"[{show(group)}] {show(key)}"


def _show(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")


def _error(line: int, reason: str) -> KeyFileError:
    return KeyFileError(f"line {line}: {reason}")
