"""Convenience links in a booted guest, when nothing but prepare-root makes their targets."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bootvm.agent import with_agent
from bootvm.spec import Disk, VmSpec
from bootvm.vm import Vm
from guest import system
from guest.shape import KEPT_FILE, LinkState, Variant
from guest.tree import Tree
from prepare_root.image.initramfs import command

pytestmark = pytest.mark.vm

Starter = Callable[..., Vm]
CHECKOUT = Path(__file__).resolve().parents[2]
LINKS = (
    ("home", LinkState.EMPTY),
    ("srv", LinkState.FULL),
    ("mnt", LinkState.MISSING),
    ("opt", LinkState.LINK),
)


@pytest.fixture(scope="module")
def image(guest_tree: Tree, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("links") / "image"
    words = [str(out), "--kver", guest_tree.kernel, "--modules-dir", str(guest_tree.path)]
    command.main(words, standalone_mode=False)
    return out


@pytest.mark.parametrize("separate_var", [False, True], ids=["own-var", "separate-var"])
def test_files_end_in_var(
    guest_tree: Tree, image: Path, machine: Starter, *, separate_var: bool
) -> None:
    variant = Variant(links=LINKS, link_targets=False, checkout=CHECKOUT)
    made = system.build(guest_tree, image, variant, versions=["3.0"], separate_var=separate_var)
    vm = machine(with_agent(VmSpec(disks=(Disk(made.path),))))
    vm.agent.wait_ready(240)
    vm.check("systemctl is-system-running --wait", 120)
    for name in ("home", "mnt", "opt"):
        vm.check(f"echo {name} > /{name}/written; sync")
        assert vm.check(f"cat /var/{name}/written") == f"{name}\n"
        inside = vm.run(f"cat /sysroot/ostree/deploy/debian/var/{name}/written")
        # On the separate partition nothing may go to the stateroot's own directory.
        assert (inside.status == 0) is not separate_var, name
    kinds = vm.check("stat -c %F /home /srv /mnt /opt; readlink /mnt /opt").splitlines()
    link = "symbolic link"
    assert kinds == ["directory", "directory", link, link, "var/mnt", "var/opt"]
    assert vm.check("findmnt -n -o FSROOT --mountpoint /home").strip().endswith("/home")
    assert vm.check("ls /srv") == f"{KEPT_FILE}\n"
    assert vm.run("mountpoint -q /srv").status != 0
    assert "link: /srv: left alone, not made to lead to /var/srv: " in vm.check("dmesg")
    assert vm.run("test -e /var/srv/kept-by-the-tree").status == 1
    assert vm.check("systemctl --failed --no-legend") == ""
