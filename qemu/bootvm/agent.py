"""Commands in the guest, by an agent that comes in from outside; the image is not changed.

systemd takes the agent's unit and program as SMBIOS credentials and starts it; it listens on
a virtio-serial port.  The guest needs systemd 256 or later, `sh` and coreutils.
"""

import base64
import queue
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from bootvm.errors import AgentError
from bootvm.spec import VmSpec

UNIT = "bootvm-agent.service"
PROGRAM = "bootvm.agent"
_SCRIPT = Path(__file__).with_name("agent.sh")


class Start(Enum):
    """When the agent starts: as soon as units run at all, or when the system is up."""

    EARLY = "sysinit.target"
    BOOTED = "multi-user.target"


@dataclass(frozen=True, slots=True)
class Result:
    """How a command in the guest ended."""

    status: int
    stdout: str
    stderr: str


def credentials(start: Start = Start.BOOTED) -> tuple[tuple[str, bytes], ...]:
    """What to add to VmSpec.credentials so that the guest's systemd starts the agent."""
    after = f"After={start.value}\n" if start is Start.BOOTED else ""
    # A systemd initramfs takes credentials too: there the condition keeps the agent out.
    unit = (
        "[Unit]\nDescription=Commands from the machine's host\nDefaultDependencies=no\n"
        f"ConditionPathExists=!/etc/initrd-release\n{after}"
        f"[Service]\nLoadCredential={PROGRAM}\nExecStart=/bin/sh %d/{PROGRAM}\n"
        "StandardInput=null\nOOMScoreAdjust=-900\n"
    )
    return (
        (f"systemd.extra-unit.{UNIT}", unit.encode()),
        (f"systemd.unit-dropin.{start.value}", f"[Unit]\nWants={UNIT}\n".encode()),
        (PROGRAM, _SCRIPT.read_bytes()),
    )


def with_agent(spec: VmSpec, start: Start = Start.BOOTED) -> VmSpec:
    """The same machine, with the agent brought in."""
    return spec.with_credentials(*credentials(start))


def parse(line: str) -> tuple[str, int, Result]:
    """Takes a `done` line apart; raises ValueError when it is not one.

    Returns the command's number as well, so that a late answer is never taken for another's.
    """
    verb, number, status, *rest = line.split(" ")
    if verb != "done" or len(rest) != 2:
        raise ValueError(line)
    out, err = (base64.b64decode(word, validate=True).decode(errors="replace") for word in rest)
    return verb, int(number), Result(int(status), out, err)


class Agent:
    """The host's end of the port; owns the connected socket and a thread that reads it."""

    def __init__(self, stream: socket.socket, ended: Callable[[], str]) -> None:
        self._stream = stream
        self._ended = ended
        self._lines: queue.Queue[str] = queue.Queue()
        self._number = int(time.monotonic() * 1000) % 1000000
        self.boot_id = ""
        self._thread = threading.Thread(target=self._read, name="agent", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        held = b""
        while True:
            try:
                piece = self._stream.recv(65536)
            except OSError:
                piece = b""
            if not piece:
                break
            *lines, held = (held + piece).split(b"\n")
            for line in lines:
                self._lines.put(line.decode(errors="replace"))
        self._lines.put("")  # never a line of the agent: the machine is gone

    def _next(self, what: str, deadline: float, limit: float) -> str:
        try:
            line = self._lines.get(timeout=max(deadline - time.monotonic(), 0.01))
        except queue.Empty:
            raise AgentError("agent", what, f"no answer in {limit:g} s") from None
        if not line:
            self._lines.put("")
            raise AgentError("agent", what, self._ended() or "the port was closed")
        return line

    def wait_ready(self, timeout: float) -> None:
        """Waits for the next start of the agent; after a reboot, call it again."""
        deadline = time.monotonic() + timeout
        while True:
            word, _, rest = self._next("start", deadline, timeout).partition(" ")
            if word == "ready":
                self.boot_id = rest
                return

    def run(self, script: str, timeout: float = 60) -> Result:
        """Runs `script` by the guest's `sh`; ends it after `timeout` seconds (status 124).

        Raises AgentError when no answer comes, or the guest started anew meanwhile.
        """
        self._number += 1
        coded = base64.b64encode(script.encode()).decode()
        self._stream.sendall(f"run {self._number} {timeout:g} {coded}\n".encode())
        limit = timeout + 20
        deadline = time.monotonic() + limit
        what = script.strip().splitlines()[0][:80] if script.strip() else "run"
        while True:
            line = self._next(what, deadline, limit)
            if line.startswith("ready "):
                raise AgentError("agent", what, "the guest started anew before it answered")
            try:
                _, number, result = parse(line)
            except ValueError:
                continue  # noise from before the guest set the port up
            if number == self._number:
                return result

    def close(self) -> None:
        """Ends the thread and closes the socket."""
        try:
            self._stream.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._thread.join(timeout=10)
        self._stream.close()
