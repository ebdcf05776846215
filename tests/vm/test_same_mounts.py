"""One disk, three ways to its root: ours as /init, ours in dracut, libostree's C in dracut.

The configuration is the same, with `sysroot.readonly` and without convenience links, which
libostree does not have.  `/boot` is bound by each of the three (libostree does so until
2026.1); `/var` is left to libostree's system generator by each, which is what `[var] mount`
means by default where the tree has that generator.  So the three must end up equal.

Permitted differences, and there are no others:

- numbers that the kernel hands out in the order of events: mount IDs, peer groups, minor
  numbers of filesystems without a device; and the same in autofs's options;
- limits of tmpfs that are a share of the memory, which grows when an initramfs is freed:
  the share is compared;
- credentials of single services (PASSING), which are mounted while a service runs;
- 2025.2 does not write the key `root.transient-ro` into /run/ostree-booted.
"""

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bootvm.agent import with_agent
from bootvm.spec import Disk, Firmware, VmSpec
from bootvm.vm import Vm
from guest import entry, initramfs, mounts, system
from guest.mounts import Mount
from guest.shape import Variant
from guest.tree import Tree
from prepare_root.formats import gvariant
from prepare_root.image import binary
from prepare_root.image.initramfs import command

pytestmark = pytest.mark.vm

Starter = Callable[..., Vm]
CHECKOUT = Path(__file__).resolve().parents[2]
CONFIG = "[sysroot]\nreadonly=true\n[links]\nenabled=false\n"
PASSING = re.compile(r"/run/credentials/[^/]+\.service")
READY = 300
# What the real findmnt says of every mount of the disk, in its own words.
FINDMNT = "findmnt -A -l -n -t ext4 -o TARGET,SOURCE,FSTYPE,FSROOT,OPTIONS,PROPAGATION | sort"
# Also equal: what else a preparation leaves behind, and what systemd makes of it.
REST = {
    "run": "find /run/ostree /run/systemd/volatile-root /run/ostree-booted"
    " -printf '%p %y %m %U:%G %l\\n' 2>/dev/null | sort",
    "generated": "find /run/systemd/generator -printf '%P %y %l\\n' | sort",
    "units": "systemctl list-units --type=mount --plain --no-legend | cut -d. -f1 | sort",
    "status": "ostree admin status",
    "failed": "systemctl --failed --no-legend",
}
# Done in the last guest, each seen by the comparison.  The word is what it must name.
CHANGES = (
    ("mount -o remount,bind,rw /usr", "/usr"),
    ("mount --make-private /boot", "/boot"),
    ("mount -o remount,bind,noatime /etc", "/etc"),
    ("mount -o remount,bind,rw /sysroot", "/sysroot"),
    ("mount --bind /usr /mnt", "/var/mnt"),
    ("umount -l /var", "/var"),
    ("mount -t tmpfs -o size=30% over /run/lock", "/run/lock (over 1)"),
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What one guest looked like from inside, once it was up."""

    mounts: list[Mount]
    findmnt: str
    booted: bytes
    rest: dict[str, str]
    told: str


def layer_with(top: Path, name: str, config: str) -> Path:
    """A directory for dracut to take prepare-root's configuration from."""
    layer = top / name
    (layer / "etc/ostree").mkdir(parents=True)
    (layer / "etc/ostree/prepare-root.conf").write_text(config)
    return layer


def make_images(tree: Tree, top: Path, text: str = CONFIG) -> dict[str, Path]:
    """The three images, with one configuration.

    Each has libostree's or our prepare-root, never both.
    """
    config = layer_with(top, "peer", text)
    init = top / "initramfs.img"
    words = [init, "--kver", tree.kernel, "--modules-dir", tree.path]
    words += ["--config", config / "etc/ostree/prepare-root.conf"]
    command.main([str(word) for word in words], standalone_mode=False)
    ours = layer_with(top, "ours", text)
    subprocess.run([CHECKOUT / "dracut-module/install", binary.cached(), ours], check=True)
    modules = ["bootchain" if name == "ostree" else name for name in initramfs.MODULES]
    return {
        "init": init,
        "service": initramfs.dracut(tree, modules=modules, layers=[ours]),
        "peer": initramfs.dracut(tree, layers=[config]),
    }


def memory_kib(vm: Vm) -> int:
    return int(vm.check("sed -n 's/^MemTotal: *\\([0-9]*\\) kB$/\\1/p' /proc/meminfo"))


def table(vm: Vm) -> list[Mount]:
    return mounts.table(vm.check("cat /proc/self/mountinfo"), memory_kib(vm), PASSING)


def look(vm: Vm) -> Seen:
    vm.agent.wait_ready(READY)
    vm.check("systemctl is-system-running --wait", 120)
    return Seen(
        mounts=table(vm),
        findmnt=vm.check(FINDMNT),
        booted=bytes.fromhex(vm.check("od -An -v -tx1 /run/ostree-booted")),
        rest={name: vm.run(script).stdout for name, script in REST.items()},
        told=vm.check("journalctl -b -o short-monotonic --no-hostname"),
    )


def check_the_premise(seen: dict[str, Seen]) -> None:
    """Each guest was prepared by whom it should be, and has the mounts in question."""
    by = {name: "prepare-root: switching root" in one.told for name, one in seen.items()}
    assert by == {"init": True, "service": False, "peer": False}
    for unit, wanted in (("bootchain-prepare-root", "service"), ("ostree-prepare-root", "peer")):
        ran = {name for name, one in seen.items() if f"Finished {unit}.service" in one.told}
        assert ran == {wanted}
    state = "/ostree/deploy/debian/var"
    modes = {mount.point: mount.options[:2] for mount in seen["peer"].mounts if mount.device}
    assert modes == {
        **{"/": "rw", "/boot": "rw", "/etc": "rw", "/usr": "ro", "/var": "rw"},
        **{"/sysroot": "ro", f"/sysroot{state}": "rw"},
    }
    (var,) = (mount for mount in seen["peer"].mounts if mount.point == "/var")
    assert (var.root, var.propagation) == (state, f"slave of /sysroot{state}, shared")


def without(key: str, data: bytes) -> bytes:
    """The bytes of an `a{sv}` that does not have `key`."""
    entries = gvariant.decode("a{sv}", data)
    assert isinstance(entries, dict)
    del entries[key]
    return gvariant.encode("a{sv}", entries)


def check_that_changes_are_seen(vm: Vm, before: list[Mount]) -> None:
    """The comparison is not blind: real changes in the real guest show up in it."""
    for script, named in CHANGES:
        vm.check(script)
        after = table(vm)
        found = mounts.differences(before, after)
        assert any(line[2:].startswith(f"{named} ") for line in found), (script, found)
        before = after


def test_same_mounts(guest_tree: Tree, machine: Starter, tmp_path: Path) -> None:
    images = make_images(guest_tree, tmp_path)
    variant = Variant(checkout=CHECKOUT)
    disk = system.build(guest_tree, images["peer"], variant, versions=["3.0"])
    spec = VmSpec(
        firmware=Firmware.DIRECT,
        kernel=guest_tree.vmlinuz,
        cmdline=entry.options(disk),
        disks=(Disk(disk.path),),
    )
    seen = {}
    for name, image in images.items():
        vm = machine(with_agent(replace(spec, initrd=image)))
        seen[name] = look(vm)
        if name == "peer":
            check_that_changes_are_seen(vm, seen[name].mounts)
        vm.kill()
    check_the_premise(seen)
    peer = seen["peer"]
    for name in ("init", "service"):
        ours = seen[name]
        assert mounts.differences(peer.mounts, ours.mounts) == [], name
        assert ours.findmnt == peer.findmnt, name
        assert ours.rest == peer.rest, name
        # The same inode of the same disk, so to the byte.
        assert without("root.transient-ro", ours.booted) == peer.booted, name
    assert seen["init"].booted == seen["service"].booted
    assert peer.rest["failed"] == ""
