"""Boot links that do not change when the list does, for entries that lie elsewhere.

`/ostree/boot.N` is made anew with every list, and libostree removes the old one at once.  An
entry on an EFI partition is older than that for a while, after a power cut for longer.  So it
names `/ostree/boot-0/STATEROOT/BOOTCSUM/NUMBER`, which stays as long as any partition has it.

The name is not free: libostree reads the stateroot from the kernel argument by the pattern
`^/ostree/boot.([01])/([^/]+)/([^/]+)/([0-9]+)$`, whose first dot stands for any character.
"""

import os
import re

from bootentries import fs, syscalls
from bootentries.deployment import Deployment
from bootentries.root import Root

BASE = "ostree/boot-0"
_NUMBER = re.compile(r"[0-9]{1,9}")


def find_link(root: Root, item: Deployment) -> str | None:
    """Return the link of a deployment as `ostree=` names it, or None when there is none."""
    directory = f"{BASE}/{item.stateroot}/{item.bootcsum}"
    for name in _numbers(root, directory):
        if fs.readlink_optional(root.fd, f"{directory}/{name}") == _target(item):
            return f"/{directory}/{name}"
    return None


def make_link(root: Root, item: Deployment) -> str:
    """Return the link of a deployment, made if there is none; it is not synced.

    A number that was ever given for this kernel and is still there is not given again.
    """
    found = find_link(root, item)
    if found is not None:
        return found
    directory = f"{BASE}/{item.stateroot}/{item.bootcsum}"
    taken = [int(name) for name in _numbers(root, directory)]
    path = f"{directory}/{max(taken, default=-1) + 1}"
    fs.make_dirs(root.fd, directory)
    fs.make_symlink(root.fd, path, _target(item))
    return f"/{path}"


def sync_links(root: Root) -> None:
    """Bring the links to storage, by an fd inside their filesystem."""
    with fs.opened(root.fd, "ostree", os.O_RDONLY | os.O_DIRECTORY) as fd:
        syscalls.syncfs(fd)


def unused_links(root: Root, used: frozenset[str]) -> tuple[str, ...]:
    """Return the links that are not in `used`, relative to the sysroot."""
    return tuple(path for path in _all(root) if f"/{path}" not in used)


def remove_links(root: Root, paths: tuple[str, ...]) -> None:
    """Remove links, and directories that have none left."""
    for path in paths:
        fs.remove_tree(root.fd, path)
        for directory in (os.path.dirname(path), os.path.dirname(os.path.dirname(path)), BASE):
            with fs.parent(root.fd, directory) as (fd, name):
                try:
                    os.rmdir(name, dir_fd=fd)
                except OSError:
                    break  # another link is in it


def _all(root: Root) -> list[str]:
    found = []
    for stateroot in fs.list_optional(root.fd, BASE) or []:
        for bootcsum in fs.list_optional(root.fd, f"{BASE}/{stateroot}") or []:
            directory = f"{BASE}/{stateroot}/{bootcsum}"
            found += [f"{directory}/{name}" for name in _numbers(root, directory)]
    return found


def _numbers(root: Root, directory: str) -> list[str]:
    names = fs.list_optional(root.fd, directory) or []
    return [name for name in names if _NUMBER.fullmatch(name)]


def _target(item: Deployment) -> str:
    return f"../../../deploy/{item.stateroot}/deploy/{item.name}"
