"""The block device below a root that is no device's own, for /run/systemd/volatile-root.

systemd-gpt-auto-generator looks for partitions on the disk that this link names.
"""

import _bootsys

from prepare_root import files
from prepare_root.constants import S_IFBLK, S_IFMT, ST_DEV, ST_MODE, ST_RDEV

DIRECTORY = b"/run/systemd"
PATH = DIRECTORY + b"/volatile-root"
_GPT_AUTO = b"/dev/gpt-auto-root"
# linux/btrfs.h: BTRFS_IOC_FS_INFO and BTRFS_IOC_DEV_INFO
_FS_INFO, _FS_INFO_SIZE = 0x8400941F, 1024
_DEV_INFO, _DEV_INFO_SIZE = 0xD000941E, 4096
_DEV_PATH_AT = 3072


def link_text(root: bytes) -> bytes:
    """`/dev/block/MAJOR:MINOR` of the device that the filesystem at `root` is on, or nothing.

    Nothing, too, when it is on several devices.  Never raises OSError: the link is a help.
    """
    try:
        number = _device(root)
    except OSError:
        return b""
    return b"/dev/block/%d:%d" % split(number) if number else b""


def split(number: int) -> tuple[int, int]:
    """Major and minor of a device number, as the C library packs them (makedev(3))."""
    major = (number >> 8 & 0xFFF) | (number >> 32 & 0xFFFFF000)
    minor = (number & 0xFF) | (number >> 12 & 0xFFFFFF00)
    return major, minor


def _device(root: bytes) -> int:
    auto = files.lstat(_GPT_AUTO)
    if auto is not None:
        return _bootsys.stat(_GPT_AUTO)[ST_RDEV]
    number = _bootsys.stat(root)[ST_DEV]
    if split(number)[0] != 0:
        return number
    return _btrfs_device(root)


def _btrfs_device(root: bytes) -> int:
    """The one device of the btrfs at `root`, or 0."""
    fd = _bootsys.open(root, _bootsys.O_DIRECTORY)
    try:
        _, info = _bootsys.ioctl(fd, _FS_INFO, bytes(_FS_INFO_SIZE))
        last, count = int.from_bytes(info[0:8], "little"), int.from_bytes(info[8:16], "little")
        if count != 1:
            return 0
        asked = last.to_bytes(8, "little") + bytes(_DEV_INFO_SIZE - 8)
        _, device = _bootsys.ioctl(fd, _DEV_INFO, asked)
    finally:
        _bootsys.close(fd)
    stat = _bootsys.stat(device[_DEV_PATH_AT:].partition(b"\0")[0])
    return stat[ST_RDEV] if stat[ST_MODE] & S_IFMT == S_IFBLK else 0
