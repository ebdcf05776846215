"""One running machine: the QEMU process, its console, monitor and agent, and their end."""

import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from bootvm import image
from bootvm.agent import Agent, Result
from bootvm.console import Console
from bootvm.errors import BootvmError
from bootvm.monitor import Monitor
from bootvm.spec import Firmware, Sockets, VmSpec, arguments, check
from bootvm.tail import FileTail

QEMU = "qemu-system-x86_64"
# In the table of Unix sockets (proc(5)): the fourth word of one that accepts connections.
_ACCEPTS = "00010000"


def listens(path: Path) -> bool:
    """Whether somebody accepts connections on `path`.

    The file appears a moment before that, and who connects in between is refused.
    """
    table = Path("/proc/net/unix").read_text(errors="replace").splitlines()
    words = (line.split(None, 7) for line in table)
    return any(len(one) == 8 and one[7] == str(path) and one[3] == _ACCEPTS for one in words)


class Vm:
    """A machine, used as `with Vm(spec) as vm:`; its end always ends QEMU.

    `name` and `logs` say where the console's log goes: `LOGS/NAME.console`.  Without `logs`
    it is kept only when the `with` block failed.  `live` is called with each piece of
    console text.  `restore` names a snapshot to continue instead of booting.
    """

    def __init__(
        self,
        spec: VmSpec,
        *,
        name: str = "vm",
        logs: Path | None = None,
        live: Callable[[str], None] | None = None,
        restore: str = "",
    ) -> None:
        check(spec)
        self.spec = spec
        self.name = name
        self._live = live
        self._restore = restore
        # Short and below /tmp: the path of a Unix socket holds about 100 characters.
        self._scratch = Path(tempfile.mkdtemp(prefix="bootvm-"))
        self._keep_log = logs is not None
        directory = logs if logs is not None else Path(tempfile.gettempdir())
        directory.mkdir(parents=True, exist_ok=True)
        unique = name if logs is not None else f"bootvm-{self._scratch.name[7:]}"
        self.log = directory / f"{unique}.console"
        self.log.unlink(missing_ok=True)
        self.disks: tuple[Path, ...] = ()
        self._process: subprocess.Popen[bytes] | None = None
        self._monitor: Monitor | None = None
        self._console: Console | None = None
        self._agent: Agent | None = None
        self._lock = threading.Lock()

    # ---- life ----

    def __enter__(self) -> "Vm":
        try:
            self._start()
        except BaseException:
            self.kill()
            self._clear(failed=True)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        self._clear(failed=kind is not None)

    def _prepare(self) -> tuple[VmSpec, Sockets]:
        """Overlays and a private copy of the UEFI variables."""
        disks = []
        for number, disk in enumerate(self.spec.disks):
            if disk.overlay and not disk.readonly:
                path = self._scratch / f"disk{number}.qcow2"
                image.overlay(disk.path, path, disk.format)
                disks.append(replace(disk, path=path, format="qcow2"))
            else:
                disks.append(disk)
        self.disks = tuple(disk.path for disk in disks)
        variables = None
        if self.spec.firmware is Firmware.UEFI and self.spec.ovmf:
            variables = self._scratch / "vars.fd"
            shutil.copyfile(self.spec.ovmf[1], variables)
        monitor, serial, agent = (self._scratch / name for name in ("monitor", "serial", "agent"))
        sockets = Sockets(monitor, serial, agent, variables)
        return replace(self.spec, disks=tuple(disks)), sockets

    def _start(self) -> None:
        spec, sockets = self._prepare()
        words = [QEMU, *arguments(spec, sockets)]
        if self._restore:
            words += ["-loadvm", self._restore]
        errors = (self._scratch / "stderr").open("wb")
        try:
            self._process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors
            )
        except FileNotFoundError as error:
            raise BootvmError(
                "start", QEMU, "not found", "install the Debian package qemu-system-x86"
            ) from error
        finally:
            errors.close()
        self._wait_socket(sockets.monitor)
        try:
            self._attach(sockets)
        except (BootvmError, OSError) as error:
            # QEMU reads snapshots after it has made its sockets: then its own text is the cause.
            if self.ended():
                raise BootvmError("start", self.name, self._complaint() or str(error)) from error
            raise

    def _attach(self, sockets: Sockets) -> None:
        self._monitor = Monitor(sockets.monitor)
        agent = self._connect(sockets.agent)
        counting = self.spec.icount is not None
        line = FileTail(sockets.serial) if counting else self._connect(sockets.serial)
        self._console = Console(line, self.log, self.ended, self._live)
        self._agent = Agent(agent, self.ended)
        self._monitor.execute("cont")

    def _complaint(self) -> str:
        """What QEMU wrote on standard error."""
        return (self._scratch / "stderr").read_text(errors="replace").strip()

    def _connect(self, path: Path) -> socket.socket:
        stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        stream.connect(str(path))
        return stream

    def _wait_socket(self, path: Path, timeout: float = 30) -> None:
        """QEMU makes the sockets late, with disks and snapshot already open."""
        deadline = time.monotonic() + timeout
        while not listens(path):
            if self._process is None or self._process.poll() is not None:
                raise BootvmError("start", self.name, self._complaint() or "QEMU ended at once")
            if time.monotonic() > deadline:
                raise BootvmError("start", self.name, f"QEMU did not come up in {timeout:g} s")
            time.sleep(0.01)

    # ---- parts ----

    @property
    def console(self) -> Console:
        assert self._console is not None, "the machine was not started"
        return self._console

    @property
    def monitor(self) -> Monitor:
        assert self._monitor is not None, "the machine was not started"
        return self._monitor

    @property
    def agent(self) -> Agent:
        assert self._agent is not None, "the machine was not started"
        return self._agent

    @property
    def pid(self) -> int:
        assert self._process is not None, "the machine was not started"
        return self._process.pid

    def ended(self) -> str:
        """Why the machine is gone, or an empty string while it runs."""
        if self._process is None:
            return "the machine was not started"
        try:
            # Its sockets close a moment before QEMU itself is gone.
            status = self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return ""
        if self._monitor and self._monitor.saw("GUEST_PANICKED") is not None:
            return "the guest panicked"
        reason = (self._monitor.saw("SHUTDOWN") or {}).get("reason") if self._monitor else None
        if reason:
            return f"the machine ended ({reason})"
        said = self._complaint()
        return f"QEMU ended with status {status}" + (f": {said}" if said else "")

    # ---- what users do ----

    def wait_for(self, wanted: str, timeout: float) -> str:
        """Waits for text on the console; returns it.  See Console.wait_for for patterns."""
        return self.console.wait_for(wanted, timeout).group()

    def run(self, script: str, timeout: float = 60) -> Result:
        """Runs a shell script in the guest; the agent must have been brought in and ready."""
        return self.agent.run(script, timeout)

    def check(self, script: str, timeout: float = 60) -> str:
        """The same, for scripts that must succeed; returns standard output."""
        result = self.run(script, timeout)
        if result.status != 0:
            text = (result.stderr or result.stdout).strip()
            raise BootvmError("in the guest", script.strip()[:200], f"status {result.status}", text)
        return result.stdout

    def screenshot(self, path: Path) -> Path:
        """Writes what the VGA screen shows as PNG."""
        self.monitor.execute("screendump", filename=str(path.resolve()), format="png")
        return path

    def snapshot(self, tag: str) -> None:
        """Saves the whole running machine as `tag` in its first qcow2 disk.

        The disk must outlive the machine for it to be restored: no private overlay.
        """
        said = self.monitor.human(f"savevm {tag}")
        if said.strip():
            raise BootvmError("snapshot", tag, said.strip())

    def power_off(self, timeout: float = 90) -> None:
        """Presses the power button and waits for the guest to go."""
        self.monitor.execute("system_powerdown")
        self.wait_end(timeout)

    def wait_end(self, timeout: float) -> None:
        """Waits until QEMU has ended by itself."""
        assert self._process is not None
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise BootvmError(
                "wait for the end of",
                self.name,
                f"still running after {timeout:g} s",
                f"the whole console: less -R {self.log}",
            ) from None

    def kill(self) -> None:
        """Ends our own QEMU, as a power cut would; does nothing when it is gone."""
        with self._lock:
            process = self._process
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.wait(timeout=30)

    def _clear(self, *, failed: bool) -> None:
        for part in (self._console, self._agent, self._monitor):
            if part is not None:
                part.close()
        shutil.rmtree(self._scratch, ignore_errors=True)
        if not failed and not self._keep_log:
            self.log.unlink(missing_ok=True)
