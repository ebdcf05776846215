"""A deployment that one program stages and the other finalises, and what both say of it."""

import re

from living import FINALISE, FINALISERS, Living

OURS, THEIRS = "bootentries", "ostree"
RELEASES = {"trixie": "2025.2", "sid": "2026.4"}


def update(guest: Living, *, stager: str, finaliser: str, version: str) -> None:
    """Stage `version` by one program, shut down, and expect the other one to have finalised."""
    before = stage(guest, stager=stager, finaliser=finaliser, version=version)
    guest.reboot()
    assert guest.version() == version
    expect_finalised(guest, finaliser, [version, before], booted=0)
    assert "sound: 2 deployments" in guest.sh("bootentries verify")


def stage(guest: Living, *, stager: str, finaliser: str, version: str) -> str:
    """Stage `version`; returns the version that was the default before it."""
    before = [item["version"] for item in guest.status()["deployments"]]
    guest.upgrade(version, stager)
    expect_status(guest, [version, *before], staged=True, booted=1)
    assert only_command(guest).startswith(
        "/usr/bin/ostree admin" if finaliser == THEIRS else "/usr/bin/python3 -I -S"
    )
    return str(before[0])


def expect_finalised(guest: Living, finaliser: str, versions: list[str], *, booted: int) -> None:
    """The last shutdown had one finaliser, and this list is what it left."""
    expect_status(guest, versions, staged=False, booted=booted)
    assert guest.finalisers() == [FINALISERS[finaliser]]


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
