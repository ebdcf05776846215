"""Which files the static executable opens in a whole preparation: these, and no others.

What CPython or glibc would open behind its back (locales, modules, time zones, NSS) would
have to be in every initramfs, or would be found there and obeyed.
"""

import re
from pathlib import Path

import namespace
import pytest
import sysroots
from namespace import Run
from sysroots import BOOTCSUM, DEPLOYMENT, EMPTY, FULL, MISSING, STATEROOT, Layout

from prepare_root.image import binary

pytestmark = pytest.mark.ns

VAR = f"/sysroot/ostree/deploy/{STATEROOT}/var"
TARGETS = ("", "/home", "/roothome", "/opt", "/srv", "/mnt", "/usrlocal")
FSTAB = "LABEL=x /data ext4 defaults 0 2\n"

READ = {
    "/cmdline",
    "/etc/ostree/prepare-root.conf",
    "/usr/lib/ostree/prepare-root.conf",
    "/sysroot",
    f"/sysroot/ostree/boot.1.1/{STATEROOT}/{BOOTCSUM}/0",
    f"/sysroot/{DEPLOYMENT}",
    f"/sysroot/{DEPLOYMENT}/etc/fstab",
    "/sysroot/ostree/repo/config",
    "/sysroot/boot",
    # Names of convenience links at which a directory stands: is it empty?
    *(f"/sysroot/{DEPLOYMENT}/{name}" for name in sysroots.DEFAULT_LINKS),
    # Their targets, before and after /var is mounted.
    *(top + name for top in (VAR, "/sysroot.tmp/var") for name in TARGETS),
    "/run",
    "/run/media",
    "/proc/PID/mountinfo",
}
WRITTEN = {"/run/ostree-booted", "/run/bootchain/mounts"}
UNITS = {
    "/run/systemd/system/srv.mount",
    "/run/systemd/system/local-fs.target.d/50-srv.mount.conf",
}

CALL = re.compile(r"\d+ +(open|openat|openat2)\((?P<words>.*)\) += \d+<(?P<path>.*)>")


def opened(work: Path, config: str) -> tuple[set[str], set[str]]:
    """The paths that were opened for reading, and those for writing, in the initramfs."""
    layout = Layout(links={"home": MISSING, "srv": EMPTY, "opt": FULL}, fstab=FSTAB)
    trace = work / "trace"
    wrapper = ("strace", "-f", "-y", "-o", str(trace), "-e", "trace=execve,open,openat,openat2")
    run = Run(
        ("/run/prepare-root", "/sysroot", "/cmdline"),
        config=config,
        wrapper=wrapper,
        programs={"prepare-root": binary.cached()},
    )
    outcome = namespace.execute(work / "work", sysroots.image(work / "image", layout), run)
    assert outcome.status == 0, outcome.stderr
    # strace sees chroot(1) first.
    _, start, calls = trace.read_text().partition('execve("/run/prepare-root"')
    assert start
    root = str(namespace.initramfs(work / "work"))
    reading: set[str] = set()
    writing: set[str] = set()
    for line in calls.splitlines()[1:]:
        if found := CALL.match(line):
            path = re.sub(r"/proc/\d+/", "/proc/PID/", found["path"].removeprefix(root))
            (writing if re.search("O_WRONLY|O_RDWR", found["words"]) else reading).add(path)
        else:
            assert re.search(r"= -1 E|\+\+\+ exited with 0 \+\+\+", line), line
    return reading, writing


def test_with_everything(tmp_path: Path) -> None:
    config = "[sysroot]\nreadonly=true\n[var]\nmount=yes\n[record]\nmounts=yes\n"
    reading, writing = opened(tmp_path, config)
    assert reading - READ == set()
    assert writing == WRITTEN
    # The list is no longer than it has to be, but for what this configuration has no use for.
    assert {"/cmdline", "/etc/ostree/prepare-root.conf", "/proc/PID/mountinfo"} <= reading
    assert f"/sysroot/{DEPLOYMENT}/etc/fstab" in reading


def test_with_var_left_to_the_system(tmp_path: Path) -> None:
    reading, writing = opened(tmp_path, "[var]\nmount=no\n")
    assert reading - READ == set()
    assert "/sysroot/ostree/repo/config" in reading
    assert writing == {"/run/ostree-booted", *UNITS}
