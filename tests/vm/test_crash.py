"""The power fails while the list is written: the machine boots the old default or the new one.

Ours and libostree's own verbs, through the same explorer.  Each different disk is read by
GRUB's drivers as it is, then recovered by a mount, compared with what the deployment has to
be, and checked; some are booted.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager

import crashlab
import pytest
import sysrootjudge
from crashlab import EFFORT, OURS, Recording, deploy, theirs

from bootvm.crash.explore import Findings, Judge, explore
from bootvm.crash.filesystem import Place, Room
from bootvm.crash.log import Log
from bootvm.crash.report import as_json, as_text
from bootvm.crash.sampling import Choice
from guest import disk
from guest.disk import GENERATOR, Deployment, DiskSpec
from guest.tree import Tree

pytestmark = pytest.mark.vm

Seats = Callable[[], AbstractContextManager[None]]
MENU = f"export OSTREE_GRUB2_EXEC=/{GENERATOR}; "
STEPS = {
    "ours new kernel": f"{OURS} {deploy('2.0', '--retain')}",
    "ours same kernel": f"{OURS} {deploy('3.0', '--retain')}",
    "ours set-kargs": f"{OURS} instutil set-kargs --merge --append=one=1",
    "ours set-default": f"{OURS} set-default 1",
    "ours undeploy": f"{OURS} undeploy 3",
    "ours cleanup": f"{OURS} cleanup",
    "theirs set-default": MENU + theirs("set-default", "1"),
    "theirs undeploy": MENU + theirs("undeploy", "2"),
    "theirs set-kargs": MENU + theirs("instutil set-kargs", "--merge", "--append=two=2"),
    "theirs new kernel": MENU + theirs(*deploy("2.0", "--retain").split(" ", 1)),
    "theirs cleanup": MENU + theirs("cleanup"),
}
CI = ("ours new kernel", "ours set-kargs", "theirs set-kargs")


@pytest.fixture(scope="module")
def recording(
    guest_tree: Tree, seats: Seats, tmp_path_factory: pytest.TempPathFactory
) -> Recording:
    """One guest that changes the list in every way, by one program and by the other."""
    place = tmp_path_factory.mktemp("recording")
    image = crashlab.initramfs(guest_tree, place)
    made = crashlab.commits(guest_tree, image)
    spec = DiskSpec((Deployment(made[0]),), root_mib=256)
    found = disk.make(guest_tree, spec, disk.programs(crashlab.CHECKOUT))
    own = found.copy(place / "disk.img")
    crashlab.with_versions(guest_tree, own, made)
    log = place / "log"
    with seats(), crashlab.guest(guest_tree, image, own.path, log, "crash") as (vm, recorder):
        steps = crashlab.record(vm, recorder, STEPS)
    root = own.layout.named("root")
    return Recording(own.path, log, steps, Place("ext4", root.offset, root.size))


def explored(recording: Recording, name: str, choice: Choice) -> Findings:
    step = recording.step(name)
    with Room() as room, Log(recording.log) as log:
        work = room.workspace(2048)
        found = explore(
            recording.base,
            log,
            step.span,
            Judge(
                lambda image: sysrootjudge.judge(image, step, room, recording.place, "loop0,gpt2")
            ),
            work,
            choice=choice,
        )
        print(f"{name}: {found.seconds:.0f} s\n{as_text(found, log.writes)}")
        crashlab.save(f"sysroot-{name.replace(' ', '-')}", as_json(found, log.writes))
    return found


@pytest.mark.parametrize("name", STEPS if EFFORT > 1 else CI)
def test_old_or_new(recording: Recording, name: str) -> None:
    found = explored(recording, name, Choice(samples=60 * EFFORT, tears=1))
    if name.startswith("ours"):
        assert found.failures == [], found.shortest
        assert set(found.verdicts) == recording.step(name).states
