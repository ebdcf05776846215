"""Rules of prepare-root for convenience links, each broken in one way.

RULES maps a name to a function that patches the program in place; tests start it through
`mutant.py`.  Each says in its name what the broken program does.
"""

from collections.abc import Callable

import _bootsys

from prepare_root import linkops, links, plan
from prepare_root.constants import FS_IMMUTABLE_FL
from prepare_root.links import ABSENT, EMPTY, OTHER, RIGHT, Found

NAMES = ("home", "root", "opt", "srv", "mnt", "media", "usr/local")


def _found(change: Callable[[Found], Found | None]) -> Callable[[], None]:
    """Changes what was found at each name; None: the name is forgotten."""
    original = links.look

    def look(root: bytes, wanted: tuple[links.Link, ...]) -> list[Found]:
        changed = (change(one) for one in original(root, wanted))
        return [one for one in changed if one is not None]

    def apply() -> None:
        links.look = look

    return apply


def _taken_for(old: str, new: str, words: str = "") -> Callable[[], None]:
    """A name in the state `old`, described by `words`, is treated as one in `new`."""

    def change(one: Found) -> Found:
        if one.kind == old and one.words.startswith(words):
            return Found(one.name, one.text, new, "changed by the test")
        return one

    return _found(change)


def _forget(name: str) -> Callable[[], None]:
    return _found(lambda one: None if one.name == name.encode() else one)


def _lead_elsewhere(name: str) -> Callable[[], None]:
    """The link of that name leads to another place below the same top."""

    def change(one: Found) -> Found:
        if one.name == name.encode():
            return Found(one.name, one.text + b"-other", one.kind, one.words)
        return one

    return _found(change)


def _places(**values: bool) -> Callable[[], None]:
    """What is known of /var and the tree is something else for the links."""
    original = links.Places

    def changed(**facts: object) -> links.Places:
        return original(**{**facts, **values})  # type: ignore[arg-type]

    def apply() -> None:
        plan.Places = changed  # type: ignore[assignment,misc]

    return apply


def _replace(owner: object, name: str, value: object) -> Callable[[], None]:
    return lambda: setattr(owner, name, value)


def _keep_flags(lifted: bool) -> Callable[[], None]:
    """The immutable flag is never lifted, or never set again."""
    original = _bootsys.set_flags

    def set_flags(fd: int, flags: int) -> None:
        if bool(flags & FS_IMMUTABLE_FL) is not lifted:
            original(fd, flags)

    return _replace(_bootsys, "set_flags", set_flags)


RULES: dict[str, Callable[[], None]] = {
    "nothing there is left alone": _taken_for(ABSENT, OTHER),
    "the right link is left alone": _taken_for(RIGHT, OTHER),
    "an empty directory is left alone": _taken_for(EMPTY, OTHER),
    "an empty directory is taken for the right link": _taken_for(EMPTY, RIGHT),
    "content is hidden": _taken_for(OTHER, EMPTY, "a directory"),
    "another link is followed": _taken_for(OTHER, EMPTY, "a link"),
    "another link is taken for the right one": _taken_for(OTHER, RIGHT, "a link"),
    "a file is taken for the right link": _taken_for(OTHER, RIGHT, "a file"),
    "what is left alone is not reported": _replace(links, "reports", lambda found: []),
    "the admin's fstab is not read": _replace(plan, "fstab_has", lambda text, where: False),
    "labels do not count": _places(labelled=False),
    "the filesystem is taken for writable": _places(filesystem_ro=False),
    "binds wait although /var is here": _places(var_is_ours=False),
    "binds are made although /var is not here": _places(var_is_ours=True),
    "any /var is the stateroot's": _places(var_is_stateroot=True),
    "the stateroot's var is another's": _places(var_is_stateroot=False),
    "every target is public": _replace(Found, "mode", property(lambda one: 0o755)),
    "every target is private": _replace(Found, "mode", property(lambda one: 0o700)),
    "the immutable flag is not lifted": _keep_flags(lifted=False),
    "the immutable flag is not set again": _keep_flags(lifted=True),
    "symlinks lead out of var": _replace(linkops, "RESOLVE_BENEATH", 0),
    "a target that cannot be made stops the boot": _replace(linkops.LinkTarget, "required", True),
    "a link that cannot be made stops the boot": _replace(linkops.MakeLink, "required", True),
    "a bind that cannot be made stops the boot": _replace(linkops.LinkBind, "required", True),
    **{f"{name} is forgotten": _forget(name) for name in NAMES},
    **{f"{name} leads elsewhere": _lead_elsewhere(name) for name in NAMES},
}
