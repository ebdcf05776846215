"""The operations of bootc's native roots: binds from the state, and overlays that forget."""

import errno

import _bootsys

from prepare_root import files
from prepare_root.constants import (
    MNT_DETACH,
    MS_BIND,
    MS_RDONLY,
    MS_REMOUNT,
    MS_SILENT,
    O_PATH,
    RESOLVE_IN_ROOT,
)
from prepare_root.errors import show
from prepare_root.ops import Detach, Op

SCRATCH = b"/run/bootchain/scratch"


def _open_in(root: bytes, path: bytes) -> int:
    """A directory below `root`, wherever its links lead inside of it; the caller closes."""
    root_fd = _bootsys.open(root, O_PATH | _bootsys.O_DIRECTORY)
    try:
        return files.openat2(root_fd, path, O_PATH | _bootsys.O_DIRECTORY, RESOLVE_IN_ROOT)
    finally:
        _bootsys.close(root_fd)


class BindFrom(Op):
    """Make `path` below `root` visible at `target`; unless `needed`, only where that is."""

    __slots__ = ("made", "needed", "path", "readonly", "root", "target")

    def __init__(
        self, step: str, root: bytes, path: bytes, target: bytes, *, readonly: bool, needed: bool
    ) -> None:
        super().__init__(step)
        self.root = root
        self.path = path
        self.target = target
        self.readonly = readonly
        self.needed = needed
        self.made = False

    def describe(self) -> str:
        access = " read-only" if self.readonly else ""
        where = "" if self.needed else ", if there is such a directory"
        source = show(self.root + b"/" + self.path)
        return f"bind {source} on {show(self.target)}{access}{where}"

    def apply(self) -> None:
        fd = _open_in(self.root, self.path)
        try:
            source = b"/proc/self/fd/%d" % fd
            _bootsys.mount(source, self.target, b"", MS_BIND | MS_SILENT, b"")
            self.made = True
        except OSError as error:
            if self.needed or error.errno != errno.ENOENT:
                raise
        finally:
            _bootsys.close(fd)
        if self.made and self.readonly:
            flags = MS_BIND | MS_REMOUNT | MS_SILENT | MS_RDONLY
            try:
                _bootsys.mount(self.target, self.target, b"", flags, b"")
            except OSError:
                _bootsys.umount(self.target, MNT_DETACH)
                raise

    def undo(self) -> Op | None:
        return Detach(self.step, self.target) if self.made else None


class StateOverlay(Op):
    """What the image has at `target`, with changes kept in `path` below `root`."""

    __slots__ = ("path", "root", "target")

    def __init__(self, step: str, root: bytes, path: bytes, target: bytes) -> None:
        super().__init__(step)
        self.root = root
        self.path = path
        self.target = target

    def describe(self) -> str:
        kept = show(self.root + b"/" + self.path)
        return f"overlay {show(self.target)} with changes in {kept}"

    def apply(self) -> None:
        fd = _open_in(self.root, self.path)
        try:
            state = b"/proc/self/fd/%d" % fd
            for name in (b"/upper", b"/work"):
                files.make_dir(state + name, 0o700)
            _overlay(b"overlay", self.target, state)
        finally:
            _bootsys.close(fd)

    def undo(self) -> Op:
        return Detach(self.step, self.target)


class MountScratch(Op):
    """A memory of its own at SCRATCH, with directories for an overlay's changes in it."""

    __slots__ = ()

    def describe(self) -> str:
        return f"mount a tmpfs on {show(SCRATCH)} for changes that are forgotten"

    def apply(self) -> None:
        files.make_dirs(SCRATCH, 0o700)
        try:
            _bootsys.mount(b"tmpfs", SCRATCH, b"tmpfs", MS_SILENT, b"mode=0700")
            files.make_dir(SCRATCH + b"/upper", 0o755)
            files.make_dir(SCRATCH + b"/work", 0o700)
        except OSError:
            self.undo().apply()
            raise

    def undo(self) -> Op:
        return ReleaseScratch(self.step)


class ReleaseScratch(Op):
    """Take SCRATCH away, if it is there; the memory stays as long as an overlay has it."""

    __slots__ = ()

    def describe(self) -> str:
        return f"detach {show(SCRATCH)}"

    def apply(self) -> None:
        if files.lstat(SCRATCH) is None:
            return
        try:
            _bootsys.umount(SCRATCH, MNT_DETACH)
        except OSError as error:
            if error.errno != errno.EINVAL:  # nothing is mounted there
                raise
        _bootsys.rmdir(SCRATCH)


class ForgetfulOverlay(Op):
    """What is at `target`, with changes in a memory of their own, which goes with the mount."""

    __slots__ = ("mode", "source", "target")

    def __init__(self, step: str, source: bytes, target: bytes, mode: int) -> None:
        super().__init__(step)
        self.source = source
        self.target = target
        self.mode = mode

    def describe(self) -> str:
        return f"overlay {show(self.target)} with changes that are forgotten"

    def apply(self) -> None:
        scratch = MountScratch(self.step)
        scratch.apply()
        try:
            _bootsys.chmod(SCRATCH + b"/upper", self.mode)
            _overlay(self.source, self.target, SCRATCH)
        finally:
            scratch.undo().apply()

    def undo(self) -> Op:
        return Detach(self.step, self.target)


def _overlay(source: bytes, target: bytes, state: bytes) -> None:
    """An overlay of `target` over itself; `upper` and `work` are in `state`."""
    layers = b"lowerdir=%s,upperdir=%s/upper,workdir=%s/work" % (target, state, state)
    _bootsys.mount(source, target, b"overlay", MS_SILENT, layers)
