"""systemd-boot's order, and what it boots by default.

Source: the UAPI group's Boot Loader Specification ("Sorting") and systemd-boot(7); asked
of `bootctl` 257 and 262 and of the EFI program itself.  `bootctl list` sorts the same way,
but for one thing: it does not ignore case in file names.

The keys, in their order: entries without tries left come last; those with `sort-key` come
first, by that key, `machine-id` (both ascending) and `version` (the newest first); then the
id, the newest first, which is the file name without counters; then more tries left, then
fewer tries done.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cmp_to_key

from bootentries.deployment import Entry
from bootentries.order import uapi

_COUNTED = re.compile(r"(.*)\+([0-9]+)(?:-([0-9]+))?(\.conf)", re.IGNORECASE | re.DOTALL)
_INT_MAX = 2**31 - 1
# What an entry can start; two different ones in one entry make it a bad entry.
_PAYLOADS = frozenset({"linux", "efi", "uki", "uki-url"})


@dataclass(frozen=True, slots=True)
class _Item:
    """An entry with what it is sorted by; `tries` are those left and those done."""

    entry: Entry
    id: str
    tries: tuple[int, int] | None
    fields: dict[str, str]

    @property
    def is_bad(self) -> bool:
        return self.tries is not None and self.tries[0] == 0


def order(entries: Sequence[Entry], *, architecture: str | None = None) -> list[Entry]:
    """Return the entries that systemd-boot shows, in the order of its menu.

    `architecture` is the firmware's, in EFI's words (`x64`, `aa64`); entries for another
    are left out.  Whether an entry's files exist is not looked at: the program hides it when not.
    Entries that compare equal stay in the order given, as they do there.
    """
    return [item.entry for item in _sorted(entries, architecture)]


def default(
    entries: Sequence[Entry], pattern: str | None = None, *, architecture: str | None = None
) -> Entry | None:
    """Return what boots when nobody chooses and no EFI variable says otherwise.

    `pattern` is `default` in `loader.conf`: a glob (`*`, `?`, `[…]`) on the id, with `.conf`
    and without regard to case.  A pattern that matches nothing counts for nothing.
    """
    items = _sorted(entries, architecture)
    if pattern is not None:
        wanted = pattern.lower()
        chosen = next((item for item in items if fnmatchcase(item.id, wanted)), None)
        if chosen is not None:
            return chosen.entry
    return items[0].entry if items else None


def tries(name: str) -> tuple[int, int] | None:
    """Return the tries left and done in a file name, None for a name without counters.

    `+0` counts: it is a bad entry, unlike one without counters.
    """
    found = _COUNTED.fullmatch(name)
    if found is None:
        return None
    left, done = int(found[2]), int(found[3] or 0)
    return (left, done) if max(left, done) <= _INT_MAX else None


def entry_id(name: str) -> str:
    """Return the id of an entry: its file name in lower case, without counters."""
    found = _COUNTED.fullmatch(name)
    if found is not None and tries(name) is not None:
        name = found[1] + found[4]
    return _lower(name)


def _sorted(entries: Sequence[Entry], architecture: str | None) -> list[_Item]:
    items = [_item(entry) for entry in entries if _is_read(entry.name)]
    shown = [item for item in items if _is_shown(item, architecture)]
    return sorted(shown, key=cmp_to_key(_compare))


def _item(entry: Entry) -> _Item:
    return _Item(entry, entry_id(entry.name), tries(entry.name), _fields(entry))


def _lower(text: str) -> str:
    """Return the text with ASCII letters in lower case; the program knows no others."""
    return "".join(char.lower() if char.isascii() else char for char in text)


def _is_read(name: str) -> bool:
    folded = name.lower()
    return folded.endswith(".conf") and not folded.startswith((".", "auto-"))


def _is_shown(item: _Item, architecture: str | None) -> bool:
    wanted = item.fields.get("architecture")
    if architecture is not None and wanted is not None and wanted.lower() != architecture:
        return False
    return len(_PAYLOADS & item.fields.keys()) == 1


def _fields(entry: Entry) -> dict[str, str]:
    """Return the keys as systemd-boot reads them: it trims lines and takes off quotes."""
    fields: dict[str, str] = {}
    for line in entry.bls.lines:
        for part in line.split("\r"):
            text = part.strip(" \t")
            key, value = [*re.split(r"[ \t]+", text, maxsplit=1), ""][:2]
            if not text or text.startswith("#") or not value:
                continue
            if len(value) > 1 and value[0] == value[-1] == '"':
                value = value[1:-1]
            fields[key] = value
    return fields


def _compare(left: _Item, right: _Item) -> int:
    return (
        left.is_bad - right.is_bad
        or _compare_keys(left.fields, right.fields)
        or uapi.compare(right.id, left.id)
        or _compare_tries(left.tries, right.tries)
    )


def _compare_keys(left: dict[str, str], right: dict[str, str]) -> int:
    result = ("sort-key" not in left) - ("sort-key" not in right)
    if result or "sort-key" not in left:
        return result
    ours, theirs = ((_text(one, "sort-key"), _text(one, "machine-id")) for one in (left, right))
    if ours != theirs:
        return -1 if ours < theirs else 1
    return uapi.compare(right.get("version", ""), left.get("version", ""))


def _text(fields: dict[str, str], key: str) -> tuple[bool, bytes]:
    """Return a value by which to sort: absent comes first, then by UTF-16 units."""
    return key in fields, fields.get(key, "").encode("utf-16-be", "surrogatepass")


def _compare_tries(left: tuple[int, int] | None, right: tuple[int, int] | None) -> int:
    if left is None or right is None:
        return 0
    return right[0] - left[0] or left[1] - right[1]
