"""The operations of composefs roots: the image with its objects, and layers that forget."""

import errno

import _bootsys

from prepare_root import files, layers, trees, verity
from prepare_root.constants import (
    MNT_DETACH,
    O_PATH,
    O_RDONLY,
    RESOLVE_BENEATH,
    RESOLVE_IN_ROOT,
    RESOLVE_NO_SYMLINKS,
    ST_SIZE,
)
from prepare_root.errors import Failure, reason_of, show
from prepare_root.formats import FormatError, cfsimage
from prepare_root.layers import Layers
from prepare_root.ops import Detach, Op, RemoveFile

OPERATION = "mount root"
# Content of at most so many bytes is in the image itself, as libcomposefs makes it.
_INLINE = 64
_INITS = (b"/usr/lib/systemd/systemd", b"/sbin/init", b"/etc/init", b"/bin/init")
_PROGRAMS = (b"usr/bin", b"usr/sbin", b"usr/lib", b"usr", b".")


class MountImage(Op):
    """A composefs image and its objects, as one filesystem at `target`.

    `name` is the image, below `directory`, where `links` may lead to it.  It must have
    fs-verity with `digest`, unless that is empty; where the objects need no fs-verity, the
    image needs none either, but it may have no other digest.  The image's own mount at
    `stack.image` is gone afterwards.
    """

    __slots__ = ("digest", "directory", "links", "name", "stack", "target")

    def __init__(
        self,
        step: str,
        *,
        directory: bytes,
        name: bytes,
        digest: bytes,
        stack: Layers,
        target: bytes,
        links: bool = False,
    ) -> None:
        super().__init__(step)
        self.links = links
        self.directory = directory
        self.name = name
        self.digest = digest
        self.stack = stack
        self.target = target

    @property
    def path(self) -> bytes:
        """Where the image is."""
        return self.directory + b"/" + self.name

    def describe(self) -> str:
        how = ", fs-verity required" if self.stack.verity else ""
        which = f", digest {self.digest.hex()}" if self.digest else ""
        upper = f", changes in {show(self.stack.upper)}" if self.stack.upper else ""
        access = "read-only" if self.stack.readonly else "writable"
        return (
            f"mount image {show(self.path)} over {show(b', '.join(self.stack.data))}"
            f" on {show(self.target)} {access}{upper}{how}{which}"
        )

    def apply(self) -> None:
        """Raises OSError, or Failure for what is wrong with the image itself."""
        fd = _open_beneath(self.directory, self.name, self.links)
        try:
            self._mount(fd, self._check(fd))
        finally:
            _bootsys.close(fd)
        if self.stack.verity:
            try:
                _prove_readable(self.target)
            except Failure:
                _bootsys.umount(self.target, MNT_DETACH)
                raise

    def undo(self) -> Op:
        return Detach(self.step, self.target)

    def _check(self, fd: int) -> bool:
        """Whether the image has ACLs, once it is the right image, and all of it is."""
        try:
            if self.stack.verity or self.digest:
                found = self._measured(fd)
                if self.digest and found and found != self.digest:
                    reason = (
                        f"not the image that was asked for: its fs-verity digest is {found.hex()},"
                        f" and should be {self.digest.hex()}"
                    )
                    raise self._wrong(reason)
            acl = cfsimage.has_acl(_bootsys.pread(fd, cfsimage.HEAD_SIZE, 0))
            if self.stack.verity:
                verity.read_through(fd)
        except OSError as error:
            raise self._wrong(f"image refused: {reason_of(error)}") from error
        except FormatError as error:
            raise self._wrong(str(error)) from error
        return acl

    def _measured(self, fd: int) -> bytes:
        """The image's digest; empty where it has none and needs none.  Raises OSError."""
        try:
            return verity.measure(fd, needed=self.stack.verity and bool(self.digest))
        except OSError as error:
            if self.stack.verity or error.errno not in (errno.EOPNOTSUPP, errno.ENOTTY):
                raise
            return b""

    def _wrong(self, reason: str) -> Failure:
        return Failure(OPERATION, show(self.path), reason, "choose another entry in the boot menu")

    def _mount(self, fd: int, acl: bool) -> None:
        layers.mount_erofs(fd, self.stack.image, acl)
        try:
            layers.mount_overlay(self.stack, self.target)
        finally:
            _bootsys.umount(self.stack.image, MNT_DETACH)


def _open_beneath(directory: bytes, name: bytes, links: bool) -> int:
    resolve = RESOLVE_BENEATH if links else RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS
    dir_fd = _bootsys.open(directory, O_PATH | _bootsys.O_DIRECTORY)
    try:
        return files.openat2(dir_fd, name, O_RDONLY, resolve)
    except OSError as error:
        raise OSError(error.errno, error.strerror, directory + b"/" + name) from error
    finally:
        _bootsys.close(dir_fd)


def _prove_readable(root: bytes) -> None:
    """Read init through the new root, all of it, before anything is started from there.

    A kernel without fs-verity mounts with `verity=require` and then refuses every object:
    that the mount succeeded proves nothing.  Raises Failure.
    """
    root_fd = _bootsys.open(root, O_PATH | _bootsys.O_DIRECTORY)
    try:
        path = _probe(root_fd)
        if path is None:
            return  # nothing but directories and small files: all is in the image
        try:
            fd = files.openat2(root_fd, path, O_RDONLY, RESOLVE_IN_ROOT)
            try:
                verity.read_through(fd)
            finally:
                _bootsys.close(fd)
        except OSError as error:
            raise Failure(
                OPERATION,
                show(path),
                f"fs-verity refuses this file of the image: {reason_of(error)}",
                "its object is damaged, or was made without fs-verity;"
                " choose another entry in the boot menu",
            ) from error
    finally:
        _bootsys.close(root_fd)


def _probe(root_fd: int) -> bytes | None:
    """A file whose content is an object: init, else any program, else any file near the top."""
    for path in _INITS:
        if _has_object(root_fd, path):
            return path
    for directory in _PROGRAMS:
        for name in _names(root_fd, directory):
            path = directory + b"/" + name
            if _has_object(root_fd, path):
                return path
    return None


def _has_object(root_fd: int, path: bytes) -> bool:
    try:
        fd = files.openat2(root_fd, path, O_PATH, RESOLVE_IN_ROOT)
    except OSError:
        return False
    try:
        stat = _bootsys.fstat(fd)
    finally:
        _bootsys.close(fd)
    return files.is_file(stat) and stat[ST_SIZE] > _INLINE


def _names(root_fd: int, directory: bytes) -> list[bytes]:
    try:
        return sorted(_bootsys.listdir(directory, dir_fd=root_fd))
    except OSError:
        return []


class MakeScratch(Op):
    """Directories in memory for an overlay's changes: `top`, and `upper` and `work` in it."""

    __slots__ = ("modes", "top")

    def __init__(self, step: str, top: bytes, modes: tuple[int, int, int]) -> None:
        super().__init__(step)
        self.top = top
        self.modes = modes

    def describe(self) -> str:
        return f"make {show(self.top)} for changes that are forgotten"

    def apply(self) -> None:
        try:
            for path, mode in zip((b"", b"/upper", b"/work"), self.modes, strict=True):
                files.make_dir(self.top + path, mode)
        except OSError:
            RemoveTree(self.step, self.top).apply()
            raise

    def undo(self) -> Op:
        return RemoveTree(self.step, self.top)


class RemoveTree(Op):
    """Remove a directory that an earlier operation made, with all that is in it."""

    __slots__ = ("top",)

    def __init__(self, step: str, top: bytes) -> None:
        super().__init__(step)
        self.top = top

    def describe(self) -> str:
        return f"remove {show(self.top)} and all below it"

    def apply(self) -> None:
        trees.delete(self.top)


class VolatileRoot(Op):
    """Tell systemd which device the root is on: what is mounted there has none of its own."""

    __slots__ = ("made", "path", "text")
    required = False

    def __init__(self, step: str, path: bytes, text: bytes) -> None:
        super().__init__(step)
        self.path = path
        self.text = text
        self.made = False

    def describe(self) -> str:
        return f"link {show(self.path)} -> {show(self.text)}"

    def apply(self) -> None:
        if files.lstat(self.path) is not None:
            return
        _bootsys.symlink(self.text, self.path)
        self.made = True

    def undo(self) -> Op | None:
        return RemoveFile(self.step, self.path) if self.made else None
