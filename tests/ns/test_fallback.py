"""A stale `ostree=`, healed inside the stateroot: what is booted, said and recorded."""

import os
import sys
from pathlib import Path

import pytest
import sysroots
from namespace import Outcome, Run, execute
from sysroots import BOOTCSUM, DEPLOYMENT, STATEROOT, Layout

from prepare_root.formats.fallback import Fallback

pytestmark = pytest.mark.ns

CHECKOUT = Path(__file__).resolve().parents[2]
START = (sys.executable, "-B", "-m", "prepare_root", "/sysroot", "/cmdline")
ASKED = f"/ostree/boot.1/{STATEROOT}/{BOOTCSUM}/0"
HALVES = f"ostree/boot.1.1/{STATEROOT}/{BOOTCSUM}"
TEXT = f"../../../deploy/{DEPLOYMENT.removeprefix('ostree/deploy/')}"
# What a half-written list can leave, and why the entry cannot be followed then.
HEALED = {
    "boot.1 is gone": ({"remove": ("ostree/boot.1",)}, "no such link"),
    "another serial": (
        {"remove": (f"{HALVES}/0",), "symlinks": {f"{HALVES}/1": TEXT}}, "no such link",
    ),
    "the link dangles": (
        {
            "symlinks": {
                f"{HALVES}/0": "../../../deploy/testos/deploy/gone.0",
                f"ostree/boot.0.0/{STATEROOT}/{BOOTCSUM}/0": TEXT,
            },
        },
        "dangling link: the deployment is gone",
    ),
    "no link, but modules for this kernel": (
        {
            "remove": ("ostree/boot.1", "ostree/boot.1.1"),
            "symlinks": {f"{DEPLOYMENT}/usr/lib/modules/{os.uname().release}/x": "y"},
        },
        "no such link",
    ),
}  # fmt: skip


def prepare(tmp_path, layout: dict, **run) -> Outcome:
    image = sysroots.image(tmp_path / "image", Layout(**layout))
    environ = {"PYTHONPATH": str(CHECKOUT)}
    return execute(tmp_path / "work", image, Run(START, environ=environ, **run))


def record(outcome: Outcome) -> Fallback | None:
    text = outcome.run.get("bootchain/fallback")
    return None if text is None else Fallback.decode(bytes.fromhex(text.partition(" ")[2]))


@pytest.mark.parametrize("name", HEALED)
def test_it_boots_and_says_so(tmp_path, name):
    layout, reason = HEALED[name]
    outcome = prepare(tmp_path, layout)
    assert outcome.status == 0, outcome.stderr
    lines = outcome.stderr.splitlines()
    assert lines[:2] == [
        f"prepare-root: find deployment: {ASKED}: {reason}",
        f"prepare-root: fallback: booting {DEPLOYMENT} instead, which may be another commit",
    ]
    found = record(outcome)
    assert (found.requested, found.booted, found.reason) == (ASKED, DEPLOYMENT, reason)
    assert outcome.booted is not None
    assert outcome.below("/sysroot")["."].root == f"/{DEPLOYMENT}"


def test_a_sound_link_leaves_no_record(tmp_path):
    outcome = prepare(tmp_path, {})
    assert (outcome.status, record(outcome)) == (0, None)


LAYOUT, REASON = HEALED["boot.1 is gone"]


@pytest.mark.parametrize(
    "how",
    [
        {"config": "[composefs]\nenabled=signed\n"},
        {"config": "[composefs]\nenabled=verity\n"},
        {"cmdline": f"ostree={ASKED} ostree.prepare-root.composefs=signed"},
        # the same kernel of another stateroot
        {"cmdline": f"ostree=/ostree/boot.1/other/{BOOTCSUM}/0"},
    ],
)
def test_it_never_boots_less_than_was_asked_for(tmp_path, how):
    outcome = prepare(tmp_path, LAYOUT, **how)
    assert outcome.status == 1
    assert outcome.error.endswith(f": {REASON}")
    assert record(outcome) is None
    assert outcome.booted is None


def test_a_link_out_of_the_sysroot_is_not_healed(tmp_path):
    outcome = prepare(tmp_path, {"symlinks": {"ostree/boot.1": "/ostree/boot.1.1"}})
    assert (outcome.status, record(outcome)) == (1, None)
    assert outcome.error == f"find deployment: {ASKED}: leads outside the sysroot"
