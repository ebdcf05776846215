"""/run/bootchain/fallback: that another deployment was booted than the entry asked for.

Lines of `key=value`.  `requested` is the argument of `ostree=`, `booted` the path of the
deployment below the sysroot, `reason` why the requested one could not be booted.  Control
characters and line feeds in them are escaped.  The file is ours; libostree has no such thing.
"""

from prepare_root.errors import show

PATH = b"/run/bootchain/fallback"
_KEYS = (b"requested", b"booted", b"reason")


class Fallback:
    """What was asked for, what was booted, and why."""

    __slots__ = ("booted", "reason", "requested")

    def __init__(self, requested: str, booted: str, reason: str) -> None:
        self.requested = requested
        self.booted = booted
        self.reason = reason

    def encode(self) -> bytes:
        """The file's bytes."""
        values = (self.requested, self.booted, self.reason)
        lines = []
        for key, value in zip(_KEYS, values, strict=True):
            lines.append(key + b"=" + show(value.encode("utf-8")).encode("utf-8") + b"\n")
        return b"".join(lines)

    @staticmethod
    def decode(data: bytes) -> "Fallback":
        """What the file says; a key that is missing is empty, one that is unknown ignored."""
        found = {}
        for line in data.split(b"\n"):
            key, _, value = line.partition(b"=")
            found[key] = value.decode("utf-8", "replace")
        return Fallback(*(found.get(key, "") for key in _KEYS))
