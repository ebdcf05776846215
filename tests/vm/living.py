"""A living guest: our programs and units in its tree, versions to update to, real reboots.

Every version has an initramfs of its own, so each is another boot directory, and a file of
the tree's /etc that changes with it.
"""

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from bootvm import image
from bootvm.agent import with_agent
from bootvm.menu import Menu
from bootvm.spec import Disk as VmDisk
from bootvm.spec import VmSpec
from bootvm.vm import Vm
from guest import commit, disk, firmware, updates
from guest.chroot import WORK, Bind, run_in
from guest.shape import File, Variant
from guest.tree import Tree
from prepare_root.image.cpio import Member
from prepare_root.image.initramfs import command as initramfs

CHECKOUT = Path(__file__).resolve().parents[2]
CONFIG = "[sysroot]\nreadonly = true\n[var]\nmount = yes\n"
READY = 300  # seconds until a boot is over; about 20 when the machine is idle
MENU = 240  # seconds until a boot menu is there, the shutdown before it included
FIRST = "1.0"
VERSION = "cat /usr/share/guest/version"
FINALISE = "ostree-finalize-staged.service"
HOLD = "ostree-finalize-staged-hold.service"
COMPLETE = "ostree-boot-complete.service"
# The program that runs for each, as the journal names it.
FINALISERS = {"bootentries": "python3", "ostree": "ostree"}
STAMP = "/boot/ostree/finalize-failure.stamp"
STAGED = "/run/ostree/staged-deployment"
# Not looked at by any test, and a second of every boot each.  An empty unit file masks.
QUIET = tuple(
    File(f"usr/etc/systemd/system/{name}", b"")
    for name in (
        *("ldconfig.service", "systemd-hwdb-update.service", "systemd-binfmt.service"),
        *("systemd-journal-catalog-update.service", "dracut-shutdown.service"),
        *("sys-kernel-debug.mount", "sys-kernel-tracing.mount", "sys-kernel-config.mount"),
        *("sys-fs-fuse-connections.mount", "dev-hugepages.mount", "dev-mqueue.mount"),
        *("proc-sys-fs-binfmt_misc.automount", "modprobe@.service", "getty@.service"),
        *("systemd-hostnamed.socket", "systemd-pstore.service", "kmod-static-nodes.service"),
        *("systemd-ask-password-console.path", "systemd-ask-password-wall.path"),
    )
)
# What the boot chain leaves behind, counted: kernels, entries, deployments, refs, objects.
COUNTS = r"""
cd /sysroot/ostree
echo kernels $(ls -d /boot/ostree/*/ | wc -l)
echo entries $(ls /boot/loader/entries | wc -l)
echo deployments $(ls -d deploy/debian/deploy/*.? | wc -l)
echo origins $(ls deploy/debian/deploy/*.origin | wc -l)
echo refs $(find repo/refs -type f | wc -l)
echo objects $(find repo/objects -type f | wc -l)
echo temporary $(find repo/tmp -mindepth 1 -not -name 'cache*' -not -name '*.lock' | wc -l)
echo loaders $(ls -d /boot/loader.? | wc -l)
echo bootlinks $(ls -d boot.? boot.?.? | wc -l)
echo boot-files $(find /boot -xdev | wc -l)
echo others $(find . -xdev \( -path ./repo -o -path ./deploy/debian \) -prune -o -print | wc -l)
"""


def base_image(tree: Tree) -> bytes:
    """Our initramfs for `tree`."""
    with tempfile.TemporaryDirectory(prefix="living-") as scratch:
        config, out = Path(scratch) / "prepare-root.conf", Path(scratch) / "initramfs.img"
        config.write_text(CONFIG)
        words = [out, "--kver", tree.kernel, "--modules-dir", tree.path, "--compress", "gzip"]
        initramfs.main([str(w) for w in (*words, "--config", config)], standalone_mode=False)
        return out.read_bytes()


def image_of(base: bytes, version: str) -> bytes:
    """The same initramfs after a small archive, so that each version has its own bytes."""
    early = Member("version", 0o100644, data=f"{version}\n".encode()).encode()
    early += Member("TRAILER!!!", 0).encode()
    return early.ljust(-(-len(early) // 512) * 512, b"\0") + base


def unit_files(tree: Tree, flags: str = "") -> tuple[File, ...]:
    """What `install-units --root` writes into a tree that will be committed."""
    with tempfile.TemporaryDirectory(prefix="units-") as scratch:
        script = (
            f"bootentries install-units --root=/ {flags} | sed -n 's/^write //p' | "
            f"xargs -I FILE cp --parents FILE {WORK}/out"
        )
        run_in(
            tree.path,
            ["sh", "-c", f"set -e; cd /; {script}"],
            layers=[disk.programs(CHECKOUT)],
            mounts=[Bind(Path(scratch), f"{WORK}/out")],
        )
        found = sorted(path for path in Path(scratch).rglob("*") if path.is_file())
        return tuple(File(str(path.relative_to(scratch)), path.read_bytes()) for path in found)


@dataclass(frozen=True, slots=True)
class Content:
    """FIRST as a variant of the tree, and the versions of a remote over it."""

    first: Variant
    later: tuple[updates.Update, ...]


def contents(
    tree: Tree,
    versions: Sequence[str],
    *,
    fstab: str = "",
    units: tuple[File, ...] = (),
    more: tuple[File, ...] = (),
    changed: dict[str, tuple[File, ...]] | None = None,
) -> Content:
    """What the trees of FIRST and of `versions` have of their own.

    `units` and `more` are files of all versions, `changed` those of one more than that.
    """
    base = base_image(tree)
    release = (tree.path / "usr/lib/os-release").read_text()

    def own(version: str) -> tuple[File, ...]:
        return (
            File(f"usr/lib/modules/{tree.kernel}/initramfs.img", image_of(base, version)),
            File("usr/etc/vendor.conf", f"version={version}\n".encode()),
            *(changed or {}).get(version, ()),
        )

    def named(version: str) -> tuple[File, ...]:
        return (
            File("usr/lib/os-release", f"{release}IMAGE_VERSION={version}\n".encode()),
            File("usr/share/guest/version", f"{version}\n".encode()),
        )

    files = (*own(FIRST), *QUIET, *units, *more)
    variant = Variant(version=FIRST, fstab=fstab, files=files, checkout=CHECKOUT)
    later = (updates.Update(one, (*own(one), *named(one))) for one in versions)
    return Content(variant, tuple(later))


def build(
    tree: Tree,
    versions: Sequence[str],
    *,
    boot_mib: int = 0,
    var_mib: int = 0,
    fstab: str = "",
    units: bool = True,
    more: tuple[File, ...] = (),
    changed: dict[str, tuple[File, ...]] | None = None,
) -> disk.Disk:
    """A disk with FIRST deployed, which GRUB boots, and a remote with `versions`.

    With `units` our drop-ins are part of the tree.
    """
    files = unit_files(tree) if units else ()
    content = contents(tree, versions, fstab=fstab, units=files, more=more, changed=changed)
    first = commit.make(tree, content.first, None)
    spec = disk.DiskSpec(
        (disk.Deployment(first),), boot_mib=boot_mib, var_mib=var_mib, readonly=True
    )
    made = disk.make(tree, spec, disk.programs(CHECKOUT))
    return updates.add(tree, made, content.later)


GuestT = TypeVar("GuestT", bound="Living")


@dataclass(slots=True)
class Living:
    """A guest that runs; its disk is a private overlay that keeps what is written to it."""

    vm: Vm

    def up(self) -> None:
        """Wait until the boot that goes on is over."""
        self.vm.agent.wait_ready(READY)

    def sh(self, script: str, timeout: float = 120) -> str:
        """Run a script that must succeed; return what it printed."""
        done = self.vm.run(script, timeout)
        assert done.status == 0, f"{script}: status {done.status}: {done.stderr or done.stdout}"
        return done.stdout

    def version(self) -> str:
        """The version that runs."""
        return self.sh(VERSION).strip()

    def status(self) -> dict[str, Any]:
        """What `bootentries status --json` reports."""
        found: dict[str, Any] = json.loads(self.sh("bootentries status --json"))
        return found

    def offer(self, version: str) -> None:
        """Let the branch that the system follows lead to `version`."""
        refs = f"ostree refs --repo=/sysroot/updates --force --create=stable v{version}"
        self.sh(f"unshare -m sh -c 'mount -o remount,bind,rw /sysroot && {refs}'")

    def upgrade(self, version: str, program: str = "bootentries") -> str:
        """Offer `version` and stage it."""
        self.offer(version)
        verb = "upgrade" if program == "bootentries" else "admin upgrade"
        return self.sh(f"{program} {verb} --stage", 240)

    def reboot(self, how: str = "systemctl reboot") -> None:
        """Shut down and boot anew, in the same machine, what boots by default."""
        self.leave(how)
        self.up()

    def choose(self, title: str) -> None:
        """Shut down, and boot the line of the boot menu that has `title` in it."""
        start = len(self.vm.console.raw)
        self.leave("systemctl reboot")
        Menu(self.vm.console, start).choose(title, MENU)
        self.up()

    def leave(self, how: str) -> None:
        """Let the shutdown begin."""
        self.sh(f"(sleep 0.3; exec {how}) >/dev/null 2>&1 &")

    def failed(self) -> list[str]:
        """The units that failed in this boot."""
        text = self.sh("systemctl --failed --no-legend --plain")
        return [line.split()[0] for line in text.splitlines()]

    def last_shutdown(self, unit: str = FINALISE) -> list[str]:
        """What a unit said in the boot before, message by message; the journal is kept."""
        return self.sh(f"journalctl -b -1 -o cat -u {unit}").splitlines()

    def finalisers(self) -> list[str]:
        """The programs that spoke for the finaliser's unit at the last shutdown, one a process."""
        shown = "-o json --output-fields=_PID,SYSLOG_IDENTIFIER"
        text = self.sh(f"journalctl -b -1 -u {FINALISE} {shown}")
        records = [json.loads(line) for line in text.splitlines()]
        found = {(item["_PID"], item["SYSLOG_IDENTIFIER"]) for item in records}
        return sorted(name for pid, name in found if pid != "1")

    def counts(self) -> dict[str, int]:
        """How many files of each kind the boot chain has."""
        lines = (line.split() for line in self.sh(COUNTS).splitlines())
        return {name: int(number) for name, number in lines}

    def save(self, tag: str) -> None:
        """Keep the whole machine as it runs."""
        self.vm.snapshot(tag)

    def restore(self, tag: str) -> None:
        """Go on from where `save` was."""
        said = self.vm.monitor.human(f"loadvm {tag}")
        assert not said.strip(), said


def start(made: disk.Disk, machine: Callable[..., Vm], top: Path) -> Living:
    """Boot a guest on an overlay of `made` below `top`, and wait until it is up."""
    place = top / "disk.qcow2"
    image.overlay(made.path, place)
    spec = with_agent(VmSpec(disks=(VmDisk(place, "qcow2", overlay=False),), allow_reboot=True))
    return begin(Living(machine(spec)))


def begin(guest: GuestT) -> GuestT:
    """Wait for the first boot, and keep its journal from now on."""
    guest.up()
    guest.sh("mkdir -p /var/log/journal && journalctl --flush")
    return guest


def strace() -> tuple[File, ...]:
    """The program strace and what it needs beside the tree's own libraries."""
    place = firmware.unpacked("strace") / "usr"
    libraries = sorted((place / "lib/x86_64-linux-gnu").glob("libunwind*.so.?"))
    program = File("usr/bin/strace", place / "bin/strace", 0o755)
    return (program, *(File(f"usr/lib/x86_64-linux-gnu/{one.name}", one) for one in libraries))
