"""The finaliser is killed, or the machine stops, in the middle: what boots, and what is told."""

from collections.abc import Callable
from pathlib import Path

import pytest
from livingfaults import POINTS, SAVED, WAITING, Point, expect_told, inject, staged, traced

from bootvm.vm import Vm
from guest.tree import Tree

pytestmark = [pytest.mark.vm, pytest.mark.timeout(3600)]

KILL = "signal=KILL"
FIRST = "all is ready for the swap"


def test_a_reboot_without_shutdown_and_a_kill_before_the_swap(
    guest_tree: Tree, machine: Callable[..., Vm], tmp_path: Path
) -> None:
    guest = staged(guest_tree, machine, tmp_path)
    trace = traced(guest)
    guest.reboot("reboot -f")
    expect_told(guest, Point("reboot -f", "", told=WAITING))

    guest.restore(SAVED)
    (point,) = (one for one in POINTS if one.name == FIRST)
    inject(guest, trace, point, KILL)
    guest.reboot()
    expect_told(guest, point)
    # The next try works, and what was told is told no more.
    guest.upgrade("3.0")
    guest.reboot()
    assert guest.version() == "3.0"
    assert guest.failed() == []
    assert guest.sh("cat /etc/own; tail -n 1 /etc/hosts") == "own\nmine\n"
    assert guest.sh("bootentries verify") == "sound: 2 deployments, boot.0 is active\n"
