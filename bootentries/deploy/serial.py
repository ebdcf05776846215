"""Deployment serials: several deployments of one commit in one stateroot."""

import stat

from bootentries import fs
from bootentries.deployment import parse_directory
from bootentries.errors import BootentriesError
from bootentries.root import Root
from bootentries.sysroot import DEPLOY


def next_serial(root: Root, stateroot: str, checksum: str) -> int:
    """Return one more than the highest serial of `checksum` on disk, or 0.

    Leftovers count, too: their directories are in the way.  Raises BootentriesError for a
    directory that is none of a deployment, as libostree would.
    """
    base = f"{DEPLOY}/{stateroot}/deploy"
    highest = -1
    for name in fs.list_optional(root.fd, base) or []:
        found = fs.stat_optional(root.fd, f"{base}/{name}", follow=False)
        if found is None or not stat.S_ISDIR(found.st_mode):
            continue
        parsed = parse_directory(name)
        if parsed is None:
            raise BootentriesError(
                "allocate serial", f"{base}/{name}", "not named CHECKSUM.SERIAL",
                hint="move the directory away: libostree refuses this sysroot, too",
            )  # fmt: skip
        if parsed[0] == checksum:
            highest = max(highest, parsed[1])
    return highest + 1
