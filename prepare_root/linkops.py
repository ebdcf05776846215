"""The operations of the convenience links, on the deployment and in the stateroot's `var`.

All are best effort: a root without one of its links still boots.  What they make on disk has
no undo, since it is what the links need at every later try, too.
"""

import errno

import _bootsys

from prepare_root import files
from prepare_root.constants import (
    FS_IMMUTABLE_FL,
    MS_BIND,
    MS_SILENT,
    O_PATH,
    O_RDONLY,
    RESOLVE_BENEATH,
)
from prepare_root.errors import show
from prepare_root.ops import Detach, Op


class LinkTarget(Op):
    """A directory below `base` that a convenience link leads to; one that exists is kept."""

    __slots__ = ("base", "mode", "path")
    required = False

    def __init__(self, step: str, base: bytes, path: bytes, mode: int) -> None:
        super().__init__(step)
        self.base = base
        self.path = path
        self.mode = mode

    def describe(self) -> str:
        return f"make sure of directory {show(self.base + b'/' + self.path)}"

    def apply(self) -> None:
        """Walk down by directory fds, so that no symlink can lead out of `base`, or be it."""
        at = _bootsys.open(self.base, O_PATH | _bootsys.O_DIRECTORY | _bootsys.O_NOFOLLOW)
        try:
            parts = self.path.split(b"/")
            for index, part in enumerate(parts):
                self._make(part, at, self.mode if index == len(parts) - 1 else 0o755)
                below = files.openat2(at, part, O_PATH | _bootsys.O_DIRECTORY, RESOLVE_BENEATH)
                _bootsys.close(at)
                at = below
        finally:
            _bootsys.close(at)

    @staticmethod
    def _make(name: bytes, dir_fd: int, mode: int) -> None:
        try:
            _bootsys.mkdir(name, mode, dir_fd=dir_fd)
        except OSError as error:
            if error.errno != errno.EEXIST:
                raise
        else:
            _bootsys.chmod(name, mode, dir_fd=dir_fd)


class LinkBind(Op):
    """Make a link's target, `path` below `base`, visible at the empty directory `target`."""

    __slots__ = ("base", "path", "target")
    required = False

    def __init__(self, step: str, base: bytes, path: bytes, target: bytes) -> None:
        super().__init__(step)
        self.base = base
        self.path = path
        self.target = target

    def describe(self) -> str:
        return f"bind {show(self.base + b'/' + self.path)} on {show(self.target)}"

    def apply(self) -> None:
        """By an fd, so that a symlink of the admin's cannot lead out of `base`.

        One that is absolute means a place of the booted system, which is not here yet.
        """
        at = _bootsys.open(self.base, O_PATH | _bootsys.O_DIRECTORY)
        try:
            fd = files.openat2(at, self.path, O_PATH | _bootsys.O_DIRECTORY, RESOLVE_BENEATH)
        finally:
            _bootsys.close(at)
        try:
            source = b"/proc/self/fd/%d" % fd
            _bootsys.mount(source, self.target, b"", MS_BIND | MS_SILENT, b"")
        finally:
            _bootsys.close(fd)

    def undo(self) -> Op:
        return Detach(self.step, self.target)


class MakeLink(Op):
    """A convenience link in the deployment root, which is immutable as a rule."""

    __slots__ = ("directory", "name", "text")
    required = False

    def __init__(self, step: str, directory: bytes, name: bytes, text: bytes) -> None:
        super().__init__(step)
        self.directory = directory
        self.name = name
        self.text = text

    def describe(self) -> str:
        return f"link {show(self.directory + b'/' + self.name)} -> {show(self.text)}"

    def apply(self) -> None:
        """Lift the immutable flag for as long as the link takes, and put it back."""
        fd = _bootsys.open(self.directory, O_RDONLY | _bootsys.O_DIRECTORY)
        try:
            flags = _flags(fd)
            if not flags & FS_IMMUTABLE_FL:
                _bootsys.symlink(self.text, self.name, dir_fd=fd)
                return
            _bootsys.set_flags(fd, flags & ~FS_IMMUTABLE_FL)
            try:
                _bootsys.symlink(self.text, self.name, dir_fd=fd)
            finally:
                _bootsys.set_flags(fd, flags)
        finally:
            _bootsys.close(fd)


def _flags(fd: int) -> int:
    """The inode's flags; none on a filesystem that has no such thing."""
    try:
        return _bootsys.get_flags(fd)
    except OSError as error:
        if error.errno in (errno.ENOTTY, errno.EOPNOTSUPP, errno.ENOSYS):
            return 0
        raise
