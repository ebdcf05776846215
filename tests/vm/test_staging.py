"""Staged on a running system, finalised by systemd at shutdown, seen after the next boot."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bootvm.agent import with_agent
from bootvm.spec import Disk, VmSpec
from bootvm.vm import Vm
from guest import system
from guest.shape import Variant
from guest.tree import Tree
from prepare_root.image.initramfs import command as initramfs

pytestmark = pytest.mark.vm

CHECKOUT = Path(__file__).resolve().parents[2]
CONFIG = "[sysroot]\nreadonly = true\n[var]\nmount = yes\n"
READY, DOWN = 300, 240
VERSION = "cat /usr/share/guest/version"
COMMAND = "systemctl show -p ExecStop --value ostree-finalize-staged"
HELD = (
    "cd /proc/$(systemctl show -p MainPID --value ostree-finalize-staged-hold); "
    "readlink fd/* | grep -m1 '^/boot$'; readlink ns/mnt"
)
LEFT = "ls -d /boot/ostree/*.stamp /run/ostree/staged-deployment 2>/dev/null || :"
OLDER = "ostree admin status | grep -oE '[0-9a-f]{64}' | tail -1"


@pytest.fixture
def spec(guest_tree: Tree, tmp_path: Path) -> VmSpec:
    config, image = tmp_path / "prepare-root.conf", tmp_path / "initramfs.img"
    config.write_text(CONFIG)
    words = [image, "--kver", guest_tree.kernel, "--modules-dir", guest_tree.path]
    initramfs.main([str(w) for w in (*words, "--config", config)], standalone_mode=False)
    disk = system.build(guest_tree, image, Variant(checkout=CHECKOUT), readonly=True)
    own = disk.copy(tmp_path / "disk.img")  # two boots of one disk: what the first wrote stays
    return with_agent(VmSpec(disks=(Disk(own.path, overlay=False),)))


def up(spec: VmSpec, machine: Callable[..., Vm]) -> Vm:
    vm = machine(spec)
    vm.wait_for("login:", READY)
    vm.agent.wait_ready(READY)
    return vm


def test_ours_finalises_at_shutdown_or_tells_why_not(
    spec: VmSpec, machine: Callable[..., Vm]
) -> None:
    vm = up(spec, machine)
    assert vm.check(VERSION) == "2.0\n"
    written = vm.check("bootentries install-units").splitlines()
    assert len(written) == 5
    assert sum("/ostree-" in line for line in written) == 3
    vm.check(f"bootentries deploy --stage --karg-append=staged=ours $({OLDER})", 120)
    assert "(staged)" in vm.check("ostree admin status")
    # Ours instead of libostree's, and /boot is held by a process outside of the units' mounts.
    assert "finalize-staged" in vm.check(COMMAND)
    assert "/usr/bin/ostree" not in vm.check(COMMAND)
    assert vm.check("systemctl is-active ostree-finalize-staged-hold") == "active\n"
    assert vm.check(HELD).split() == ["/boot", *vm.check("readlink /proc/1/ns/mnt").split()]
    assert vm.check("systemctl is-active ostree-finalize-staged") == "active\n"
    # What changes after staging is carried over, too.
    vm.check("echo mine > /etc/mine; echo kept > /var/kept")
    before = vm.check("cat /boot/loader/entries/*.conf")
    assert "staged=ours" not in before
    vm.power_off(DOWN)

    vm = up(spec, machine)
    assert vm.check(VERSION) == "1.0\n"
    assert "staged=ours" in vm.check("cat /proc/cmdline").split()
    assert vm.check("cat /etc/mine /var/kept") == "mine\nkept\n"
    assert vm.check("ostree admin status").startswith("* ")
    assert vm.check("systemctl --failed --no-legend") == ""
    assert vm.check(LEFT) == ""

    # The drop-ins came along, so ours finalises what libostree stages as well.
    vm.check(f"ostree admin deploy --stage --karg-append=staged=theirs $({OLDER})", 120)
    assert "staged" in vm.check("bootentries status")
    vm.power_off(DOWN)

    vm = up(spec, machine)
    assert vm.check(VERSION) == "2.0\n"
    assert "staged=theirs" in vm.check("cat /proc/cmdline").split()
    assert vm.check("cat /etc/mine /var/kept") == "mine\nkept\n"
    assert vm.check("systemctl --failed --no-legend") == ""
    assert vm.run("bootentries verify").status == 0

    # A change that comes too late to be refused, and that cannot be merged.
    vm.check(f"bootentries deploy --stage $({OLDER})", 120)
    vm.check("mv /etc/skel /etc/skel.old && echo a file > /etc/skel")
    before = vm.check("cat /boot/loader/entries/*.conf")
    vm.power_off(DOWN)

    vm = up(spec, machine)
    assert vm.check(VERSION) == "2.0\n"
    assert vm.check("cat /boot/loader/entries/*.conf") == before
    assert vm.check("systemctl --failed --no-legend --plain").split()[0] == (
        "ostree-boot-complete.service"
    )
    told = vm.check("journalctl -b -o cat -u ostree-boot-complete")
    assert "failed on previous boot: merge /etc: etc/skel: Modified config file newly" in told
    assert "save what is there elsewhere" in told
    # The reason was told; how often it failed is kept until it succeeds.
    assert vm.check(LEFT) == "/boot/ostree/finalize-attempts.stamp\n"
    said = vm.run("bootentries status").stderr
    assert "did not become active: merge /etc: etc/skel: Modified config file newly" in said
    vm.power_off(DOWN)
