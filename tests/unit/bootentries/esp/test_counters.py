"""`status` shows the counters of the partition, not those of the list."""

import json

import pytest

from bootentries.cli import run
from bootentries.esp.counters import counted
from bootentries.esp.names import ENTRIES
from bootentries.esp.sync import sync_all
from bootentries.sysroot import load

TRIES = "[sysroot]\nboot-counting-tries=3\n[bootchain]\nbootloader=sdboot\nesp="


@pytest.fixture
def counting(fake, root, partition):
    """A list that is counted, on the partition as well."""
    fake.config(f"[core]\nrepo_version=1\nmode=bare\n{TRIES}{partition}\n")
    for index in range(2):
        path = fake.entry(index)
        path.rename(path.with_name(f"{path.stem}+3.conf"))
    sync_all(root, load(root), lambda _: None)
    return partition / ENTRIES


def left(sysroot):
    return [(item.entry.counters.left, item.entry.counters.done) for item in sysroot.deployments]


def test_what_the_loader_left_is_shown(root, counting):
    assert left(counted(root, load(root))) == [(3, 0), (3, 0)]
    first, second = (counting / f"bootchain-000001-0{number}+3-0.conf" for number in (2, 1))
    first.rename(first.with_name("bootchain-000001-02+2-1.conf"))
    second.rename(second.with_name("bootchain-000001-01.conf"))
    assert left(load(root)) == [(3, 0), (3, 0)]
    assert left(counted(root, load(root))) == [(2, 1), (0, 0)]


def test_a_partition_that_is_not_there_changes_nothing(fake, root, counting):
    fake.config(f"[core]\n{TRIES}/nowhere\n")
    assert left(counted(root, load(root))) == [(3, 0), (3, 0)]
    fake.config(f"[core]\n{TRIES}relative\n")
    assert left(counted(root, load(root))) == [(3, 0), (3, 0)]


def test_status_shows_them(fake, counting, capsys):
    old = counting / "bootchain-000001-02+3-0.conf"
    old.rename(old.with_name("bootchain-000001-02+0-3.conf"))
    assert run(["--sysroot", str(fake.path), "status", "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)["deployments"]
    assert (first["tries-left"], first["tries-done"]) == (0, 3)
    assert (second["tries-left"], second["tries-done"]) == (3, 0)
