"""`rd.break=`: a shell on the console at a point of the boot, which goes on when it is left.

The points have dracut's names, as far as there is such a point here.  The shell is whatever the
image has at /bin/sh; most images have none.
"""

import _bootsys

from prepare_root import files, log
from prepare_root.constants import O_RDWR
from prepare_root.errors import reason_of, show
from prepare_root.formats import cmdline as kernel_cmdline

SHELL = b"/bin/sh"
ENVIRON = [b"HOME=/", b"TERM=linux", b"PATH=/bin:/usr/bin:/sbin"]
CONSOLES = b"/sys/class/tty/console/active"

# Before devices are looked for; with the physical root at /sysroot; with the deployment's.
PRE_MOUNT, MOUNT, PRE_PIVOT = b"pre-mount", b"mount", b"pre-pivot"
_POINTS = {
    b"cmdline": PRE_MOUNT,
    b"pre-udev": PRE_MOUNT,
    b"pre-trigger": PRE_MOUNT,
    b"initqueue": PRE_MOUNT,
    PRE_MOUNT: PRE_MOUNT,
    MOUNT: MOUNT,
    PRE_PIVOT: PRE_PIVOT,
    b"cleanup": PRE_PIVOT,
    b"": PRE_PIVOT,
}


class Breaks:
    """The points at which this boot stops."""

    __slots__ = ("points",)

    def __init__(self, cmdline: bytes, allowed: bool) -> None:
        """By every `rd.break` of `cmdline`; none where it is not `allowed`."""
        self.points: set[bytes] = set()
        for key, value in kernel_cmdline.parse(cmdline):
            if key != b"rd.break":
                continue
            point = _POINTS.get(value or b"")
            if point is None:
                known = ", ".join(show(name) for name in (PRE_MOUNT, MOUNT, PRE_PIVOT))
                log.warning(f"rd.break: {show(value or b'')}: no such point; there are {known}")
            elif not allowed:
                log.warning(f"rd.break: {show(point)}: no shell for an argument on a signed root")
            else:
                self.points.add(point)

    def stop(self, point: bytes) -> None:
        """Give a shell, and wait for its end, where this boot stops at `point`."""
        if point not in self.points:
            return
        if files.lstat(SHELL) is None:
            log.warning(f"rd.break: {show(point)}: the image has no {show(SHELL)}")
            return
        log.warning(f"rd.break: {show(point)}: starting {show(SHELL)}; leaving it goes on")
        terminal = _terminal()
        try:
            tty = _bootsys.open(terminal, O_RDWR)
            try:
                _bootsys.run(SHELL, [SHELL, b"-i"], ENVIRON, tty)
            finally:
                _bootsys.close(tty)
        except OSError as error:
            log.warning(f"rd.break: {show(terminal)}: {reason_of(error)}")


def _terminal() -> bytes:
    """The device behind /dev/console, which itself cannot be a shell's terminal."""
    try:
        names = files.read(CONSOLES).split()
    except OSError:
        names = []
    return b"/dev/" + names[-1] if names else b"/dev/console"
