"""The kernel arguments of a disk's default entry, read from the image without mounting it.

For boots without a loader, where QEMU gets the kernel and the arguments itself.
"""

import re

from guest.disk import Disk
from guest.errors import GuestError
from guest.shell import run

ENTRIES = "/boot/loader/entries"
_VERSION = re.compile(r"^version (\d+)$", re.MULTILINE)
_OPTIONS = re.compile(r"^options (.*)$", re.MULTILINE)


def debugfs(disk: Disk, request: str) -> str:
    """What debugfs(8) says of the root filesystem, an ext4 that is not mounted."""
    where = f"{disk.path}?offset={disk.layout.named('root').offset}"
    return run(["debugfs", "-R", request, where])


def default(texts: list[str]) -> str:
    """The text of the entry with the highest version: libostree counts up to its default."""
    numbered = [(int(found[1]), text) for text in texts if (found := _VERSION.search(text))]
    if not numbered:
        raise GuestError("find default entry", ENTRIES, "no entry with a version")
    return max(numbered)[1]


def options(disk: Disk) -> str:
    """What the default entry of `disk` has after `options`.  Raises GuestError."""
    # `ls -p` prints /inode/mode/uid/gid/name/size/ a line.
    listed = [line.split("/") for line in debugfs(disk, f"ls -p {ENTRIES}").splitlines()]
    names = [fields[5] for fields in listed if len(fields) > 5 and fields[5].endswith(".conf")]
    found = _OPTIONS.search(default([debugfs(disk, f"cat {ENTRIES}/{name}") for name in names]))
    if not found:
        raise GuestError("read default entry", disk.path, "no line with options")
    return found[1]
