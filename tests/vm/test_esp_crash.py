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
from crashlab import EFFORT, OURS, Boots, Recording, Step, deploy

from bootvm import firmware
from bootvm.crash.cuts import Kind
from bootvm.crash.explore import Findings, Judge, Verdict, explore
from bootvm.crash.fat import FatError
from bootvm.crash.filesystem import Place
from bootvm.crash.log import Log
from bootvm.crash.report import as_json, as_text
from bootvm.crash.sampling import Choice
from bootvm.spec import Firmware, VmSpec
from guest import disk, esp, layout
from guest.disk import Deployment, DiskSpec
from guest.firmware import systemd_boot
from guest.tree import Tree

pytestmark = pytest.mark.vm

Look = Callable[[Path, int, Step], Verdict]
Seats = Callable[[], AbstractContextManager[None]]
# Of the states of this one, one in so many boots, until there are so many of each.
BOOTED = "new kernel"
EVERY = {"old": 30, "new": 1}
BOOTS = 16 if EFFORT > 1 else 2
# What stands behind the boot program of the loader's package, as it is replaced twice.
VERSIONS = {b"": "first version", b"more": "second version", b"moremost": "third version"}
ESP = layout.MIB  # where the partition begins
# Each leaves out what the order of a sync rests on; the explorer has to notice.
NO_SYNC = """
import os
from bootentries.esp import ops
class Quiet:
    def __init__(self, real, name):
        self._real = real
        setattr(self, name, lambda *args: None)
    def __getattr__(self, name):
        return getattr(self._real, name)
ops.os = Quiet(os, "fsync")
ops.syscalls = Quiet(ops.syscalls, "syncfs")
"""
# The kernel before the initramfs: systemd-boot hides an entry without its kernel.
SWITCH_FIRST = """
from bootentries.esp import ops
late, copy, enable = [], ops.CopyPayload.apply, ops.Enable.apply
ops.CopyPayload.apply = lambda op, place: late.append(op)
ops.CheckPayload.apply = lambda op, place: None
def switch(op, place):
    enable(op, place)
    while late:
        copy(late.pop(0), place)
ops.Enable.apply = switch
"""
# Undeployed first, so that its kernel has to be copied again.
BROKEN = {
    "-drop": f"{OURS} undeploy 0",
    "broken no sync": crashlab.patched(NO_SYNC, deploy("2.0", "--retain")),
    "-back": f"{OURS} undeploy 0",
    "broken switch first": crashlab.patched(SWITCH_FIRST, deploy("2.0", "--retain")),
}
# systemd-boot's program, replaced by one that has some more bytes at its end.
PROGRAMS = ("EFI/BOOT/BOOTX64.EFI", "EFI/systemd/systemd-bootx64.efi")
TREE = "/run/tree/usr/lib/systemd/boot/efi"
GET = (
    f"mkdir -p {TREE} /run/esp; mount -o ro /dev/vdb1 /run/esp; "
    f"cp /run/esp/{PROGRAMS[0]} {TREE}/systemd-bootx64.efi; umount /run/esp"
)
IN_PLACE = """
import os
from bootentries import fs
from bootentries.esp import install_ops
def put(op, place):
    with fs.opened(place.fd, op.path, os.O_WRONLY | os.O_TRUNC) as fd:
        fs.write_all(fd, op.data)
        os.fsync(fd)
install_ops.PutProgram.apply = put
"""
INSTALL = {
    "-more": f"{GET}; printf more >> {TREE}/systemd-bootx64.efi",
    "program": f"{OURS} esp install --from /run/tree",
    "-most": f"printf most >> {TREE}/systemd-bootx64.efi",
    "broken program": crashlab.patched(IN_PLACE, "esp install --from /run/tree"),
}
# As the first sync on FAT leaves it: directories with room, which mtools do not make.
FIRST = {"-first": f"{OURS} esp sync --reread"}
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

    with (
        seats(),
        crashlab.guest(guest_tree, image, own.path, log, name="esp-crash") as (vm, recorder),
    ):
        steps = crashlab.record(vm, recorder, {**FIRST, **STEPS, **BROKEN, **INSTALL})
    root = own.layout.named("root")
    return Recording(own.path, log, steps, Place("ext4", root.offset, root.size))


def explored(
    recording: Recording,
    name: str,
    choice: Choice,
    *,
    judge: Look = espjudge.judge,
    enough: int | None = None,
    boots: Boots | None = None,
) -> Findings:
    step = recording.step(name)

    def look(image: Path) -> Verdict:
        if boots is None:
            return judge(image, ESP, step)
        return boots.look(image, step, lambda: judge(image, ESP, step))

    with crashlab.memory() as work, Log(recording.log) as log:
        found = explore(
            recording.base,
            log,
            step.span,
            Judge(look, reads_only=True),
            work,
            choice=choice,
            enough=enough,
        )
        print(f"{name}: {found.seconds:.0f} s\n{as_text(found, log.writes)}")
        value = as_json(found, log.writes)
        value |= {"booted": dict(boots.seen) if boots else {}}
        crashlab.save(f"esp-{name.replace(' ', '-')}", value)
    return found


@pytest.mark.parametrize("name", STEPS)
def test_old_or_new(recording: Recording, seats: Seats, name: str) -> None:
    """And OVMF and systemd-boot find on the disk what the judge foretold."""
    machine = VmSpec(firmware=Firmware.UEFI, ovmf=firmware.find(), memory=512)
    boots = Boots(machine, EVERY, BOOTS, seats) if name == BOOTED else None
    found = explored(recording, name, Choice(samples=100 * EFFORT, tears=1), boots=boots)
    assert found.failures == [], found.shortest
    assert set(found.verdicts) == recording.step(name).states
    assert found.looked[Kind.FLUSH] > 3
    if boots is not None:
        assert boots.seen == {"old": BOOTS, "new": BOOTS}


@pytest.mark.parametrize("name", [name for name in BROKEN if name.startswith("broken")])
def test_a_broken_sync_is_caught(recording: Recording, name: str) -> None:
    found = explored(recording, name, Choice(samples=300, tears=1), enough=1)
    assert found.failures, "a sync that is out of order went unnoticed"
    assert found.shortest is not None
    assert len(found.shortest.cut.lost) + len(found.shortest.cut.torn) <= 2


def program(image: Path, offset: int, step: Step) -> Verdict:
    """Whether firmware finds a whole program in both places, and that a default to boot."""
    found = espjudge.judge(image, offset, step)
    known = systemd_boot().read_bytes()
    try:
        ends = [espjudge.stored(image, offset, path).removeprefix(known) for path in PROGRAMS]
    except FatError as error:
        return Verdict(False, str(error))
    if not found.ok or not set(ends) <= set(VERSIONS):
        return found if not found.ok else Verdict(False, f"program: {[len(end) for end in ends]}")
    return Verdict(True, VERSIONS[ends[0]])


def test_a_program_is_replaced_as_a_whole(recording: Recording) -> None:
    found = explored(recording, "program", Choice(samples=100 * EFFORT, tears=1), judge=program)
    assert found.failures == [], found.shortest
    assert set(found.verdicts) == {"first version", "second version"}


def test_a_program_written_in_place_is_caught(recording: Recording) -> None:
    choice = Choice(samples=300, tears=1)
    found = explored(recording, "broken program", choice, judge=program, enough=1)
    assert found.failures, "a program of which a half was written went unnoticed"
