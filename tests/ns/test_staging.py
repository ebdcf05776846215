"""Staging and finalisation beside `ostree admin`, in a chroot that looks booted."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from bootedchroot import run_booted
from richtrees import rich
from sidebyside import OURS, THEIRS, facts, pair
from trees import PLAIN

pytestmark = pytest.mark.ns

SUITES = os.environ.get("BOOTCHAIN_SUITES", "trixie").split(",")
OTHER = replace(PLAIN, name="other", modules={"vmlinuz": "kernel 2", "initramfs.img": "i 2"})
EDIT = "echo edited >> etc/secret; rm etc/empty; echo new > etc/new"
KEEP = "sh: cp /run/ostree/staged-deployment /run/variant-{}"


@pytest.fixture(params=SUITES)
def both(request, tmp_path):
    """Three deployments of two commits in one stateroot; the middle one will be booted."""
    with pair(request.param, tmp_path, "testos", "other") as found:
        found.commit(rich(tmp_path / "trees"), "one", "1.0")
        found.commit(rich(tmp_path / "trees", OTHER), "kernel", "2.0")
        for args in (("--karg=root=UUID=abc", "kernel"), ("--karg=quiet", "one"), ("one",)):
            found.by_theirs("deploy", "--os=testos", "--retain", *args)
        found.commit(rich(tmp_path / "new", replace(OTHER, name="new")), "one", "3.0")
        found.edit(EDIT)
        if request.param == "sid":
            # 2025.2 does not know that these stay.
            for who in (THEIRS, OURS):
                with (found.view(who) / "boot/loader/entries/ostree-2.conf").open("a") as file:
                    file.write("x-mine stays\n")
        yield found


def run_file(both, who, name):
    """A file in /run of the booted chroot."""
    base = both.box.sysroot.parent / f"booted-{who}/root/run"
    return Path(f"/proc/{both.box.pid}/root{base}/{name}")


SEQUENCES = {
    "arguments": (
        "deploy --stage --karg=b=1 --karg-append=c kernel", "status", "finalize-staged", "status",
        "deploy --stage --no-merge one", "status", "finalize-staged", "finalize-staged",
    ),
    "locked": (
        "deploy --stage kernel", "deploy --lock-finalization one", "status",
        "finalize-staged", "lock-finalization", "lock-finalization --unlock", "status",
        "upgrade --stage", "lock-finalization", "status", "lock-finalization -u",
        "lock-finalization -u", "finalize-staged", "status", "lock-finalization",
    ),
    "elsewhere": (
        "deploy --stage --os=other --karg=root=x kernel", "status", "finalize-staged", "status",
        "deploy --stage --overlay-initrd=/usr/bin/env one", "finalize-staged", "status",
        "deploy --stage kernel", "deploy --not-as-default --karg=z one", "status",
    ),
}  # fmt: skip
WHO = ((OURS, OURS), (THEIRS, OURS), (OURS, THEIRS))


@pytest.mark.parametrize("who", WHO, ids="-".join)
@pytest.mark.parametrize("name", SEQUENCES)
def test_each_goes_on_where_the_other_stopped(both, name, who):
    stager, finaliser = who

    def steps(stager: str, finaliser: str) -> list[str]:
        result = []
        for number, verb in enumerate(SEQUENCES[name]):
            program = {"status": THEIRS, "finalize-staged": finaliser}.get(verb, stager)
            result.append(f"{program}: {verb}")
            if "--stage" in verb:
                result.append(KEEP.format(number))
        return result

    theirs = run_booted(both, THEIRS, *steps(THEIRS, THEIRS), index=1)
    ours = run_booted(both, OURS, *steps(stager, finaliser), index=1)
    assert ours.output == theirs.output, ours.errors
    assert any(line.startswith("Copying /etc changes: 1 mod") for line in ours.output)
    assert ours.run == theirs.run
    for number, verb in enumerate(SEQUENCES[name]):
        if "--stage" in verb:
            variants = [run_file(both, who, f"variant-{number}") for who in (THEIRS, OURS)]
            assert variants[1].read_bytes() == variants[0].read_bytes(), verb
    both.compare()


def test_every_staging_makes_sure_of_the_service(both):
    steps = ("deploy --stage kernel", "upgrade --stage", "deploy --stage --lock-finalization one")
    assert run_booted(both, OURS, *steps, index=1).output == ["status 0"] * 3
    start = "start --quiet ostree-finalize-staged.service"
    active = "is-active --quiet ostree-finalize-staged.service"
    assert run_file(both, OURS, "systemctl").read_text().splitlines() == [start, active] * 3


def test_what_can_not_be_finalised_is_not_staged(both):
    before = facts(both.view(OURS))
    steps = ("deploy --stage kernel", "deploy --stage --not-as-default one")
    ours = run_booted(both, OURS, *steps, index=1, files={"broken": b""})
    assert ours.output == ["status 1", "status 1"]
    assert "stage: ostree-finalize-staged.service: systemctl failed (1)" in ours.errors
    assert "hint: bootentries install-units installs it" in ours.errors
    assert "--stage excludes --retain-pending, --retain-rollback and --not-as" in ours.errors
    assert ours.run == []
    assert ours.sysroot == before


def test_a_dry_run_only_says_so(both):
    before = facts(both.view(OURS))
    steps = ("deploy --stage --lock-finalization kernel --dry-run", "finalize-staged --dry-run")
    ours = run_booted(both, OURS, *steps, index=1)
    assert ours.output[0] == "start ostree-finalize-staged.service", ours.errors
    assert "stage the new deployment, locked" in ours.output
    assert any(line.startswith("at shutdown: merge local changes") for line in ours.output)
    assert ours.output[-2:] == ["nothing to do", "status 0"]
    assert ours.run == []
    assert ours.sysroot == before
