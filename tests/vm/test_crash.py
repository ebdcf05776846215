"""The power fails while the list is written: the machine boots the old default or the new one.

Ours and libostree's own verbs, through the same explorer.  Each different disk is read by
GRUB's drivers as it is, then recovered by a mount, compared with what the deployment has to
be, and checked; some are booted.
"""

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import crashlab
import pytest
import sysrootjudge
from crashlab import EFFORT, Boots, Recording, image_of, only_tears_blocks, repair
from crashpeers import Peers
from crashsteps import BROKEN, STEPS, recorded

from bootvm.crash.cuts import Cut
from bootvm.crash.explore import Findings, Judge, Verdict, explore
from bootvm.crash.filesystem import Place, Room
from bootvm.crash.log import Log
from bootvm.crash.report import as_json, as_text
from bootvm.crash.sampling import Choice
from bootvm.crash.table import MENDED, TORN
from bootvm.spec import VmSpec
from guest import disk
from guest.commit import Commit
from guest.disk import TARGET, Deployment, Disk, DiskSpec
from guest.tree import Tree

pytestmark = pytest.mark.vm

Seats = Callable[[], AbstractContextManager[None]]
CI = ("ours new kernel", "ours finalize", "theirs finalize")
CI_BROKEN = ("broken no sync", "broken swap first")
# /boot on the root, on three filesystems, and on its own partition.
LAYOUTS = ("ext4", "boot", "xfs", "btrfs") if EFFORT > 1 else ("ext4",)
# The states of this one are booted, too: one in so many, until there are so many of each.
BOOTED = "ours new kernel"
EVERY = {"old": 10, "new": 1}
# Btrfs commits a file that was just copied as a whole, or not at all.
HARMLESS = {("btrfs", "broken named early")}
# Names in /boot from before, so that a list more or less leaves the inode of the directory.
OTHERS = ("vmlinuz", "initramfs", ".vmlinuz")
CROWD = f"cd {TARGET}/boot; touch " + " ".join(f"{name}-6.12.0-55.x86_64" for name in OTHERS)
BOOTS = 16 if EFFORT > 1 else 2


def subject(tree: Tree, made: list[Commit], kind: str, place: Path) -> Disk:
    """A disk with one version deployed and the others in its repository."""
    layer = disk.programs(crashlab.CHECKOUT)
    spec = DiskSpec((Deployment(made[0]),), root_mib=256, boot_mib=192 if kind == "boot" else 0)
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
    scratch = tmp_path_factory.mktemp("recording")
    kind = request.param
    fstype = "ext4" if kind == "boot" else kind
    image = crashlab.initramfs(guest_tree, scratch, fstype)
    own = subject(guest_tree, crashlab.commits(guest_tree, image), kind, scratch)
    log = scratch / "log"
    options = {"name": f"crash-{kind}", "mount": crashlab.MOUNT}
    boot = None
    if kind == "xfs":
        options["mount"] += f"; {CROWD}"
    if kind == "boot":
        options["mount"] += f"; mount /dev/vdb3 {TARGET}/boot"
        part = own.layout.named("boot")
        boot = Place("ext4", part.offset, part.size)
    with seats(), crashlab.guest(guest_tree, image, own.path, log, **options) as (vm, recorder):
        steps = crashlab.record(vm, recorder, {**STEPS, **BROKEN})
    root = own.layout.named("root")
    place = Place(fstype, root.offset, root.size)
    return Recording(own.path, log, steps, place, boot, guest_tree)


def explored(
    recording: Recording,
    name: str,
    choice: Choice,
    boots: Boots | None = None,
    enough: int | None = None,
) -> Findings:
    step = recording.step(name)
    layout = recording.place.fstype if recording.boot is None else "boot"
    with Room() as room, crashlab.memory() as shared, Log(recording.log) as log:
        assert recording.tree is not None
        peers = Peers(room, recording.tree.path)

        def judged(image: Path) -> Verdict:
            return sysrootjudge.judge(image, step, room, recording, peers)

        def look(image: Path) -> Verdict:
            if boots is None:
                return judged(image)
            return boots.look(image, step, lambda: judged(image))

        # QEMU is outside of the room, and finds no images in there.
        work = room.workspace(2048) if boots is None else shared
        found = explore(
            recording.base,
            log,
            step.span,
            Judge(look),
            work,
            choice=choice,
            enough=enough,
            progress=crashlab.Progress(f"{layout} {name}"),
        )
        told = f"{layout} {name}: {found.seconds:.0f} s\n{as_text(found, log.writes)}"
        print(told, file=sys.stderr)
        value = as_json(found, log.writes)
        torn = [
            one
            for one in found.failures
            if only_tears_blocks(one, recording.base, log, Judge(judged), work)
        ]
        found.failures = [one for one in found.failures if one not in torn]
        places = [place for place in (recording.boot, recording.place) if place is not None]

        def mended(cut: Cut) -> bool:
            with image_of(cut, recording.base, log, work) as image:
                repair(image, places, room)
                return judged(image).ok

        value |= {TORN: len(torn), MENDED: sum(mended(one.cut) for one in torn)}
        value |= {"other faults": len(found.failures)}
        value |= {"asked libostree": peers.asked, "booted": dict(boots.seen) if boots else {}}
        judges = f"{recording.tree.programs}; judged by Linux {os.uname().release}"
        value |= {"versions": judges}
        crashlab.save(f"{layout}-{name.replace(' ', '-')}", value)
    return found


@pytest.mark.parametrize("name", recorded(STEPS) if EFFORT > 1 else CI)
def test_old_or_new(recording: Recording, seats: Seats, name: str) -> None:
    """And GRUB and the kernel find on the disk what the judge foretold."""
    boots = Boots(VmSpec(memory=512), EVERY, BOOTS, seats) if name == BOOTED else None
    found = explored(recording, name, Choice(samples=60 * EFFORT, tears=1), boots)
    if name.startswith("ours"):
        assert found.failures == []
        assert set(found.verdicts) - {"FAULT"} == recording.step(name).states
    if boots is not None:
        assert boots.seen == {"old": BOOTS, "new": BOOTS}


@pytest.mark.parametrize("name", recorded(BROKEN) if EFFORT > 1 else CI_BROKEN)
def test_a_broken_write_is_caught(recording: Recording, name: str) -> None:
    # Many more than one: torn blocks do not count, and a superblock is written often.
    found = explored(recording, name, Choice(samples=300, tears=1), enough=20)
    if (recording.place.fstype, name) in HARMLESS:
        assert found.failures == []
    else:
        assert found.failures, "a write that is out of order went unnoticed"
