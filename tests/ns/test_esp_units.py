"""What systemd makes of the units that keep EFI partitions in step."""

import pytest
from test_units import inside

from bootentries.units.esp import PATHS

__all__ = ["inside"]
pytestmark = pytest.mark.ns
UNITS = [name for name in PATHS if not name.endswith(".conf")]


def test_systemd_finds_no_fault_and_no_cycle(inside):
    done = inside("python3", "-I", "-m", "bootentries", "install-units", "--root=/", "--esp")
    assert done.returncode == 0, done.stderr
    written = [f"write usr/lib/systemd/system/{name}" for name in PATHS]
    assert done.stdout.splitlines()[-len(PATHS) :] == written
    names = ["multi-user.target", "ostree-finalize-staged.service", *UNITS]
    done = inside("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *names)
    assert done.returncode == 0, done.stderr
    text = done.stdout + done.stderr
    assert "ordering cycle" not in text
    assert f"DropIn Path: /usr/lib/systemd/system/{PATHS[-1]}" in text
    for name in UNITS:
        assert f"{name}: Installed new job {name}/start" in text
    done = inside("python3", "-I", "-m", "bootentries", "install-units", "--root=/", "--uninstall")
    assert f"remove usr/lib/systemd/system/{PATHS[0]}" in done.stdout


def test_the_command_does_nothing_where_nothing_is_configured(inside):
    done = inside(
        "sh", "-c", "mkdir -p /s/ostree/repo; echo '[core]' > /s/ostree/repo/config; "
        "python3 -I -m bootentries --sysroot /s esp sync --if-enabled",
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
