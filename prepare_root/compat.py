"""Ways of older kernels, each with what it waits for; chosen at run time, never by version.

| way               | needed before                                                        |
|-------------------|----------------------------------------------------------------------|
| a loop device     | Linux 6.12: EROFS mounts no files before, and later only where       |
|                   | CONFIG_EROFS_FS_BACKED_BY_FILE is set                                |
| mount(2), EROFS   | Linux 5.2: no fsopen(2)                                              |
| mount(2), overlay | Linux 6.5: overlayfs takes any option and judges none; and 6.8: no   |
|                   | `lowerdir+` and `datadir+`                                           |
"""

import errno

import _bootsys

from prepare_root.constants import MS_RDONLY, MS_SILENT, O_RDWR
from prepare_root.layers import Layers

_LOOP_CONTROL = b"/dev/loop-control"
_LOOP_CTL_GET_FREE = 0x4C82
_LOOP_CONFIGURE = 0x4C0A  # Linux 5.8
_LOOP_CONFIG_SIZE = 304
_LO_FLAGS_AT = 60
_LO_FLAGS_READ_ONLY, _LO_FLAGS_AUTOCLEAR = 1, 4
_BLOCK_SIZE = 4096
_TRIES = 100


def loop_device(fd: int) -> tuple[int, bytes]:
    """A read-only loop device for the file behind `fd`: its own fd, and its path.

    It goes by itself once nothing uses it; the caller closes the fd after mounting.  Raises
    OSError.
    """
    config = bytearray(_LOOP_CONFIG_SIZE)
    config[0:4] = fd.to_bytes(4, "little")
    config[4:8] = _BLOCK_SIZE.to_bytes(4, "little")
    config[_LO_FLAGS_AT] = _LO_FLAGS_READ_ONLY | _LO_FLAGS_AUTOCLEAR
    for _ in range(_TRIES):
        path = _free_loop_device()
        loop_fd = _bootsys.open(path, O_RDWR)
        try:
            _bootsys.ioctl(loop_fd, _LOOP_CONFIGURE, bytes(config))
            return loop_fd, path
        except OSError as error:
            _bootsys.close(loop_fd)
            if error.errno != errno.EBUSY:  # somebody else was faster
                raise OSError(error.errno, error.strerror, path) from error
    raise OSError(errno.EBUSY, "no loop device is free", path)


def _free_loop_device() -> bytes:
    try:
        control = _bootsys.open(_LOOP_CONTROL, O_RDWR)
    except OSError as error:
        # whoever reads this asked for an image, not for a loop device
        reason = (
            f"this kernel mounts no EROFS from a file, and has no loop devices: {error.strerror}"
        )
        raise OSError(error.errno, reason, _LOOP_CONTROL) from error
    try:
        return b"/dev/loop%d" % _bootsys.ioctl(control, _LOOP_CTL_GET_FREE, b"")[0]
    finally:
        _bootsys.close(control)


def mount_erofs(source: bytes, target: bytes, options: bytes) -> None:
    """An EROFS image, read-only, by mount(2).  Raises OSError."""
    _bootsys.mount(source, target, b"erofs", MS_RDONLY | MS_SILENT, options)


def mount_overlay(layers: Layers, target: bytes) -> None:
    """The overlay of `layers` by mount(2), its options in one text.  Raises OSError.

    `::` starts data-only layers (Linux 6.5); before, one more layer below does, since
    nothing in the image has the name of an object.
    """
    flags = MS_RDONLY if layers.readonly else 0
    try:
        _overlay(layers, target, flags | MS_SILENT, b"::")
    except OSError as error:
        # with verity=require, which came later than `::`, there is no other way
        if error.errno != errno.EINVAL or layers.verity:
            raise
        _overlay(layers, target, flags, b":")


def _overlay(layers: Layers, target: bytes, flags: int, separator: bytes) -> None:
    lower = separator.join(_escaped(path) for path in (layers.image, *layers.data))
    options = b"metacopy=on,redirect_dir=on,lowerdir=" + lower
    if layers.upper:
        options += b",upperdir=" + _escaped(layers.upper) + b",workdir=" + _escaped(layers.work)
    if layers.verity:
        options += b",verity=require"
    _bootsys.mount(layers.source, target, b"overlay", flags, options)


def _escaped(path: bytes) -> bytes:
    """`path` so that neither the option's end nor a layer's is seen in it."""
    for char in (b"\\", b",", b":"):
        path = path.replace(char, b"\\" + char)
    return path
