"""Deploying in a running system: what is booted stays, and decides who is dropped."""

import os
from dataclasses import replace

import pytest
from bootedchroot import deployment, run_booted
from richtrees import rich
from sidebyside import OURS, THEIRS, pair
from trees import PLAIN

pytestmark = pytest.mark.ns

SUITES = os.environ.get("BOOTCHAIN_SUITES", "trixie").split(",")
OTHER = replace(PLAIN, name="other", modules={"vmlinuz": "kernel 2", "initramfs.img": "i 2"})
EDIT = "echo edited >> etc/secret; rm etc/empty; echo new > etc/new"


@pytest.fixture(params=SUITES)
def both(request, tmp_path):
    """Three deployments of two commits in one stateroot; the middle one will be booted."""
    with pair(request.param, tmp_path, "testos", "other") as found:
        found.commit(rich(tmp_path / "trees"), "one", "1.0")
        found.commit(rich(tmp_path / "trees", OTHER), "kernel", "2.0")
        for args in (("--karg=root=UUID=abc", "one"), ("kernel",), ("one",)):
            found.by_theirs("deploy", "--os=testos", "--retain", *args)
        found.edit(EDIT)
        for who in (THEIRS, OURS):
            (found.view(who) / "ostree/deploy/testos/var/.updated").touch()
        yield found


SEQUENCES = (
    ("deploy one",),
    ("deploy --retain-pending kernel", "deploy kernel"),
    ("deploy --retain-rollback --karg=a one", "deploy --not-as-default --karg=b one"),
    ("deploy --os=other --karg=root=x one", "deploy --os=other kernel", "deploy one"),
    ("deploy --retain --karg-proc-cmdline one", "undeploy 0", "deploy --no-merge kernel"),
    ("set-default 2", "deploy --retain --not-as-default one", "deploy --retain-pending one"),
    ("upgrade", "switch one", "switch nosuch"),
)


@pytest.mark.parametrize("verbs", SEQUENCES, ids=", ".join)
def test_what_becomes_of_the_list(both, verbs):
    theirs, ours = (run_booted(both, who, *verbs, index=1) for who in (THEIRS, OURS))
    assert ours.output == theirs.output, ours.errors
    assert ours.output[0].startswith(("Copying", "Bootloader", "Relabeling", "No update"))
    assert ours.run == theirs.run
    both.compare()
    if any(verb.startswith("deploy") and "--os" not in verb for verb in verbs):
        # systemd is to see that this is the first boot of a new tree.
        assert not (both.view(OURS) / "ostree/deploy/testos/var/.updated").exists()


def test_the_booted_deployment_is_never_dropped(both):
    booted = deployment(both.view(OURS), 1).stat()
    run_booted(both, OURS, "deploy one", "deploy kernel", "deploy --no-merge one", index=1)
    assert deployment(both.view(OURS), 1).stat().st_ino == booted.st_ino
