"""Removing deployments that are in no list."""

import pytest

from bootentries.errors import BootentriesError
from bootentries.txn import remove
from bootentries.txn.context import Context
from bootentries.txn.remove import RemoveDeployment, list_deployments

GONE = f"{'c' * 64}.0"


@pytest.fixture
def gone(fake):
    base = fake.path / "ostree/deploy/testos"
    (base / "deploy" / GONE / "usr/bin").mkdir(parents=True)
    (base / "deploy" / f"{GONE}.origin").write_text("[origin]\n")
    (base / "deploy" / f".{GONE}.origin.tmp").write_text("[ori")
    (base / "backing" / GONE / "root-transient").mkdir(parents=True)
    return base


def test_all_of_it_goes(gone, root):
    assert ("testos", GONE) in list_deployments(root)
    RemoveDeployment("testos", GONE).apply(Context(root, print))
    assert not list(gone.glob(f"*/{GONE}*"))
    assert not list(gone.glob(f"*/.{GONE}*"))
    assert len(list_deployments(root)) == 2


def test_what_is_no_deployment_is_not_listed(fake, root):
    base = fake.path / "ostree/deploy"
    (base / "testos/deploy/mine").mkdir()
    (base / f"testos/deploy/{'d' * 64}.1").write_text("a file")
    (base / "empty").mkdir()
    (base / "file").write_text("")
    assert [name for _, name in list_deployments(root)] == [f"{'a' * 64}.0", f"{'b' * 64}.0"]


def test_one_that_is_mounted_into_stays(gone, root, monkeypatch):
    inside = gone.resolve() / "deploy" / GONE / "usr"
    table = gone / "mountinfo"
    table.write_text(f"36 35 98:0 / {inside} rw - ext4 /dev/x rw\n")
    monkeypatch.setattr(remove, "MOUNTS", table)
    with pytest.raises(BootentriesError, match=r"something is mounted on .*/usr$"):
        RemoveDeployment("testos", GONE).apply(Context(root, print))
    assert (gone / "deploy" / f"{GONE}.origin").exists()


def test_escaped_mount_points(tmp_path, monkeypatch):
    table = tmp_path / "mountinfo"
    table.write_text("1 0 8:1 / /a\\040b\\134c rw - ext4 /dev/x rw\n")
    monkeypatch.setattr(remove, "MOUNTS", table)
    assert remove._mount_points() == ["/a b\\c"]
