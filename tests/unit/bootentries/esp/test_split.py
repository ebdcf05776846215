"""A disk that gets an XBOOTLDR partition after entries were on its EFI partition."""

import os
from itertools import groupby

import pytest

from bootentries.esp.names import ENTRIES, PAYLOAD
from bootentries.esp.ops import Place
from bootentries.esp.plan import Wanted
from bootentries.esp.present import read_present
from bootentries.esp.split import plan_split
from bootentries.order import sdboot


@pytest.fixture
def new(esp, tmp_path):
    """The partition that comes later; `esp` is the one with the loader."""
    (tmp_path / "xbootldr").mkdir()
    fd = os.open(tmp_path / "xbootldr", os.O_RDONLY | os.O_DIRECTORY)
    yield Place(fd, esp.place.boot_fd, esp.place.note)
    os.close(fd)


def planned(new, esp, *entries):
    own, others = plan_split(read_present(new.fd), esp.present(), Wanted(entries))
    return [(op, new) for op in own.ops] + [(op, esp.place) for op in others], own.then(others)


def default(*fds):
    """The deployment that systemd-boot boots, which shows what is on both."""
    shown = [entry for fd in fds for entry in read_present(fd).shown()]
    found = sdboot.default(shown, None)
    return None if found is None else found.bls.get("x-bootchain-deployment")


def test_every_step_leaves_a_default(new, esp, entries):
    esp.sync(entries("a"))
    esp.sync(entries("b"), entries("a"))
    esp.sync(entries("c"), entries("b"))
    steps, whole = planned(new, esp, entries("d", 2), entries("c"))
    assert not whole.in_step
    seen = []
    for op, place in steps:
        op.apply(place)
        seen.append(default(new.fd, esp.place.fd))
    assert [name for name, _ in groupby(seen)] == ["os/c.0", "os/d.0"]
    left = esp.present()
    assert (left.entries, left.payload) == ((), {})
    # Once they have gone, nothing is done.
    steps, whole = planned(new, esp, entries("d", 2), entries("c"))
    assert (steps, whole.in_step) == ([], True)


def test_what_an_interrupted_run_left_goes(new, esp, entries):
    esp.sync(entries("a"))
    steps, _ = planned(new, esp, entries("b"), entries("a"))
    for op, place in steps[:-2]:
        op.apply(place)
    steps, whole = planned(new, esp, entries("b"), entries("a"))
    assert not whole.in_step
    assert {place.fd for _, place in steps} == {esp.place.fd}
    assert whole.describe() == [op.describe() for op, _ in steps]
    for op, place in steps:
        op.apply(place)
    assert (esp.present().entries, esp.present().payload) == ((), {})


def test_counters_go_on(new, esp, entries):
    esp.sync(entries("a", tries=(3, 0)))
    esp.count("bootchain-000001-01+3-0.conf", "bootchain-000001-01+1-2.conf")
    steps, _ = planned(new, esp, entries("a", tries=(3, 0)))
    for op, place in steps:
        op.apply(place)
    assert [item.file for item in read_present(new.fd).entries] == ["bootchain-000002-01+1-2.conf"]


def test_what_is_not_ours_stays(new, esp, entries):
    esp.sync(entries("a"))
    for name in (f"{ENTRIES}/other.conf", f"{PAYLOAD}/owned-{'0' * 64}", "loader/loader.conf"):
        (esp.path / name).write_text("title Other\n")
    for op, place in planned(new, esp, entries("a"))[0]:
        op.apply(place)
    left = [name for name in esp.files() if name != "loader/entries.srel"]
    assert left == [f"{PAYLOAD}/owned-{'0' * 64}", f"{ENTRIES}/other.conf", "loader/loader.conf"]


def test_an_empty_list_takes_nothing_away(new, esp, entries):
    esp.sync(entries("a"))
    assert planned(new, esp)[0] == []


def test_one_partition_is_planned_as_ever(esp, entries):
    own, others = plan_split(esp.present(), None, Wanted((entries("a"),)))
    assert (own.describe(), others) == (esp.plan(entries("a")).describe(), ())
