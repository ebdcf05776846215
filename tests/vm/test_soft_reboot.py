"""Soft reboots between deployments with one kernel, under real systemd; forth and back."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bootvm import agent
from bootvm.spec import Disk, VmSpec
from bootvm.vm import Vm
from guest import system
from guest import tree as trees
from guest.shape import File, Variant
from prepare_root.image import binary, bootside
from prepare_root.image.initramfs import command

pytestmark = [pytest.mark.vm, pytest.mark.timeout(1800)]

CHECKOUT = Path(__file__).resolve().parents[2]
READY = 300
# The same in the initramfs and in the tree, where a soft reboot reads it.
CONFIG = b"[sysroot]\nreadonly=true\n[var]\nmount=no\n[boot]\nmount=no\n"
VERSION = "cat /usr/share/guest/version"
# Credentials of the machine, which bring the agent elsewhere, are gone after a soft reboot.
AGENT = """\
[Unit]
ConditionPathExists=!/etc/initrd-release
After=multi-user.target
[Service]
ExecStart=/bin/sh /usr/share/guest/agent.sh
StandardInput=null
"""
WANTS = b"[Unit]\nWants=guest-agent.service\n"
UNITS = "usr/lib/systemd/system"
INDEX = """\
import json, subprocess, sys
found = json.loads(subprocess.check_output(["bootentries", "status", "--json"]))
for item in found["deployments"]:
    if item["version"] == sys.argv[1]:
        print(item["index"])
"""


@pytest.fixture
def up(machine: Callable[..., Vm], tmp_path: Path, suite: str) -> Vm:
    tree = trees.get(suite)
    (tmp_path / "prepare-root.conf").write_bytes(CONFIG)
    image = tmp_path / "image"
    words = [image, "--kver", tree.kernel, "--modules-dir", tree.path]
    words += ["--config", tmp_path / "prepare-root.conf"]
    command.main([str(word) for word in words], standalone_mode=False)
    pieces = bootside.pieces(binary.cached().read_bytes())
    files = [File(piece.path, piece.data, piece.mode) for piece in pieces]
    files.append(File("usr/lib/ostree/prepare-root.conf", CONFIG))
    files.append(File("usr/share/guest/index", INDEX.encode()))
    files.append(File("usr/share/guest/agent.sh", Path(agent.__file__).with_name("agent.sh")))
    files.append(File(f"{UNITS}/guest-agent.service", AGENT.encode()))
    files.append(File(f"{UNITS}/multi-user.target.d/50-agent.conf", WANTS))
    variant = Variant(files=tuple(files), checkout=CHECKOUT)
    disk = system.build(tree, image, variant, readonly=True)
    own = disk.copy(tmp_path / "disk.img")
    vm = machine(VmSpec(disks=(Disk(own.path, overlay=False),)))
    vm.wait_for("login:", READY)
    vm.agent.wait_ready(READY)
    return vm


def go(vm: Vm, version: str, index: str = "") -> None:
    """Soft-reboot into a version, or one place of the list, and look at what is there then."""
    boot_id = vm.agent.boot_id
    index = index or vm.check(f"python3 /usr/share/guest/index {version}").strip()
    vm.check(f"bootentries prepare-soft-reboot {index}", 240)
    assert "(soft-reboot)" in vm.check("ostree admin status; bootentries status")
    vm.check("systemd-run --on-active=1 systemctl soft-reboot")
    vm.agent.wait_ready(READY)
    # The kernel went on.
    assert vm.agent.boot_id == boot_id
    assert vm.check(VERSION) == f"{version}\n"
    here, there = vm.check(
        "stat -c %d:%i /; ostree admin status | sed -n 's/^\\* debian //p' | "
        "while read -r name rest; do stat -c %d:%i /sysroot/ostree/deploy/debian/deploy/$name; done"
    ).split()
    assert here == there
    assert vm.check("systemctl --failed --no-legend") == ""
    modes = {"/sysroot": "ro", "/usr": "ro", "/etc": "rw", "/var": "rw"}
    seen = {at: vm.check(f"findmnt -no OPTIONS {at}").split(",")[0] for at in modes}
    assert seen == modes
    assert vm.run("ls /run/ostree/nextroot-booted /run/nextroot/usr").status != 0


@pytest.mark.parametrize("suite", ["trixie", "sid"])
def test_three_times_forth_and_back(up: Vm) -> None:
    vm = up
    assert vm.check(VERSION) == "2.0\n"
    vm.check("echo kept > /var/kept; echo of-two > /etc/mine")
    before = vm.check("cat /boot/loader/entries/*.conf")
    for _ in range(3):
        go(vm, "1.0")
        assert vm.check("cat /var/kept") == "kept\n"
        assert vm.run("cat /etc/mine").status != 0
        go(vm, "2.0")
        assert vm.check("cat /var/kept /etc/mine") == "kept\nof-two\n"
    assert vm.check("cat /boot/loader/entries/*.conf") == before
    assert vm.run("bootentries verify").status == 0

    # Prepared and taken back: nothing is left, and it can be prepared again.
    index = vm.check("python3 /usr/share/guest/index 1.0").strip()
    for _ in range(2):
        vm.check(f"bootentries prepare-soft-reboot {index}")
        assert vm.check("cat /run/nextroot/usr/share/guest/version") == "1.0\n"
        vm.check("bootentries prepare-soft-reboot --reset")
        assert vm.check("findmnt -n -R /run/nextroot || true") == ""

    # What is staged is finalised first, with /etc as it is by then.
    vm.check("bootentries deploy --stage guest/stable", 240)
    vm.check("echo late > /etc/late")
    go(vm, "2.0", "0")
    assert vm.check("cat /var/kept /etc/mine /etc/late") == "kept\nof-two\nlate\n"
    assert vm.run("ls /run/ostree/staged-deployment").status != 0
    assert vm.run("bootentries verify").status == 0

    # Another kernel state is refused: arguments of its own.
    vm.check("bootentries deploy --karg-append=other=1 guest/stable", 180)
    refused = vm.run("bootentries prepare-soft-reboot 0")
    assert refused.status == 1
    assert "its kernel arguments are not those of the system that runs" in refused.stderr
    assert "hint: reboot into it" in refused.stderr
    assert vm.run("ls /run/ostree/nextroot-booted").status != 0
    vm.power_off(240)
