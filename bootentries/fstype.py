"""Which kind of filesystem an open file lies on, as the kernel's mount table names it."""

import re

_FDINFO = "/proc/self/fdinfo/{fd}"
_MOUNTINFO = "/proc/self/mountinfo"
_MOUNT_ID = re.compile(r"^mnt_id:\s*([0-9]+)$", re.MULTILINE)


def filesystem_type(fd: int) -> str | None:
    """Return the type (`ext4`, `vfat`, …) of the filesystem of `fd`, or None without /proc."""
    try:
        with open(_FDINFO.format(fd=fd)) as file:
            found = _MOUNT_ID.search(file.read())
        with open(_MOUNTINFO, errors="surrogateescape") as file:
            return None if found is None else type_of_mount(int(found[1]), file.read())
    except OSError:
        return None


def type_of_mount(mount_id: int, table: str) -> str | None:
    """Return the filesystem type of a mount in the text of a mountinfo file (proc(5))."""
    for line in table.splitlines():
        fields, separator, rest = line.partition(" - ")
        if separator and fields.split(" ", 1)[0] == str(mount_id):
            return rest.split(" ", 1)[0]
    return None
