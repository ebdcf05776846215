"""The power fails while an EFI partition is brought in step: old or new boots, always.

The partition is judged by a reader that repairs nothing and by systemd-boot's order; some of
the states are booted by OVMF and systemd-boot.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import crashlab
import espjudge
import pytest
from crashlab import EFFORT, OURS, Recording, deploy

from bootvm.crash.cuts import Kind
from bootvm.crash.explore import Findings, Judge, explore
from bootvm.crash.filesystem import Place
from bootvm.crash.log import Log
from bootvm.crash.report import as_json, as_text
from bootvm.crash.sampling import Choice
from guest import disk, esp, layout
from guest.disk import Deployment, DiskSpec
from guest.tree import Tree

pytestmark = pytest.mark.vm

Seats = Callable[[], AbstractContextManager[None]]
ESP = layout.MIB  # where the partition begins
STEPS = {
    "new kernel": f"{OURS} {deploy('2.0', '--retain')}",
    "same kernel": f"{OURS} {deploy('3.0', '--retain')}",
    "set-kargs": f"{OURS} instutil set-kargs --merge --append=one=1",
    "set-default": f"{OURS} set-default 1",
    "undeploy": f"{OURS} undeploy 2",
}


@pytest.fixture(scope="module")
def recording(
    guest_tree: Tree, seats: Seats, tmp_path_factory: pytest.TempPathFactory
) -> Recording:
    """One guest that changes the list in every way."""
    place = tmp_path_factory.mktemp("recording", numbered=True)
    image = crashlab.initramfs(guest_tree, place)
    made = crashlab.commits(guest_tree, image)
    spec = DiskSpec((Deployment(made[0]),), root_mib=256, bootloader="none")
    layer = disk.programs(crashlab.CHECKOUT)
    found = esp.make(guest_tree, spec, layer, esp.EspSpec(mib=96))
    own = found.disk.copy(place / "disk.img")
    crashlab.with_versions(guest_tree, own, made)
    log = place / "log"

    with seats(), crashlab.guest(guest_tree, image, own.path, log, "esp-crash") as (vm, recorder):
        steps = crashlab.record(vm, recorder, STEPS)
    root = own.layout.named("root")
    return Recording(own.path, log, steps, Place("ext4", root.offset, root.size))


def explored(recording: Recording, name: str, choice: Choice, keep: Path | None = None) -> Findings:
    step = recording.step(name)
    with crashlab.memory() as work, Log(recording.log) as log:
        found = explore(
            recording.base,
            log,
            step.span,
            Judge(lambda image: espjudge.judge(image, ESP, step), reads_only=True),
            work,
            choice=choice,
            keep=keep,
        )
        print(f"{name}: {found.seconds:.0f} s\n{as_text(found, log.writes)}")
        crashlab.save(f"esp-{name.replace(' ', '-')}", as_json(found, log.writes))
    return found


@pytest.mark.parametrize("name", STEPS)
def test_old_or_new(recording: Recording, name: str) -> None:
    found = explored(recording, name, Choice(samples=100 * EFFORT, tears=1))
    assert found.failures == [], found.shortest
    assert set(found.verdicts) == recording.step(name).states
    assert found.looked[Kind.FLUSH] > 3
