"""Guest instructions of a finalisation at shutdown: ours as its unit runs it, and libostree's.

One guest is booted and made ready once: a /boot of its own, a commit with the kernel that it
runs, and one with another kernel.  Each measurement goes on from that state on its own copy
of the disks: one program stages, the caches are dropped, and the same program finalises.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import compiled
from bench.errors import BenchError
from bench.instructions import CHECKOUT, Count, parse
from bench.table import Row
from bootvm import image
from bootvm.agent import with_agent
from bootvm.spec import Disk, VmSpec
from bootvm.vm import Vm
from guest import system
from guest.shape import File, Variant
from guest.shell import run
from guest.tree import Tree
from prepare_root.image.initramfs import command as initramfs

SPAN = "usr/lib/bench/span"
EXTENSION = "usr/lib/python3/dist-packages/_bootsys.abi3.so"
CONFIG = "[sysroot]\nreadonly = true\n[var]\nmount = yes\n"
READY_S, STEP_S = 600, 900
BOOT_MIB = 512
KERNEL, INITRAMFS = 10_000_000, 30_000_000
DROP_IN = "/etc/systemd/system/ostree-finalize-staged.service.d/50-bootentries.conf"

# No bootloader's configuration is written: libostree would start ours for it.
PREPARE = f"""set -e
mkdir -p /run/b /run/one/usr/share/guest /run/two/usr/lib/modules/$(uname -r)
mount /dev/vdb /run/b; cp -a /boot/. /run/b; umount /run/b; umount /boot; mount /dev/vdb /boot
mount -o remount,bind,rw /sysroot
ostree config --repo=/ostree/repo set sysroot.bootloader none
ostree config --repo=/ostree/repo set sysroot.bootprefix false
base=$(ostree admin status | grep -m1 -oE '[0-9a-f]{{64}}')
commit() {{
    ostree commit --repo=/ostree/repo -b "$1" --no-xattrs --no-bindings \\
        --add-metadata-string=version="$2" --tree=ref=$base --tree=dir=/run/one $3
}}
echo same > /run/one/usr/share/guest/version
commit same 3.0
cd /run/two/usr/lib/modules/*
head -c {KERNEL} /dev/urandom > vmlinuz; head -c {INITRAMFS} /dev/urandom > initramfs.img
commit new 4.0 --tree=dir=/run/two
cd /; rm -r /run/one /run/two
mount -o remount,bind,ro /sysroot
echo mine > /etc/mine; echo '# mine' >> /etc/fstab; rm -f /etc/motd
bootentries install-units
sync
"""
SETTLE = "sync; sleep 2; sync; echo 3 > /proc/sys/vm/drop_caches"


@dataclass(frozen=True, slots=True)
class Program:
    """How one program stages, and what its unit runs at shutdown (in a shell)."""

    stage: str
    finalise: str


PROGRAMS = {
    "ours": Program(
        "bootentries deploy --stage",
        f"eval \"/{SPAN} $(sed -n 's/^ExecStop=//p' {DROP_IN} | tail -n1)\"",
    ),
    "peer": Program(
        "ostree admin deploy --stage", f"/{SPAN} /usr/bin/ostree admin finalize-staged"
    ),
}
BRANCHES = {
    "same": "finalisation, the kernel that is there",
    "new": "finalisation, a new kernel and initramfs of 40 MB",
}
VERSIONS = {"same": "3.0", "new": "4.0"}


def rows(counts: dict[tuple[str, str], Count]) -> tuple[Row, ...]:
    """The comparison by (branch, program): all instructions, then those in the kernel."""
    found = []
    for branch, what in BRANCHES.items():
        ours, peer = counts[branch, "ours"], counts[branch, "peer"]
        found.append(Row(what, "instructions", ours.total, peer.total))
        found.append(Row("- of them in the kernel", "instructions", ours.kernel, peer.kernel))
    return tuple(found)


def machine(disks: tuple[Path, Path], plugin: Path, out: Path) -> VmSpec:
    """The guest, with the counter in it."""
    marks = ",".join(f"{name}={address:#x}" for name, address in compiled.MARKS.items())
    spec = VmSpec(
        disks=tuple(Disk(path, "qcow2", overlay=False) for path in disks),
        cpus=1,
        extra=("-plugin", f"{plugin},{marks},out={out}"),
    )
    return with_agent(spec)


@contextmanager
def guest(tree: Tree, work: Path) -> Iterator[tuple[Path, Path]]:
    """Boot and prepare the guest; yields its two disks, which hold the snapshot `ready`."""
    config, built = work / "prepare-root.conf", work / "initramfs.img"
    config.write_text(CONFIG)
    words = [built, "--kver", tree.kernel, "--modules-dir", tree.path, "--config", config]
    initramfs.main([str(word) for word in words], standalone_mode=False)
    extension = next(CHECKOUT.glob("_bootsys*.so"), None)
    if extension is None:
        raise BenchError("prepare guest", "_bootsys", "not built", "make setup")
    files = (File(SPAN, compiled.span(work), 0o755), File(EXTENSION, extension))
    disk = system.build(tree, built, Variant(checkout=CHECKOUT, files=files), readonly=True)
    disks = (work / "root.qcow2", work / "boot.qcow2")
    image.overlay(disk.path, disks[0])
    raw = work / "boot.img"
    run(["truncate", "-s", f"{BOOT_MIB}M", raw])
    run(["mkfs.ext4", "-q", "-F", raw])
    run(["qemu-img", "convert", "-O", "qcow2", raw, disks[1]])
    with Vm(machine(disks, compiled.plugin(work), work / "count"), name="bench-finalize") as vm:
        vm.agent.wait_ready(READY_S)
        vm.run("systemctl is-system-running --wait", READY_S)
        vm.check(PREPARE, STEP_S)
        vm.snapshot("ready")
    yield disks


def count(disks: tuple[Path, Path], work: Path, branch: str, name: str) -> Count:
    """Stage and finalise once; raises BenchError unless the new deployment is the default."""
    own = (work / "own-root.qcow2", work / "own-boot.qcow2")
    for source, target in zip(disks, own, strict=True):
        run(["cp", "--reflink=auto", "--sparse=always", source, target])
    out, program = work / "count", PROGRAMS[name]
    out.unlink(missing_ok=True)
    spec = machine(own, work / "count.so", out)
    with Vm(spec, name=f"bench-{branch}-{name}", restore="ready") as vm:
        vm.check(f"{program.stage} {branch}", STEP_S)
        vm.check(SETTLE, STEP_S)
        said = vm.run(program.finalise, STEP_S)
        status = vm.check("ostree admin status", STEP_S)
    first = next(line.split()[-1] for line in status.splitlines() if "Version:" in line)
    if said.status or first != VERSIONS[branch] or not out.exists():
        reason = said.stderr.strip() or f"version {first} is the default"
        raise BenchError("finalise", f"{branch}, {name}", reason)
    return parse(out.read_text())


def measure(tree: Tree, work: Path) -> tuple[Row, ...]:
    """Everything, on one guest."""
    work.mkdir(exist_ok=True)
    with guest(tree, work) as disks:
        return rows({(b, p): count(disks, work, b, p) for b in BRANCHES for p in PROGRAMS})
