"""Running one hook: what it prints is passed on, and it ends after a while, if need be killed."""

import os
import select
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from bootentries.check.finding import shown
from bootentries.hooks.find import Hook

if TYPE_CHECKING:
    # Loaded late where it is used: most writes have no hook to run.
    import subprocess
    from types import FrameType

# After SIGTERM, so that a hook can put things right; then SIGKILL, and no more waiting.
_GRACE_S = 2.0
_LAST_S = 5.0
_LINES = 200
_BLOCK = 1 << 14


def run_hook(
    hook: Hook, environ: Mapping[str, str], limit_s: float, say: Callable[[str], None]
) -> str | None:
    """Run a hook with nothing but `environ`; returns why it failed, or None.

    It runs in `/`, with nothing to read.  Each line that it prints goes to `say` with its
    name in front.  When it has ended, or after `limit_s`, its whole process group is killed.
    """
    import subprocess  # noqa: PLC0415

    with _HeldInterrupt() as held:
        try:
            child = subprocess.Popen(
                [hook.path],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=dict(environ),
                cwd="/",
                process_group=0,
            )
        except OSError as error:
            return error.strerror or str(error)
        pidfd = os.pidfd_open(child.pid)
        output = _Output(hook.name, say)
        in_time = ended = False
        try:
            held.release()
            in_time = _follow(child, pidfd, output, limit_s)
        finally:
            ended = _end(child, pidfd, output, in_time)
            os.close(pidfd)
    if not in_time:
        return f"not done after {limit_s:g} s, {'killed' if ended else 'and it does not die'}"
    return _reason(child.returncode)


class _HeldInterrupt:
    """Keeps an interrupt back until `release`: who starts a program cannot end it meanwhile.

    A handler, and no mask: the program would inherit that.
    """

    def __init__(self) -> None:
        self._caught = False
        self._before: Callable[[int, FrameType | None], object] | None = None

    def __enter__(self) -> "_HeldInterrupt":
        before = signal.getsignal(signal.SIGINT)
        if callable(before):
            with suppress(ValueError):  # only the main thread is interrupted
                signal.signal(signal.SIGINT, self._note)
                self._before = before
        return self

    def release(self) -> None:
        """Let it come: now if there was one, else from now on."""
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None
        if self._caught:
            self._caught = False
            signal.raise_signal(signal.SIGINT)

    def __exit__(self, *_: object) -> None:
        self.release()

    def _note(self, _number: int, _frame: "FrameType | None") -> None:
        self._caught = True


class _Output:
    """What a hook printed, line by line, as far as it is worth showing."""

    def __init__(self, name: str, say: Callable[[str], None]) -> None:
        self._name = name
        self._say = say
        self._rest = b""
        self._lines = 0

    def add(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _BLOCK:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            self._line(line)

    def end(self) -> None:
        if self._rest:
            self._line(self._rest)
            self._rest = b""

    def _line(self, line: bytes) -> None:
        self._lines += 1
        if self._lines <= _LINES:
            self._say(f"{self._name}: {shown(line.decode(errors='surrogateescape'))}")
        elif self._lines == _LINES + 1:
            self._say(f"{self._name}: … (what else it prints is left out)")


def _follow(child: "subprocess.Popen[bytes]", pidfd: int, output: _Output, limit_s: float) -> bool:
    """Pass output on until the hook itself ends; returns whether that was in time.

    What it left in the background may hold the pipe open: that is not waited for.
    """
    pipe = _pipe(child)
    os.set_blocking(pipe, False)
    deadline = time.monotonic() + limit_s
    waiting = select.poll()
    waiting.register(pipe, select.POLLIN)
    waiting.register(pidfd, select.POLLIN)
    while (left := deadline - time.monotonic()) > 0:
        ready = {fd for fd, _ in waiting.poll(left * 1000 + 1)}
        if pipe in ready and not _pass_on(pipe, output):
            waiting.unregister(pipe)
        if pidfd in ready:
            return True
    return False


def _end(child: "subprocess.Popen[bytes]", pidfd: int, output: _Output, in_time: bool) -> bool:
    """Kill what is left of the group, and reap the hook; returns whether it is gone."""
    if not in_time:
        _kill(child.pid, signal.SIGTERM)
        _follow(child, pidfd, output, _GRACE_S)
    # Before it is reaped: its number is still its group's then.
    _kill(child.pid, signal.SIGKILL)
    waiting = select.poll()
    waiting.register(pidfd, select.POLLIN)
    ended = bool(waiting.poll(_LAST_S * 1000))
    if ended:
        child.wait()
    for _ in range(_LINES):
        if not _pass_on(_pipe(child), output):
            break
    assert child.stdout is not None
    child.stdout.close()
    output.end()
    return ended


def _pipe(child: "subprocess.Popen[bytes]") -> int:
    assert child.stdout is not None
    return child.stdout.fileno()


def _pass_on(pipe: int, output: _Output) -> bool:
    """Read what is there; returns whether there may be more."""
    try:
        data = os.read(pipe, _BLOCK)
    except BlockingIOError:
        return False
    output.add(data)
    return bool(data)


def _kill(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return


def _reason(status: int) -> str | None:
    if status == 0:
        return None
    if status > 0:
        return f"exit status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"killed by {name}"
