"""The mount calls of Linux 5.2 and later, with the kernel's own words in their errors.

What kernels before need is in `compat`.
"""

import _bootsys

# fsconfig(2), fsmount(2), move_mount(2)
_SET_FLAG, _SET_STRING, _CREATE = 0, 1, 6
_EMPTY_PATH = 0x04
ATTR_RDONLY = 0x01

_MESSAGES = 8


class Context:
    """A filesystem that is being set up; whoever made it closes it.

    Every call raises OSError; where the kernel left words of its own in the context, they
    stand behind the system's.
    """

    __slots__ = ("fd",)

    def __init__(self, fstype: bytes) -> None:
        self.fd = _bootsys.fsopen(fstype, 0)

    def string(self, key: bytes, value: bytes) -> None:
        """Set an option that has a value."""
        self._configure(_SET_STRING, key, value)

    def flag(self, key: bytes) -> None:
        """Set an option that has none."""
        self._configure(_SET_FLAG, key, b"")

    def mount(self, attributes: int) -> int:
        """Make the filesystem, and a mount of it that is nowhere yet.  The caller owns the fd."""
        self._configure(_CREATE, b"", b"")
        try:
            return _bootsys.fsmount(self.fd, 0, attributes)
        except OSError as error:
            raise self._explained(error) from error

    def mount_at(self, target: bytes, attributes: int) -> None:
        """Make the filesystem, and mount it at `target`; the context is not needed afterwards."""
        fd = self.mount(attributes)
        try:
            attach(fd, target)
        finally:
            _bootsys.close(fd)

    def close(self) -> None:
        """Let it go; mounts made from it stay."""
        _bootsys.close(self.fd)

    def _configure(self, command: int, key: bytes, value: bytes) -> None:
        try:
            _bootsys.fsconfig(self.fd, command, key, value, 0)
        except OSError as error:
            raise self._explained(error) from error

    def _explained(self, error: OSError) -> OSError:
        told = _messages(self.fd)
        text = error.strerror or ""
        return OSError(error.errno, f"{text} ({told})" if told else text, error.filename)


def _messages(fd: int) -> str:
    """What the kernel wrote into the context; one read gives one message, `e text`."""
    found: list[str] = []
    while len(found) < _MESSAGES:
        try:
            line = _bootsys.read(fd, 1024)
        except OSError:
            break  # ENODATA: that was all
        text = line.partition(b" ")[2].decode("utf-8", "backslashreplace").strip()
        found.append("".join(c if c.isprintable() else "?" for c in text))
    return "; ".join(found)


def attach(fd: int, target: bytes) -> None:
    """Put the mount behind `fd`, which is nowhere yet, at `target`.  Raises OSError."""
    _bootsys.move_mount(fd, b"", _bootsys.AT_FDCWD, target, _EMPTY_PATH)
