"""The two filesystems of a composefs root: the image by EROFS, and the overlay that makes it
one with the objects.

The new mount calls come first; `compat` is imported only where the kernel lacks them.
"""

import errno

import _bootsys

from prepare_root import mountapi
from prepare_root.mountapi import Context


class Layers:
    """What an overlay is made of, all paths absolute.

    `source` is its name in the mount table; `image` where the image is mounted; `data` the
    directories of objects, of which only what the image names is seen; `upper` and `work`
    are empty without an upper layer.  With `verity` the kernel refuses an object whose
    fs-verity digest is not the one in the image.
    """

    __slots__ = ("data", "image", "readonly", "source", "upper", "verity", "work")

    def __init__(
        self,
        source: bytes,
        image: bytes,
        data: tuple[bytes, ...],
        *,
        verity: bool,
        readonly: bool,
        upper: bytes = b"",
        work: bytes = b"",
    ) -> None:
        self.source = source
        self.image = image
        self.data = data
        self.verity = verity
        self.readonly = readonly
        self.upper = upper
        self.work = work


def mount_erofs(fd: int, target: bytes, acl: bool) -> None:
    """Mount the image behind `fd` at `target`, read-only.  Raises OSError.

    A file, where the kernel can mount one, else by a loop device.
    """
    try:
        _erofs(b"/proc/self/fd/%d" % fd, target, acl)
        return
    except OSError as error:
        if error.errno != errno.ENOTBLK:
            raise
    from prepare_root import compat  # noqa: PLC0415 - older kernels only

    loop_fd, path = compat.loop_device(fd)
    try:
        _erofs(path, target, acl)
    finally:
        _bootsys.close(loop_fd)


def _erofs(source: bytes, target: bytes, acl: bool) -> None:
    try:
        context = Context(b"erofs")
    except OSError as error:
        if error.errno != errno.ENOSYS:
            raise
        from prepare_root import compat  # noqa: PLC0415 - older kernels only

        compat.mount_erofs(source, target, b"" if acl else b"noacl")
        return
    try:
        context.string(b"source", source)
        context.flag(b"ro")
        if not acl:
            context.flag(b"noacl")
        context.mount_at(target, mountapi.ATTR_RDONLY)
    finally:
        context.close()


def mount_overlay(layers: Layers, target: bytes) -> None:
    """Mount the overlay of `layers` at `target`.  Raises OSError."""
    try:
        _overlay(layers, target)
        return
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.EINVAL):
            raise
        first = error
    from prepare_root import compat  # noqa: PLC0415 - older kernels only

    try:
        compat.mount_overlay(layers, target)
    except OSError:
        if first.errno == errno.ENOSYS:
            raise
        raise first from None  # it has the kernel's words, and both ways say EINVAL


def _overlay(layers: Layers, target: bytes) -> None:
    context = Context(b"overlay")
    try:
        _require_judgement(context)
        context.string(b"source", layers.source)
        context.string(b"metacopy", b"on")
        context.string(b"redirect_dir", b"on")
        if layers.verity:
            context.string(b"verity", b"require")
        context.string(b"lowerdir+", layers.image)
        for path in layers.data:
            context.string(b"datadir+", path)
        if layers.upper:
            context.string(b"upperdir", layers.upper)
            context.string(b"workdir", layers.work)
        context.mount_at(target, mountapi.ATTR_RDONLY if layers.readonly else 0)
    finally:
        context.close()


def _require_judgement(context: Context) -> None:
    """Raise ENOSYS where overlayfs takes any option into one text, and fails late or never."""
    try:
        context.string(b"no-such-option", b"x")
    except OSError:
        return
    raise OSError(errno.ENOSYS, "overlayfs does not know the new mount calls")
