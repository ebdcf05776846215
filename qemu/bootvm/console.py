"""The serial console: drained without pause, logged, and waited on with deadlines."""

import re
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

from bootvm.errors import ConsoleError
from bootvm.tail import FileTail
from bootvm.terminal import Stripper

TAIL = 30


class Console:
    """Owns the connected socket, or the tailed file, `stream` and a thread that reads it.

    A guest stalls when nobody reads its serial port, so the thread never waits for anything
    else.  `log` receives the bytes as they came.  `ended` says why the machine is gone, or
    returns an empty string while it runs.
    """

    def __init__(
        self,
        stream: socket.socket | FileTail,
        log: Path,
        ended: Callable[[], str],
        live: Callable[[str], None] | None = None,
    ) -> None:
        self.log = log
        self._stream = stream
        self._ended = ended
        self._live = live
        self._changed = threading.Condition()
        self._stripper = Stripper()
        self._raw: list[str] = []
        self._plain = ""
        self._seen = 0
        self._closed = False
        self._thread = threading.Thread(target=self._drain, name="console", daemon=True)
        self._thread.start()

    def _drain(self) -> None:
        with self.log.open("ab") as file:
            while True:
                try:
                    piece = self._stream.recv(65536)
                except OSError:
                    piece = b""
                if not piece:
                    break
                file.write(piece)
                file.flush()
                text = piece.decode("utf-8", errors="replace")
                with self._changed:
                    self._raw.append(text)
                    plain = self._stripper.feed(text)
                    self._plain += plain
                    self._changed.notify_all()
                if self._live:
                    self._live(plain)
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def text(self) -> str:
        """Everything so far, without terminal escapes."""
        with self._changed:
            return self._plain

    @property
    def raw(self) -> str:
        """Everything so far, as the terminal would receive it."""
        with self._changed:
            return "".join(self._raw)

    def tail(self, count: int = TAIL) -> str:
        return "\n".join(self.text.rstrip("\n").splitlines()[-count:])

    def skip(self) -> None:
        """Later waits look only at what comes from now on."""
        with self._changed:
            self._seen = len(self._plain)

    def send(self, keys: str) -> None:
        """Types `keys` on the serial line."""
        self._stream.sendall(keys.encode())

    def wait_for(self, wanted: str | re.Pattern[str], timeout: float) -> re.Match[str]:
        """Waits until `wanted` (text, or a pattern) appears after what was last waited for.

        Raises ConsoleError when `timeout` seconds passed or the machine ended; a machine that
        ended is noticed at once, not at the deadline.
        """
        pattern = re.compile(re.escape(wanted)) if isinstance(wanted, str) else wanted
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                found = pattern.search(self._plain, self._seen)
                if found:
                    self._seen = found.end()
                    return found
                if self._closed:
                    self._fail(pattern, wanted, self._ended() or "the console was closed")
                left = deadline - time.monotonic()
                if left <= 0:
                    self._fail(pattern, wanted, f"not seen in {timeout:g} s")
                self._changed.wait(min(left, 1.0))

    def _fail(self, pattern: re.Pattern[str], wanted: str | re.Pattern[str], why: str) -> None:
        shown = wanted if isinstance(wanted, str) else pattern.pattern
        lines = self._plain.rstrip("\n").splitlines()[-TAIL:]
        tail = "\n".join(f"  | {line}" for line in lines) or "  | (nothing)"
        raise ConsoleError(
            "wait for",
            repr(shown),
            f"{why}; the console's last lines:\n{tail}",
            f"the whole console: less -R {self.log}",
        )

    def close(self) -> None:
        """Ends the thread and closes the socket."""
        try:
            self._stream.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the other side went first
        self._thread.join(timeout=10)
        self._stream.close()
