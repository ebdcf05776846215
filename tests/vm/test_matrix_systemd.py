"""The newest libostree's step beside ours in whole systems: Debian sid's dracut and systemd.

As `test_same_mounts.py`, three ways to one root: ours as /init, ours as dracut's service, and
`ostree-prepare-root` 2026.4, for a composefs root as it is and as a transient one.  /boot is
left to libostree's system generator, which mounts it since 2026.1.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import test_same_mounts as same

from bootvm.agent import with_agent
from bootvm.spec import Disk, Firmware, VmSpec
from bootvm.vm import Vm
from guest import disk, entry, mounts, system
from guest import tree as trees
from guest.chroot import run_in
from guest.disk import REF, STATEROOT, TARGET
from guest.shape import Variant
from guest.tree import Tree

pytestmark = [pytest.mark.vm, pytest.mark.timeout(3600)]

Starter = Callable[..., Vm]
CHECKOUT = Path(__file__).resolve().parents[2]
CONFIG = "[composefs]\nenabled=yes\n[links]\nenabled=false\n[boot]\nmount=no\n"
MORE = {
    "read-only": "",
    "transient": "[root]\ntransient=true\n[etc]\ntransient=true\n",
    "transient, read-only": "[root]\ntransient-ro=true\n",
}
# `ostree admin deploy` does this where the repository asks for it.
ADD_IMAGE = f"""
cd {TARGET}/ostree/deploy/{STATEROOT}/deploy/*.0
chattr -i .
ostree --repo={TARGET}/ostree/repo checkout --composefs {REF} .ostree.cfs
chattr +i .
sync -f .
"""
LETTERS = re.compile(r"(transient-etc\.)[A-Za-z0-9]{6}")


def disk_with_image(tree: Tree, initramfs: Path, out: Path) -> disk.Disk:
    """A disk of one deployment, which has an image."""
    variant = Variant(checkout=CHECKOUT)
    made = system.build(tree, initramfs, variant, versions=["3.0"]).copy(out)
    run_in(tree.path, ["sh", "-ec", ADD_IMAGE], mounts=made.sysroot())
    return made


def without_letters(seen: same.Seen) -> same.Seen:
    """Without the random part of a transient /etc's name."""

    def plain(text: str) -> str:
        return LETTERS.sub(r"\1XXXXXX", text)

    fields = ("source", "super_options", "root", "point")
    table = [replace(m, **{f: plain(getattr(m, f)) for f in fields}) for m in seen.mounts]
    booted = plain(seen.booted.decode("latin-1")).encode("latin-1")
    rest = {name: plain(text) for name, text in seen.rest.items()}
    return replace(seen, mounts=table, findmnt=plain(seen.findmnt), booted=booted, rest=rest)


@pytest.mark.parametrize("more", MORE)
def test_same_systems(machine: Starter, tmp_path: Path, more: str) -> None:
    tree = trees.get("sid")
    images = same.make_images(tree, tmp_path, CONFIG + MORE[more])
    made = disk_with_image(tree, images["peer"], tmp_path / "disk.img")
    spec = VmSpec(
        firmware=Firmware.DIRECT,
        kernel=tree.vmlinuz,
        cmdline=entry.options(made),
        disks=(Disk(made.path),),
    )
    seen = {}
    for name, image in images.items():
        vm = machine(with_agent(replace(spec, initrd=image)))
        seen[name] = without_letters(same.look(vm))
        vm.kill()
    peer = seen["peer"]
    (root,) = (mount for mount in peer.mounts if mount.point == "/")
    assert (root.fstype, root.source) == ("overlay", "composefs")
    by = {name: "prepare-root: switching root" in one.told for name, one in seen.items()}
    assert by == {"init": True, "service": False, "peer": False}
    assert "Finished ostree-prepare-root.service" in peer.told
    for name in ("init", "service"):
        ours = seen[name]
        assert mounts.differences(peer.mounts, ours.mounts) == [], name
        assert ours.findmnt == peer.findmnt, name
        assert ours.rest == peer.rest, name
        assert ours.booted == peer.booted, name
    assert peer.rest["failed"] == ""
