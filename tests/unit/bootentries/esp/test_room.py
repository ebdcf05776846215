"""What is refused before a list is written, and what is left for later."""

from dataclasses import replace

import pytest

from bootentries.errors import BootentriesError
from bootentries.esp import room
from bootentries.esp.present import read_present
from bootentries.esp.room import check_room
from bootentries.esp.sync import sync_all
from bootentries.sysroot import load
from bootentries.txn.write import plan_write, read_target

NONE = frozenset()


@pytest.fixture
def enabled(fake, partition):
    def configure(places=partition):
        fake.config(f"[core]\nrepo_version=1\n[bootchain]\nbootloader=sdboot\nesp={places}\n")

    configure()
    return configure


@pytest.fixture
def small(monkeypatch):
    """A partition without room, but for what lies there already."""
    monkeypatch.setattr(room, "read_present", lambda fd: replace(read_present(fd), free=4096))


def targets(root):
    return tuple(read_target(root, item, NONE) for item in load(root).on_disk)


def test_no_room_is_an_error_before_the_list_is_written(root, enabled, small, partition):
    present = load(root)
    with pytest.raises(BootentriesError) as caught:
        check_room(root, present, targets(root))
    assert str(caught.value).startswith(f"write deployments: {partition}: 0.")
    assert "undeploy what is not needed" in caught.value.hint
    changed = (present.on_disk[1], present.on_disk[0])
    with pytest.raises(BootentriesError, match=r"write deployments: .* are needed"):
        plan_write(root, present, changed, NONE)


def test_what_is_there_needs_no_room(root, enabled, monkeypatch):
    sync_all(root, load(root), lambda _: None)
    monkeypatch.setattr(room, "read_present", lambda fd: replace(read_present(fd), free=4096 * 4))
    check_room(root, load(root), targets(root))
    changed = tuple(reversed(load(root).on_disk))
    assert plan_write(root, load(root), changed, NONE).swap


@pytest.mark.parametrize("places", ["/nowhere", "relative"])
def test_another_fault_does_not_keep_it_from_being_written(root, enabled, small, places):
    enabled(places)
    check_room(root, load(root), targets(root))


def test_one_that_has_room_is_enough(root, enabled, monkeypatch, partition):
    free = iter([0, 1 << 30])
    monkeypatch.setattr(room, "read_present", lambda fd: replace(read_present(fd), free=next(free)))
    enabled(f"{partition};{partition}")
    check_room(root, load(root), targets(root))


def test_where_nothing_follows_nothing_is_looked_at(fake, root, small):
    present = load(root)
    assert plan_write(root, present, tuple(reversed(present.on_disk)), NONE).swap
