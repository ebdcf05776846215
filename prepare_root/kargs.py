"""What the kernel command line asks of /init (kernel doc `kernel-parameters.txt`)."""

from prepare_root.errors import Failure, show
from prepare_root.formats import cmdline as kernel_cmdline

FOREVER = -1.0
DEFAULT_WAIT_S = 30.0

Pairs = list[tuple[bytes, bytes | None]]


class RootArguments:
    """`root`, `fstype` and `flags` are bytes and may be empty; `wait` and `delay` seconds.

    `wait` is FOREVER for a bare `rootwait`.  `init` is empty when the default is to be
    looked for.
    """

    __slots__ = ("delay", "flags", "fstype", "init", "readonly", "root", "wait")

    def __init__(self, pairs: Pairs) -> None:
        self.root = kernel_cmdline.get(pairs, b"root") or b""
        self.fstype = kernel_cmdline.get(pairs, b"rootfstype") or b""
        self.flags = kernel_cmdline.get(pairs, b"rootflags") or b""
        self.init = kernel_cmdline.get(pairs, b"init") or b""
        self.readonly = _readonly(pairs)
        self.delay = _seconds(pairs, b"rootdelay") or 0.0
        self.wait = DEFAULT_WAIT_S
        if kernel_cmdline.has(pairs, b"rootwait"):
            wait = _seconds(pairs, b"rootwait")
            self.wait = FOREVER if wait is None else wait


def parse(cmdline: bytes) -> RootArguments:
    """The arguments in `cmdline`.  Raises Failure for a number that is none."""
    return RootArguments(kernel_cmdline.parse(cmdline))


def _readonly(pairs: Pairs) -> bool:
    """The last of `ro` and `rw` counts; the kernel's default is `ro`."""
    for key, value in reversed(pairs):
        if value is None and key in (b"ro", b"rw"):
            return key == b"ro"
    return True


def _seconds(pairs: Pairs, key: bytes) -> float | None:
    """The value of `key`, or None when it is absent or a bare word."""
    value = kernel_cmdline.get(pairs, key)
    if not value:
        return None
    if not value.isdigit() or len(value) > 6:
        raise Failure(
            "read kernel command line",
            show(key),
            f"'{show(value)}' is not a number of seconds",
        )
    return float(value)
