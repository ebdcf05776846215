"""fs-verity: the digest that the kernel holds a file to, and what stands in its way.

Kernel documentation: Documentation/filesystems/fsverity.rst.
"""

import errno

import _bootsys

_MEASURE_VERITY = 0xC0046686
_LARGEST_DIGEST = 64
_CHUNK = 1 << 20

_REASONS = {
    errno.ENODATA: "fs-verity is not enabled on it",
    errno.EOPNOTSUPP: "no fs-verity: the kernel lacks it, or its filesystem was made without",
    errno.ENOTTY: "no fs-verity: its type of filesystem has none",
}


def measure(fd: int, needed: bool) -> bytes:
    """The digest of the file behind `fd`; its length tells the algorithm.  Raises OSError.

    Unless it is `needed`, a file without one has the empty digest, as long as the kernel and
    the filesystem have fs-verity at all.
    """
    head = b"\0\0" + _LARGEST_DIGEST.to_bytes(2, "little")
    try:
        _, answer = _bootsys.ioctl(fd, _MEASURE_VERITY, head + bytes(_LARGEST_DIGEST))
    except OSError as error:
        code = error.errno or 0
        if code == errno.ENODATA and not needed:
            return b""
        raise OSError(code, _REASONS.get(code, error.strerror)) from error
    return answer[4 : 4 + int.from_bytes(answer[2:4], "little")]


def read_through(fd: int) -> None:
    """Read all of the file behind `fd`, so that the kernel checks all of it.  Raises OSError.

    A block that was changed is an error at the time it is read and not before.
    """
    offset = 0
    while True:
        size = len(_bootsys.pread(fd, _CHUNK, offset))
        if not size:
            return
        offset += size
