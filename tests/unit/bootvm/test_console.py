"""The console over a socket pair: waiting, cursors, failures that explain themselves."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootvm.console import Console
from bootvm.errors import ConsoleError


class Guest:
    """The other end of the line."""

    def __init__(self, tmp_path: Path) -> None:
        self.stream, ours = socket.socketpair()
        self.console = Console(ours, tmp_path / "log", lambda: "the machine ended (test)")

    def say(self, text: str) -> None:
        self.stream.sendall(text.encode())


@pytest.fixture
def guest(tmp_path: Path) -> Iterator[Guest]:
    one = Guest(tmp_path)
    yield one
    one.stream.close()
    one.console.close()


def test_waits_for_text_that_comes_later(guest: Guest) -> None:
    threading.Timer(0.1, guest.say, ["some\r\nlo\x1b[1mgin: "]).start()
    assert guest.console.wait_for("login:", 5).group() == "login:"


def test_each_wait_starts_after_the_last(guest: Guest) -> None:
    guest.say("one one")
    guest.console.wait_for("one", 5)
    guest.console.wait_for("one", 5)
    with pytest.raises(ConsoleError):
        guest.console.wait_for("one", 0.1)


def test_pattern(guest: Guest) -> None:
    guest.say("value=42\n")
    assert guest.console.wait_for(re.compile(r"value=(\d+)\n"), 5).group(1) == "42"


def test_text_is_not_a_pattern(guest: Guest) -> None:
    guest.say("axb")
    with pytest.raises(ConsoleError):
        guest.console.wait_for("a.b", 0.1)


def test_skip(guest: Guest) -> None:
    guest.say("old")
    guest.console.wait_for("ol", 5)
    guest.console.skip()
    guest.say("old2")
    assert guest.console.wait_for(re.compile("old."), 5).group() == "old2"


def test_timeout_shows_the_last_lines_and_the_log(guest: Guest) -> None:
    guest.say("".join(f"line {number}\r\n" for number in range(50)))
    guest.console.wait_for("line 49\n", 5)
    with pytest.raises(ConsoleError) as caught:
        guest.console.wait_for("absent", 0.2)
    first, *rest = str(caught.value).splitlines()
    assert first == "wait for: 'absent': not seen in 0.2 s; the console's last lines:"
    assert rest == [f"  | line {number}" for number in range(20, 50)]
    assert caught.value.hint == f"the whole console: less -R {guest.console.log}"


def test_silence_is_said(guest: Guest) -> None:
    with pytest.raises(ConsoleError, match=r"last lines:\n  \| \(nothing\)"):
        guest.console.wait_for("absent", 0.05)


def test_end_of_the_machine_fails_at_once(guest: Guest) -> None:
    threading.Timer(0.1, guest.stream.close).start()
    start = time.monotonic()
    with pytest.raises(ConsoleError, match=r"the machine ended \(test\)"):
        guest.console.wait_for("absent", 60)
    assert time.monotonic() - start < 5


def test_text_just_before_the_end_counts(guest: Guest) -> None:
    guest.say("done")
    guest.stream.close()
    guest.console.wait_for("done", 5)


def test_log_has_the_bytes_as_they_came(guest: Guest) -> None:
    guest.say("\x1b[1mbold\r\n")
    guest.console.wait_for("bold", 5)
    assert guest.console.log.read_bytes() == b"\x1b[1mbold\r\n"
    assert guest.console.raw == "\x1b[1mbold\r\n"


def test_send(guest: Guest) -> None:
    guest.console.send("\x1b[B\r")
    assert guest.stream.recv(16) == b"\x1b[B\r"
