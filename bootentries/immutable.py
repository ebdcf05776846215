"""The immutable flag of a deployment's root: nothing can be made or removed in it."""

import array
import errno
import fcntl

# From linux/fs.h: FS_IOC_GETFLAGS, FS_IOC_SETFLAGS and FS_IMMUTABLE_FL.  The kernel reads
# and writes an int, whatever the numbers say.
_GETFLAGS = 0x80086601
_SETFLAGS = 0x40086602
_IMMUTABLE = 0x10
# No such flags on this filesystem, or not for this user: libostree goes on, too.
_UNSUPPORTED = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTTY})


def set_immutable(fd: int, wanted: bool) -> None:
    """Set or lift the flag of the directory open as `fd`, where that can be done.

    Raises OSError for any other failure than a lack of support or of privilege.
    """
    flags = array.array("i", [0, 0])
    try:
        fcntl.ioctl(fd, _GETFLAGS, flags)
        changed = flags[0] | _IMMUTABLE if wanted else flags[0] & ~_IMMUTABLE
        if changed != flags[0]:
            fcntl.ioctl(fd, _SETFLAGS, array.array("i", [changed, 0]))
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
