"""A growing file that is read like a socket: the serial line of a machine that counts.

QEMU writes to a file without ever waiting for a reader.  A socket can be full at a moment
that depends on the host, and then the guest's serial port takes longer by its own clock.
"""

import threading
from pathlib import Path

from bootvm.errors import BootvmError

_INTERVAL = 0.02


class FileTail:
    """Has as much of `socket.socket` as Console uses; nothing can be sent."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._done = threading.Event()

    def recv(self, size: int) -> bytes:
        """Waits for more of the file; empty once `shutdown` was called and all is read."""
        while True:
            done = self._done.is_set()
            piece = self._file.read(size)
            if piece or done:
                return piece
            self._done.wait(_INTERVAL)

    def sendall(self, data: bytes) -> None:
        raise BootvmError(
            "send", repr(data.decode()), "a machine with icount takes no keys on its serial line"
        )

    def shutdown(self, how: int) -> None:
        self._done.set()

    def close(self) -> None:
        self._file.close()
