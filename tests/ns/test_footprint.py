"""prepare-root writes only where it says: the whole physical root, before and after.

Names, types, modes, owners, inode numbers, hard links, attributes, flags, contents and times;
what is not in a scenario's list must not have changed.
"""

import json
import subprocess
import sys
from pathlib import Path

import footprint
import prepared
import pytest
import scenarios
import sysroots
from footprint import TOUCHED, Footprint
from namespace import Outcome, python
from prepared import VAR
from scenarios import SCENARIOS, Scenario
from sysroots import DEPLOYMENT, EMPTY, MISSING, Layout

from prepare_root.image import binary

pytestmark = pytest.mark.ns

NOTHING: dict[str, str] = {}


def run(tmp_path: Path, scenario: Scenario, **more: object) -> tuple[Outcome, Footprint]:
    image = sysroots.image(tmp_path / "image", scenario.layout)
    program = more.pop("program", python())
    return scenarios.prepare(tmp_path / "run", image, scenario, program, **more)


@pytest.mark.parametrize("name", SCENARIOS)
def test_nothing_else_is_written(tmp_path: Path, name: str) -> None:
    outcome, changed = run(tmp_path, SCENARIOS[name])
    prepared.check(outcome, changed, SCENARIOS[name].expected)


@pytest.mark.parametrize("name", ["everything", "admin's var"])
def test_the_executable_writes_no_more(tmp_path: Path, name: str) -> None:
    program = ("/run/prepare-root", "/sysroot", "/cmdline")
    programs = {"prepare-root": binary.cached()}
    outcome, changed = run(tmp_path, SCENARIOS[name], program=program, programs=programs)
    assert outcome.run.pop("prepare-root").startswith("-rwx")
    prepared.check(outcome, changed, SCENARIOS[name].expected)


def test_a_second_boot_writes_nothing(tmp_path: Path) -> None:
    """Links and targets are there: all that is left to do is to mount."""
    scenario = SCENARIOS["everything"]
    image = sysroots.image(tmp_path / "image", scenario.layout)
    for number in (1, 2):
        outcome, changed = scenarios.prepare(tmp_path / f"run{number}", image, scenario, python())
        assert outcome.status == 0, outcome.stderr
        assert (changed.physical == NOTHING) is (number == 2)


def test_what_is_at_a_target_is_kept(tmp_path: Path) -> None:
    """A directory keeps mode and owner; a link of the admin's is neither followed nor hidden."""
    home = "mkdir home; chown 12:34 home; chmod 2750 home"
    spoil = (f"cd sysroot/{VAR}; {home}; ln -s /data/srv srv; echo x > opt",)
    links = {"home": EMPTY, "srv": MISSING}
    scenario = Scenario(Layout(links=links), prepared.basic(), {"config": scenarios.OURS})
    outcome, changed = run(tmp_path, scenario, setup=spoil)
    assert outcome.status == 0, outcome.stderr
    assert outcome.below("/sysroot")["home"].root == f"/{VAR}/home"
    assert outcome.sysroot["home"] == "drwxr-s---"
    kept = {path for path in changed.physical if path.startswith(VAR + "/")}
    assert kept == {f"{VAR}/{name}" for name in ("roothome", "mnt", "usrlocal")}
    assert {line.partition(":")[0] for line in notes(outcome)} == {"link srv", "link opt"}


def notes(outcome: Outcome) -> list[str]:
    lines = (line.removeprefix("prepare-root: ") for line in outcome.stderr.splitlines())
    return [line for line in lines if line.endswith("; not fatal")]


def test_a_strict_umask_changes_no_mode(tmp_path: Path) -> None:
    scenario = SCENARIOS["admin's var"]
    strict = ("sh", "-c", 'umask 077; exec "$@"', "sh")
    image = sysroots.image(tmp_path / "image", scenario.layout)
    work = tmp_path / "run"
    words = (*strict, *footprint.wrapper(work))
    outcome, changed = scenarios.prepare(work, image, scenario, python(), wrapper=words)
    prepared.check(outcome, changed, scenario.expected)


BOOTLINK = f"ostree/boot.1.1/{sysroots.STATEROOT}/{sysroots.BOOTCSUM}/0"


@pytest.mark.parametrize(
    ("layout", "options"),
    [
        (Layout(remove=(BOOTLINK,)), {}),
        (Layout(remove=(f"{DEPLOYMENT}/usr",)), {}),
        (Layout(), {"cmdline": "quiet"}),
        (Layout(), {"config": "[sysroot\n"}),
        (Layout(), {"config": "[root]\ntransient=true\n"}),
    ],
    ids=["no link", "no usr", "no ostree=", "bad configuration", "not supported"],
)
def test_a_refusal_writes_nothing(
    tmp_path: Path, layout: Layout, options: dict[str, object]
) -> None:
    outcome, changed = run(tmp_path, Scenario(layout, prepared.basic(), options))
    assert outcome.status == 1
    assert (changed.physical, changed.initramfs, outcome.run) == (NOTHING, NOTHING, {})


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    program = (*python()[:-2], "--dry-run", *python()[-2:])
    outcome, changed = run(tmp_path, SCENARIOS["everything"], program=program)
    assert outcome.status == 0, outcome.stderr
    assert (changed.physical, changed.initramfs, outcome.run) == (NOTHING, NOTHING, {})


CHANGES = {
    "chmod 600 a": {"a": "changed ctime mode"},
    "chown 1:2 a": {"a": "changed ctime owner"},
    "echo more > a": {"a": "changed content ctime mtime"},
    "echo text > b; touch -r a b; mv b a": {".": TOUCHED, "a": "changed ctime inode"},
    "ln a b": {".": TOUCHED, "a": "changed ctime links", "b": "made -rw-r--r-- 0:0"},
    "ln -sfn y l": {".": TOUCHED, "l": "changed content ctime inode mtime"},
    f'{sys.executable} -c \'import os; os.setxattr("a", "user.x", b"1")\'': {
        "a": "changed ctime xattrs"
    },
    "chattr +A a": {"a": "changed ctime flags"},
    "rm a": {".": TOUCHED, "a": "gone"},
    "touch d/x; rm d/x": {"d": TOUCHED},
    "mknod n c 1 3": {".": TOUCHED, "n": "made crw-r--r-- 0:0"},
    "true": {},
}


@pytest.mark.parametrize("script", CHANGES, ids=range(len(CHANGES)))
def test_every_kind_of_change_is_seen(tmp_path: Path, script: str) -> None:
    """The comparison itself: each change is named, and nothing but that."""
    top = tmp_path / "top"
    (top / "d").mkdir(parents=True)
    (top / "a").write_text("text\n")
    (top / "l").symlink_to("x")
    words = [sys.executable, "-B", footprint.__file__, tmp_path / "out", top, "--"]
    words += ["sh", "-ec", f"umask 022; cd {top}; {script}"]
    assert subprocess.run(words, check=False).returncode == 0
    assert json.loads((tmp_path / "out").read_text()) == [CHANGES[script]]
