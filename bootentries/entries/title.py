"""Titles of entries, from os-release and the commit's version."""

from bootentries.errors import BootentriesError

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


def entry_title(pretty: str, version: str | None, stateroot: str | None, index: int) -> str:
    """Return `NAME [VERSION] (ostree[:STATEROOT]:INDEX)`.

    A version that is part of the name already is not repeated; `stateroot` is None while
    the list holds one stateroot only.
    """
    title = pretty
    if version and version not in title:
        title += f" {version}"
    where = "ostree" if stateroot is None else f"ostree:{stateroot}"
    return f"{title} ({where}:{index})"
