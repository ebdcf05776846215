"""Finalisation where /boot is a partition: mounted, on an automount, read-only; /var in fstab.

Each way of mounting is set in the deployment before, so that it is the way of a whole boot.
"""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from living import HOLD, STAGED, Living, build, start

from bootvm.vm import Vm
from guest.tree import Tree

pytestmark = [pytest.mark.vm, pytest.mark.timeout(3600)]

BOOT_MIB = 64
VAR = "LABEL=var /var ext4 defaults 0 2\n"
BOOT = "LABEL=boot /boot ext4 {} 0 2\n"
PLAIN, READ_ONLY = "defaults", "ro"
AUTOMOUNT = "noauto,x-systemd.automount,x-systemd.idle-timeout=2"
VERSIONS = ("2.0", "3.0", "4.0")
MOUNTED = 'awk \'$2 == "/boot" && $3 == "ext4"\' /proc/mounts'


def test_an_update_under_each_way_of_mounting(
    guest_tree: Tree, machine: Callable[..., Vm], tmp_path: Path
) -> None:
    fstab = VAR + BOOT.format(PLAIN)
    made = build(guest_tree, VERSIONS, boot_mib=BOOT_MIB, var_mib=512, fstab=fstab)
    guest = start(made, machine, tmp_path)
    assert guest.sh(f"{MOUNTED} | cut -d' ' -f2,3") == "/boot ext4\n"
    expect_refusal_when_full(guest)
    update(guest, "2.0", AUTOMOUNT)

    # Nobody but the service that holds it uses /boot, and it must not be unmounted meanwhile.
    assert "autofs" in guest.sh("awk '$2 == \"/boot\" {print $3}' /proc/mounts")
    stage(guest, "3.0")
    guest.sh("sleep 5")
    assert guest.sh(MOUNTED) != ""
    assert guest.sh(f"systemctl is-active {HOLD}") == "active\n"
    reboot(guest, "3.0", READ_ONLY)

    assert "ro" in guest.sh(f"{MOUNTED} | cut -d' ' -f4").strip().split(",")
    assert guest.vm.run("touch /boot/x").status == 1
    stage(guest, "4.0")
    # Staging wrote to /boot only where nobody else sees it, and left it as it was.
    assert guest.vm.run("touch /boot/x").status == 1
    reboot(guest, "4.0", READ_ONLY)
    assert guest.vm.run("touch /boot/x").status == 1
    assert guest.sh("ls -d /boot/ostree/*/ | wc -l") == "2\n"


def stage(guest: Living, version: str) -> None:
    guest.upgrade(version)
    assert guest.status()["deployments"][0]["staged"]


def reboot(guest: Living, version: str, boot: str) -> None:
    """Boot what is staged, with /boot mounted by these options from then on."""
    guest.sh(f"sed -i 's#^LABEL=boot.*#{BOOT.format(boot).strip()}#' /etc/fstab")
    guest.reboot()
    assert guest.version() == version
    assert guest.failed() == []
    assert guest.sh("findmnt -no LABEL /var") == "var\n"
    assert guest.sh("cat /etc/vendor.conf") == f"version={version}\n"
    assert guest.sh("bootentries verify").startswith("sound: ")


def update(guest: Living, version: str, boot: str) -> None:
    stage(guest, version)
    reboot(guest, version, boot)


def expect_refusal_when_full(guest: Living) -> None:
    """With /boot full, staging refuses and leaves nothing; what it names is what helps."""
    guest.sh("fallocate -l $(($(stat -fc '%a * %S' /boot) - 2097152)) /boot/ballast")
    before = guest.counts()
    guest.offer("2.0")
    done = guest.vm.run("bootentries upgrade --stage", 240)
    assert done.status == 1
    assert re.search(
        r"no room in /boot: kernel and initramfs take 1\d\.\d MiB, and \d\.\d MiB can be had",
        done.stderr,
    ), done.stderr
    assert "hint: remove files that are not needed from /boot, or make it larger" in done.stderr
    assert guest.vm.run(f"ls {STAGED}").status == 2
    after = guest.counts()
    changed = {name for name in before if before[name] != after[name]}
    # The commit stays pulled.
    assert changed <= {"objects", "refs"}, (before, after)
    guest.sh("rm /boot/ballast")
