"""Which hooks there are: two directories of the running system, /etc before /usr/lib.

They are never looked for below a `--sysroot`: what lies there may be anybody's.
"""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass

DIRECTORIES = ("usr/lib/bootentries/hooks.d", "etc/bootentries/hooks.d")
# A hook of this name runs at shutdown as well; all others wait for the next boot then.
SHUTDOWN = ".shutdown"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# What editors and package managers leave beside a file.
_LEFT = re.compile(r".*(~|\.(dpkg|rpm|ucf)[a-z-]*|\.(bak|old|orig|sw[a-p]))")
_WRITABLE = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class Hook:
    """A program; `path` is absolute."""

    name: str
    path: str

    @property
    def at_shutdown(self) -> bool:
        """Whether it runs at shutdown, too."""
        return self.name.endswith(SHUTDOWN)


@dataclass(frozen=True, slots=True)
class Hooks:
    """Those that run, by name, and (path, reason) of what is in the directories and does not."""

    hooks: tuple[Hook, ...] = ()
    ignored: tuple[tuple[str, str], ...] = ()


def find_hooks(top: str = "/") -> Hooks:
    """Return the hooks of the system whose root is `top`; it only reads."""
    chosen: dict[str, str] = {}
    ignored: list[tuple[str, str]] = []
    for directory in DIRECTORIES:
        place = os.path.join(top, directory)
        reason = _directory_fault(place)
        if reason is not None:
            ignored.append((place, reason))
            continue
        for name in _names(place):
            path = os.path.join(place, name)
            if name in chosen:
                ignored.append((chosen[name], f"{path} takes its place"))
            chosen[name] = path
    hooks = []
    for name, path in sorted(chosen.items()):
        reason = _fault(name, path)
        if reason is None:
            hooks.append(Hook(name, path))
        else:
            ignored.append((path, reason))
    return Hooks(tuple(hooks), tuple(sorted(ignored)))


def _names(place: str) -> Iterator[str]:
    try:
        names = os.listdir(place)
    except OSError:
        return
    yield from (name for name in names if not name.startswith("."))


def _directory_fault(place: str) -> str | None:
    """Return why nothing in a directory can be trusted; None for one that is not there."""
    try:
        found = os.stat(place)
    except FileNotFoundError:
        return None
    except OSError as error:
        return error.strerror
    return _owner_fault(found)


def _fault(name: str, path: str) -> str | None:
    """Return why a file is no hook, or None."""
    if not _NAME.fullmatch(name) or _LEFT.fullmatch(name):
        return "its name is none for a hook"
    try:
        found = os.stat(path)
    except OSError as error:
        return error.strerror
    if stat.S_ISCHR(found.st_mode) or (stat.S_ISREG(found.st_mode) and not found.st_size):
        return "masked"
    if not stat.S_ISREG(found.st_mode):
        return "not a regular file"
    if not found.st_mode & stat.S_IXUSR:
        return "not executable"
    return _owner_fault(found)


def _owner_fault(found: os.stat_result) -> str | None:
    """Return why somebody but root could change it."""
    if found.st_uid not in (0, os.geteuid()):
        return "not owned by root"
    if found.st_mode & _WRITABLE:
        return "others than its owner may write to it"
    return None
