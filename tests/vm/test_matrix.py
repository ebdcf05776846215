"""Points of the matrix of composefs roots in a machine, beside libostree's program 2026.4.

The comparison and what it permits are `test_composefs_differential.py`'s, and `matrixcases.py`
says what is added here.  The root is a real initramfs of sid's kernel, the physical root a
disk, mounted read-only where the point says so.

BOOTCHAIN_MATRIX runs another number of points, other ones at each run.
"""

import json
import os
from collections.abc import Callable
from itertools import product
from pathlib import Path

import matrixguest
import pytest
import sysroots
import test_composefs_differential as matrix
from matrixcases import (
    OURS_ALONE,
    Case,
    Key,
    dimensions,
    every_pair,
    judge,
    pairs,
    sample,
    without_hotfix,
)
from test_composefs_differential import Left, Point

from bootvm.spec import Disk, Firmware, VmSpec
from bootvm.vm import Vm
from guest import tree

pytestmark = [pytest.mark.vm, pytest.mark.timeout(7200)]

Starter = Callable[..., Vm]
SAMPLE = 80
SEED = 5
BOOT_S, POINT_S = 120, 12


def chosen() -> list[Case]:
    wanted = os.environ.get("BOOTCHAIN_MATRIX", "")
    count = len(matrix.MATRIX) if wanted == "all" else int(wanted or 0)
    return sample(count, None) if count else sample(SAMPLE, SEED)


def disks(work: Path) -> dict[Key | str, Path]:
    """A disk for each layout, and a twin without hotfix where that may be asked for."""
    plain = matrix.images(work)
    found: dict[Key | str, Path] = {(*key, False): Path(path) for key, path in plain.items()}
    for number, (image, hotfix, readonly) in enumerate(plain):
        if not image:
            continue
        path = work / f"verity-{number}.img"
        sysroots.pack(work / f"tree-{number}", path, "-b", "4096", "-O", "verity")
        found[image, hotfix, readonly, True] = path
        if hotfix:
            found[f"twin, {readonly}"] = without_hotfix(path)
    return found


def device(number: int) -> str:
    return f"/dev/vd{chr(ord('a') + number)}"


def moved(answer: dict[str, object], source: int, target: int) -> dict[str, object]:
    """What a program left behind, as if the disk `source` had been `target`."""
    text = json.dumps(answer)
    for form in (device, lambda number: f"/dev/block/254:{number * 16}", device_hex):
        assert form(source) in text or answer["status"] != 0
        text = text.replace(form(source), form(target))
    found: dict[str, object] = json.loads(text)
    return found


def device_hex(number: int) -> str:
    """The device number as it stands in /run/ostree-booted."""
    return os.makedev(254, number * 16).to_bytes(8, "little").hex()


def one(name: str, case: Case, point: Point, programs: list[str]) -> dict[str, object]:
    return {
        "device": name,
        "config": point.config + OURS_ALONE,
        "cmdline": point.cmdline,
        "readonly": case.point.filesystem_ro,
        "programs": programs,
    }


def spec_for(work: Path, cases: list[Case], numbers: dict[Key | str, int]) -> dict[str, object]:
    """What `matrixinit.py` reads: a run of both programs for each case, and the stand-in's."""
    runs = []
    for case in cases:
        runs.append(one(device(numbers[case.disk]), case, case.point, ["theirs", "ours"]))
        if case.stand_in is not None:
            runs.append(one(device(numbers[stand_in_disk(case)]), case, case.stand_in, ["theirs"]))
    return {
        "programs": {
            "theirs": [matrixguest.PEER, "/sysroot"],
            "ours": [matrixguest.OURS, "/sysroot"],
        },
        "key": (work / "keys").read_text(),
        "verity": [device(n) for key, n in numbers.items() if isinstance(key, str) or key[3]],
        "out": device(len(numbers)),
        "cases": runs,
    }


def stand_in_disk(case: Case) -> Key | str:
    return f"twin, {case.point.repo_readonly}" if case.twin else case.disk


def run_all(work: Path, machine: Starter, spec: dict[str, object], files: list[Path]) -> bytes:
    """The answers, as `matrixinit.py` writes them."""
    sid = tree.get("sid")
    runs = spec["cases"]
    assert isinstance(runs, list)
    out = work / "answers"
    with out.open("wb") as file:
        file.truncate((len(runs) << 15) + (1 << 20))
    vm = machine(
        VmSpec(
            firmware=Firmware.DIRECT,
            disks=tuple(Disk(path, overlay=False) for path in (*files, out)),
            kernel=sid.vmlinuz,
            initrd=matrixguest.loop_image(sid, work, spec),
            cmdline="console=ttyS0 quiet panic=-1 rdinit=/setup",
            memory=1024,
        )
    )
    vm.wait_for(matrixguest.DONE, BOOT_S + POINT_S * len(runs))
    vm.wait_end(BOOT_S)
    return out.read_bytes().rstrip(b"\0")


def answers(work: Path, machine: Starter, cases: list[Case]) -> list[dict[str, Left]]:
    """What both programs left behind for each case, and what the stand-in did, if there is one."""
    files = disks(work)
    numbers = {key: number for number, key in enumerate(files)}
    spec = spec_for(work, cases, numbers)
    lines = iter(run_all(work, machine, spec, list(files.values())).split(b"\n"))
    found = []
    for case in cases:
        said = {name: matrix.left(value) for name, value in json.loads(next(lines)).items()}
        if case.stand_in is not None:
            theirs = json.loads(next(lines))["theirs"]
            if case.twin:
                theirs = moved(theirs, numbers[stand_in_disk(case)], numbers[case.disk])
            said["stand-in"] = matrix.left(theirs)
        found.append(said)
    return found


def test_same_in_a_machine(tmp_path: Path, machine: Starter) -> None:
    cases = chosen()
    verdicts: dict[str, int] = {}
    different = []
    for case, said in zip(cases, answers(tmp_path, machine, cases), strict=True):
        try:
            verdict = judge(case, said)
        except AssertionError as error:
            different.append(f"{case}: {error}")
            continue
        verdicts[verdict] = verdicts.get(verdict, 0) + 1
    assert not different, f"{len(different)} differ:\n" + "\n".join(different[:5])
    wanted = {"composefs", "signed composefs", "plain", "refused", "without fs-verity"}
    assert set(verdicts) == wanted, verdicts


def test_the_sample_has_every_value() -> None:
    cases = sample(SAMPLE, SEED)
    for name, values in matrix.DIMENSIONS.items():
        assert {getattr(case.point, name) for case in cases} == set(values)
    assert {case.disk for case in cases} == {
        key for key in product((True, False), repeat=4) if key[0] or not key[3]
    }
    assert set().union(*(pairs(dimensions(case)) for case in cases)) >= every_pair()
