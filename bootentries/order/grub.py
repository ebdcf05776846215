"""The order of GRUB's `blscfg` command, as in upstream GRUB 2.14.

Source: GRUB 2.14's manual ("blscfg") and gnulib's description of `filevercmp`; asked of
Debian's GRUB 2.14 and of `sort --version-sort`, which is the same function.

It sorts by file name alone, the highest version first: `sort-key`, `version`,
`machine-id`, `architecture` and counters mean nothing to it, so a bad entry may come first.
A name that compares equal to one that was read before (`ostree-01.conf`, `ostree-1.conf`)
is an error to it, and it reads no further: neither that entry nor any that the directory
yields later is in the menu.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import cmp_to_key

from bootentries.deployment import Entry

_SUFFIX = re.compile(r"(?:\.[A-Za-z~][A-Za-z0-9~]*)*\Z")
_WORD = re.compile(rb"[^0-9]*")
_NUMBER = re.compile(rb"[0-9]*")
_DOTS = (".", "..")
# How characters sort: a tilde before the end of a run, letters by themselves, others last.
_TILDE, _STOP, _ASCII, _OTHERS = -2, -1, 128, 256


def order(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries of GRUB's menu, in its order; the first is `default=0`."""
    names = cmp_to_key(compare)
    read: list[Entry] = []
    for entry in entries:
        if not entry.name.endswith(".conf"):
            continue
        at = bisect_left(read, names(entry.name), key=lambda one: names(one.name))
        if at < len(read) and not compare(read[at].name, entry.name):
            break
        read.insert(at, entry)
    # What starts nothing is dropped last: until then it can stand in the way of others.
    return [entry for entry in reversed(read) if has_kernel(entry)]


def compare(left: str, right: str) -> int:
    """Compare file names as gnulib's `filevercmp`: negative, zero or positive.

    A total preorder: different names may be equal.
    """
    if not left or not right:
        return bool(left) - bool(right)
    hidden = right.startswith(".") - left.startswith(".")
    if hidden:
        return hidden
    if left in _DOTS or right in _DOTS:
        return _rank_of_dots(left) - _rank_of_dots(right)
    ours, theirs = _stem(left), _stem(right)
    return _compare_parts(ours, theirs) or (
        _compare_parts(left, right) if (ours, theirs) != (left, right) else 0
    )


def has_kernel(entry: Entry) -> bool:
    """Return whether GRUB finds `linux`; it reads up to a blank line or a key without value."""
    for line in entry.bls.lines:
        key, _, value = line.replace("\r", "").replace("\t", " ").lstrip(" ").partition(" ")
        if key.startswith("#"):
            continue
        if not value.strip(" "):
            return False
        if key == "linux":
            return True
    return False


def _rank_of_dots(name: str) -> int:
    return _DOTS.index(name) if name in _DOTS else len(_DOTS)


def _stem(name: str) -> str:
    """Return the name without its suffixes; of a hidden name nothing may be left.

    Later versions of gnulib keep the first character; GRUB 2.14 does not.
    """
    found = _SUFFIX.search(name)
    return name if found is None else name[: found.start()]


def _compare_parts(left: str, right: str) -> int:
    """Compare runs of other characters and runs of digits, in turn."""
    ours, theirs = _bytes(left), _bytes(right)
    while ours or theirs:
        one, two = _run(_WORD, ours), _run(_WORD, theirs)
        if one != two:
            # They part ways within the longer run, or at the end of the shorter one.
            low, high = _ranks(one), _ranks(two)
            return -1 if low < high else 1
        ours, theirs = ours[len(one) :], theirs[len(two) :]
        one, two = _run(_NUMBER, ours), _run(_NUMBER, theirs)
        result = _compare_numbers(one.lstrip(b"0"), two.lstrip(b"0"))
        if result:
            return result
        ours, theirs = ours[len(one) :], theirs[len(two) :]
    return 0


def _ranks(run: bytes) -> list[int]:
    """Return by what the characters of a run sort, its end included."""
    return [*map(_rank, run), _STOP]


def _rank(byte: int) -> int:
    if byte == ord("~"):
        return _TILDE
    return byte if chr(byte).isalpha() and byte < _ASCII else byte + _OTHERS


def _compare_numbers(left: bytes, right: bytes) -> int:
    one, two = (len(left), left), (len(right), right)
    return (one > two) - (one < two)


def _run(pattern: re.Pattern[bytes], text: bytes) -> bytes:
    found = pattern.match(text)
    return found[0] if found else b""


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")
