"""Kernel arguments on a booted, read-only system: ours, libostree's, and a boot with both."""

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
RESULT = "bootconfig swap: yes; bootversion: boot.{}.1, deployment count change: 0"
# `ostree admin instutil` does not make /sysroot writable for itself, as the other verbs do.
WRITABLE = "unshare -m sh -c 'mount -o remount,bind,rw /sysroot && {}'"


@pytest.fixture
def spec(guest_tree: Tree, tmp_path: Path) -> VmSpec:
    config, image = tmp_path / "prepare-root.conf", tmp_path / "initramfs.img"
    config.write_text(CONFIG)
    words = [image, "--kver", guest_tree.kernel, "--modules-dir", guest_tree.path]
    initramfs.main([str(w) for w in (*words, "--config", config)], standalone_mode=False)
    disk = system.build(guest_tree, image, Variant(checkout=CHECKOUT), readonly=True)
    own = disk.copy(tmp_path / "disk.img")  # two boots of one disk: what the first wrote stays
    return with_agent(VmSpec(disks=(Disk(own.path, overlay=False),)))


def options(vm: Vm) -> str:
    return vm.check("sed -n 's/^options //p' /boot/loader/entries/ostree-2.conf").strip()


def test_both_write_and_the_next_boot_has_it(spec: VmSpec, machine: Callable[..., Vm]) -> None:
    vm = machine(spec)
    vm.wait_for("login:", 300)
    vm.agent.wait_ready(240)
    before = options(vm)
    assert "ro" in vm.check("findmnt -no OPTIONS /sysroot").split(",")

    ours = vm.check("bootentries instutil set-kargs --merge --append=ours=1")
    assert RESULT.format(1) in ours
    assert "ro" in vm.check("findmnt -no OPTIONS /sysroot").split(",")
    assert vm.check("ostree admin status").startswith("* ")
    assert options(vm) == before.replace("/boot.0/", "/boot.1/") + " ours=1"
    assert "'ours=1'" in vm.check("cat /boot/loader/grub.cfg")

    theirs = WRITABLE.format("ostree admin instutil set-kargs --merge --append=theirs=2")
    assert RESULT.format(0) in vm.check(theirs)
    assert options(vm) == before + " ours=1 theirs=2"
    assert "'theirs=2'" in vm.check("cat /boot/loader/grub.cfg")

    again = vm.check("bootentries instutil set-kargs --merge --replace=theirs=3")
    assert RESULT.format(1) in again
    assert vm.check("bootentries status").startswith("* ")
    vm.power_off()

    vm = machine(spec)
    vm.wait_for("login:", 300)
    vm.agent.wait_ready(240)
    words = vm.check("cat /proc/cmdline").split()
    assert words[-2:] == ["ours=1", "theirs=3"]
    assert any(word.startswith("ostree=/ostree/boot.1/") for word in words)
    assert vm.check("ostree admin status").startswith("* ")
    assert vm.check("systemctl --failed --no-legend") == ""
    vm.power_off()
