"""Hooks as real programs: what they print, how they end, and what is left of them."""

import os
import signal
import time
from pathlib import Path

import pytest

from bootentries.hooks.find import Hook
from bootentries.hooks.process import run_hook

ENVIRON = {"PATH": "/usr/bin:/bin", "BOOTENTRIES_REASON": "test"}


@pytest.fixture
def run_script(tmp_path: Path):
    """Run a shell script as a hook; returns why it failed, and what it said."""

    def run(script: str, limit_s: float = 20.0, head: str = "#!/bin/sh\n"):
        path = tmp_path / "10-hook"
        path.write_text(head + script)
        path.chmod(0o755)
        said: list[str] = []
        return run_hook(Hook("10-hook", str(path)), ENVIRON, limit_s, said.append), said

    return run


@pytest.fixture
def interruptible():
    """Ctrl-C does what it does in a terminal; whoever runs tests in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


ENDINGS = [
    ("exit 0", None, []),
    ("exit 3", "exit status 3", []),
    ("kill -KILL $$", "killed by SIGKILL", []),
    ("kill -TERM $$", "killed by SIGTERM", []),
    ("echo one; echo two >&2; printf three", None, ["one", "two", "three"]),
    ("printf 'a\\033[0mb\\n\\377\\n'", None, ["a\\x1b[0mb", "\\xff"]),
    ("pwd; cat; echo $BOOTENTRIES_REASON", None, ["/", "test"]),
    ("echo ${HOME-none}", None, ["none"]),
    ("echo last; exit 7", "exit status 7", ["last"]),
]


@pytest.mark.parametrize(("script", "failure", "lines"), ENDINGS)
def test_how_it_ends(run_script, script, failure, lines):
    assert run_script(script) == (failure, [f"10-hook: {line}" for line in lines])


@pytest.mark.parametrize(
    ("head", "failure"),
    [("", None), ("#!/nowhere\n", "No such file or directory"), ("\x7fELF", "Exec format error")],
)
def test_one_that_does_not_start(run_script, head, failure):
    found, said = run_script("exit 0\n", head=head)
    assert said == []
    assert found == (failure or "Exec format error")


def test_a_hang_is_killed_with_its_group(run_script, tmp_path):
    script = f"sleep 300 & echo $! > {tmp_path}/child\ntrap 'echo ending' TERM\nwait\nsleep 300"
    began = time.monotonic()
    failure, said = run_script(script, limit_s=3)
    assert failure == "not done after 3 s, killed"
    # It got the time to say something, and no more.
    assert said == ["10-hook: ending"]
    assert time.monotonic() - began < 60
    assert _gone(int((tmp_path / "child").read_text()))


def test_what_it_leaves_in_the_background_is_not_waited_for(run_script, tmp_path):
    began = time.monotonic()
    failure, said = run_script(f"sleep 300 & echo $! > {tmp_path}/child; echo done")
    assert (failure, said) == (None, ["10-hook: done"])
    assert time.monotonic() - began < 60
    assert _gone(int((tmp_path / "child").read_text()))


def test_a_flood_is_cut_short(run_script):
    failure, said = run_script("i=0; while [ $i -lt 5000 ]; do echo $i; i=$((i+1)); done")
    assert failure is None
    assert len(said) == 201
    assert said[-1] == "10-hook: … (what else it prints is left out)"


def test_a_flood_without_an_end_is_killed(run_script):
    failure, said = run_script("exec yes", limit_s=2)
    assert failure == "not done after 2 s, killed"
    assert said[0] == "10-hook: y"
    assert len(said) == 201


def _gone(pid: int) -> bool:
    """Whether a process is dead, soon if not now; a zombie that nobody reaped is."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


@pytest.mark.usefixtures("interruptible")
def test_interrupting_us_ends_it(run_script, tmp_path):
    pid = os.getpid()
    script = f"echo $$ > {tmp_path}/child; sleep 1; kill -INT {pid}; sleep 300"
    with pytest.raises(KeyboardInterrupt):
        run_script(script)
    assert _gone(int((tmp_path / "child").read_text()))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("interruptible")
def test_interrupting_us_while_it_starts_ends_it(run_script, tmp_path, monkeypatch):
    start = os.pidfd_open

    def interrupted(pid: int) -> int:
        (tmp_path / "child").write_text(str(pid))
        os.kill(os.getpid(), signal.SIGINT)
        return start(pid)

    monkeypatch.setattr(os, "pidfd_open", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_script("sleep 300")
    assert _gone(int((tmp_path / "child").read_text()))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("interruptible")
def test_a_hook_can_be_interrupted_itself(run_script):
    # What we do about interrupts while it starts is not handed down.
    assert run_script("kill -INT $$; exit 4")[0] == "killed by SIGINT"


def test_who_ignores_interrupts_goes_on_to(run_script):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert run_script(f"kill -INT {os.getpid()}; exit 0")[0] is None
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
