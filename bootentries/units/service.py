"""What libostree's units run of ours, without the command line around it.

A shutdown waits for finalisation, and what holds /boot is in memory as long as the system
runs: neither needs more loaded than it uses.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bootentries.errors import BootentriesError, from_os_error
from bootentries.root import Root, open_root

if TYPE_CHECKING:
    from bootentries.txn.plan import Plan

RUN = "/run"
BOOTED = f"{RUN}/ostree-booted"
_TIMEOUT = "--lock-timeout="


@dataclass(frozen=True, slots=True)
class Service:
    """Where the sysroot is, how long to wait for its lock, and where remarks go."""

    note: Callable[[str], None]
    sysroot: str = "/"
    boot: str | None = None
    lock_timeout: float | None = None

    def finalise(self, words: frozenset[str], say: Callable[[str], None]) -> "Plan | None":
        """Make the staged deployment the default; returns the plan that did it, if any.

        `words` are those of OSTREE_SYSROOT_OPTS and OSTREE_SYSROOT_DEBUG; `say` gets the
        lines that libostree says.  A failure is kept in /boot for the next boot to tell.
        Raises BootentriesError.
        """
        from bootentries.deploy.finalize import finalize_staged  # noqa: PLC0415
        from bootentries.sysroot import load  # noqa: PLC0415
        from bootentries.txn.context import Context  # noqa: PLC0415
        from bootentries.txn.lock import sysroot_lock  # noqa: PLC0415
        from bootentries.txn.namespace import enter_as_writer, writable  # noqa: PLC0415

        enter_as_writer(self.sysroot, words)
        with (
            writable(),
            open_root(self.sysroot, self.boot) as root,
            self._recorded(root),
            sysroot_lock(root, self.note, self.lock_timeout),
        ):
            return finalize_staged(Context(root, self.note), load(root), say, words)

    def hold(self) -> None:
        """Keep /boot open until SIGTERM: an automount must not close it before finalisation.

        No mount namespace of our own: the system's is the one that counts.
        """
        import signal  # noqa: PLC0415

        ends = {signal.SIGTERM, signal.SIGINT}
        signal.pthread_sigmask(signal.SIG_BLOCK, ends)
        with open_root(self.sysroot, self.boot) as root:
            # Opened by its path once more: that is what starts an automount.
            fd = os.open(self.boot or f"{root.path}/boot", os.O_RDONLY | os.O_DIRECTORY)
            try:
                tell_ready()
                signal.sigwait(ends)
            finally:
                os.close(fd)

    @contextmanager
    def _recorded(self, root: Root) -> Iterator[None]:
        """Keep the reason of a failure in /boot, and forget an older one after a success.

        Nobody sees a shutdown: the next boot has to tell.
        """
        from bootentries.booted import read_staged  # noqa: PLC0415
        from bootentries.failure import forget_failure, record_failure  # noqa: PLC0415
        from bootentries.loopguard import count_failure  # noqa: PLC0415

        staged = None
        try:
            staged = read_staged(RUN)
            yield
            forget_failure(root)
        except (BootentriesError, OSError) as error:
            if isinstance(error, OSError):
                error = from_os_error("finalize staged deployment", error)
            try:
                record_failure(root, error)
                if staged is not None:
                    count_failure(root, staged.stateroot, staged.name, str(error))
            except (BootentriesError, OSError) as second:
                self.note(f"the next boot will not tell of this failure: {second}")
            raise error from None


def tell_ready() -> None:
    """Tell the service manager that the start is over, where it wants to know (sd_notify(3)).

    Raises OSError.
    """
    place = os.environ.get("NOTIFY_SOCKET", "")
    if not place:
        return
    import socket  # noqa: PLC0415

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stream:
        # A name that begins with @ is no file.
        stream.sendto(b"READY=1", "\0" + place[1:] if place.startswith("@") else place)


def unit_timeout(argv: list[str]) -> float:
    """Return the seconds in the one argument of the unit's command; ValueError for any other."""
    words = [word.removeprefix(_TIMEOUT) for word in argv if word.startswith(_TIMEOUT)]
    if len(argv) != 1 or not words or not (words[0].isascii() and words[0].isdigit()):
        raise ValueError("not the unit's command")
    return float(words[0])
