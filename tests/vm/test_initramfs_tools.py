"""A deployment booted by an image of Debian's initramfs-tools with our hooks."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bootvm.agent import with_agent
from bootvm.spec import Disk, Firmware, VmSpec
from bootvm.vm import Vm
from guest import system
from guest.chroot import WORK, Bind, run_in
from guest.shape import Variant
from guest.tree import Tree
from prepare_root.image import binary

pytestmark = pytest.mark.vm

Starter = Callable[..., Vm]
CHECKOUT = Path(__file__).resolve().parents[2]
READY = 300


@pytest.fixture(scope="module")
def image(guest_tree: Tree, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What mkinitramfs makes in the tree, with its own configuration, once our hooks are in."""
    top = tmp_path_factory.mktemp("initramfs-tools")
    layer, out = top / "layer", top / "out"
    out.mkdir()
    install = CHECKOUT / "initramfs-tools/install"
    subprocess.run([install, binary.cached(), layer], check=True)
    run_in(
        guest_tree.path,
        ["mkinitramfs", "-o", f"{WORK}/out/initramfs.img", guest_tree.kernel],
        layers=[layer],
        mounts=[Bind(out, f"{WORK}/out")],
        env={"SOURCE_DATE_EPOCH": "0"},
    )
    return out / "initramfs.img"


def test_boots(guest_tree: Tree, image: Path, machine: Starter) -> None:
    variant = Variant(checkout=CHECKOUT)
    disk = system.build(guest_tree, image, variant, versions=["3.0"], readonly=True)
    vm = machine(with_agent(VmSpec(disks=(Disk(disk.path),))))
    vm.wait_for("login:", READY)
    vm.agent.wait_ready(READY)
    assert vm.check("cat /usr/share/guest/version") == "3.0\n"
    assert vm.check("ostree admin status").startswith("* ")
    assert vm.check("systemctl --failed --no-legend") == ""
    assert vm.check("systemctl is-system-running --wait") == "running\n"
    modes = {"/sysroot": "ro", "/usr": "ro", "/etc": "rw", "/var": "rw"}
    seen = {at: vm.check(f"findmnt -no OPTIONS {at}").split(",")[0] for at in modes}
    assert seen == modes
    assert vm.check("bootentries verify && echo sound").endswith("sound\n")
    # No systemd was there before the root.
    assert "initrd" not in vm.check("systemd-analyze time")
    mark = len(vm.console.text)
    vm.power_off(180)
    assert "Failed" not in vm.console.text[mark:]


def test_failure_is_told_and_panics(guest_tree: Tree, image: Path, machine: Starter) -> None:
    """Without a deployment to be found, `panic=` of the command line decides."""
    variant = Variant(checkout=CHECKOUT)
    disk = system.build(guest_tree, image, variant, versions=["3.0"], readonly=True)
    words = f"root=UUID={disk.root_uuid} rw console=ttyS0 panic=2"
    vm = machine(
        VmSpec(
            Firmware.DIRECT,
            disks=(Disk(disk.path),),
            kernel=guest_tree.vmlinuz,
            initrd=image,
            cmdline=f"{words} ostree=/ostree/boot.1/none/{'0' * 64}/0",
        )
    )
    vm.wait_for("bootchain: prepare-root failed; the reason is in the lines above", READY)
    vm.wait_for("Rebooting automatically due to panic= boot argument", 60)
    vm.wait_end(60)
    told = f"prepare-root: find deployment: /ostree/boot.1/none/{'0' * 64}/0: no such link"
    assert told in vm.console.text
