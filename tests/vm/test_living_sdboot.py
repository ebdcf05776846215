"""An update on a living system that systemd-boot boots from an EFI partition, without GRUB."""

from collections.abc import Callable
from pathlib import Path

import espguest
import pytest
from esplook import NO_GRUB
from livingupdate import EVENTS, place, update_and_back

from bootvm.vm import Vm
from guest.tree import Tree

pytestmark = [pytest.mark.vm, pytest.mark.timeout(3600)]

STOPPING, STOPPED = r"Stopping bootentries-esp\.serv", r"Stopped bootentries-esp\.serv"


def test_staged_finalised_rolled_back_and_forward(
    guest_tree: Tree, machine: Callable[..., Vm], tmp_path: Path
) -> None:
    made = espguest.build(guest_tree, ("2.0",), tmp_path, machine)
    guest = made.begin()
    assert guest.sh("cat /proc/cmdline").startswith(r"initrd=\bootchain\initramfs-")
    assert guest.sh(NO_GRUB) == ""
    shutdown = update_and_back(guest)
    # The partition is looked at once more after the finaliser, while /boot is still there.
    chain = (EVENTS["stopped finaliser"], STOPPING, STOPPED, EVENTS["unmounting /boot"])
    places = [place(shutdown, pattern) for pattern in chain]
    assert places == sorted(places)
    said = guest.last_shutdown("bootentries-esp.service")
    (stopping,) = (at for at, line in enumerate(said) if line.startswith("Stopping "))
    assert [line for line in said[stopping:] if line.startswith("/dev/")] == [
        "/dev/vda1: in step"
    ], said
    assert guest.sh(espguest.IN_STEP).endswith(": in step\n")
