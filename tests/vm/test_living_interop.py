"""A living system whose deployments libostree stages and we finalise, and the other way round.

Each way is a real shutdown; the program that finalised is read from the journal.
"""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from living import FINALISE, FINALISERS, Living, build, start

from bootvm.vm import Vm
from guest import tree

pytestmark = [pytest.mark.vm, pytest.mark.timeout(3600)]

OURS, THEIRS = "bootentries", "ostree"
RELEASES = {"trixie": "2025.2", "sid": "2026.4"}


@pytest.mark.parametrize("suite", RELEASES)
def test_each_finalises_what_the_other_staged(
    suite: str, machine: Callable[..., Vm], tmp_path: Path
) -> None:
    made = build(tree.get(suite), ["2.0", "3.0"], units=False)
    guest = start(made, machine, tmp_path)
    assert f"Version: '{RELEASES[suite]}'" in guest.sh("ostree --version")
    guest.sh("bootentries install-units; echo one > /etc/one")
    update(guest, stager=THEIRS, finaliser=OURS, version="2.0")
    # The drop-ins came along in /etc; without them the units are libostree's again.
    removed = guest.sh("bootentries install-units --uninstall").splitlines()
    assert f"remove etc/systemd/system/{FINALISE}.d/50-bootentries.conf" in removed
    assert all(line.startswith("remove etc/") for line in removed)
    guest.sh("echo two > /etc/two")
    update(guest, stager=OURS, finaliser=THEIRS, version="3.0")
    assert guest.sh("cat /etc/one /etc/two /etc/vendor.conf") == "one\ntwo\nversion=3.0\n"
    assert guest.failed() == []


def update(guest: Living, *, stager: str, finaliser: str, version: str) -> None:
    """Stage `version` by one program, shut down, and expect the other one to have finalised."""
    before = [item["version"] for item in guest.status()["deployments"]]
    guest.upgrade(version, stager)
    expect_status(guest, [version, *before], staged=True, booted=1)
    assert only_command(guest).startswith(
        "/usr/bin/ostree admin" if finaliser == THEIRS else "/usr/bin/python3 -I -S"
    )
    guest.reboot()
    assert guest.version() == version
    expect_status(guest, [version, before[0]], staged=False, booted=0)
    assert guest.finalisers() == [FINALISERS[finaliser]]
    assert "sound: 2 deployments" in guest.sh("bootentries verify")


def only_command(guest: Living) -> str:
    """What the unit runs when it stops; there is no second command, and no second unit."""
    show = "systemctl show -p ExecStop --value"
    (line,) = guest.sh(f"{show} {FINALISE}").splitlines()
    (command,) = re.findall(r"argv\[\]=(.*?) ; ignore_errors", line)
    others = guest.sh(f"{show} '*.service' | grep -c 'finalize-staged'; true")
    assert others == "1\n"
    return command


def expect_status(guest: Living, versions: list[str], *, staged: bool, booted: int) -> None:
    """What both programs say of the deployments is this."""
    ours = guest.status()["deployments"]
    assert [item["version"] for item in ours] == versions
    flags = [staged, *(False for _ in versions[1:])]
    assert [item["staged"] for item in ours] == flags
    theirs = guest.sh("ostree admin status")
    lines = re.findall(r"^([ *]) debian (\w+)\.\d(.*)\n +Version: (.*)$", theirs, re.M)
    assert [line[3] for line in lines] == versions, theirs
    assert [line[1] for line in lines] == [item["checksum"] for item in ours]
    assert [line[0] == "*" for line in lines].index(True) == booted
    assert [item["booted"] for item in ours].index(True) == booted
    assert ["(staged)" in line[2] for line in lines] == flags
