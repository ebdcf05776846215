"""A guest saved right after it has booted, so that tests which are not about booting skip it.

The state is an internal snapshot of a qcow2 overlay.  A restored machine writes into that
file: each user works on a copy.  Beside it is the disk that it was booted from, by a hard link:
one that is made again under the same name has its files elsewhere than the guest remembers.
"""

import os
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from bootvm import image
from bootvm.agent import with_agent
from bootvm.spec import Disk as VmDisk
from bootvm.spec import VmSpec
from bootvm.vm import QEMU, Vm
from guest import cache
from guest.disk import Disk
from guest.shell import run, say, step

TAG = "up"
_STATE, _BASE = "state.qcow2", "disk.img"
_RECIPE = "2"
_DEADLINE = 300.0
_KEPT = 4


def machine(path: Path) -> VmSpec:
    """The machine to restore on a copy of the state: it must be the one that was saved."""
    return with_agent(VmSpec(disks=(VmDisk(path, "qcow2", overlay=False),)))


def begin(disk: Path, directory: Path) -> Path:
    """Makes the directory, with `disk` in it; returns the overlay to boot and to save."""
    directory.mkdir()
    os.link(disk, directory / _BASE)
    return image.overlay(directory / _BASE, directory / _STATE)


def save(disk: Disk, seat: Callable[[], AbstractContextManager[None]] = nullcontext) -> Path:
    """A directory with the saved state of `disk`'s default deployment, cached or booted now.

    `seat` is entered for the length of the boot.  The agent in it is ready, and systemd has
    nothing left to start.
    """
    version = subprocess.run([QEMU, "--version"], capture_output=True, check=False).stdout
    key = cache.digest(_RECIPE, str(disk.path), version, repr(machine(Path("state"))))
    place = cache.root() / f"booted-{key}"

    def build(unfinished: Path) -> None:
        state = begin(disk.path, unfinished)
        with (
            seat(),
            step("booted: waiting for the guest to come up"),
            Vm(machine(state), name="booted") as vm,
        ):
            vm.agent.wait_ready(_DEADLINE)
            vm.check("systemctl is-system-running --wait", _DEADLINE)
            vm.snapshot(TAG)

    if place.exists():
        say(f"booted: reusing {place}")
    cache.obtain(place, build)
    cache.keep_newest(cache.root().glob("booted-????????????????"), _KEPT)
    return place


def copy(state: Path, path: Path) -> VmSpec:
    """Copies a saved state to `path`; returns the machine, to be started with `restore=TAG`."""
    run(["cp", "--reflink=auto", "--sparse=always", state / _STATE, path])
    image.rebase(path, state / _BASE)
    return machine(path)
