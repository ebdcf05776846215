"""A guest whose boot side is ours alone: initramfs, generator, remount.

prepare-root leaves /var and /boot to the generator here, as libostree's does.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from bootvm.agent import with_agent
from bootvm.spec import Disk, VmSpec
from bootvm.vm import Vm
from guest import commit, disk
from guest.shape import File, Variant
from guest.system import VAR_FSTAB, VAR_MIB
from guest.tree import Tree
from prepare_root.image import binary, bootside
from prepare_root.image.initramfs import command

pytestmark = pytest.mark.vm

Starter = Callable[..., Vm]
CHECKOUT = Path(__file__).resolve().parents[2]
READY, DOWN = 300, 180
CONFIG = "[sysroot]\nreadonly=true\n[var]\nmount=no\n[boot]\nmount=no\n"
BOOT_FSTAB = "LABEL=boot /boot ext4 defaults 0 2\n"
# (fstab, partitions, where /boot and /var come from)
LAYOUTS = {
    "all-on-root": ("", {}, "LABEL=root", "LABEL=root"),
    "boot-partition": (BOOT_FSTAB, {"boot_mib": 256}, "LABEL=boot", "LABEL=root"),
    "var-in-fstab": (VAR_FSTAB, {"var_mib": VAR_MIB}, "LABEL=root", "LABEL=var"),
}


def image(tree: Tree, top: Path) -> Path:
    config = top / "prepare-root.conf"
    config.write_text(CONFIG)
    words = [top / "image", "--kver", tree.kernel, "--modules-dir", tree.path, "--config", config]
    command.main([str(word) for word in words], standalone_mode=False)
    return top / "image"


@pytest.mark.parametrize("name", LAYOUTS)
def test_boots_without_a_program_of_libostrees(
    guest_tree: Tree, machine: Starter, tmp_path: Path, name: str
) -> None:
    fstab, partitions, boot, var = LAYOUTS[name]
    executable = binary.cached()
    ours = tuple(
        File(piece.path, piece.data, piece.mode)
        for piece in bootside.pieces(executable.read_bytes())
    )
    variant = Variant(fstab=fstab, files=ours, checkout=CHECKOUT)
    made = commit.make(guest_tree, variant, image(guest_tree, tmp_path))
    spec = disk.DiskSpec((disk.Deployment(made),), readonly=True, **partitions)
    path = disk.make(guest_tree, spec, disk.programs(CHECKOUT)).path
    vm = machine(with_agent(VmSpec(disks=(Disk(path),))))
    vm.wait_for("login:", READY)
    vm.agent.wait_ready(READY)
    assert vm.check("systemctl --failed --no-legend") == ""
    assert vm.check("systemctl is-system-running --wait") == "running\n"
    # The programs that ran are the executable that is also /init.
    sums = vm.check(f"sha256sum < /{bootside.REMOUNT}; sha256sum < /{bootside.GENERATOR}")
    assert len(set(sums.split("\n")[:2])) == 1
    assert vm.check("systemctl is-active ostree-remount.service") == "active\n"
    sources = vm.check("for at in /boot /var; do findmnt -no SOURCE --nofsroot $at; done").split()
    devices = vm.check(f"findfs {boot}; findfs {var}").split()
    assert sources == devices
    assert vm.check("test -L /boot/loader && ls /boot/ostree | wc -l") == "1\n"
    # A /boot of the sysroot is as read-only as that, also with libostree's generator.
    modes = {"/sysroot": "ro", "/usr": "ro", "/etc": "rw", "/var": "rw"}
    modes["/boot"] = "rw" if "boot_mib" in partitions else "ro"
    seen = {at: vm.check(f"findmnt -no OPTIONS {at}").split(",")[0] for at in modes}
    assert seen == modes
    status = vm.check("ostree admin status")
    assert status.startswith("* debian ")
    assert vm.check("bootentries verify && echo sound").endswith("sound\n")
    vm.check("echo kept > /etc/kept && echo kept > /var/kept")
    mark = len(vm.console.text)
    vm.power_off(DOWN)
    assert "Failed" not in vm.console.text[mark:]
