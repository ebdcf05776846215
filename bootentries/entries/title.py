"""Titles of entries, from os-release, the commit's version, and a label."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bootentries.errors import BootentriesError

if TYPE_CHECKING:
    from bootentries.entries.template import Template

# Inside double quotes a backslash is special only before these (POSIX shell).
_ESCAPABLE = '$`"\\'


def os_release(text: str) -> dict[str, str]:
    """Return the variables of an os-release file; a value with broken quotes is left out."""
    values: dict[str, str] = {}
    for line in text.split("\n"):
        key, equals, raw = line.partition("=")
        if not equals or line.startswith("#"):
            continue
        value = shell_unquote(raw)
        if value is not None:
            values[key] = value
    return values


def shell_unquote(text: str) -> str | None:
    """Resolve a shell's quoting; None when a quote is left open."""
    result: list[str] = []
    chars = iter(text)
    quote = ""
    for char in chars:
        if quote:
            if char == quote:
                quote = ""
            elif char == "\\" and quote == '"':
                following = next(chars, None)
                if following is None:
                    return None
                result.append(following if following in _ESCAPABLE else f"\\{following}")
            else:
                result.append(char)
        elif char in "'\"":
            quote = char
        elif char == "\\":
            following = next(chars, None)
            if following is None:
                return None
            result.append(following)
        else:
            result.append(char)
    return None if quote else "".join(result)


def pretty_name(release: dict[str, str], where: str) -> str:
    """Return PRETTY_NAME, or ID; raises BootentriesError naming `where` without both."""
    name = release.get("PRETTY_NAME") or release.get("ID")
    if not name:
        raise BootentriesError(
            "read os-release", where, "neither PRETTY_NAME nor ID is set",
            hint="set PRETTY_NAME in the tree's usr/lib/os-release",
        )  # fmt: skip
    return name


@dataclass(frozen=True, slots=True)
class Titled:
    """What a title can tell of a deployment."""

    name: str
    version: str | None = None
    label: str | None = None
    kernel: str | None = None
    stateroot: str | None = None
    checksum: str | None = None


def entry_title(
    what: Titled, index: int, *, several: bool = False, template: "Template | None" = None
) -> str:
    """Return `NAME [VERSION][ - LABEL] (ostree[:STATEROOT]:INDEX)`.

    Without a label that is libostree's.  A version that is part of the name already is not
    repeated; `several` says that the list spans stateroots.  A template makes what stands
    before the bracket; the bracket stays, for it makes titles unique.
    """
    version = what.version
    if version and version in what.name:
        version = None
    where = f"ostree:{what.stateroot}" if several else "ostree"
    if template is None:
        title = f"{what.name} {version}" if version else what.name
        title = f"{title} - {what.label}" if what.label else title
    else:
        title = template.expand(_values(what, version if template.names("name") else what.version))
    return f"{title or what.name} ({where}:{index})"


def _values(what: Titled, version: str | None) -> Mapping[str, str | None]:
    return {
        "name": what.name,
        "version": version,
        "label": what.label,
        "kernel": what.kernel,
        "stateroot": what.stateroot,
        "checksum": what.checksum,
    }
