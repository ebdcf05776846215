"""Removing deployments that are in no list any more."""

import os
import re
from dataclasses import dataclass

from bootentries import fs
from bootentries.errors import BootentriesError
from bootentries.immutable import set_immutable
from bootentries.root import Root
from bootentries.sysroot import DEPLOY
from bootentries.txn.context import Context

MOUNTS = "/proc/self/mountinfo"
_ESCAPED = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class RemoveDeployment:
    """Remove a deployment's directory, with its origin and what backs its overlays."""

    stateroot: str
    name: str

    def describe(self) -> str:
        return f"remove deployment {self.stateroot}/{self.name}"

    def apply(self, context: Context) -> None:
        base = f"{DEPLOY}/{self.stateroot}"
        path = f"{base}/deploy/{self.name}"
        _check_unused(context.root, path)
        flags = os.O_RDONLY | os.O_DIRECTORY
        with fs.opened(context.root.fd, path, flags) as fd, fs.naming(path):
            set_immutable(fd, wanted=False)
        # The directory goes last: as long as it is there the next clean-up tries again.
        fs.remove_tree(context.root.fd, f"{base}/backing/{self.name}")
        fs.remove_tree(context.root.fd, f"{path}.origin")
        # A writer of the origin that was killed leaves this one.
        fs.remove_tree(context.root.fd, f"{base}/deploy/.{self.name}.origin.tmp")
        fs.remove_tree(context.root.fd, path)


def list_deployments(root: Root) -> tuple[tuple[str, str], ...]:
    """Return (stateroot, directory name) of every deployment that lies on disk."""
    found = []
    for stateroot in fs.list_optional(root.fd, DEPLOY) or []:
        base = f"{DEPLOY}/{stateroot}/deploy"
        if not fs.is_dir(root.fd, f"{DEPLOY}/{stateroot}") or not fs.is_dir(root.fd, base):
            continue
        found += [
            (stateroot, name)
            for name in fs.list_optional(root.fd, base) or []
            if re.fullmatch(r"[0-9a-f]+\.[0-9]+", name) and fs.is_dir(root.fd, f"{base}/{name}")
        ]
    return tuple(found)


def _check_unused(root: Root, path: str) -> None:
    """Raise BootentriesError when the directory is in use: booted, or mounted into."""
    found = fs.stat_optional(root.fd, path)
    if found is not None and os.path.samestat(found, os.stat("/")):
        raise BootentriesError("remove deployment", path, "the running system is in it")
    with fs.opened(root.fd, path, os.O_PATH | os.O_DIRECTORY) as fd:
        top = os.readlink(f"/proc/self/fd/{fd}")
    for point in _mount_points():
        if f"{point}/".startswith(f"{top}/"):
            raise BootentriesError(
                "remove deployment", path, f"something is mounted on {point}",
                hint="umount it; the next clean-up removes the deployment",
            )  # fmt: skip


def _mount_points() -> list[str]:
    """Return the mount points of this namespace; proc(5) says how blanks are written."""
    with open(MOUNTS, errors="surrogateescape") as file:
        return [
            _ESCAPED.sub(lambda found: chr(int(found[1], 8)), line.split(" ")[4]) for line in file
        ]
