"""Freeze and thaw on a loop-mounted filesystem of its own, and calls that change namespaces."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import _bootsys
import pytest

pytestmark = [
    pytest.mark.ns,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]

ENVIRON = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """An ext4 image, mounted; unmounting ends any freeze that a failed test left behind."""
    image, target = tmp_path / "image", tmp_path / "mnt"
    with image.open("wb") as stream:
        stream.truncate(16 << 20)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    target.mkdir()
    subprocess.run(["mount", "-o", "loop", image, target], check=True)
    yield target
    subprocess.run(["fsfreeze", "--unfreeze", target], check=False, capture_output=True)
    subprocess.run(["umount", target], check=True)


def run(code: str, *args: str) -> subprocess.CompletedProcess[str]:
    """`code` in a process of its own, with the import path of this one."""
    return subprocess.run(
        [sys.executable, "-c", "import _bootsys, fcntl, os, sys\n" + code, *args],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env=ENVIRON,
    )


def writable(target: Path) -> bool:
    """Whether a write gets through within five seconds; thaws when it does not."""
    process = subprocess.Popen(["touch", target / "probe"])
    try:
        return process.wait(timeout=5) == 0
    except subprocess.TimeoutExpired:
        subprocess.run(["fsfreeze", "--unfreeze", target], check=True)
        process.wait(timeout=5)
        return False


def freezer(mounted: Path, limit_s: int, *options: str) -> list[str]:
    """A command that freezes and thaws `mounted` under strace, which logs its ioctls."""
    code = "import _bootsys, os, sys\n_bootsys.freeze_thaw(os.open(sys.argv[1], 0), "
    strace = ["strace", "-o", str(mounted.parent / "strace"), "-e", "trace=ioctl,wait4,syncfs"]
    return [*strace, *options, sys.executable, "-c", f"{code}{limit_s})", str(mounted)]


def logged(mounted: Path, *calls: str) -> list[str]:
    lines = (mounted.parent / "strace").read_text().splitlines()
    return [line for line in lines if line.startswith(calls)]


def at_freeze(mounted: Path, effect: str) -> list[str]:
    """strace's option for `effect` on the ioctl that freezes; counts them in a first run."""
    assert subprocess.run(freezer(mounted, 10), check=False, env=ENVIRON).returncode == 0
    ioctls = logged(mounted, "ioctl")
    when = 1 + next(i for i, line in enumerate(ioctls) if "FIFREEZE" in line)
    return ["-e", f"inject=ioctl:{effect}:when={when}"]


def test_freezes_thaws_and_does_nothing_between(mounted: Path) -> None:
    (mounted / "f").write_text("data")
    assert subprocess.run(freezer(mounted, 10), check=False, env=ENVIRON).returncode == 0
    lines = logged(mounted, "ioctl", "syncfs", "wait4")
    freeze = next(i for i, line in enumerate(lines) if "FIFREEZE" in line)
    assert [line.split("(")[0] for line in lines[freeze - 1 : freeze + 3]] == [
        "syncfs",
        "ioctl",
        "ioctl",
        "wait4",
    ]
    assert "FITHAW" in lines[freeze + 1]
    assert all(line.endswith("= 0") for line in lines[freeze - 1 : freeze + 2])
    assert writable(mounted)


def test_already_frozen_is_ebusy_and_stays_frozen(mounted: Path) -> None:
    subprocess.run(["fsfreeze", "--freeze", mounted], check=True)
    fd = os.open(mounted, os.O_RDONLY)
    try:
        with pytest.raises(OSError) as caught:
            _bootsys.freeze_thaw(fd, 10)
        assert caught.value.errno == errno.EBUSY
        # Thawing works, so that it was frozen still.
        subprocess.run(["fsfreeze", "--unfreeze", mounted], check=True)
    finally:
        os.close(fd)


def test_unsupported(tmp_path: Path) -> None:
    fd = os.open("/proc", os.O_RDONLY)
    try:
        with pytest.raises(OSError) as caught:
            _bootsys.freeze_thaw(fd, 10)
        assert caught.value.errno in (errno.EOPNOTSUPP, errno.EPERM)
    finally:
        os.close(fd)


def test_watchdog_thaws_when_the_parent_is_killed(mounted: Path) -> None:
    kill = at_freeze(mounted, "signal=KILL")
    done = subprocess.run(freezer(mounted, 300, *kill), check=False, env=ENVIRON, timeout=60)
    assert done.returncode == -9
    assert ["FIFREEZE" in line for line in logged(mounted, "ioctl")][-1]
    assert writable(mounted)


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_stopped(mounted: Path, seconds: float) -> None:
    """Until strace has seen its program stop: SIGCONT has no effect before that."""
    deadline = time.monotonic() + seconds
    while not any("stopped by SIGSTOP" in line for line in logged(mounted, "---")):
        assert time.monotonic() < deadline, "the program was never stopped"
        time.sleep(0.02)


def test_watchdog_thaws_after_the_limit(mounted: Path) -> None:
    """The parent is stopped while it holds the freeze, and continued after the thaw."""
    stop = at_freeze(mounted, "signal=STOP")
    (mounted.parent / "strace").write_text("")  # of the run that counted
    with subprocess.Popen(freezer(mounted, 1, *stop), env=ENVIRON) as strace:
        try:
            wait_stopped(mounted, 20)
            thawed = writable(mounted)
            for pid in children(strace.pid):
                os.kill(pid, signal.SIGCONT)
            assert strace.wait(timeout=20) == 0
        finally:
            for pid in children(strace.pid) if strace.poll() is None else []:
                os.kill(pid, signal.SIGKILL)
            strace.kill()
    assert thawed
    # The process's own thaw came second, which is no error.
    own = next(line for line in logged(mounted, "ioctl") if "FITHAW" in line)
    assert own.endswith("= -1 EINVAL (Invalid argument)")


def test_namespace_calls(tmp_path: Path) -> None:
    """unshare, mount, pivot_root, umount, chroot and setns, in a process of its own."""
    done = run(
        """
top = os.fsencode(sys.argv[1])
home = _bootsys.open(b"/proc/self/ns/mnt", os.O_RDONLY)
_bootsys.unshare(0x20000)
_bootsys.mount(b"", b"/", b"", 0x44000, b"")          # MS_REC | MS_PRIVATE
_bootsys.mount(b"t", top, b"tmpfs", 0, b"size=64k")
assert _bootsys.statfs(top)[0] == 0x01021994
_bootsys.mkdir(top + b"/old", 0o755)
_bootsys.chdir(top)
_bootsys.pivot_root(b".", b"old")
assert _bootsys.listdir(b"/") == [b"old"]
_bootsys.setns(home, 0x20000)
assert b"proc" in _bootsys.listdir(b"/")
print("done", _bootsys.listdir(top))                  # `old` is on the tmpfs, which is not here
""",
        str(tmp_path),
    )
    assert (done.stdout, done.stderr) == ("done []\n", "")


def test_immutable_flag(mounted: Path) -> None:
    fd = os.open(mounted, os.O_RDONLY)
    try:
        flags = _bootsys.get_flags(fd)
        _bootsys.set_flags(fd, flags | 0x10)  # FS_IMMUTABLE_FL
        with pytest.raises(PermissionError):
            (mounted / "new").mkdir()
        _bootsys.set_flags(fd, flags)
        (mounted / "new").mkdir()
    finally:
        os.close(fd)


ALONE = """
tty = os.open("/dev/null", os.O_RDWR)
orphan = "(sleep 0.2; exit 5) & exit 3"
print(os.getpid(), _bootsys.run(b"/bin/sh", [b"sh", b"-c", orphan.encode()], [], tty))
print(_bootsys.run(b"/bin/sh", [b"sh", b"-c", b"sleep 1; exit 4"], [], tty))
try:
    print(os.waitpid(-1, os.WNOHANG))
except ChildProcessError:
    print("no child")
"""


def test_run_as_process_1_reaps_what_was_left_to_it() -> None:
    words = [sys.executable, "-c", f"import _bootsys, os\n{ALONE}"]
    done = subprocess.run(
        ["unshare", "--pid", "--fork", "--kill-child", *words],
        env=ENVIRON, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.splitlines() == [f"1 {3 << 8}", f"{4 << 8}", "no child"]
