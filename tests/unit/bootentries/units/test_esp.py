"""The units that follow the list, and how they come and go with the others."""

import pytest

from bootentries import run
from bootentries.errors import BootentriesError
from bootentries.units import install
from bootentries.units.dropins import program
from bootentries.units.esp import PATHS, esp_units

PLACE = "/usr/lib/python3/dist-packages"
DIRECTORY = "usr/lib/systemd/system"


def test_what_they_say():
    files = dict(esp_units((PLACE,)))
    assert tuple(files) == PATHS
    command = f"{program((PLACE,))} esp sync --if-enabled --lock-timeout=120\n"
    boot = files["bootentries-esp.service"]
    assert f"\nExecStart={command}ExecStop={command}" in boot
    # Stopped after it, because it starts before it.
    assert "\nBefore=ostree-finalize-staged.service final.target\n" in boot
    assert "bless" not in boot
    # What it says at shutdown is in the journal after the reboot.
    assert "\nAfter=local-fs.target systemd-journal-flush.service " in boot
    follow = files["bootentries-esp-follow.service"]
    assert f"\nExecStart={command}" in follow
    assert "RemainAfterExit" not in follow
    assert "\nStartLimitIntervalSec=0\n[Service]" in follow
    assert "\nPathChanged=/sysroot/ostree/deploy\n" in files["bootentries-esp-follow.path"]


def test_they_come_only_when_asked_for_and_go_with_the_others(tree):
    def names():
        return sorted(str(path.relative_to(tree)) for path in (tree / DIRECTORY).rglob("*"))

    before = names()
    plain = install.plan(str(tree), DIRECTORY, (PLACE,))
    todo = install.plan(str(tree), DIRECTORY, (PLACE,), with_esp=True)
    assert [path for path, _ in todo[len(plain) :]] == [f"{DIRECTORY}/{name}" for name in PATHS]
    assert todo[: len(plain)] == plain
    install.install(str(tree), todo)
    install.uninstall(str(tree), install.installed(str(tree)))
    assert names() == before


def stand_in(monkeypatch, tmp_path, status):
    """A systemctl that notes its words, and fails or not."""
    program = tmp_path / "systemctl"
    program.write_text(
        f'#!/bin/sh\necho "$*" >> {tmp_path}/log\necho "see the journal" >&2\nexit {status}\n'
    )
    program.chmod(0o755)
    monkeypatch.setattr(run, "SEARCH", (str(tmp_path), *run.SEARCH))
    return tmp_path / "log"


def test_they_are_started_when_they_are_installed(monkeypatch, tmp_path):
    log = stand_in(monkeypatch, tmp_path, 0)
    install.start_following()
    assert log.read_text() == "start bootentries-esp-follow.path bootentries-esp.service\n"


def test_a_partition_that_cannot_follow_now_is_said(monkeypatch, tmp_path):
    stand_in(monkeypatch, tmp_path, 1)
    with pytest.raises(BootentriesError) as found:
        install.start_following()
    assert str(found.value) == (
        "start units: bootentries-esp.service: systemctl failed (1): see the journal"
    )


STOPPED = {
    "all": (PATHS, "stop bootentries-esp-follow.path\nstop bootentries-esp.service\n"),
    "none": (("ostree-boot-complete.service.d/50-bootentries.conf",), ""),
}


@pytest.mark.parametrize("status", [0, 1])
@pytest.mark.parametrize("case", STOPPED)
def test_those_that_were_removed_are_stopped_whatever_comes(monkeypatch, tmp_path, case, status):
    paths, words = STOPPED[case]
    log = stand_in(monkeypatch, tmp_path, status)
    install.stop_following(tuple(f"etc/systemd/system/{path}" for path in paths))
    assert (log.read_text() if log.exists() else "") == words
