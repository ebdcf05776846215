"""Where a boot stops for a shell, with a terminal and a shell of the test's own."""

import os
import pty
import select
import stat
import threading

import pytest

from prepare_root import breaks, log
from prepare_root.breaks import Breaks


@pytest.fixture(autouse=True)
def stderr():
    log.to_stderr([])


@pytest.mark.parametrize(
    ("cmdline", "points"),
    [
        (b"root=LABEL=x rd.breaks rd.brea", set()),
        (b"rd.break", {b"pre-pivot"}),
        (b"rd.break=", {b"pre-pivot"}),
        (b"rd.break=cleanup", {b"pre-pivot"}),
        (b"rd.break=pre-pivot", {b"pre-pivot"}),
        (b"rd.break=mount", {b"mount"}),
        (b"rd.break=pre-mount rd.break=mount rd.break", {b"pre-mount", b"mount", b"pre-pivot"}),
        (b"rd.break=initqueue", {b"pre-mount"}),
        (b'rd.break="pre-udev"', {b"pre-mount"}),
    ],
)
def test_points(cmdline, points, capfd):
    assert Breaks(cmdline, allowed=True).points == points
    assert capfd.readouterr().err == ""


def test_a_point_that_there_is_not(capfd):
    assert Breaks(b"rd.break=moun\x1b rd.break=mount", allowed=True).points == {b"mount"}
    assert capfd.readouterr().err == (
        "prepare-root: rd.break: moun\\x1b: no such point; there are pre-mount, mount, pre-pivot\n"
    )


def test_not_on_a_signed_root(capfd):
    assert Breaks(b"rd.break=mount", allowed=False).points == set()
    assert capfd.readouterr().err == (
        "prepare-root: rd.break: mount: no shell for an argument on a signed root\n"
    )


def test_an_image_without_a_shell(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(breaks, "SHELL", bytes(tmp_path / "sh"))
    Breaks(b"rd.break", allowed=True).stop(b"pre-pivot")
    assert capfd.readouterr().err == (
        f"prepare-root: rd.break: pre-pivot: the image has no {tmp_path}/sh\n"
    )


def test_another_point_is_passed(capfd):
    Breaks(b"rd.break=mount", allowed=True).stop(b"pre-pivot")
    assert capfd.readouterr().err == ""


@pytest.fixture
def terminal(tmp_path, monkeypatch):
    """A terminal that the kernel calls its console; gives its other end."""
    ours, theirs = pty.openpty()
    name = os.ttyname(theirs)
    (tmp_path / "active").write_text(f"tty0 {name.removeprefix('/dev/')}\n")
    monkeypatch.setattr(breaks, "CONSOLES", bytes(tmp_path / "active"))
    yield ours
    os.close(ours)
    os.close(theirs)


def test_the_shell_has_the_terminal(tmp_path, monkeypatch, terminal, capfd):
    """It is the leader of a session on it, so that Ctrl-C and jobs work; then the boot goes on."""
    shell = tmp_path / "sh"
    # The sixth field is the session, the eighth the group in front on its terminal (proc(5)).
    asked = "cut -d' ' -f1,6,8 /proc/$$/stat"
    shell.write_text(f"#!/bin/sh\necho $1 $HOME $TERM; tty; {asked}; echo end; read x\n")
    shell.chmod(stat.S_IRWXU)
    monkeypatch.setattr(breaks, "SHELL", bytes(shell))
    said = []

    def person():
        # Whatever it said, it is left in the end.
        while b"end" not in b"".join(said) and select.select([terminal], [], [], 30)[0]:
            said.append(os.read(terminal, 4096))
        os.write(terminal, b"\n")

    thread = threading.Thread(target=person)
    thread.start()
    Breaks(b"rd.break", allowed=True).stop(b"pre-pivot")
    thread.join()
    lines = b"".join(said).split(b"\r\n")
    assert lines[0] == b"-i / linux"
    assert lines[1].removeprefix(b"/dev/").decode() in (tmp_path / "active").read_text().split()
    pid, session, front = map(int, lines[2].split())
    assert session == front == pid
    assert capfd.readouterr().err == (
        f"prepare-root: rd.break: pre-pivot: starting {shell}; leaving it goes on\n"
    )


def test_no_terminal(tmp_path, monkeypatch, capfd):
    (tmp_path / "active").write_text("no-such-terminal\n")
    monkeypatch.setattr(breaks, "CONSOLES", bytes(tmp_path / "active"))
    Breaks(b"rd.break", allowed=True).stop(b"pre-pivot")
    assert capfd.readouterr().err.endswith(
        "prepare-root: rd.break: /dev/no-such-terminal: No such file or directory\n"
    )


def test_the_console_where_the_kernel_names_none(tmp_path, monkeypatch):
    monkeypatch.setattr(breaks, "CONSOLES", bytes(tmp_path / "none"))
    assert breaks._terminal() == b"/dev/console"
