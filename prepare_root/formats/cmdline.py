"""The kernel command line, as bytes.

Two readings exist side by side.  `split` and `parse` follow the kernel's own `next_arg`
(blanks separate, double quotes protect them and are then dropped).  `find_ostree_target`
follows libostree's raw scan: spaces separate, quotes mean nothing, the first match wins,
and Android's slot arguments come before `ostree=`.
"""

from prepare_root.errors import show
from prepare_root.formats import FormatError

_BLANKS = b" \t\n\v\f\r"
_SLOTS = {b"_a": b"/ostree/root.a", b"_b": b"/ostree/root.b"}


class CmdlineError(FormatError):
    """A command line whose boot target cannot be told."""


def split(cmdline: bytes) -> list[bytes]:
    """Return the arguments with their quotes kept; an open quote runs to the end."""
    words: list[bytes] = []
    start = -1
    quoted = False
    for index in range(len(cmdline)):
        byte = cmdline[index]
        if byte == 0x22:
            quoted = not quoted
        if byte in _BLANKS and not quoted:
            if start >= 0:
                words.append(cmdline[start:index])
                start = -1
        elif start < 0:
            start = index
    if start >= 0:
        words.append(cmdline[start:])
    return words


def parse(cmdline: bytes) -> list[tuple[bytes, bytes | None]]:
    """Return (key, value) pairs; the value is None for a bare word.

    One pair of quotes around the value or around the whole argument is dropped, as the
    kernel does; a quote elsewhere stays.
    """
    pairs: list[tuple[bytes, bytes | None]] = []
    for word in split(cmdline):
        whole = word.startswith(b'"')
        text = word[1:] if whole else word
        key, equals, value = text.partition(b"=")
        if not equals:
            pairs.append((text.removesuffix(b'"') if whole else text, None))
            continue
        opened = value.startswith(b'"')
        if opened:
            value = value[1:]
        if whole or opened:
            value = value.removesuffix(b'"')
        pairs.append((key, value))
    return pairs


def get(pairs: list[tuple[bytes, bytes | None]], key: bytes) -> bytes | None:
    """Return the last value of `key` (the kernel's rule for `root=` and its like), or None.

    A bare word counts as an empty value.
    """
    for name, value in reversed(pairs):
        if name == key:
            return b"" if value is None else value
    return None


def get_first(pairs: list[tuple[bytes, bytes | None]], key: bytes) -> bytes | None:
    """Return the first value of `key`, or None; a bare word counts as an empty value."""
    for name, value in pairs:
        if name == key:
            return b"" if value is None else value
    return None


def has(pairs: list[tuple[bytes, bytes | None]], key: bytes) -> bool:
    """Return whether `key` is there, with or without a value."""
    return any(name == key for name, _ in pairs)


def find_ostree_target(cmdline: bytes) -> bytes | None:
    """Return the path that names the deployment to boot, or None when nothing does.

    Raises CmdlineError for an Android slot other than `_a` and `_b`.
    """
    words = cmdline.removesuffix(b"\n").split(b" ")
    slot = _raw_value(words, b"androidboot.slot_suffix=")
    if slot is not None:
        target = _SLOTS.get(slot)
        if target is None:
            raise CmdlineError(
                f"androidboot.slot_suffix: {show(slot)}: not a known slot (_a or _b)"
            )
        return target
    if any(word.startswith(b"androidboot.") for word in words):
        return _SLOTS[b"_a"]
    return _raw_value(words, b"ostree=")


def find_raw(cmdline: bytes, key: bytes) -> bytes | None:
    """Return the first value of `key` as libostree's raw scan finds it, or None."""
    return _raw_value(cmdline.removesuffix(b"\n").split(b" "), key + b"=")


def _raw_value(words: list[bytes], prefix: bytes) -> bytes | None:
    for word in words:
        if word.startswith(prefix):
            return word[len(prefix) :]
    return None
