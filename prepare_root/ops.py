"""The operations that a plan is made of: each describes itself, and can be applied and undone.

`step` names the part of the preparation that an operation belongs to, for logs and for
tests which leave one out.  `apply` raises OSError; an operation whose `required` is false
is best effort, and its failure is a note.  What convenience links need is in `linkops`.
"""

import errno

import _bootsys

from prepare_root import files
from prepare_root.constants import (
    MNT_DETACH,
    MS_BIND,
    MS_MOVE,
    MS_PRIVATE,
    MS_RDONLY,
    MS_REC,
    MS_REMOUNT,
    MS_SHARED,
    MS_SILENT,
    MS_SLAVE,
)
from prepare_root.errors import show

_PROPAGATION = {MS_PRIVATE: "private", MS_SLAVE: "slave", MS_SHARED: "shared"}


class Op:
    """One change of the outside world."""

    __slots__ = ("step",)
    required = True

    def __init__(self, step: str) -> None:
        self.step = step

    def describe(self) -> str:
        """What `apply` will do, as one line."""
        raise NotImplementedError

    def apply(self) -> None:
        """Do it.  Raises OSError; then nothing of it is left."""
        raise NotImplementedError

    def undo(self) -> "Op | None":
        """What takes it back after it was applied, when a later operation has failed.

        None where nothing has to be: another operation's undo takes it along, or what it
        leaves does no harm and is what the next try starts from.
        """
        return None


class MakeDir(Op):
    """A directory; one that exists is kept as it is."""

    __slots__ = ("mode", "path")

    def __init__(self, step: str, path: bytes, mode: int) -> None:
        super().__init__(step)
        self.path = path
        self.mode = mode

    def describe(self) -> str:
        return f"make directory {show(self.path)} with mode {self.mode:04o}"

    def apply(self) -> None:
        files.make_dirs(self.path, self.mode)

    def undo(self) -> Op:
        return RemoveDir(self.step, self.path)


class RemoveDir(Op):
    """Remove a directory that an earlier operation made, unless others have filled it."""

    __slots__ = ("path",)
    required = False

    def __init__(self, step: str, path: bytes) -> None:
        super().__init__(step)
        self.path = path

    def describe(self) -> str:
        return f"remove directory {show(self.path)}"

    def apply(self) -> None:
        try:
            _bootsys.rmdir(self.path)
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:
                raise


class Bind(Op):
    """Make `source` visible at `target`, without the mounts below it."""

    __slots__ = ("source", "target")

    def __init__(self, step: str, source: bytes, target: bytes) -> None:
        super().__init__(step)
        self.source = source
        self.target = target

    def describe(self) -> str:
        return f"bind {show(self.source)} on {show(self.target)}"

    def apply(self) -> None:
        _bootsys.mount(self.source, self.target, b"", MS_BIND | MS_SILENT, b"")

    def undo(self) -> Op:
        return Detach(self.step, self.target)


class Remount(Op):
    """Make the mount at `target`, not its filesystem, read-only or writable."""

    __slots__ = ("readonly", "target")

    def __init__(self, step: str, target: bytes, readonly: bool) -> None:
        super().__init__(step)
        self.target = target
        self.readonly = readonly

    def describe(self) -> str:
        return f"remount {show(self.target)} {'read-only' if self.readonly else 'writable'}"

    def apply(self) -> None:
        flags = MS_BIND | MS_REMOUNT | MS_SILENT | (MS_RDONLY if self.readonly else 0)
        _bootsys.mount(self.target, self.target, b"", flags, b"")


class Overlay(Op):
    """An overlay over `target`; the layers are named relative to `directory`."""

    __slots__ = ("data", "directory", "readonly", "target")

    def __init__(
        self, step: str, directory: bytes, target: bytes, data: bytes, readonly: bool
    ) -> None:
        super().__init__(step)
        self.directory = directory
        self.target = target
        self.data = data
        self.readonly = readonly

    def describe(self) -> str:
        return f"overlay {show(self.data)} in {show(self.directory)} on {show(self.target)}"

    def apply(self) -> None:
        _bootsys.chdir(self.directory)
        flags = MS_SILENT | (MS_RDONLY if self.readonly else 0)
        try:
            _bootsys.mount(b"overlay", self.target, b"overlay", flags, self.data)
        finally:
            _bootsys.chdir(b"/")

    def undo(self) -> Op:
        return Detach(self.step, self.target)


class Propagation(Op):
    """Set how mount events travel at `target`."""

    __slots__ = ("flag", "recursive", "target")

    def __init__(self, step: str, target: bytes, flag: int, recursive: bool = False) -> None:
        super().__init__(step)
        self.target = target
        self.flag = flag
        self.recursive = recursive

    def describe(self) -> str:
        below = " and all below it" if self.recursive else ""
        return f"make {show(self.target)}{below} {_PROPAGATION[self.flag]}"

    def apply(self) -> None:
        flags = self.flag | MS_SILENT | (MS_REC if self.recursive else 0)
        _bootsys.mount(b"", self.target, b"", flags, b"")


class Detach(Op):
    """Unmount `target` now; its filesystem goes when nothing uses it any more."""

    __slots__ = ("target",)

    def __init__(self, step: str, target: bytes) -> None:
        super().__init__(step)
        self.target = target

    def describe(self) -> str:
        return f"detach {show(self.target)}"

    def apply(self) -> None:
        _bootsys.umount(self.target, MNT_DETACH)


class Move(Op):
    """Move the mount at `source`, with all below it, to `target`."""

    __slots__ = ("source", "target")

    def __init__(self, step: str, source: bytes, target: bytes) -> None:
        super().__init__(step)
        self.source = source
        self.target = target

    def describe(self) -> str:
        return f"move {show(self.source)} to {show(self.target)}"

    def apply(self) -> None:
        _bootsys.mount(self.source, self.target, b"", MS_MOVE | MS_SILENT, b"")

    def undo(self) -> Op:
        return Move(self.step, self.target, self.source)


class WriteFile(Op):
    """A small file below /run, and the directories it needs; whole or not at all."""

    __slots__ = ("data", "mode", "path")

    def __init__(self, step: str, path: bytes, data: bytes, mode: int = 0o644) -> None:
        super().__init__(step)
        self.path = path
        self.data = data
        self.mode = mode

    def describe(self) -> str:
        return f"write {show(self.path)} ({len(self.data)} bytes)"

    def apply(self) -> None:
        files.make_dirs(self.path.rpartition(b"/")[0], 0o755)
        try:
            files.write(self.path, self.data, self.mode)
        except OSError:
            # A part of /run/ostree-booted would say "booted" as well as all of it.
            _forget(self.path)
            raise

    def undo(self) -> Op:
        return RemoveFile(self.step, self.path)


class RemoveFile(Op):
    """Remove a file that an earlier operation wrote."""

    __slots__ = ("path",)

    def __init__(self, step: str, path: bytes) -> None:
        super().__init__(step)
        self.path = path

    def describe(self) -> str:
        return f"remove {show(self.path)}"

    def apply(self) -> None:
        _bootsys.unlink(self.path)


def _forget(path: bytes) -> None:
    """Remove the file at `path`, if one is there; the caller has a better error to tell."""
    try:
        _bootsys.unlink(path)
    except OSError:
        pass


class RecordMounts(Op):
    """Keep the mount table as it is now, for whoever asks later."""

    __slots__ = ("path",)
    required = False

    def __init__(self, step: str, path: bytes) -> None:
        super().__init__(step)
        self.path = path

    def describe(self) -> str:
        return f"record the mount table in {show(self.path)}"

    def apply(self) -> None:
        files.make_dirs(self.path.rpartition(b"/")[0], 0o755)
        files.write(self.path, files.read(b"/proc/self/mountinfo"), 0o644)
