"""The template of titles: what stands before `(ostree:INDEX)` in a boot menu.

`{FIELD}` is replaced by a value; `[…]` is left out when a field in it has none.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prepare_root.formats import FormatError

FIELDS = ("name", "version", "label", "kernel", "stateroot", "checksum")
_MARK = re.compile(r"[][]|\{[^{}]*\}|[{}]|[^][{}]+")


@dataclass(frozen=True, slots=True)
class Part:
    """A text, or the name of a field."""

    text: str
    is_field: bool = False


@dataclass(frozen=True, slots=True)
class Template:
    """Groups of parts; an optional group is one in brackets."""

    groups: tuple[tuple[bool, tuple[Part, ...]], ...]

    @classmethod
    def parse(cls, text: str) -> "Template":
        """Return a template; raises FormatError that says what is wrong with the text."""
        if not text.isprintable():
            raise FormatError(f"{text!r} has characters that no menu can show")
        groups: list[tuple[bool, tuple[Part, ...]]] = []
        parts: list[Part] = []
        optional = False
        for mark in _marks(text):
            if mark in ("[", "]"):
                if (mark == "]") is not optional:
                    raise FormatError(f"{text!r} has a {mark!r} without its other half")
                groups.append((optional, tuple(parts)))
                parts, optional = [], not optional
            else:
                parts.append(_part(mark, text))
        if optional:
            raise FormatError(f"{text!r} has a '[' without its other half")
        groups.append((False, tuple(parts)))
        return cls(tuple(group for group in groups if group[1]))

    def names(self, field: str) -> bool:
        """Return whether the field is somewhere in it."""
        return any(Part(field, is_field=True) in parts for _, parts in self.groups)

    def expand(self, values: Mapping[str, str | None]) -> str:
        """Return the text for these values, without blanks at its ends."""
        return "".join(self._expanded(values)).strip()

    def _expanded(self, values: Mapping[str, str | None]) -> Iterator[str]:
        for optional, parts in self.groups:
            if optional and any(part.is_field and not values.get(part.text) for part in parts):
                continue
            for part in parts:
                yield (values.get(part.text) or "") if part.is_field else part.text


def _marks(text: str) -> list[str]:
    return _MARK.findall(text)


def _part(mark: str, text: str) -> Part:
    if not mark.startswith(("{", "}")):
        return Part(mark)
    name = mark[1:-1]
    if len(mark) == 1:
        raise FormatError(f"{text!r} has a {mark!r} without its other half")
    if name not in FIELDS:
        raise FormatError(f"{text!r}: {name!r} is not one of {', '.join(FIELDS)}")
    return Part(name, is_field=True)
