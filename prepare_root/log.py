"""Messages: to /dev/kmsg as /init, to fd 2 as a service.  Never raises.

A machine whose messages cannot be written must still boot, so write errors are dropped.
Levels are those of syslog(3); kmsg and the journal both read the `<N>` prefix.
"""

import _bootsys

from prepare_root.constants import O_WRONLY

ERROR = 3
WARNING = 4
NOTICE = 5
INFO = 6

NAME = "prepare-root"


class _Sink:
    """Where lines go: an fd, and whether its reader understands `<level>`."""

    __slots__ = ("fd", "levels")

    def __init__(self) -> None:
        self.fd = 2
        self.levels = False


_sink = _Sink()


def to_kmsg() -> None:
    """Send all that follows to the kernel's log, which reaches every console.

    The fd stays open until exec; the kernel's rate limit for /dev/kmsg is lifted first,
    because the report after a failure is longer than it allows.
    """
    try:
        fd = _bootsys.open(b"/proc/sys/kernel/printk_devkmsg", O_WRONLY)
        try:
            _bootsys.write(fd, b"on\n")
        finally:
            _bootsys.close(fd)
    except OSError:
        pass  # fixed on the kernel's command line, or no /proc: only the limit stays
    try:
        _sink.fd = _bootsys.open(b"/dev/kmsg", O_WRONLY)
    except OSError:
        return
    _sink.levels = True


def to_stderr(environ: list[bytes]) -> None:
    """Send all that follows to fd 2, with levels when the journal reads it.

    `environ` is the process environment as `NAME=value` bytes.
    """
    _sink.fd = 2
    _sink.levels = any(item.startswith(b"JOURNAL_STREAM=") for item in environ)


def _emit(level: int, text: str) -> None:
    for line in text.split("\n"):
        prefix = f"<{level}>" if _sink.levels else ""
        data = f"{prefix}{NAME}: {line}\n".encode("utf-8", "backslashreplace")
        try:
            _bootsys.write(_sink.fd, data)
        except OSError:
            pass


def error(text: str) -> None:
    """Something stops the boot."""
    _emit(ERROR, text)


def warning(text: str) -> None:
    """Something is not as it should be; the boot goes on."""
    _emit(WARNING, text)


def notice(text: str) -> None:
    """Something that a person at the console should see once."""
    _emit(NOTICE, text)


def info(text: str) -> None:
    """A step that was taken."""
    _emit(INFO, text)
