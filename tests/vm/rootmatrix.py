"""The points of the matrix of roots, and the disks and images that they are booted with.

One disk for each filesystem, with a deployment that the tree's own `ostree` made.  Its init is
a script in /var that says what it finds and powers off, so that a point takes seconds.
"""

import itertools
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bootvm.spec import Interface
from guest import cache, tiny
from guest.chroot import WORK, Bind, Filesystem, run_in
from guest.disk import TARGET
from guest.kernel import Kernel
from guest.layout import MIB, SECTOR
from guest.shell import run, step
from guest.tree import Tree
from prepare_root.image.initramfs import command

RECIPE = "1"
FILESYSTEMS = ("ext4", "xfs", "btrfs")
FORMS = ("UUID=", "LABEL=", "PARTUUID=", "PARTLABEL=", "gpt-auto", "/dev/")
BUSES = tuple(Interface)
SUITES = ("trixie", "sid")

SUBVOLUME = "root"
LABEL, PARTLABEL = "matrix-root", "system"
PARTUUID = "a1b2c3d4-e5f6-4718-8929-3a4b5c6d7e8f"
UUIDS = {
    "ext4": "0f1e2d3c-4b5a-4968-8778-695a4b3c2d1e",
    "xfs": "1f1e2d3c-4b5a-4968-8778-695a4b3c2d1e",
    "btrfs": "2f1e2d3c-4b5a-4968-8778-695a4b3c2d1e",
}
# The second partition of the only disk; the first is another filesystem, not the root's type.
NODES = {
    Interface.VIRTIO: "/dev/vda2",
    Interface.SCSI: "/dev/sda2",
    Interface.NVME: "/dev/nvme0n1p2",
    Interface.AHCI: "/dev/sda2",
    Interface.USB: "/dev/sda2",
    Interface.MMC: "/dev/mmcblk0p2",
}
# What has to have been loaded to find a disk there.
DRIVERS = {
    Interface.VIRTIO: "virtio_blk",
    Interface.SCSI: "virtio_scsi",
    Interface.NVME: "nvme",
    Interface.AHCI: "ahci",
    Interface.USB: "usb_storage",
    Interface.MMC: "mmc_block",
}
_MKFS = {
    "ext4": ["mkfs.ext4", "-q", "-F", "-L", LABEL, "-U", UUIDS["ext4"], "-O", "^orphan_file"],
    "xfs": ["mkfs.xfs", "-q", "-L", LABEL, "-m", f"uuid={UUIDS['xfs']}"],
    "btrfs": ["mkfs.btrfs", "-q", "-L", LABEL, "-U", UUIDS["btrfs"]],
}
_SIZE = 512 * MIB  # a power of two, for memory cards; XFS takes no less than 300 MiB
_OFFSET = 18 * MIB

FACTS = """\
#!/usr/bin/busybox sh
b=/usr/bin/busybox
exec >/dev/ttyS0 2>&1
echo "fact: kernel $($b uname -r)"
$b grep ' /sysroot ' /proc/self/mountinfo | $b sed 's/^/fact: mount /'
echo "fact: version $($b cat /usr/share/guest/version)"
$b test -f /run/ostree-booted && echo "fact: booted"
echo "fact: modules $($b cut -d' ' -f1 /proc/modules | $b tr '\\n' ' ')"
number=$($b grep ' /sysroot ' /proc/self/mountinfo | $b sed 's|.* \\(/dev/[^ ]*\\) .*|\\1|')
at=$($b readlink -f /sys/class/block/${number#/dev/})
while $b test "$at" != /sys/devices; do
    $b test -e $at/uevent && $b grep ^MODALIAS= $at/uevent | $b sed "s|^MODALIAS=|fact: alias $at |"
    at=${at%/*}
done
echo "fact: run $($b ls /run/bootchain | $b tr '\\n' ' ')"
echo "fact: end"
$b poweroff -f
"""


@dataclass(frozen=True, slots=True)
class Point:
    """One boot: a filesystem, how `root=` names it, the disk's bus, and whose kernel."""

    fstype: str
    form: str
    bus: Interface
    suite: str

    @property
    def values(self) -> tuple[object, ...]:
        return (self.fstype, self.form, self.bus, self.suite)

    @property
    def pairs(self) -> frozenset[tuple[object, object]]:
        return frozenset(itertools.combinations(self.values, 2))

    @property
    def name(self) -> str:
        form = self.form.strip("=/").lower()
        return f"{self.fstype}-{form}-{self.bus.value}-{self.suite}"

    @property
    def root(self) -> str:
        """The words for the kernel's command line."""
        value = {
            "UUID=": f"UUID={UUIDS[self.fstype]}",
            "LABEL=": f"LABEL={LABEL}",
            "PARTUUID=": f"PARTUUID={PARTUUID}",
            "PARTLABEL=": f"PARTLABEL={PARTLABEL}",
            "gpt-auto": "gpt-auto",
            "/dev/": NODES[self.bus],
        }[self.form]
        flags = f" rootflags=subvol={SUBVOLUME}" if self.fstype == "btrfs" else ""
        return f"root={value}{flags}"


EVERY = tuple(Point(*values) for values in itertools.product(FILESYSTEMS, FORMS, BUSES, SUITES))


def pairwise(points: tuple[Point, ...]) -> tuple[Point, ...]:
    """So few of `points` that every pair of values is in one of them; always the same ones."""
    missing = frozenset().union(*(point.pairs for point in points))
    chosen = []
    while missing:
        best = max(points, key=lambda point: len(point.pairs & missing))
        chosen.append(best)
        missing -= best.pairs
    return tuple(chosen)


def each_once(suite: str) -> tuple[Point, ...]:
    """A point for each bus and each form, the filesystems in turn."""
    pairs = zip(BUSES, FORMS, itertools.cycle(FILESYSTEMS), strict=False)
    return tuple(Point(fstype, form, bus, suite) for bus, form, fstype in pairs)


def disk(tree: Tree, fstype: str) -> Path:
    """A disk whose second partition is a sysroot on `fstype`, by the tree's own ostree."""
    place = cache.root() / f"matrix-{cache.digest(RECIPE, tree.key, FACTS, *_MKFS[fstype])}"

    def build(unfinished: Path) -> None:
        unfinished.mkdir()
        with step(f"disk: a sysroot on {fstype}"):
            _build(tree, fstype, unfinished / "disk.img")

    cache.obtain(place, build)
    cache.keep_newest(cache.root().glob("matrix-????????????????"), 6)
    return place / "disk.img"


def _build(tree: Tree, fstype: str, image: Path) -> None:
    with image.open("wb") as file:
        file.truncate(_SIZE)
    size = _SIZE - _OFFSET - MIB
    first, last = _OFFSET // SECTOR, (_OFFSET + size) // SECTOR - 1
    run(
        [
            *("sgdisk", "--set-alignment=1", f"--new=1:{MIB // SECTOR}:{first - 1}"),
            *("--typecode=1:8300", "--change-name=1:data", f"--new=2:{first}:{last}"),
            *("--typecode=2:8304", f"--change-name=2:{PARTLABEL}"),
            *(f"--partition-guid=2:{PARTUUID}", image),
        ]
    )
    run(["mkfs.ext4", "-q", "-F", "-L", "data", "-E", f"offset={MIB}", image, "16384k"])
    with tempfile.TemporaryDirectory(prefix="matrix-", dir=image.parent) as scratch:
        part = Path(scratch) / "part"
        with part.open("wb") as file:
            file.truncate(size)
        run([*_MKFS[fstype], part])
        if fstype == "btrfs":
            mount = f"mount -o loop {part} /mnt && btrfs -q subvolume create /mnt/{SUBVOLUME}"
            run(["unshare", "--mount", "sh", "-ec", mount])
        # Written sparsely: nearly all of it is zeros.
        run(["dd", "conv=notrunc,sparse", "bs=1M", f"seek={_OFFSET // MIB}", f"if={part}",
             f"of={image}"])  # fmt: skip
        dummy = Path(scratch) / "initramfs"
        dummy.write_bytes(b"not booted: the machine is given its image\n")
        (made,) = tiny.commits(tree, dummy, {"matrix": "matrix"})
    subvolume = f"subvol={SUBVOLUME}" if fstype == "btrfs" else ""
    sysroot = Filesystem(image, _OFFSET, size, TARGET, fstype, subvolume)
    var = f"{TARGET}/ostree/deploy/{tiny.NAME}/var"
    script = f"""
        ostree admin init-fs --modern {TARGET}
        ostree admin --sysroot={TARGET} os-init {tiny.NAME}
        ostree --repo={TARGET}/ostree/repo pull-local {WORK}/repo {made.checksum}
        ostree admin --sysroot={TARGET} deploy --os={tiny.NAME} {made.checksum}
        printf %s "$FACTS" >{var}/facts
        chmod 755 {var}/facts
        grep ^options {TARGET}/boot/loader/entries/*.conf >{WORK}/out/options
        sync -f {TARGET}
    """
    mounts = (sysroot, Bind(made.repo, f"{WORK}/repo"), Bind(image.parent, f"{WORK}/out"))
    run_in(tree.path, ["sh", "-euc", script], mounts=mounts, env={"FACTS": FACTS})


def root_of(disk: Path, out: Path, at: int) -> int:
    """Copies the root partition of a disk into `out` at a byte; returns its size."""
    size = _SIZE - _OFFSET - MIB
    run(["dd", "conv=notrunc,sparse", "bs=1M", f"if={disk}", f"of={out}", f"count={size // MIB}",
         f"skip={_OFFSET // MIB}", f"seek={at // MIB}"])  # fmt: skip
    return size


def target(disk: Path) -> str:
    """The `ostree=` of the disk's entry."""
    found = re.search(r"ostree=\S+", (disk.parent / "options").read_text())
    assert found is not None
    return found[0]


def image(of: Kernel, out: Path, *options: str) -> Path:
    """An initramfs for that kernel, packed so that it is made and unpacked quickly."""
    words = [str(out), "--kver", of.release, "--modules-dir", str(of.path), "--compress", "lz4"]
    command.main([*words, *options], standalone_mode=False)
    return out
