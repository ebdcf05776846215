"""What directories hold, as the checks want to see it."""

import stat

from bootentries import fs
from bootentries.root import Root
from bootentries.sysroot import DEPLOY


def directories(root_fd: int, path: str) -> list[str]:
    """Return the names of the directories in `path`, links not followed."""
    return [
        name
        for name in fs.list_optional(root_fd, path) or []
        if (found := fs.stat_optional(root_fd, f"{path}/{name}", follow=False)) is not None
        and stat.S_ISDIR(found.st_mode)
    ]


def stateroots(root: Root) -> list[str]:
    """Return the names of the stateroots."""
    return directories(root.fd, DEPLOY)


def deployment_names(root: Root, stateroot: str) -> list[str]:
    """Return the names of the directories among a stateroot's deployments."""
    return directories(root.fd, f"{DEPLOY}/{stateroot}/deploy")


def files(root_fd: int, path: str, deep: bool = True) -> list[str]:
    """Return the names of the regular files in `path`, with those below it when `deep`."""
    found = []
    for name in fs.list_optional(root_fd, path) or []:
        seen = fs.stat_optional(root_fd, f"{path}/{name}", follow=False)
        if deep and seen is not None and stat.S_ISDIR(seen.st_mode):
            found += [f"{name}/{below}" for below in files(root_fd, f"{path}/{name}")]
        elif seen is not None and stat.S_ISREG(seen.st_mode):
            found.append(name)
    return found
