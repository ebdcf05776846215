"""Boots that are counted: systemd-boot counts on the partition, systemd-bless-boot judges there.

Here the partition is mounted all the time, since systemd's own program looks for it so.
"""

import json
from collections.abc import Callable
from pathlib import Path

import espguest
import pytest
from espguest import ENTRIES, IN_STEP, Guest
from esplook import DOWN, codes, configure, variable
from living import READY, Living

from bootvm.vm import Vm
from guest import firmware
from guest.shape import File
from guest.tree import Tree

pytestmark = pytest.mark.vm

FSTAB = "PARTLABEL=esp1 /efi vfat umask=0077 0 2\n"
BLESS = "systemd-bless-boot.service"
# What says whether a boot is good: here the test does, when it has looked.
JUDGE = (
    "[Service]\nType=oneshot\nTimeoutStartSec=infinity\n"
    "ExecStart=sh -c 'until test -e /run/good; do sleep 0.2; done'\n"
)
JUDGED = "[Unit]\nRequires=judge.service\nAfter=judge.service\n"
GOOD = f"touch /run/good; until systemctl is-active -q {BLESS}; do sleep 0.2; done"
Tries = tuple[int | None, int | None]


def blessing() -> tuple[File, ...]:
    """systemd's program that judges, its unit, and what starts that when a boot is counted."""
    place = firmware.unpacked("systemd-boot") / "usr/lib/systemd"
    return (
        File("efi/.mount-point", b""),
        File("usr/lib/systemd/systemd-bless-boot", place / "systemd-bless-boot", 0o755),
        File(f"usr/lib/systemd/system/{BLESS}", place / "system" / BLESS),
        File(
            "usr/lib/systemd/system-generators/systemd-bless-boot-generator",
            place / "system-generators/systemd-bless-boot-generator",
            0o755,
        ),
        File("usr/lib/systemd/system/judge.service", JUDGE.encode()),
        File("usr/lib/systemd/system/boot-complete.target.d/judge.conf", JUDGED.encode()),
    )


def names(running: Living) -> list[str]:
    """The files of the entries, those in force and others."""
    return sorted(running.sh(f"ls /efi/{ENTRIES}").split())


def tries(running: Living) -> list[Tries]:
    """Tries left and done of each deployment of the list, as `esp status` has them."""
    (report,) = json.loads(running.sh("bootentries esp status --json"))
    by_deployment = {
        item["deployment"]: (item["tries-left"], item["tries-done"]) for item in report["entries"]
    }
    listed = running.status()["deployments"]
    return [
        by_deployment[f"{one['stateroot']}/{one['checksum']}.{one['serial']}"] for one in listed
    ]


def fail(guest: Guest) -> None:
    """Begin to boot the default, and switch the machine off before it can be judged."""
    vm = guest.start()
    vm.wait_for("Linux version", READY)
    vm.monitor.execute("quit")
    vm.wait_end(60)


def test_what_is_counted_flows_back(
    guest_tree: Tree, machine: Callable[..., Vm], tmp_path: Path
) -> None:
    guest = espguest.build(
        guest_tree, ("2.0", "3.0"), tmp_path, machine, fstab=FSTAB, more=blessing()
    )
    one = guest.boot()
    assert names(one) == ["bootchain-000001-01.conf"]
    configure(one, "s/^readonly=true/&\\nboot-counting-tries=2/")
    one.offer("2.0")
    one.sh("bootentries upgrade", 300)
    assert names(one) == ["bootchain-000002-01.conf", "bootchain-000002-02+2-0.conf"]
    assert tries(one) == [(2, 0), (None, None)]
    one.vm.power_off(DOWN)

    # Counted down by the loader.  A new list before the verdict keeps the file that it is about.
    two = guest.boot()
    assert two.version() == "2.0"
    assert names(two) == ["bootchain-000002-01.conf", "bootchain-000002-02+1-1.conf"]
    assert variable(two, "LoaderBootCountPath").rstrip("\0").endswith("000002-02+1-1.conf")
    assert tries(two) == [(1, 1), (None, None)]
    two.sh("bootentries instutil set-kargs --merge --append=early=1", 240)
    assert names(two) == [
        "bootchain-000002-02+1-1.conf", "bootchain-000003-01.conf", "bootchain-000003-02+1-1.conf",
    ]  # fmt: skip
    assert codes(two) == set()
    # The verdict is about that file, and is in force with the next list.
    two.sh(GOOD)
    assert "bootchain-000002-02.conf" in names(two)
    two.sh("bootentries esp sync")
    assert names(two) == ["bootchain-000004-01.conf", "bootchain-000004-02.conf"]
    assert (codes(two), two.failed()) == (set(), [])
    two.vm.power_off(DOWN)

    # Later boots are not counted, and later lists leave it as it is.
    three = guest.boot()
    assert "early=1" in three.sh("cat /proc/cmdline").split()
    assert names(three) == ["bootchain-000004-01.conf", "bootchain-000004-02.conf"]
    three.offer("3.0")
    three.sh("bootentries upgrade", 300)
    assert tries(three) == [(2, 0), (None, None)]
    three.vm.power_off(DOWN)

    # Two boots that nobody calls good: the deployment before boots by itself.
    fail(guest)
    fail(guest)
    four = guest.boot()
    assert (four.version(), "early=1" in four.sh("cat /proc/cmdline").split()) == ("2.0", True)
    assert tries(four)[0] == (0, 2)
    assert codes(four) == {"esp-counters", "esp-default"}
    four.sh("bootentries kargs edit-in-place --append-if-missing=late=1", 240)
    assert tries(four) == [(0, 2), (None, None)]
    assert {"esp-counters", "esp-default"} == codes(four)
    four.vm.power_off(DOWN)

    # Booted by hand and called good it is the default again; nothing is to be done then.
    five = guest.boot("(ostree:0)")
    assert (five.version(), "late=1" in five.sh("cat /proc/cmdline").split()) == ("3.0", True)
    five.sh(GOOD)
    assert tries(five) == [(None, None)] * 2
    assert five.sh(IN_STEP).endswith(": in step\n")
    assert (codes(five), five.failed()) == (set(), [])
