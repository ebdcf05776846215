"""The power fails while the list is written: the machine boots the old default or the new one.

Ours and libostree's own verbs, through the same explorer.  Each different disk is read by
GRUB's drivers as it is, then recovered by a mount, compared with what the deployment has to
be, and checked; some are booted.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import crashlab
import pytest
import sysrootjudge
from crashlab import EFFORT, OURS, Boots, Recording, deploy, theirs
from crashlab import tears_superblock as tears

from bootvm.crash.explore import Findings, Judge, Verdict, explore
from bootvm.crash.filesystem import Place, Room
from bootvm.crash.log import Log
from bootvm.crash.report import as_json, as_text
from bootvm.crash.sampling import Choice
from bootvm.spec import VmSpec
from guest import disk
from guest.commit import Commit
from guest.disk import GENERATOR, TARGET, Deployment, Disk, DiskSpec
from guest.tree import Tree

pytestmark = pytest.mark.vm

Seats = Callable[[], AbstractContextManager[None]]
MENU = f"export OSTREE_GRUB2_EXEC=/{GENERATOR}; "
# Each leaves out what the order of a write rests on; the explorer has to notice.
NO_SYNC = """
from bootentries.txn import ops
for kind in (ops.Sync, ops.Freeze, ops.ReadBack, ops.ReadBackCopy):
    kind.apply = lambda op, context: None
"""
CLEAN_FIRST = """
from dataclasses import replace
from bootentries.txn import plan
swap = plan._plan_swap
def backwards(*words):
    made = swap(*words)
    return replace(made, before=(*made.after, *made.before), after=())
plan._plan_swap = backwards
"""
STEPS = {
    "ours new kernel": f"{OURS} {deploy('2.0', '--retain')}",
    "ours same kernel": f"{OURS} {deploy('3.0', '--retain')}",
    "ours set-kargs": f"{OURS} instutil set-kargs --merge --append=one=1",
    "ours set-default": f"{OURS} set-default 1",
    "ours undeploy": f"{OURS} undeploy 2",
    "ours cleanup": f"{OURS} cleanup",
    "theirs set-default": MENU + theirs("set-default", "1"),
    "theirs undeploy": MENU + theirs("undeploy", "1"),
    "theirs set-kargs": MENU + theirs("instutil set-kargs", "--merge", "--append=two=2"),
    "theirs new kernel": MENU + theirs(*deploy("2.0", "--retain").split(" ", 1)),
    "theirs cleanup": MENU + theirs("cleanup"),
}
# What is not synced at once comes to the disk in pieces when something else syncs.
BROKEN = {
    "broken no sync": crashlab.patched(NO_SYNC, "instutil set-kargs --merge --append=b=1")
    + f"sync -f {TARGET}",
    "broken cleanup first": crashlab.patched(CLEAN_FIRST, "undeploy 0"),
}
CI = ("ours new kernel", "ours set-kargs", "theirs set-kargs")
# /boot on the root, on three filesystems, and on its own partition.
LAYOUTS = ("ext4", "boot", "xfs", "btrfs") if EFFORT > 1 else ("ext4",)
EVERY = 25  # of the states, so many apart are booted
BOOTS = 4 * EFFORT


def subject(tree: Tree, made: list[Commit], kind: str, place: Path) -> Disk:
    """A disk with one version deployed and the others in its repository."""
    layer = disk.programs(crashlab.CHECKOUT)
    spec = DiskSpec((Deployment(made[0]),), root_mib=256, boot_mib=96 if kind == "boot" else 0)
    own = disk.make(tree, spec, layer).copy(place / "disk.img")
    crashlab.with_versions(tree, own, made)
    return own if kind in ("ext4", "boot") else crashlab.on_other(own, kind, place / "other.img")


@pytest.fixture(scope="module", params=LAYOUTS)
def recording(
    request: pytest.FixtureRequest,
    guest_tree: Tree,
    seats: Seats,
    tmp_path_factory: pytest.TempPathFactory,
) -> Recording:
    """One guest that changes the list in every way, by one program and by the other."""
    place = tmp_path_factory.mktemp("recording")
    kind = request.param
    image = crashlab.initramfs(guest_tree, place)
    own = subject(guest_tree, crashlab.commits(guest_tree, image), kind, place)
    log = place / "log"
    options = {"name": f"crash-{kind}", "mount": crashlab.MOUNT}
    boot = None
    if kind == "boot":
        options["mount"] += f"; mount /dev/vdb3 {TARGET}/boot"
        part = own.layout.named("boot")
        boot = Place("ext4", part.offset, part.size)
    with seats(), crashlab.guest(guest_tree, image, own.path, log, **options) as (vm, recorder):
        steps = crashlab.record(vm, recorder, {**STEPS, **BROKEN})
    root = own.layout.named("root")
    fstype = "ext4" if kind == "boot" else kind
    return Recording(own.path, log, steps, Place(fstype, root.offset, root.size), boot)


def explored(
    recording: Recording,
    name: str,
    choice: Choice,
    boots: Boots | None = None,
    enough: int | None = None,
) -> Findings:
    step = recording.step(name)
    with Room() as room, crashlab.memory() as shared, Log(recording.log) as log:

        def look(image: Path) -> Verdict:
            if boots is not None:
                boots.take(image, step)
            verdict = sysrootjudge.judge(image, step, room, recording)
            return verdict if boots is None else boots.agree(verdict)

        # QEMU is outside of the room, and finds no images in there.
        work = room.workspace(2048) if boots is None else shared
        found = explore(
            recording.base, log, step.span, Judge(look), work, choice=choice, enough=enough
        )
        print(f"{name}: {found.seconds:.0f} s\n{as_text(found, log.writes)}")
        kind = recording.place.fstype if recording.boot is None else "boot"
        value = as_json(found, log.writes)
        torn = [one for one in found.failures if tears(one.cut, log.writes, recording.place)]
        found.failures = [one for one in found.failures if one not in torn]
        value |= {"torn superblocks": len(torn), "other faults": len(found.failures)}
        crashlab.save(f"{kind}-{name.replace(' ', '-')}", value)
    return found


@pytest.mark.parametrize("name", STEPS if EFFORT > 1 else CI)
def test_old_or_new(recording: Recording, name: str) -> None:
    found = explored(recording, name, Choice(samples=60 * EFFORT, tears=1))
    if name.startswith("ours"):
        assert found.failures == []
        assert set(found.verdicts) - {"FAULT"} == recording.step(name).states


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_write_is_caught(recording: Recording, name: str) -> None:
    # Some more than one: the first may be a torn superblock, which does not count.
    found = explored(recording, name, Choice(samples=300, tears=1), enough=4)
    assert found.failures, "a write that is out of order went unnoticed"


def test_some_really_boot(recording: Recording, seats: Seats) -> None:
    """GRUB and the kernel find on the disk what the judge foretold."""
    if recording.place.fstype != "ext4":
        pytest.skip("only disks with ext4 have a GRUB that reads them")
    boots = Boots(VmSpec(memory=512), EVERY, BOOTS, seats)
    found = explored(recording, "ours new kernel", Choice(samples=30, tears=0), boots)
    assert found.failures == []
    assert set(boots.seen) == {"old", "new"}
    print(f"booted: {dict(boots.seen)}")
