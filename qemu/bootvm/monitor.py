"""QMP for plain synchronous code: `qemu.qmp` on an event loop in a thread of its own."""

import asyncio
import logging
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar, cast

from qemu.qmp import EventListener, QMPClient, QMPError

from bootvm.errors import BootvmError

_T = TypeVar("_T")

# The library also logs each failed connection; here the raised error says it once.
logging.getLogger("qemu.qmp").setLevel(logging.CRITICAL)


class Monitor:
    """A connection to QEMU's machine protocol, and the events that came over it."""

    def __init__(self, path: Path, timeout: float = 20) -> None:
        """Connects; raises BootvmError when QEMU does not answer on `path`."""
        self.events: list[tuple[str, dict[str, Any]]] = []
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="qmp", daemon=True)
        self._thread.start()
        self._client = QMPClient("bootvm")
        self._listener = EventListener()
        self._client.register_listener(self._listener)
        self._watcher: asyncio.Task[None] | None = None
        try:
            self._call(self._open(path), timeout)
        except (OSError, QMPError, TimeoutError) as error:
            self.close()
            raise BootvmError("connect", path, f"no answer from QEMU ({error})") from error

    def _call(self, work: Coroutine[Any, Any, _T], timeout: float) -> _T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(timeout)
        except TimeoutError:
            future.cancel()
            raise

    async def _open(self, path: Path) -> None:
        await self._client.connect(str(path))
        self._watcher = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        async for event in self._listener:
            with self._changed:
                self.events.append(
                    (str(event["event"]), dict(cast(dict[str, Any], event.get("data", {}))))
                )
                self._changed.notify_all()

    def execute(self, command: str, timeout: float = 60, **arguments: Any) -> Any:
        """Runs one QMP command and returns its answer.

        Raises BootvmError with QEMU's own text when it refuses or does not answer in time.
        """
        words = {key.replace("_", "-"): value for key, value in arguments.items()}
        try:
            return self._call(self._client.execute(command, words or None), timeout)
        except TimeoutError as error:
            raise BootvmError("qmp", command, f"no answer in {timeout:g} s") from error
        except (QMPError, OSError) as error:
            raise BootvmError("qmp", command, str(error)) from error

    def human(self, line: str, timeout: float = 120) -> str:
        """A command of the human monitor, which alone has savevm; returns what it printed."""
        return str(self.execute("human-monitor-command", timeout, command_line=line))

    def saw(self, name: str) -> dict[str, Any] | None:
        """The data of the last event `name`, or None."""
        with self._changed:
            return next((data for event, data in reversed(self.events) if event == name), None)

    def wait_event(self, name: str, timeout: float) -> dict[str, Any]:
        """Waits until an event `name` has come; raises BootvmError at the deadline."""
        with self._changed:
            if not self._changed.wait_for(
                lambda: any(event == name for event, _ in self.events), timeout
            ):
                raise BootvmError("wait for event", name, f"not seen in {timeout:g} s")
        return self.saw(name) or {}

    async def _shut(self) -> None:
        try:
            await self._client.disconnect()
        except (QMPError, OSError, EOFError):
            pass  # QEMU went first
        if self._watcher:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)

    def close(self) -> None:
        """Disconnects and ends the thread; safe when QEMU is gone already."""
        if not self._thread.is_alive():
            return
        try:
            self._call(self._shut(), 10)
        except (TimeoutError, QMPError, OSError):
            pass
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()
