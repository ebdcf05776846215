"""Other programs: what they said joins the error."""

import os
import time
from pathlib import Path

import pytest

from bootentries.errors import BootentriesError
from bootentries.run import attempt, run, which


def test_output_input_and_environment():
    assert run(("cat",), "copy", "text", stdin=b"in") == b"in"
    assert b"LC_ALL=C\n" in run(("env",), "ask", "environment")
    assert b"MINE=1\n" in run(("env",), "ask", "environment", environ={"MINE": "1"})


def test_an_fd_goes_along(tmp_path):
    (tmp_path / "file").write_bytes(b"through the fd")
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        argv = ("cat", f"/proc/self/fd/{fd}/file")
        assert run(argv, "read", "file", pass_fds=(fd,)) == b"through the fd"
        # Without passing it the child has no such fd.
        assert attempt(argv, "read").returncode == 1
    finally:
        os.close(fd)


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (("sh", "-c", "echo first >&2; echo last >&2; exit 3"), "try: it: sh failed (3): last"),
        (("false",), "try: it: false failed (1): no message"),
        (("no-such-program",), "try: no-such-program: program not found"),
    ],
)
def test_failures(argv, text):
    with pytest.raises(BootentriesError) as caught:
        run(argv, "try", "it")
    assert str(caught.value) == text


def test_a_missing_program_names_its_package(monkeypatch, tmp_path):
    monkeypatch.setattr("bootentries.run.SEARCH", (str(tmp_path),))
    assert which("ostree") is None
    with pytest.raises(BootentriesError) as caught:
        run(("ostree",), "check out", "it")
    assert caught.value.hint == "install the package ostree"


def test_a_program_that_takes_too_long_is_killed():
    with pytest.raises(BootentriesError) as caught:
        run(("sleep", "60"), "wait", "it", timeout_s=0.05)
    assert str(caught.value) == "wait: sleep: not done after 0.05 s, killed"


def test_so_are_the_programs_that_it_started(tmp_path):
    script = f"sleep 60 & echo $! > {tmp_path}/pid; wait"
    with pytest.raises(BootentriesError) as caught:
        run(("sh", "-c", script), "wait", "it", timeout_s=0.5)
    assert str(caught.value) == "wait: sh: not done after 0.5 s, killed"
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 10
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_running(pid)


def is_running(pid):
    """A zombie that nobody has asked for yet runs no more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_the_directory_to_run_in(tmp_path):
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        assert run(("pwd",), "ask", "directory", cwd_fd=fd) == f"{tmp_path}\n".encode()
    finally:
        os.close(fd)


def test_a_program_that_cannot_be_started(tmp_path, monkeypatch):
    program = tmp_path / "broken"
    program.write_bytes(b"\x7fELF nonsense")
    program.chmod(0o755)
    monkeypatch.setattr("bootentries.run.SEARCH", (str(tmp_path),))
    with pytest.raises(BootentriesError, match=r"^start: broken: Exec format error$"):
        run(("broken",), "start", "it")
