"""What is done about entries whose deployment is gone."""

from dataclasses import replace

import pytest

from bootentries.esp.lost import present_deployments, without_lost
from bootentries.esp.names import ENTRIES
from bootentries.esp.plan import NoRoom, Wanted, plan
from bootentries.root import open_root

from .conftest import entry, payload

A, B, C = entry("a", 1), entry("b", 2), entry("c", 3)
FIRST, SECOND = f"{ENTRIES}/bootchain-000001-02.conf", f"{ENTRIES}/bootchain-000001-01.conf"
# `a`, the default, is gone; `b` runs, and `c` is new.
NEW = Wanted((C, B), keep="os/b.0", there=frozenset({"os/b.0", "os/c.0"}))


def test_what_is_there(tmp_path):
    for name in ("os/deploy/1.0", "os/deploy/2.1", "other/deploy/3.0", "os/backing/4.0"):
        (tmp_path / "ostree/deploy" / name).mkdir(parents=True)
    (tmp_path / "ostree/deploy/os/deploy/1.0.origin").touch()
    with open_root(str(tmp_path)) as root:
        assert present_deployments(root) == {"os/1.0", "os/2.1", "other/3.0"}


@pytest.fixture
def present(esp):
    """The list `a`, `b` on a partition."""
    esp.sync(A, B)
    return esp.present()


UNCHANGED = {
    "nobody looked": None,
    "all are there": frozenset({"os/a.0", "os/b.0", "os/d.0"}),
    "all are lost": frozenset({"os/c.0"}),
}


@pytest.mark.parametrize("case", UNCHANGED)
def test_what_stays_as_it_is(present, case):
    assert without_lost(present, UNCHANGED[case]) == (present, ())


@pytest.mark.parametrize(("gone", "file"), [("os/a.0", FIRST), ("os/b.0", SECOND)])
def test_one_that_is_lost_is_removed(present, gone, file):
    rest, todo = without_lost(present, frozenset({"os/a.0", "os/b.0"}) - {gone})
    assert [op.describe() for op in todo] == [f"remove {file}"]
    assert gone not in [item.deployment for item in rest.entries]
    assert rest.generation == present.generation


def test_a_lost_default_is_removed_before_anything_is_written(esp, present):
    todo = plan(present, NEW)
    booted = []
    for op in todo.ops:
        op.apply(esp.place)
        booted.append(esp.boots())
    assert booted[0] == "os/b.0"
    assert booted == sorted(booted)
    assert booted[-1] == "os/c.0"
    assert [item.deployment for item in esp.present().live] == ["os/c.0", "os/b.0"]
    assert plan(esp.present(), NEW).in_step


def test_its_kernel_makes_room(esp):
    big, small = entry("a", 2), entry("b", 1)
    esp.sync(big, small)
    present = replace(esp.present(), free=0, cluster=1024)
    wanted = replace(NEW, entries=(C, small))
    with pytest.raises(NoRoom) as found:
        # As long as it boots, it is not taken away.
        plan(present, replace(wanted, there=frozenset({"os/a.0", "os/b.0", "os/c.0"})))
    assert found.value.first == ()
    todo = plan(present, wanted)
    assert not todo.two_steps
    removed = [f"remove {FIRST}", f"remove {payload('vmlinuz-2').path}"]
    assert todo.describe()[:2] == removed


def test_without_room_it_is_removed_all_the_same(esp, present):
    with pytest.raises(NoRoom) as found:
        plan(replace(present, free=0, cluster=1024), NEW)
    for op in found.value.first:
        op.apply(esp.place)
    # What was the default would boot nothing.
    assert esp.boots() == "os/b.0"
    assert payload("vmlinuz-1").name not in esp.present().payload
