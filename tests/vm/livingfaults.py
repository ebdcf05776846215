"""Finalisations that are disturbed at a chosen system call, in a living guest.

A run under strace without a fault, on the same saved state, tells where each call is.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from living import COMPLETE, FINALISE, STAGED, STAMP, Living, build, start, strace

from bootvm.vm import Vm
from guest.tree import Tree

SAVED = "staged"
TRACE = "/run/strace.log"  # not on a disk, where a frozen filesystem would stop strace
# A drop-in that lasts for this boot: what our own drop-in runs, under strace.
DISTURB = f"""
set -e
dir=/run/systemd/system/{FINALISE}.d
mkdir -p $dir
sed 's#^ExecStop=/usr#ExecStop=/usr/bin/strace -f -y -o {TRACE} {{}} /usr#' \
    /usr/lib/systemd/system/{FINALISE}.d/50-bootentries.conf >$dir/60-fault.conf
systemctl daemon-reload
"""
CHANGES = "echo mine >> /etc/hosts; echo own > /etc/own; echo kept > /var/kept"
WAITING = "the machine stopped before its shutdown came to it"
BEGUN = "finalisation began, and did not end"


@dataclass(frozen=True, slots=True)
class Point:
    """A call of the finaliser, what boots when it never returns, and what is told then."""

    name: str
    call: str
    boots: str = "1.0"
    told: str = BEGUN


POINTS = (
    Point("nothing is done", r'renameat\(.*"finalize-failure\.stamp"', told=WAITING),
    Point("the description is there", r'unlinkat\(.*"staged-deployment", 0'),
    Point("/etc is half merged", r'unlinkat\(.*/etc>, "machine-id"'),
    Point("all is ready for the swap", r'renameat\(.*"loader\.tmp".*"loader"\)'),
    Point("/boot is frozen", r"ioctl\(.*FITHAW"),
    Point("the swap is done", r'unlinkat\(.*"finalize-failure\.stamp"', boots="2.0", told=""),
)


def staged(tree: Tree, machine: Callable[..., Vm], top: Path) -> Living:
    """A guest with 2.0 staged over 1.0 and changes to carry over, saved as SAVED."""
    guest = start(build(tree, ["2.0", "3.0"], more=strace()), machine, top)
    guest.upgrade("2.0")
    guest.sh(CHANGES)
    guest.save(SAVED)
    return guest


def traced(guest: Living) -> str:
    """What the finaliser calls, as strace tells; the state is the saved one again after it."""
    guest.sh(DISTURB.format(""))
    guest.sh(f"systemctl stop {FINALISE}", 240)
    text = guest.sh(f"cat {TRACE}")
    guest.restore(SAVED)
    return text


def place(trace: str, point: Point) -> tuple[str, int]:
    """The system call of a point, and how often its process makes it until then.

    strace counts for each process on its own.
    """
    lines = trace.splitlines()
    found = [number for number, line in enumerate(lines) if re.search(point.call, line)]
    assert found, f"{point.name}: no call matches {point.call}"
    wanted = re.match(r"(\d+) +(\w+)\(", lines[found[0]])
    assert wanted, lines[found[0]]
    pid, call = wanted.groups()
    same = re.compile(rf"{pid} +{call}\(")
    return call, sum(1 for line in lines[: found[0] + 1] if same.match(line))


def inject(guest: Living, trace: str, point: Point, what: str) -> None:
    """Let the finaliser of this boot be disturbed at the point, when it runs."""
    call, count = place(trace, point)
    guest.sh(DISTURB.format(f"-e trace={call} -e inject={call}:{what}:when={count}"))


def expect_told(guest: Living, point: Point) -> None:
    """The boot after tells by a failed unit, once; the list is whole, whichever it is."""
    assert guest.version() == point.boots, point.name
    assert guest.sh("cat /var/kept") == "kept\n"
    assert guest.vm.run(f"ls {STAGED}").status == 2
    assert guest.vm.run(f"ls {STAMP}").status == 2, point.name
    if not point.told:
        assert guest.failed() == [], point.name
        assert guest.status()["failure"] is None
    else:
        assert guest.failed() == [COMPLETE], point.name
        said = guest.sh(f"journalctl -b -o cat -u {COMPLETE}")
        assert "ostree-finalize-staged.service failed on previous boot: " in said
        assert f"interrupted: {point.told}; stage it again" in said, point.name
        failure = guest.status()["failure"]
        assert (point.told in failure["reason"], failure["count"]) == (True, 1), failure
        assert failure["remedy"]
    # A deployment that was not finished may be left over; that is no fault.
    assert "sound: " in guest.sh("bootentries verify"), point.name
    assert guest.sh("ostree admin status").startswith("* ")
