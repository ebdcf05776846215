"""What of /init runs without being process 1; `tests/ns/test_init.py` starts it as that."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from prepare_root import constants as c
from prepare_root import init, switchroot

ROOT = Path(__file__).resolve().parents[3]


def test_what_is_mounted_is_what_moves_along():
    """Else a mount stays behind in the initramfs, and the system has none."""
    mounted = [where for _, where, _, _ in init.API_MOUNTS]
    assert sorted(mounted) == sorted(b"/" + name for name in switchroot.API_MOUNTS)
    assert mounted[0] == b"/proc"  # all the others may have to be reported on


@pytest.mark.parametrize(
    ("where", "fstype", "flags"),
    [
        (b"/proc", b"proc", c.MS_NOSUID | c.MS_NOEXEC | c.MS_NODEV),
        (b"/sys", b"sysfs", c.MS_NOSUID | c.MS_NOEXEC | c.MS_NODEV),
        (b"/dev", b"devtmpfs", c.MS_NOSUID | c.MS_STRICTATIME),
        (b"/run", b"tmpfs", c.MS_NOSUID | c.MS_NODEV | c.MS_STRICTATIME),
    ],
)
def test_mounts_are_as_systemd_makes_them(where, fstype, flags):
    """Its mount-setup.c; it keeps what it finds, so these stay for the system's life."""
    ((found_type, _, found_flags, data),) = [row for row in init.API_MOUNTS if row[1] == where]
    assert (found_type, found_flags) == (fstype, flags)
    assert (b"mode=0755" in data.split(b",")) is (where in (b"/dev", b"/run"))


SHELL = """
import os, sys
from prepare_root import init, log
log.to_stderr([])
init.SHELL = os.fsencode(sys.argv[1])
init._shell()
print("came back")
"""


def shell(path):
    paths = os.pathsep.join([str(ROOT), *(path for path in sys.path if path)])
    return subprocess.run(
        [sys.executable, "-c", SHELL, path],
        env=os.environ | {"PYTHONPATH": paths},
        check=True,
        capture_output=True,
        text=True,
    )


def test_shell(tmp_path):
    path = tmp_path / "sh"
    path.write_text('#!/bin/sh\necho "$$ $# $HOME $TERM $PATH $PYTHONPATH"\n')
    path.chmod(0o755)
    done = shell(path)
    assert done.stderr == ""
    assert done.stdout.split()[1:] == ["0", "/", "linux", "/bin:/usr/bin:/sbin"]


def test_no_shell(tmp_path):
    """It comes back, so that the reboot follows."""
    done = shell(tmp_path / "no\x9bne")
    assert done.stderr == (
        f"prepare-root: start shell: {tmp_path}/no\\xc2\\x9bne: No such file or directory\n"
    )
    assert done.stdout == "came back\n"


def test_reboot_commands():
    """reboot(2): LINUX_REBOOT_CMD_RESTART and LINUX_REBOOT_CMD_HALT."""
    assert (init.RB_AUTOBOOT, init.RB_HALT_SYSTEM) == (0x01234567, 0xCDEF0123)
