"""GVariant: the serialisation of commits, of staged deployments and of /run/ostree-booted.

The format is the "GVariant Specification" of GLib.  Only what OSTree's files need is here:
`b y n q i u x t s o g v`, arrays, tuples and dictionary entries.  Python values:

    b           bool
    y n q i u x t   int
    s o g       str
    ay          bytes
    v           Variant
    a{KV}       dict (the first of equal keys wins, as g_variant_lookup does)
    aT          list
    (...)       tuple

`decode` accepts normal form only, apart from the value of padding bytes: an offset that
points outside, backwards, or leaves a gap is an error.  That bounds the work by the size
of the input, whatever the bytes are.
"""

import sys

from prepare_root.formats import FormatError

# GLib stops at 128; nothing that OSTree writes nests deeper than 8.
_MAX_DEPTH = 64

_SIZES = {"b": 1, "y": 1, "n": 2, "q": 2, "i": 4, "u": 4, "x": 8, "t": 8}
_SIGNED = "nix"
_NATIVE_BIG = sys.byteorder == "big"


class GVariantError(FormatError):
    """Bytes or a value that do not fit the GVariant type; the text says where."""


class Variant:
    """A value together with its type string, as held by `v`."""

    __slots__ = ("type", "value")

    def __init__(self, type_string: str, value: object) -> None:
        self.type = type_string
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Variant) and self.type == other.type and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.type)

    def __repr__(self) -> str:
        return f"Variant({self.type!r}, {self.value!r})"


class _Type:
    """One parsed type: `size` is 0 when values of it vary in length."""

    __slots__ = ("align", "framed", "kind", "members", "size")

    def __init__(self, kind: str, align: int, size: int, members: list["_Type"]) -> None:
        self.kind = kind
        self.align = align
        self.size = size
        self.members = members
        # How many members of a tuple have a framing offset.
        self.framed = len([member for member in members[:-1] if member.size == 0])


def decode(type_string: str, data: bytes, big: bool = _NATIVE_BIG) -> object:
    """Return the value that `data` holds; numbers are big-endian when `big` is true.

    Raises GVariantError for an unknown type and for bytes that are not in normal form.
    """
    return _decode(_parse_type(type_string), data, big, _MAX_DEPTH)


def encode(type_string: str, value: object, big: bool = _NATIVE_BIG) -> bytes:
    """Return `value` in normal form; raises GVariantError when it does not fit the type."""
    return _encode(_parse_type(type_string), value, big, _MAX_DEPTH)


# ---- types ------------------------------------------------------------------


# Types that were parsed before; a few are used over and over.
_parsed: dict[str, _Type] = {}
_KEPT_TYPES = 64


def _parse_type(text: str) -> _Type:
    node = _parsed.get(text)
    if node is not None:
        return node
    node, end = _parse_one(text, 0, _MAX_DEPTH)
    if end != len(text):
        raise GVariantError(f"type {text!r}: more than one complete type")
    # Types also come from the data: what is kept has an end.
    if len(_parsed) < _KEPT_TYPES:
        _parsed[text] = node
    return node


def _parse_one(text: str, at: int, depth: int) -> tuple[_Type, int]:
    if depth == 0:
        raise GVariantError("type is nested too deeply")
    kind = text[at : at + 1]
    if kind in _SIZES and kind:
        return _Type(kind, _SIZES[kind], _SIZES[kind], []), at + 1
    if kind in ("s", "o", "g"):
        return _Type(kind, 1, 0, []), at + 1
    if kind == "v":
        return _Type(kind, 8, 0, []), at + 1
    if kind == "a":
        element, end = _parse_one(text, at + 1, depth - 1)
        return _Type(kind, element.align, 0, [element]), end
    if kind in ("(", "{"):
        return _parse_members(text, at, depth)
    if not kind:
        raise GVariantError(f"type {text!r}: ends early")
    raise GVariantError(f"type {text!r}: unsupported type {kind!r}")


def _parse_members(text: str, at: int, depth: int) -> tuple[_Type, int]:
    """Parse a tuple or a dictionary entry that opens at `at`."""
    kind = text[at]
    close = ")" if kind == "(" else "}"
    members: list[_Type] = []
    end = at + 1
    while text[end : end + 1] != close:
        member, end = _parse_one(text, end, depth - 1)
        members.append(member)
    if kind == "{" and (len(members) != 2 or members[0].kind not in "bynqiuxtsog"):
        raise GVariantError(f"type {text!r}: a dictionary entry is a basic key and one value")
    align = 1
    size = 0
    for member in members:
        align = max(align, member.align)
        size = _aligned(size, member.align) + member.size
    # The unit tuple takes one byte, so that an array of it has a length.
    size = _aligned(size, align) or 1
    if any(member.size == 0 for member in members):
        size = 0
    return _Type(kind, align, size, members), end + 1


def _aligned(position: int, align: int) -> int:
    return (position + align - 1) // align * align


def _offset_size(length: int) -> int:
    """Width of the framing offsets in a container of `length` bytes."""
    if length > 0xFFFFFFFF:
        return 8
    if length > 0xFFFF:
        return 4
    if length > 0xFF:
        return 2
    return 1 if length else 0


# ---- decoding ---------------------------------------------------------------


def _decode(node: _Type, data: bytes, big: bool, depth: int) -> object:
    if depth == 0:
        raise GVariantError("value is nested too deeply")
    kind = node.kind
    # The kinds that are most come first.
    if kind == "a":
        return _decode_array(node.members[0], data, big, depth)
    if kind == "s":
        return _decode_string(data)
    if node.size and len(data) != node.size:
        raise GVariantError(f"{kind!r} takes {node.size} bytes, {len(data)} are there")
    if kind == "b":
        if data not in (b"\0", b"\1"):
            raise GVariantError(f"boolean byte is {data[0]}")
        return data == b"\1"
    if kind in _SIZES:
        return int.from_bytes(data, "big" if big else "little", signed=kind in _SIGNED)
    if kind in ("o", "g"):
        return _decode_string(data)
    if kind == "v":
        return _decode_variant(data, big, depth)
    return _decode_tuple(node, data, big, depth)


def _decode_string(data: bytes) -> str:
    if not data or data[-1] != 0:
        raise GVariantError("string does not end in NUL")
    if data.find(b"\0") != len(data) - 1:
        raise GVariantError("string holds a NUL")
    try:
        return data[:-1].decode("utf-8")
    except UnicodeDecodeError:
        raise GVariantError("string is not UTF-8") from None


def _decode_variant(data: bytes, big: bool, depth: int) -> Variant:
    split = data.rfind(b"\0")
    if split < 0:
        raise GVariantError("variant without a type")
    try:
        type_string = data[split + 1 :].decode("ascii")
    except UnicodeDecodeError:
        raise GVariantError("variant's type is not ASCII") from None
    node = _parse_type(type_string)
    return Variant(type_string, _decode(node, data[:split], big, depth - 1))


def _decode_array(element: _Type, data: bytes, big: bool, depth: int) -> object:
    if element.kind == "y":
        return data
    items: list[object] = []
    for start, end in _array_slices(element, data):
        items.append(_decode(element, data[start:end], big, depth - 1))
    if element.kind != "{":
        return items
    table: dict[object, object] = {}
    for pair in items:
        if isinstance(pair, tuple) and pair[0] not in table:
            table[pair[0]] = pair[1]
    return table


def _array_slices(element: _Type, data: bytes) -> list[tuple[int, int]]:
    """Return (start, end) of each element."""
    length = len(data)
    if element.size:
        if length % element.size:
            raise GVariantError(f"array of {length} bytes holds items of {element.size}")
        return [(at, at + element.size) for at in range(0, length, element.size)]
    if not length:
        return []
    width = _offset_size(length)
    table = _offset(data, length - width, width)
    if table > length - width or (length - table) % width:
        raise GVariantError("array's offset table is outside the array")
    slices: list[tuple[int, int]] = []
    previous = 0
    for at in range(table, length, width):
        start = _aligned(previous, element.align)
        end = _offset(data, at, width)
        if not start <= end <= table:
            raise GVariantError(f"array item {len(slices)} is outside the array")
        slices.append((start, end))
        previous = end
    return slices


def _decode_tuple(node: _Type, data: bytes, big: bool, depth: int) -> tuple[object, ...]:
    if not node.members:
        return ()
    length = len(data)
    width = _offset_size(length)
    limit = length - node.framed * width
    if limit < 0 or (node.framed and not width):
        raise GVariantError("tuple is shorter than its offsets")
    values: list[object] = []
    position = 0
    used = 0
    for index, member in enumerate(node.members):
        start = _aligned(position, member.align)
        if member.size:
            position = start + member.size
        elif index == len(node.members) - 1:
            position = limit
        else:
            used += 1
            position = _offset(data, length - used * width, width)
        if not start <= position <= limit:
            raise GVariantError(f"member {index} is outside its tuple")
        values.append(_decode(member, data[start:position], big, depth - 1))
    if not node.size and position != limit:
        raise GVariantError("bytes are left over at the end of a tuple")
    return tuple(values)


def _offset(data: bytes, at: int, width: int) -> int:
    # Framing offsets are little-endian whatever the order of the numbers is.
    return int.from_bytes(data[at : at + width], "little")


# ---- encoding ---------------------------------------------------------------


def _encode(node: _Type, value: object, big: bool, depth: int) -> bytes:
    if depth == 0:
        raise GVariantError("value is nested too deeply")
    kind = node.kind
    if kind == "b":
        if not isinstance(value, bool):
            raise GVariantError(f"{value!r} is not a boolean")
        return b"\1" if value else b"\0"
    if kind in _SIZES:
        return _encode_number(kind, value, big)
    if kind in ("s", "o", "g"):
        return _encode_string(value)
    if kind == "v":
        if not isinstance(value, Variant):
            raise GVariantError(f"{value!r} is not a Variant")
        inner = _parse_type(value.type)
        body = _encode(inner, value.value, big, depth - 1)
        return body + b"\0" + value.type.encode("ascii")
    if kind == "a":
        return _encode_array(node.members[0], value, big, depth)
    if not isinstance(value, tuple) or len(value) != len(node.members):
        raise GVariantError(f"{value!r} is not a tuple of {len(node.members)}")
    return _encode_tuple(node, value, big, depth)


def _encode_number(kind: str, value: object, big: bool) -> bytes:
    if not isinstance(value, int) or isinstance(value, bool):
        raise GVariantError(f"{value!r} is not a number")
    try:
        return value.to_bytes(_SIZES[kind], "big" if big else "little", signed=kind in _SIGNED)
    except OverflowError:
        raise GVariantError(f"{value} does not fit {kind!r}") from None


def _encode_string(value: object) -> bytes:
    if not isinstance(value, str):
        raise GVariantError(f"{value!r} is not a string")
    if "\0" in value:
        raise GVariantError(f"{value!r} holds a NUL")
    try:
        return value.encode("utf-8") + b"\0"
    except UnicodeEncodeError:
        raise GVariantError(f"{value!r} cannot be written as UTF-8") from None


def _encode_array(element: _Type, value: object, big: bool, depth: int) -> bytes:
    if element.kind == "y":
        if not isinstance(value, bytes):
            raise GVariantError(f"{value!r} is not bytes")
        return value
    if element.kind == "{" and isinstance(value, dict):
        value = list(value.items())
    if not isinstance(value, list):
        raise GVariantError(f"{value!r} is not a list")
    body = bytearray()
    ends: list[int] = []
    for item in value:
        body += bytes(-len(body) % element.align)
        body += _encode(element, item, big, depth - 1)
        ends.append(len(body))
    return _framed(body, [] if element.size else ends)


def _encode_tuple(node: _Type, value: tuple[object, ...], big: bool, depth: int) -> bytes:
    if not value:
        return b"\0"
    body = bytearray()
    ends: list[int] = []
    for index, member in enumerate(node.members):
        body += bytes(-len(body) % member.align)
        body += _encode(member, value[index], big, depth - 1)
        if not member.size and index != len(node.members) - 1:
            ends.append(len(body))
    if node.size:
        body += bytes(node.size - len(body))
    ends.reverse()
    return _framed(body, ends)


def _framed(body: bytearray, ends: list[int]) -> bytes:
    """Append framing offsets in the narrowest width that can address the whole."""
    width = 1
    while len(body) + width * len(ends) >= 1 << (8 * width):
        width *= 2
    for end in ends:
        body += end.to_bytes(width, "little")
    return bytes(body)
