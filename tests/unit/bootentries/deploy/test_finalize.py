"""What is done around a finalisation; the whole of it is in tests/ns/test_staging.py."""

from dataclasses import replace
from pathlib import Path

import pytest

from bootentries.booted import STAGED, Named, Staged
from bootentries.deploy.finalize import complete_soft_reboot, describe, finalize_staged
from bootentries.errors import BootentriesError
from bootentries.staged import write_staged
from bootentries.sysroot import load
from bootentries.txn.context import Context

NAME, OTHER = (f"{letter * 64}.0" for letter in "ab")
STAGED_ONE = Staged("testos", NAME, "c" * 64)


@pytest.fixture
def present(root, run):
    """A list that begins with a staged deployment."""
    found = load(root, run)
    first = replace(found.deployments[0], staged=True, entry=None)
    return replace(found, deployments=(first, *found.deployments[1:]))


def notes_of(root, run, present):
    notes: list[str] = []
    assert (
        finalize_staged(Context(root, notes.append, run=run), present, print, frozenset()) is None
    )
    return notes


def test_nothing_is_staged(root, run, present):
    assert notes_of(root, run, load(root, run)) == []
    assert notes_of(root, run, present) == []
    assert describe(load(root, run)) == ["nothing to do"]


def test_a_locked_one_stays(root, run, present):
    write_staged(replace(STAGED_ONE, locked=True), run)
    text = "Not finalizing; deployment is locked for finalization"
    assert notes_of(root, run, present) == [text]
    assert Path(run, STAGED).exists()
    locked = replace(present.deployments[0], finalization_locked=True)
    assert describe(replace(present, deployments=(locked,))) == [
        f"leave testos/{NAME}: it is locked"
    ]
    assert describe(present) == [
        f"merge local changes of /etc into testos/{NAME}",
        f"make testos/{NAME} the default",
    ]


BAD = {
    "a merge deployment that is gone": (
        {"merge": Named("testos", "d" * 64 + ".0", "c" * 64)},
        f"finalize staged deployment: {NAME}: the deployment whose /etc it continues, "
        f"{'d' * 64}.0, is not in the list",
    ),
    "one of another stateroot": (
        {"merge": Named("other", OTHER, "c" * 64)},
        f"{OTHER}, is not in the list",
    ),
    "a key with a blank": ({"extras": (("x y", "1"),)}, "no key of an entry: 'x y'"),
    "a value with a line feed": ({"extras": (("x", "1\noptions x"),)}, "no key of an entry: 'x'"),
    "a key that the tree decides": ({"extras": (("linux", "/x"),)}, "no key of an entry: 'linux'"),
    "an overlay outside": (
        {"overlays": ("../../etc/shadow",)},
        "add overlay initrd: '../../etc/shadow': not a checksum",
    ),
    "an overlay that is gone": ({"overlays": ("e" * 64,)}, "No such file or directory"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_finalised_stays_staged(root, run, present, case):
    changes, text = BAD[case]
    write_staged(replace(STAGED_ONE, **changes), run)
    with pytest.raises(BootentriesError) as found:
        notes_of(root, run, present)
    assert text in str(found.value)
    assert Path(run, STAGED).exists()


def test_an_overlay_of_other_content(root, run, present):
    write_staged(replace(STAGED_ONE, overlays=("e" * 64,)), run)
    place = Path(run, "ostree/staged-initrds")
    place.mkdir()
    (place / ("e" * 64)).write_bytes(b"spoilt")
    with pytest.raises(BootentriesError, match="its content is not what was staged"):
        notes_of(root, run, present)


def test_a_soft_reboot_is_completed_once(tmp_path):
    (tmp_path / "ostree").mkdir()
    (tmp_path / "ostree-booted").write_bytes(b"old")
    (tmp_path / "ostree/nextroot-booted").write_bytes(b"new")
    for _ in range(2):
        complete_soft_reboot(str(tmp_path))
        assert (tmp_path / "ostree-booted").read_bytes() == b"new"
        assert not list((tmp_path / "ostree").iterdir())
