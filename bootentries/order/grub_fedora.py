"""The order of GRUB's `blscfg` command as Fedora's and Red Hat's GRUB has it.

Source: the `blscfg` command of the rhboot/grub2 repository, branch fedora-45.  It takes a
file name for the name of a package, NAME-VERSION-RELEASE, and compares each of the three
the way RPM compares versions, with a `+` of its own; the highest comes first.  Nothing in
the file counts.  Names that compare equal are duplicates: the one that the directory yields
first stays.
"""

import re
from collections.abc import Sequence
from functools import cmp_to_key

from bootentries.deployment import Entry

_SUFFIX = ".conf"
_OUTSIDE = re.compile(r"[^A-Za-z0-9~+]*")
_DIGITS = re.compile(r"[0-9]*")
_LETTERS = re.compile(r"[A-Za-z]*")


def order(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries of GRUB's menu, in its order; the first is `default=0`."""
    names = cmp_to_key(compare)
    read = [entry for entry in entries if _is_read(entry.name)]
    read.sort(key=lambda entry: names(entry.name), reverse=True)
    kept: list[Entry] = []
    for entry in read:
        if not kept or compare(kept[-1].name, entry.name):
            kept.append(entry)
    # What starts nothing is dropped last: until then it can hide a duplicate.
    return [entry for entry in kept if _starts_something(entry)]


def compare(left: str, right: str) -> int:
    """Compare two file names with `.conf`: negative, zero or positive.

    A total preorder: different names may be equal.
    """
    for ours, theirs in zip(_split(left), _split(right), strict=True):
        result = compare_versions(ours, theirs)
        if result:
            return result
    return 0


def compare_versions(left: str, right: str) -> int:
    """Compare as RPM does, where `1` < `1+x` < `1.0`: negative, zero or positive.

    RPM itself knows no `+`, but `^`, which means nothing here.
    """
    while left or right:
        left, right = _skip(left), _skip(right)
        if left.startswith("~") or right.startswith("~"):
            if left[:1] != right[:1]:
                return -1 if left.startswith("~") else 1
            left, right = left[1:], right[1:]
            continue
        if not left or not right:
            break
        if left.startswith("+") or right.startswith("+"):
            if left[:1] != right[:1]:
                return -1 if left.startswith("+") else 1
            left, right = left[1:], right[1:]
            continue
        numeric = left[0].isdigit()
        pattern = _DIGITS if numeric else _LETTERS
        ours, theirs = _run(pattern, left), _run(pattern, right)
        if not theirs:
            return 1 if numeric else -1
        result = _compare_numbers(ours, theirs) if numeric else (ours > theirs) - (ours < theirs)
        if result:
            return result
        left, right = left[len(ours) :], right[len(theirs) :]
    return bool(left) - bool(right)


def _split(name: str) -> tuple[str, str, str]:
    """Return name, version and release; with one `-` only there is no release."""
    first, second, third = (*name.removesuffix(_SUFFIX).rsplit("-", 2), "", "")[:3]
    return first, second, third


def _is_read(name: str) -> bool:
    return len(name) > len(_SUFFIX) and name.endswith(_SUFFIX) and not name.startswith(".")


def _starts_something(entry: Entry) -> bool:
    """Return whether GRUB finds one of `linux` and `efi`.

    It reads up to a line without a value, a blank one included.
    """
    found = set()
    for line in entry.bls.lines:
        text = line.rstrip("\r").lstrip(" \t")
        if text.startswith("#"):
            continue
        key, separator, value = text.partition(" " if " " in text else "\t")
        if not separator or not value:
            break
        found.add(key)
    return len(found & {"linux", "efi"}) == 1


def _compare_numbers(left: str, right: str) -> int:
    ours, theirs = left.lstrip("0"), right.lstrip("0")
    one, two = (len(ours), ours), (len(theirs), theirs)
    return (one > two) - (one < two)


def _run(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.match(text)
    return found[0] if found else ""


def _skip(text: str) -> str:
    return text[len(_run(_OUTSIDE, text)) :]
