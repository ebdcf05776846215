"""A tailed file behaves as the console expects of a socket."""

import socket
import threading
from pathlib import Path

import pytest

from bootvm.console import Console
from bootvm.errors import BootvmError
from bootvm.tail import FileTail


def test_console_follows_the_file(tmp_path: Path) -> None:
    path = tmp_path / "serial"
    path.write_text("first\n")
    console = Console(FileTail(path), tmp_path / "log", lambda: "")
    console.wait_for("first", 5)

    def grow() -> None:
        with path.open("a") as file:
            file.write("second\n")

    threading.Timer(0.1, grow).start()
    console.wait_for("second", 5)
    console.close()
    assert (tmp_path / "log").read_text() == "first\nsecond\n"


def test_what_is_there_at_the_end_is_still_read(tmp_path: Path) -> None:
    path = tmp_path / "serial"
    path.write_text("all")
    tail = FileTail(path)
    tail.shutdown(socket.SHUT_RDWR)
    assert tail.recv(10) == b"all"
    assert tail.recv(10) == b""
    tail.close()


def test_keys_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "serial"
    path.touch()
    tail = FileTail(path)
    with pytest.raises(BootvmError, match="takes no keys on its serial line"):
        tail.sendall(b"\r")
    tail.close()
