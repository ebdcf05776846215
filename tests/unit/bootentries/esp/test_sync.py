"""All partitions at once: each is brought in step, or says why not."""

import shutil
from dataclasses import replace

import pytest

from bootentries.errors import BootentriesError
from bootentries.esp.names import ENTRIES
from bootentries.esp.present import read_present
from bootentries.esp.sync import is_pending, remove_all, sync_all
from bootentries.sysroot import load


@pytest.fixture
def two(partition):
    """Two partitions, as directories of one filesystem."""
    found = [partition / name for name in ("one", "two")]
    for path in found:
        path.mkdir()
    return found


@pytest.fixture
def act(fake, root, said):
    def sync(*told, **more):
        return sync_all(root, load(root), said.append, told=tuple(map(str, told)), **more)

    return sync


@pytest.fixture
def configure(fake):
    def write(*places):
        words = ";".join(map(str, places))
        fake.config(f"[core]\nrepo_version=1\n[bootchain]\nbootloader=sdboot\nesp={words}\n")

    return write


def names(path):
    return sorted(found.name for found in (path / ENTRIES).iterdir())


def test_each_is_brought_in_step(two, act):
    outcomes = act(*two)
    assert [(item.label, item.error) for item in outcomes] == [(str(path), None) for path in two]
    assert names(two[0]) == names(two[1]) == [
        "bootchain-000001-01.conf", "bootchain-000001-02.conf",
    ]  # fmt: skip
    assert [item.plan.in_step for item in act(*two)] == [True, True]


def test_one_that_fails_does_not_stop_the_others(root, two, act, configure):
    (two[0] / "bootchain").touch()
    configure(two[0], "/nowhere", two[1])
    bad, missing, good = act()
    assert str(bad.error) == (f"read ESP: {two[0]}: bootchain: it is in the way: not a directory")
    assert not bad.missing
    assert str(missing.error) == "open ESP: /nowhere: No such file or directory"
    assert missing.missing
    assert good.error is None
    assert len(names(two[1])) == 2
    # It is not done, whatever is told beside the configuration.
    assert is_pending(root)
    (two[0] / "bootchain").unlink()
    act(*two)
    assert is_pending(root)
    configure(*two)
    act()
    assert not is_pending(root)


def test_links_stay_until_all_are_in_step(fake, two, act, configure):
    configure(*two)
    act()
    gone = f"ostree/boot-0/{fake.stateroot}/{'d' * 64}"
    (fake.path / gone).mkdir()
    (fake.path / gone / "0").symlink_to("../../../deploy/x")
    configure(two[0], "/nowhere")
    act()
    configure(*two)
    # Of one that is told nobody knows what the others need.
    act(two[0])
    assert (fake.path / gone / "0").is_symlink()
    act()
    assert not (fake.path / gone).exists()


def test_dry_run_changes_nothing(fake, two, act):
    (outcome,) = act(two[0], dry_run=True)
    assert not outcome.plan.in_step
    assert outcome.plan.describe()[0] == "create directory bootchain"
    assert list(two[0].iterdir()) == []
    assert not (fake.path / "ostree/boot-0").exists()


def test_an_operation_that_fails_is_named(two, act, monkeypatch):
    def full(fd, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bootentries.fs.write_all", full)
    (outcome,) = act(two[0])
    assert str(outcome.error) == (
        f"sync ESP: {two[0]}: write loader/entries.srel: No space left on device"
    )


def test_reread_mends_what_was_damaged(two, act):
    act(two[0])
    (kernel,) = (two[0] / "bootchain").glob("vmlinuz-*")
    kernel.write_bytes(b"lenrek")
    assert act(two[0])[0].plan.in_step
    act(two[0], reread=True)
    assert kernel.read_bytes() == b"kernel"


def test_removing(fake, root, two, act, configure):
    configure(*two)
    act()
    shutil.rmtree(two[1])
    ours, gone = remove_all(root, print, told=(), dry_run=False)
    assert ours.error is None
    assert gone.error is not None
    assert list(two[0].iterdir()) == []
    remove_all(root, print, told=(str(two[0]),), dry_run=False)
    assert (fake.path / "ostree/boot-0").is_dir()
    configure(two[0])
    remove_all(root, print, told=(), dry_run=False)
    assert not (fake.path / "ostree/boot-0").exists()


def test_no_partition_at_all(fake, act):
    fake.config("[bootchain]\nesp=x\n")
    with pytest.raises(BootentriesError, match="find ESP: x: neither an absolute path"):
        act()


def test_without_room_what_boots_nothing_is_removed(fake, two, act, monkeypatch):
    act(two[0])
    assert len(names(two[0])) == 2
    # A list that libostree wrote while the second one ran: the first is gone.
    shutil.rmtree(fake.deployment(0))
    fake.entry(0).unlink()
    text = fake.entry(1).read_text()
    fake.entry(1).write_text(text.replace(" quiet", " loud"))
    full = lambda fd: replace(read_present(fd), free=0)  # noqa: E731
    monkeypatch.setattr("bootentries.esp.sync.read_present", full)
    (planned,) = act(two[0], dry_run=True)
    assert "are needed" in str(planned.error)
    assert len(names(two[0])) == 2
    (outcome,) = act(two[0])
    assert "are needed" in str(outcome.error)
    (left,) = names(two[0])
    assert "b" * 64 in (two[0] / ENTRIES / left).read_text()
