"""`verify` and `explain` on a system that runs: the booted deployment, a staged one, /boot."""

import json
from collections.abc import Callable

import pytest

from bootvm.spec import VmSpec
from bootvm.vm import Vm
from guest import booted

pytestmark = pytest.mark.vm

# The recipe writes the first menu; the last good one comes with the first list of ours.
FRESH = ["last-good-missing boot/grub/bootchain-last-good.cfg"]


def findings(vm: Vm) -> list[str]:
    """The codes and places of what `verify` finds."""
    done = vm.run("bootentries --json verify", 120)
    found = json.loads(done.stdout)
    assert (done.status == 0) is found["sound"], done.stderr
    return [f"{item['code']} {item['place']}" for item in found["findings"]]


def test_a_running_system(up: VmSpec, machine: Callable[..., Vm]) -> None:
    vm = machine(up, restore=booted.TAG)
    assert findings(vm) == FRESH
    walk = vm.check("bootentries explain 0", 120)
    deployment = vm.check("ostree admin status").split()[2]
    assert f"/ostree/deploy/debian/deploy/{deployment}" in walk
    assert walk.splitlines()[-2].split() == ["mount", "/boot"]

    # Staged, a deployment has neither an entry nor a kernel in /boot, and is no leftover.
    vm.check("ostree admin deploy --stage guest/stable", 240)
    assert "debian" in vm.check("ostree admin status | head -1")
    assert findings(vm) == FRESH

    # Without /boot nothing can be said, but that something is missing.
    vm.check("umount -l /boot")
    assert findings(vm) == ["loader-missing boot/loader"]
