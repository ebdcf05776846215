"""Lists that libostree and we finalise for each other, and an EFI partition that follows.

libostree's finaliser knows nothing of the partition.  What follows it at shutdown is a unit of
its own, and where that did not come to it, the next boot is of the list before.
"""

import time
from collections.abc import Callable
from pathlib import Path

import espguest
import pytest
from esplook import FOLLOWED, entries, payload
from living import FINALISE, Living
from livinginterop import OURS, RELEASES, THEIRS, expect_finalised, stage, update

from bootvm.vm import Vm
from guest import tree

pytestmark = [pytest.mark.vm, pytest.mark.timeout(3600)]

ESP = "bootentries-esp.service"
WATCH, FOLLOW = "bootentries-esp-follow.path", "bootentries-esp-follow.service"
# Nothing else of the boot waits for it.
ACTIVE = f"""
for i in $(seq 100); do
    systemctl is-active -q {ESP} && exit 0
    sleep 1
done
systemctl status {ESP} >&2; exit 1
"""
# libostree's own commands, while our units go on to follow its lists.
THEIR_COMMANDS = "rm /etc/systemd/system/ostree-*.service.d/50-bootentries.conf"
# As if the power failed when libostree's finaliser was done.
CUT = f"""
mkdir -p /run/systemd/system/{ESP}.d
printf '[Service]\\nExecStop=\\n' > /run/systemd/system/{ESP}.d/60-cut.conf
systemctl daemon-reload
"""


@pytest.mark.parametrize("suite", RELEASES)
def test_each_finalises_and_the_partition_follows(
    suite: str, machine: Callable[..., Vm], tmp_path: Path
) -> None:
    made = espguest.build(tree.get(suite), ("2.0", "3.0", "4.0"), tmp_path, machine, units=False)
    guest = made.begin()
    assert f"Version: '{RELEASES[suite]}'" in guest.sh("ostree --version")
    guest.sh("bootentries install-units; echo one > /etc/one")
    # They work from then on, not only after a reboot.
    assert guest.sh(f"systemctl is-active {ESP} {WATCH}") == "active\nactive\n"
    update(guest, stager=THEIRS, finaliser=OURS, version="2.0")
    expect_in_step(guest)

    guest.sh(f"{THEIR_COMMANDS}; systemctl daemon-reload; echo two > /etc/two")
    before = payload(guest)
    stage(guest, stager=OURS, finaliser=THEIRS, version="3.0")
    # The kernel is copied ahead, so shutdown has only entries to write.
    deadline = time.monotonic() + 120
    while len(set(payload(guest)) - set(before)) != 1:
        assert time.monotonic() < deadline, guest.sh(f"journalctl -b -u {FOLLOW}")
        time.sleep(2)
    guest.reboot()
    assert guest.version() == "3.0"
    expect_finalised(guest, THEIRS, ["3.0", "2.0"], booted=0)
    expect_in_step(guest)

    expect_old_list_to_boot(guest)
    assert guest.sh("cat /etc/one /etc/two /etc/vendor.conf") == "one\ntwo\nversion=4.0\n"


def expect_old_list_to_boot(guest: Living) -> None:
    """Nobody followed libostree's finaliser: 3.0 boots once more, and the boot mends it."""
    before = entries(guest)
    guest.sh(CUT)
    stage(guest, stager=OURS, finaliser=THEIRS, version="4.0")
    guest.reboot()
    assert guest.version() == "3.0"
    expect_finalised(guest, THEIRS, ["4.0", "3.0"], booted=1)
    guest.sh(FOLLOWED, 240)
    assert not set(entries(guest)) & set(before)
    expect_in_step(guest)
    guest.reboot()
    assert guest.version() == "4.0"
    expect_in_step(guest)


def expect_in_step(guest: Living) -> None:
    """The partition has the list, nothing failed, and nobody has a complaint."""
    guest.sh(ACTIVE, 240)
    assert guest.sh(espguest.IN_STEP).endswith(": in step\n")
    assert len(entries(guest)) == 2
    assert len(payload(guest)) == 3  # one kernel, two initramfs
    assert guest.failed() == []
    assert guest.sh("bootentries verify").startswith("sound: 2 deployments")
    assert guest.sh(f"systemctl show -p ExecStop --value {FINALISE}").count("argv") == 1
