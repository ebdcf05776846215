"""Points of the matrix by real boots: each program is the step before the root is switched.

As `test_matrix.py`, which says what is compared with what; but each run is a boot of its own,
with the real kernel command line, the root mounted by its `ro` or `rw`, and the mount table
and /run are what the init of the prepared root finds.

BOOTCHAIN_MATRIX_BOOTS runs another number of points, other ones at each run.
"""

import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cfsimages
import matrixcases
import matrixguest
import pytest
import sysroots
import test_composefs_differential as matrix
import verityroot
from matrixcases import Case
from sysroots import COMMIT, DEPLOYMENT, Layout
from test_composefs_differential import Left, Point
from verityroot import CONFIG, KEY_FILE

from bootvm.spec import Disk, Firmware, VmSpec
from bootvm.vm import Vm
from guest import tree
from guest.busybox import BUSYBOX
from guest.tree import Tree
from prepare_root.image import binary

pytestmark = [pytest.mark.vm, pytest.mark.timeout(7200)]

Starter = Callable[..., Vm]
SAMPLE = 3
SEED = 7
BOOT_S = 120
NOT_STARTED = "can't execute '/usr/sbin/init'"


def sample(count: int = SAMPLE, seed: int | None = SEED) -> list[Case]:
    """A root that is signed, a verified one, and others; the first two are never refused."""
    chance = random.Random(seed)
    rest = matrixcases.sample(0, seed)
    chance.shuffle(rest)
    return [verified(chance, "signed"), verified(chance, "verity"), *rest][:count]


def verified(chance: random.Random, enabled: str) -> Case:
    """A root with an image; without a hotfix, which neither can mount read-only."""
    wanted = {"enabled": enabled, "argument": "", "image": True, "hotfix": False, "verity": True}
    sound = {name: chance.choice(values) for name, values in matrixcases.SOUND.items()}
    return matrixcases.case_of(sound | wanted)


def chosen() -> list[Case]:
    wanted = os.environ.get("BOOTCHAIN_MATRIX_BOOTS", "")
    return sample(int(wanted), None) if wanted else sample()


def make_disk(work: Path, case: Case, key: cfsimages.Key) -> Path:
    """The physical root: its system is busybox, and an init that reports."""
    point = case.point
    top = work / "tree"
    top.mkdir(mode=0o755)
    config = matrix.REPO + ("[sysroot]\nreadonly=true\n" if point.repo_readonly else "")
    sysroots.build(top, Layout(hotfix=point.hotfix, repo_config=config))
    deployment = top / DEPLOYMENT
    shutil.copy(BUSYBOX, deployment / "usr/bin/busybox")
    (deployment / "usr/sbin").mkdir()
    (deployment / "usr/sbin/init").write_text(matrixguest.INIT)
    (deployment / "usr/sbin/init").chmod(0o755)
    if point.image:
        cfsimages.add(top, DEPLOYMENT, COMMIT, config)
        commit = cfsimages.object_file(top, COMMIT, "commit").read_bytes()
        meta = cfsimages.detached(key.sign(commit))
        cfsimages.object_file(top, COMMIT, "commitmeta").write_bytes(meta)
    return sysroots.pack(top, work / "disk.img", "-b", "4096", "-O", "verity")


@dataclass(frozen=True, slots=True)
class Boots:
    """How one case is booted, again and again; `work` is overwritten each time."""

    machine: Starter
    kernel: Path
    image: Path
    work: Path
    key: cfsimages.Key

    def left(self, disk: Path, point: Point, program: str) -> Left:
        """What the program left behind, as the system that was started saw it."""
        out = self.work / "report"
        out.write_bytes(bytes(1 << 20))
        files = {
            CONFIG: (0o644, (point.config + matrixcases.OURS_ALONE).encode()),
            KEY_FILE: (0o644, self.key.line.encode()),
        }
        mode = "ro" if point.filesystem_ro else "rw"
        words = f"console=ttyS0 panic=-1 rdinit=/setup {mode} program={program} {point.cmdline}"
        vm = self.machine(
            VmSpec(
                firmware=Firmware.DIRECT,
                disks=(Disk(disk), Disk(out, overlay=False)),
                kernel=self.kernel,
                initrd=verityroot.with_files(self.image, self.work / "initrd.img", files),
                cmdline=words,
                memory=512,
            )
        )
        vm.wait_end(BOOT_S)
        said = vm.console.text
        if "reported: " not in said:
            # A root of which no file can be read: the first that is needed is init.
            assert NOT_STARTED in said, said
            assert program == matrixguest.PEER
            return Left(1, NOT_STARTED, (), {})
        return matrix.left(matrixguest.report(out.read_bytes()))


def check(boots: Boots, sid: Tree, base: Path, case: Case) -> str:
    """The verdict of one case, or AssertionError."""
    disk = make_disk(boots.work, case, boots.key)
    if case.verity and case.point.image:
        verityroot.enable(disk, sid, boots.work, base)
    said = {
        "theirs": boots.left(disk, case.point, matrixguest.PEER),
        "ours": boots.left(disk, case.point, matrixguest.OURS),
    }
    if case.stand_in is not None:
        twin = matrixcases.without_hotfix(disk) if case.twin else disk
        said["stand-in"] = boots.left(twin, case.stand_in, matrixguest.PEER)
    return matrixcases.judge(case, said)


def test_same_by_real_boots(tmp_path: Path, machine: Starter) -> None:
    sid = tree.get("sid")
    base = verityroot.base_image(tmp_path, sid, binary.cached())
    image = matrixguest.step_image(sid, tmp_path, base)
    verdicts = []
    for number, case in enumerate(chosen()):
        work = tmp_path / str(number)
        work.mkdir()
        boots = Boots(machine, sid.vmlinuz, image, work, cfsimages.new_key(work / "key.pem"))
        try:
            verdicts.append(check(boots, sid, base, case))
        except AssertionError as error:
            raise AssertionError(f"{case}: {error}") from error
        shutil.rmtree(work)
    assert verdicts[:2] == ["signed composefs", "composefs"]
