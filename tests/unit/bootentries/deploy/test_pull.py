"""Which commit is newer, and letting a ref go; pulling itself is in tests/ns/test_upgrade.py."""

import pytest

from bootentries import run as run_module
from bootentries.deploy.pull import check_newer, pull, remove_ref
from bootentries.errors import BootentriesError
from prepare_root.formats.commit import COMMIT_TYPE, swap64
from prepare_root.formats.gvariant import encode


def commit(fake, checksum, timestamp):
    place = fake.path / f"ostree/repo/objects/{checksum[:2]}/{checksum[2:]}.commit"
    place.parent.mkdir(parents=True, exist_ok=True)
    fields = ({}, b"", [], "", "", swap64(timestamp), bytes(32), bytes(32))
    place.write_bytes(encode(COMMIT_TYPE, fields, big=False))
    return checksum


@pytest.mark.parametrize(("old", "new"), [(5, 5), (5, 6), (0, 2**40)])
def test_what_is_not_older_passes(fake, root, old, new):
    check_newer(root, commit(fake, "c" * 64, old), commit(fake, "d" * 64, new))


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (86400, 0, "its time 1970-01-01 00:00:00 UTC is before 1970-01-02 00:00:00 UTC"),
        (2**63, 5, "is before @9223372036854775808"),
    ],
)
def test_what_is_older_is_refused(fake, root, old, new, text):
    with pytest.raises(BootentriesError, match=text) as caught:
        check_newer(root, commit(fake, "c" * 64, old), commit(fake, "d" * 64, new))
    assert caught.value.hint == "--allow-downgrade permits it"


@pytest.mark.parametrize(
    ("remote", "place"), [(None, "heads/os/main"), ("far", "remotes/far/os/main")]
)
def test_a_ref_is_removed_alone(fake, root, remote, place):
    path = fake.path / "ostree/repo/refs" / place
    path.parent.mkdir(parents=True)
    path.write_text("a" * 64)
    (path.parent / "other").write_text("b" * 64)
    remove_ref(root, remote, "os/main")
    remove_ref(root, remote, "os/main")
    assert [found.name for found in path.parent.iterdir()] == ["other"]


def test_a_killed_pull_leaves_no_ref_of_its_own(fake, root, tmp_path, monkeypatch):
    """As `ostree` leaves it between writing and renaming; `make faults` kills the real one."""
    refs = fake.path / "ostree/repo/refs/remotes/far"
    refs.mkdir(parents=True)
    for name in ("main", "tmp.others"):
        (refs / name).write_text("a" * 64)
    program = tmp_path / "bin/ostree"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho {'b' * 64} > {refs}/tmp.aB3dE9; kill -KILL $$\n")
    program.chmod(0o755)
    monkeypatch.setattr(run_module, "SEARCH", (str(program.parent), *run_module.SEARCH))
    with pytest.raises(BootentriesError, match="far:main"):
        pull(root, "far", "main", None, None)
    assert sorted(path.name for path in refs.iterdir()) == ["main", "tmp.others"]
