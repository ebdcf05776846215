"""Finalisations that are disturbed in other ways; those of every day are in test_living_killed."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from living import COMPLETE, VERSION, Living
from livingfaults import BEGUN, POINTS, SAVED, Point, expect_told, inject, staged, traced

from bootvm.vm import Vm
from guest.tree import Tree

pytestmark = [pytest.mark.vm, pytest.mark.timeout(3600)]

SWAP = next(point for point in POINTS if "ready for the swap" in point.name)
DOWN = 240
HANGS = "/etc/bootentries/hooks.d/10-hangs.shutdown"
HOOK = f"""
mkdir -p /etc/bootentries/hooks.d
printf '#!/bin/sh\\necho started\\n[ -e /var/mended ] || exec sleep 10000\\n' >{HANGS}
chmod 755 {HANGS}
"""


def test_a_kill_at_each_point(guest_tree: Tree, machine: Callable[..., Vm], tmp_path: Path) -> None:
    guest = staged(guest_tree, machine, tmp_path)
    trace = traced(guest)
    for point in POINTS:
        if point is SWAP:
            continue
        inject(guest, trace, point, "signal=KILL")
        guest.reboot()
        expect_told(guest, point)
        guest.restore(SAVED)


def test_power_button_and_power_cut_during_finalisation(
    guest_tree: Tree, machine: Callable[..., Vm], tmp_path: Path
) -> None:
    guest = staged(guest_tree, machine, tmp_path)
    trace = traced(guest)
    # The swap waits for half a minute, which is when we do what people do.
    inject(guest, trace, SWAP, "delay_enter=30000000")
    guest.save("slow")
    begin(guest)
    guest.vm.monitor.execute("system_reset")
    guest.up()
    expect_told(guest, Point("power cut", "", told=BEGUN))

    guest.restore("slow")
    begin(guest)
    for _ in range(3):
        guest.vm.monitor.execute("system_powerdown")
        time.sleep(1)
    guest.up()
    assert guest.version() == "2.0"
    assert guest.failed() == []


def begin(guest: Living) -> None:
    """Begin the shutdown; return when the finaliser is about to swap."""
    guest.sh("(sleep 0.3; exec systemctl reboot) >/dev/null 2>&1 &")
    # The agent lasts until systemd kills everything.  After the link come two syncs.
    guest.sh("until [ -L /boot/loader.tmp ]; do sleep 0.2; done; sleep 5", DOWN)


def test_a_merge_that_fails_and_a_hook_that_hangs(
    guest_tree: Tree, machine: Callable[..., Vm], tmp_path: Path
) -> None:
    guest = staged(guest_tree, machine, tmp_path)
    # Too late to be refused: what was a directory is a file now.
    guest.sh("mv /etc/skel /etc/skel.old && echo a file > /etc/skel")
    guest.reboot()
    assert guest.version() == "1.0"
    assert guest.failed() == [COMPLETE]
    said = guest.sh(f"journalctl -b -o cat -u {COMPLETE}")
    assert "failed on previous boot: merge /etc: etc/skel: Modified config file newly" in said
    # While the cause is there, staging refuses in the same words.
    again = guest.vm.run("bootentries upgrade --stage", 240)
    assert again.status == 1
    assert "merge /etc: etc/skel: Modified config file newly" in again.stderr
    guest.sh(f"rm /etc/skel && mv /etc/skel.old /etc/skel; systemctl reset-failed; {HOOK}")
    guest.upgrade("2.0")
    guest.reboot()

    # The hook was killed after its time; the update is there, and what is left is told.
    assert guest.sh(VERSION) == "2.0\n"
    found = guest.sh("bootentries hooks")
    assert re.search(
        rf"{HANGS}, also at shutdown, has to run again: not done after \d+ s, killed", found
    ), found
    last = guest.last_shutdown()
    assert any(line.startswith("Transaction complete; bootconfig swap: yes") for line in last)
    guest.sh("touch /var/mended; bootentries hooks run-pending")
    assert guest.sh("bootentries hooks") == f"{HANGS}, also at shutdown\n"
