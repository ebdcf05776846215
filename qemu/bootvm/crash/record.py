"""Recording what commands in a guest write to one of its disks."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bootvm.crash.explore import Span
from bootvm.crash.log import count
from bootvm.spec import VmSpec
from bootvm.vm import Vm


def recorded(spec: VmSpec, disk: int, log: Path) -> VmSpec:
    """The same machine, with the writes to its disk number `disk` recorded in the new file `log`.

    The disk gets a private overlay: its image stays as it is before the first request.
    """
    log.write_bytes(b"")
    disks = list(spec.disks)
    disks[disk] = replace(disks[disk], log=log, overlay=True)
    return replace(spec, disks=tuple(disks))


class Recorder:
    """Marks in the log of a running guest, set by commands that its agent runs."""

    def __init__(self, vm: Vm, log: Path) -> None:
        self._vm = vm
        self._log = log
        self.spans: dict[str, Span] = {}

    @contextmanager
    def span(self, name: str) -> Iterator[None]:
        """Records under `name` what the guest writes while the block runs.

        Before, everything is synced, so that nothing older can be lost by a cut.
        """
        self._vm.check("sync", 120)
        start = count(self._log)
        yield
        self.spans[name] = Span(start, count(self._log))

    def run(self, name: str, script: str, timeout: float = 300) -> str:
        """Runs `script`, which has to succeed, as the span `name`; returns what it printed."""
        with self.span(name):
            return self._vm.check(script, timeout)
