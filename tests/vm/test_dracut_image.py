"""A deployment booted by dracut with our module, with and without systemd in the image."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bootvm.agent import with_agent
from bootvm.spec import Disk, VmSpec
from bootvm.vm import Vm
from guest import initramfs, system
from guest.shape import Variant
from guest.tree import Tree
from prepare_root.image import binary

pytestmark = pytest.mark.vm

Starter = Callable[..., Vm]
CHECKOUT = Path(__file__).resolve().parents[2]
MODULES = ["bootchain" if name == "ostree" else name for name in initramfs.MODULES]
# Without systemd: udev and a shell find the root, and the hook prepares it.
PLAIN = ["base", "bash", "fs-lib", "udev-rules", "rootfs-block", "bootchain"]


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What dracut-module/install installs."""
    top = tmp_path_factory.mktemp("dracut") / "layer"
    subprocess.run([CHECKOUT / "dracut-module/install", binary.cached(), top], check=True)
    return top


def boot(tree: Tree, image: Path, machine: Starter) -> Vm:
    disk = system.build(tree, image, Variant(checkout=CHECKOUT), versions=["3.0"], readonly=True)
    vm = machine(with_agent(VmSpec(disks=(Disk(disk.path),))))
    vm.agent.wait_ready(300)
    vm.wait_for("login:", 240)
    assert "ostree=/ostree/boot." in vm.check("cat /proc/cmdline")
    assert vm.check("cat /usr/share/guest/version") == "3.0\n"
    assert vm.check("ostree admin status").startswith("* ")
    assert vm.check("findmnt -n -o OPTIONS --mountpoint /sysroot").startswith("ro")
    assert vm.check("findmnt -n -o OPTIONS --mountpoint /etc").startswith("rw")
    assert vm.check("systemctl --failed --no-legend") == ""
    return vm


def test_with_systemd(guest_tree: Tree, layer: Path, machine: Starter) -> None:
    image = initramfs.dracut(guest_tree, modules=MODULES, layers=[layer])
    vm = boot(guest_tree, image, machine)
    order = vm.check(
        "journalctl -b -o cat _PID=1 | grep -nE"
        " -e '(Mounted|Finished|Reached target) (sysroot.mount|bootchain-prepare-root"
        "|initrd-root-fs)' -e 'initrd-parse-etc'"
    )
    places = [order.find(name) for name in ("sysroot.mount", "bootchain-", "initrd-root-fs.target")]
    assert -1 not in places, order
    assert places == sorted(places), order
    # Nothing of libostree's was there to do the same.
    assert "ostree-prepare-root" not in vm.check("journalctl -b -o cat")
    vm.power_off()


def test_without_systemd(guest_tree: Tree, layer: Path, machine: Starter, tmp_path: Path) -> None:
    etc = tmp_path / "plain/etc/dracut.conf.d"
    etc.mkdir(parents=True)
    # Over that of ostree-boot, which adds systemd.
    (etc / "ostree.conf").write_text("reproducible=yes\n")
    image = initramfs.dracut(guest_tree, modules=PLAIN, layers=[layer, tmp_path / "plain"])
    vm = boot(guest_tree, image, machine)
    vm.power_off()
