"""Convenience links in every kind of boot: whoever mounts /var, and whatever is in the way.

`test_links.py` boots each state of /home with a separate /var, by our initramfs.
"""

import subprocess
from collections.abc import Callable
from pathlib import Path

import homes
import pytest

from bootvm.agent import with_agent
from bootvm.spec import Disk, VmSpec
from bootvm.vm import Vm
from guest import commit, disk, initramfs
from guest.shape import File, LinkState, Variant
from guest.tree import Tree
from prepare_root.image import binary

# A walk is four boots in one test.
pytestmark = [pytest.mark.vm, pytest.mark.timeout(1800)]

Starter = Callable[..., Vm]
MODULES = ["bootchain" if name == "ostree" else name for name in initramfs.MODULES]


@pytest.mark.parametrize("mount", ["yes", "auto"], ids=["by-prepare-root", "by-generator"])
def test_users_files_are_in_the_stateroot(
    guest_tree: Tree, machine: Starter, tmp_path: Path, mount: str
) -> None:
    image = homes.initramfs(guest_tree, tmp_path, mount)
    made = homes.build(guest_tree, image, separate_var=False)
    path = made.copy(tmp_path / "disk.img").path
    homes.walk(machine, path, separate_var=False, by_unit=mount == "auto")


def test_dracut_with_a_separate_var(guest_tree: Tree, machine: Starter, tmp_path: Path) -> None:
    """As a service of systemd, whose own generators write mount units, too."""
    layer = tmp_path / "layer"
    install = homes.CHECKOUT / "dracut-module/install"
    subprocess.run([install, binary.cached(), layer], check=True)
    image = initramfs.dracut(guest_tree, modules=MODULES, layers=[layer])
    made = homes.build(guest_tree, image, separate_var=True)
    homes.walk(machine, made.copy(tmp_path / "disk.img").path, separate_var=True)


LINKS = (("home", LinkState.EMPTY), ("opt", LinkState.MISSING))
NOT_MADE = "Read-only file system; not fatal"


def boot_one(
    tree: Tree, machine: Starter, tmp_path: Path, variant: Variant, kargs: tuple[str, ...] = ()
) -> Vm:
    """A disk with one deployment, booted; prepare-root mounts /var."""
    image = homes.initramfs(tree, tmp_path, "yes")
    one = disk.Deployment(commit.make(tree, variant, image))
    made = disk.make(tree, disk.DiskSpec((one,), kargs=kargs), disk.programs(homes.CHECKOUT))
    vm = machine(with_agent(VmSpec(disks=(Disk(made.path),))))
    vm.wait_for("login:", homes.READY)
    vm.agent.wait_ready(homes.READY)
    return vm


def test_read_only_until_the_system_remounts_it(
    guest_tree: Tree, machine: Starter, tmp_path: Path
) -> None:
    """With `ro`, as Debian's GRUB says it, nothing can be made by prepare-root."""
    variant = Variant(
        version="read-only",
        links=LINKS,
        link_targets=False,
        fstab="LABEL=root / ext4 defaults 0 1\n",
        checkout=homes.CHECKOUT,
    )
    vm = boot_one(guest_tree, machine, tmp_path, variant, kargs=("ro",))
    homes.check_sound(vm)
    notes = [line for line in homes.said(vm).splitlines() if line.endswith(NOT_MADE)]
    assert {line.split("link ")[1].partition(":")[0] for line in notes} >= {"home", "opt", "srv"}
    homes.check_state(vm, "home", LinkState.EMPTY, by_unit=True)
    homes.check_state(vm, "srv", LinkState.LINK, by_unit=True)
    who = homes.user(LinkState.EMPTY)
    homes.write_as(vm, who)
    place = f"/sysroot/ostree/deploy/{disk.STATEROOT}/var/home"
    assert homes.read_in(vm, place, who) == who.text
    # The links' targets are made late, the missing link itself is not.
    assert vm.check("stat -c '%F %a' /srv/.") == "directory 755\n"
    assert vm.run("test -L /opt").status == 1


def test_targets_are_left_to_a_tree_with_a_policy(
    guest_tree: Tree, machine: Starter, tmp_path: Path
) -> None:
    variant = Variant(
        version="labelled",
        links=LINKS,
        files=(File("usr/etc/selinux/config", b"SELINUX=disabled\n"),),
        checkout=homes.CHECKOUT,
    )
    vm = boot_one(guest_tree, machine, tmp_path, variant)
    homes.check_sound(vm)
    assert "not fatal" not in homes.said(vm)
    homes.check_state(vm, "home", LinkState.EMPTY, by_unit=True)
    homes.check_state(vm, "opt", LinkState.MISSING, by_unit=True)
    who = homes.user(LinkState.EMPTY)
    homes.write_as(vm, who)
    assert homes.read_in(vm, "/var/home", who) == who.text
