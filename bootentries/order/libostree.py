"""libostree's order, which is that of the deployment list.

Source: libostree 2025.2 and 2026.4; it compares `version` by the C library's strverscmp.
"""

import re
from collections.abc import Sequence
from functools import cmp_to_key

from bootentries.deployment import Entry
from bootentries.entries.bls import BlsEntry
from bootentries.entries.names import is_entry_name

_PLAIN = re.compile(r"0|[1-9][0-9]{0,17}")


def strverscmp(left: bytes, right: bytes) -> int:
    """Compare as glibc's strverscmp(3): negative, zero or positive.

    Digit runs compare as numbers, unless one starts with zeros: then as fractions.
    """
    same = 0
    while same < min(len(left), len(right)) and left[same] == right[same]:
        same += 1
    run = same
    while run > 0 and _digit(left, run - 1):
        run -= 1
    if _digit(left, run, b"123456789") and _digit(right, run, b"123456789"):
        longer = _run_length(left, same) - _run_length(right, same)
        if longer:
            return longer
    elif same > run and not left[run:same].strip(b"0") and _either_digit(left, right, same):
        # The common part of the run is all zeros: a further digit makes it smaller.
        return _rank(left, same) - _rank(right, same)
    return _byte(left, same) - _byte(right, same)


def _byte(text: bytes, at: int) -> int:
    return text[at] if at < len(text) else 0


def _digit(text: bytes, at: int, digits: bytes = b"0123456789") -> bool:
    return at < len(text) and text[at] in digits


def _either_digit(left: bytes, right: bytes, at: int) -> bool:
    return _digit(left, at) or _digit(right, at)


def _run_length(text: bytes, at: int) -> int:
    end = at
    while _digit(text, end):
        end += 1
    return end - at


def _rank(text: bytes, at: int) -> int:
    """A digit comes before anything else, the end of the text included."""
    return (_byte(text, at) - ord("0")) % 256


def _compare(left: BlsEntry, right: BlsEntry) -> int:
    ours, theirs = left.get("version"), right.get("version")
    if ours is None or theirs is None:
        return (ours is None) - (theirs is None)
    return strverscmp(theirs.encode(), ours.encode())


def newest_first(entries: list[BlsEntry]) -> list[BlsEntry]:
    """Sort as libostree does: by `version`, descending; entries without one come last."""
    versions = [entry.get("version") or "" for entry in entries]
    if all(map(_PLAIN.fullmatch, versions)):
        # Plain numbers, as libostree writes them: the order is that of the numbers.
        numbers = {id(entry): int(text) for entry, text in zip(entries, versions, strict=True)}
        return sorted(entries, key=lambda entry: numbers[id(entry)], reverse=True)
    return sorted(entries, key=cmp_to_key(_compare))


def order(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries that libostree reads, the default first."""
    by_value = {id(entry.bls): entry for entry in entries if is_entry_name(entry.name)}
    read = [entry.bls for entry in by_value.values()]
    return [by_value[id(item)] for item in newest_first(read)]
