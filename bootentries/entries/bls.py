"""The text of one BLS entry, kept line by line.

`format(parse(text)) == text` for every text, and an edit changes only the lines of the key
it names.  Reading follows libostree: lines split at LF only, a key starts with an ASCII
letter and ends at the first space or tab, the rest is literal, and the last of equal keys
counts, but for `initrd`, which is a list.
"""

import re
from dataclasses import dataclass, replace

# The order in which libostree writes the keys that it knows.
KEY_ORDER = ("title", "version", "options", "devicetree", "linux", "initrd")
STANDARD_KEYS = frozenset(KEY_ORDER)
_LINE = re.compile(r"([A-Za-z][^ \t]*)[ \t]")
_SEPARATORS = (" ", "\t")


@dataclass(frozen=True, slots=True)
class BlsEntry:
    """The lines of one entry, without their line ends."""

    lines: tuple[str, ...] = ()

    def get(self, key: str) -> str | None:
        """Return the value that counts for `key`, or None."""
        size = len(key)
        found = [
            line[size + 1 :]
            for line in self.lines
            # A look at the start is enough for most lines, and lists get long.
            if line.startswith(key) and line[size : size + 1] in _SEPARATORS and _key(line) == key
        ]
        return (found[0] if key == "initrd" else found[-1]) if found else None

    def initrds(self) -> tuple[str, ...]:
        """Return every `initrd`: the primary one, then the overlays."""
        found = (_split(line) for line in self.lines if line.startswith("initrd"))
        return tuple(pair[1] for pair in found if pair is not None and pair[0] == "initrd")

    def extras(self) -> dict[str, str]:
        """Return the keys beyond the standard ones, in the order of the file."""
        return {name: value for name, value in self.pairs() if name not in STANDARD_KEYS}

    def pairs(self) -> list[tuple[str, str]]:
        """Return (key, value) of every line that holds a key."""
        return [pair for line in self.lines if (pair := _split(line)) is not None]

    def with_value(self, key: str, value: str) -> "BlsEntry":
        """Return the entry with `key` set once, where it stood or at its fixed place."""
        return self.with_values(key, (value,))

    def with_values(self, key: str, values: tuple[str, ...]) -> "BlsEntry":
        """Return the entry with one `key` line for each value, where the last one stood.

        Raises ValueError for a value with a line feed in it.
        """
        if any("\n" in value for value in values):
            raise ValueError(f"{key}: a value cannot hold a line feed")
        if [value for name, value in self.pairs() if name == key] == list(values):
            return self
        places = [index for index, line in enumerate(self.lines) if _key(line) == key]
        at = places[-1] if places else self._place(key)
        before = [line for line in self.lines[:at] if _key(line) != key]
        after = [line for line in self.lines[at:] if _key(line) != key]
        return replace(self, lines=(*before, *(f"{key} {value}" for value in values), *after))

    def without(self, key: str) -> "BlsEntry":
        """Return the entry without any line of `key`."""
        return replace(self, lines=tuple(line for line in self.lines if _key(line) != key))

    def _place(self, key: str) -> int:
        """Return where a new key goes: after the standard keys that come before it."""
        end = len(self.lines)
        while end and not self.lines[end - 1]:
            end -= 1
        if key not in STANDARD_KEYS:
            return end
        earlier = KEY_ORDER[: KEY_ORDER.index(key)]
        places = [index for index, line in enumerate(self.lines) if _key(line) in earlier]
        if places:
            return places[-1] + 1
        keyed = [index for index, line in enumerate(self.lines) if _key(line) is not None]
        return keyed[0] if keyed else end


def parse(text: str) -> BlsEntry:
    """Return the entry held by `text`; any text is one."""
    return BlsEntry(tuple(text.split("\n")))


def format_entry(entry: BlsEntry) -> str:
    """Return the entry's text."""
    return "\n".join(entry.lines)


def new_entry() -> BlsEntry:
    """Return an entry without keys; its text will end in a line feed."""
    return BlsEntry(("",))


def _split(line: str) -> tuple[str, str] | None:
    found = _LINE.match(line)
    return None if found is None else (found[1], line[found.end() :])


def _key(line: str) -> str | None:
    pair = _split(line)
    return None if pair is None else pair[0]
