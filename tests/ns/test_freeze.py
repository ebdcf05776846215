"""Freezing, writable mounts and private namespaces, with the C extension and with ctypes."""

import os
import re
import shutil
import signal
import sys

import pytest
from chroots import CHECKOUT, Machine, machine
from test_interop import deployed, options
from trees import PLAIN

pytestmark = pytest.mark.ns

WITHOUT_EXTENSION = "import sys; sys.modules['_bootsys'] = None; "
RUN = "from bootentries.cli import main; main({argv!r})"


@pytest.fixture
def box(tmp_path):
    with machine("trixie", tmp_path, own_boot=True) as found:
        yield deployed(found, tmp_path, PLAIN)


def command(box: Machine, prefix: str, *args: str) -> list[str]:
    argv = ["--sysroot", str(box.sysroot), *args]
    program = prefix + RUN.format(argv=argv)
    return ["env", f"PYTHONPATH={CHECKOUT}", sys.executable, "-c", program]


def ioctls(box: Machine, log, prefix: str) -> list[str]:
    """The ioctls of the program's first process, in order."""
    argv = command(box, prefix, "instutil", "set-kargs", "--merge", "--append=traced")
    box.run(["strace", "-ff", "-qq", "-o", str(log), "-e", "trace=ioctl", *argv])
    traces = sorted(log.parent.glob(f"{log.name}.*"), key=lambda path: int(path.suffix[1:]))
    found = [path.read_text().splitlines() for path in traces]
    return next(lines for lines in found if any("FIFREEZE" in line for line in lines))


@pytest.mark.parametrize("prefix", ["", WITHOUT_EXTENSION], ids=["extension", "ctypes"])
def test_a_killed_writer_leaves_nothing_frozen(box, tmp_path, prefix):
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    lines = ioctls(box, tmp_path / "trace", prefix)
    assert [bool(re.search(r"FITHAW.*= 0", line)) for line in lines].count(True) == 2
    place = next(n for n, line in enumerate(lines, 1) if "FIFREEZE" in line)
    inject = f"inject=ioctl:signal=SIGKILL:when={place}"
    argv = command(box, prefix, "instutil", "set-kargs", "--merge", "--append=killed")
    strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=ioctl", "-e", inject]
    done = box.attempt([*strace, *argv])
    try:
        assert done.returncode != 0
        # A frozen filesystem would block this until the time is over.
        box.run(["timeout", "8", "sh", "-c", f"echo x > {box.sysroot}/boot/probe"])
    finally:
        box.attempt(["fsfreeze", "--unfreeze", str(box.sysroot / "boot")])
    assert options(box)[-1] == "traced"


# Stays between freezing and thawing, until it is killed.
FROZEN = """
import os, sys, time
sys.modules["_bootsys"] = None
from bootentries import syscalls_ctypes as calls
thaw, writer = calls._thaw, os.getpid()
def slowly(fd):
    if os.getpid() == writer:
        print("frozen", flush=True)
        time.sleep(60)
    thaw(fd)
calls._thaw = slowly
calls.freeze_thaw(os.open(sys.argv[1], os.O_RDONLY), 60)
"""


def test_a_killed_group_leaves_nothing_frozen(box):
    """timeout(1) and shells kill whole process groups; the watchdog is in none of theirs."""
    boot = str(box.sysroot / "boot")
    python = [sys.executable, "-c", FROZEN, boot]
    writer = box.start(["env", f"PYTHONPATH={CHECKOUT}", "setsid", *python])
    assert writer.stdout.readline() == "frozen\n"
    # setsid has become the writer: the group has its number.
    os.killpg(writer.pid, signal.SIGKILL)
    probe = box.start(["sh", "-c", f"echo x > {boot}/probe"])
    try:
        assert probe.wait(timeout=20) == 0
    finally:
        box.attempt(["fsfreeze", "--unfreeze", boot])
        writer.kill()
        writer.communicate()
        probe.communicate()


def test_a_clean_checkout_needs_click_alone(box):
    """Debian's own Python, with click and nothing else, writes a list too."""
    inside = box.root / "tmp/checkout"
    box.run(["mkdir", str(inside)])
    box.run(["mount", "--bind", str(CHECKOUT), str(inside)])
    program = WITHOUT_EXTENSION + RUN.format(
        argv=["--sysroot", "/tmp/sysroot", "instutil", "set-kargs", "--merge", "--append=bare"]
    )
    env = ["env", "PYTHONPATH=/tmp/checkout", "PYTHONDONTWRITEBYTECODE=1"]
    said = box.run(["chroot", str(box.root), *env, "python3", "-c", program])
    assert said.startswith("Bootloader updated; bootconfig swap: yes")
    assert options(box)[-1] == "bare"
    version = box.run(["chroot", str(box.root), "python3", "-c", "import sys; print(sys.version)"])
    assert version.startswith("3.13.")


MAKE_WRITABLE = """
import os
from bootentries.txn.namespace import make_writable, writable
def state(path): return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
{body}
"""


def python(box: Machine, body: str) -> str:
    program = MAKE_WRITABLE.format(body=body)
    return box.run(["env", f"PYTHONPATH={CHECKOUT}", sys.executable, "-c", program])


def test_a_read_only_bind_mount_becomes_writable_and_keeps_its_flags(box):
    boot = str(box.sysroot / "boot")
    box.run(["mount", "-o", "remount,bind,ro,nosuid,nodev", boot])
    said = python(box, f"print(state({boot!r}), make_writable({boot!r}), state({boot!r}))")
    assert said.split() == ["True", "False", "False"]
    line = box.run(["findmnt", "-n", "-o", "VFS-OPTIONS", boot])
    assert {"rw", "nosuid", "nodev"} <= set(line.strip().split(","))


def test_a_read_only_superblock_is_put_back(box):
    boot = str(box.sysroot / "boot")
    box.run(["mount", "-o", "remount,ro", boot])
    body = f"""
with writable(({boot!r},)):
    print(state({boot!r}))
    open({boot + "/probe"!r}, "w").close()
print(state({boot!r}))
"""
    assert python(box, body).split() == ["False", "True"]


def test_what_is_no_mount_point_stays(box):
    directory = str(box.sysroot / "ostree")
    box.run(["mount", "-o", "remount,ro", str(box.sysroot)])
    assert python(box, f"print(make_writable({directory!r}))").strip() == "False"
    assert os.statvfs(box.view).f_flag & os.ST_RDONLY
