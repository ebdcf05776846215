"""Roots of every kind, found by the initramfs of our own: filesystems, buses, forms of `root=`.

Here a point for each bus and form; with BOOTCHAIN_ROOT_MATRIX=pairs every pair of values, with
both kernels, and an image for the machine alone for each bus; =all is every point there is.
"""

import itertools
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import rootmatrix
from rootmatrix import BUSES, EVERY, FILESYSTEMS, FORMS, SUITES, Point

from bootvm.spec import Disk, Firmware, Interface, VmSpec
from bootvm.vm import Vm
from guest import kernel
from guest.kernel import Kernel
from guest.tree import Tree
from prepare_root.image import inspect

pytestmark = pytest.mark.vm

Starter = Callable[..., Vm]
DEADLINE = 120
EFFORT = os.environ.get("BOOTCHAIN_ROOT_MATRIX", "")
PAIRS = rootmatrix.pairwise(EVERY)
POINTS = {"": rootmatrix.each_once("trixie"), "pairs": PAIRS, "all": EVERY}[EFFORT]
QUIET = "console=ttyS0 quiet panic=-1"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the deployment's init said of its root."""

    kernel: str
    version: str
    booted: bool
    fstype: str
    source: str
    options: str
    modules: frozenset[str]
    aliases: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, console: str) -> "Facts":
        facts: dict[str, list[str]] = {}
        for line in re.findall(r"^fact: (.*?)\r?$", console, re.MULTILINE):
            key, _, value = line.partition(" ")
            facts.setdefault(key, []).append(value)
        fstype, source, options = facts["mount"][-1].partition(" - ")[2].split(" ")
        return cls(
            facts["kernel"][0],
            facts["version"][0],
            "booted" in facts,
            fstype,
            source,
            options,
            frozenset(facts["modules"][0].split()),
            tuple((path, alias) for path, _, alias in (x.partition(" ") for x in facts["alias"])),
        )


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Kernel, Path]]:
    """A suite's kernel, and an image for most machines with it."""
    made: dict[str, tuple[Kernel, Path]] = {}

    def get(suite: str) -> tuple[Kernel, Path]:
        if suite not in made:
            found = kernel.get(suite)
            out = tmp_path_factory.mktemp(suite) / "image"
            made[suite] = found, rootmatrix.image(found, out, "--generic")
        return made[suite]

    return get


def boot(
    start: Starter, tree: Tree, point: Point, of: Kernel, image: Path, *, controller: str = ""
) -> Facts:
    """Boots the point with an image; the machine is off when this returns.

    A `controller` of SCSI disks, as QEMU names it, takes the place of the point's bus.
    """
    disk = rootmatrix.disk(tree, point.fstype)
    extra = (
        *(("-device", "qemu-xhci") if controller.startswith("usb") else ()),
        *("-drive", f"if=none,id=root,format=raw,snapshot=on,file={disk}"),
        *("-device", f"{controller},id=own", "-device", "scsi-hd,bus=own.0,drive=root"),
    )
    words = (QUIET, point.root, "rw", "init=/var/facts", rootmatrix.target(disk))
    vm = start(
        VmSpec(
            firmware=Firmware.DIRECT,
            kernel=of.vmlinuz,
            initrd=image,
            cmdline=" ".join(words),
            disks=() if controller else (Disk(disk, interface=point.bus),),
            memory=512,
            extra=extra if controller else (),
        )
    )
    vm.wait_for("fact: end", DEADLINE)
    vm.wait_end(DEADLINE)
    return Facts.read(vm.console.text)


def check(point: Point, of: Kernel, facts: Facts) -> None:
    assert facts.kernel == of.release
    assert facts.version == "matrix"
    assert facts.booted
    assert facts.fstype == point.fstype
    assert facts.source == rootmatrix.NODES[point.bus]
    assert rootmatrix.DRIVERS[point.bus] in facts.modules
    # The other filesystems are in the image, and nothing asked for them.
    assert facts.modules & {"xfs", "btrfs", "ext4"} == {point.fstype}
    assert facts.modules & {"overlay", "erofs"} == set()
    subvolume = f"subvol=/{rootmatrix.SUBVOLUME}" if point.fstype == "btrfs" else ""
    assert subvolume in facts.options


def test_every_pair_of_values_is_in_a_point() -> None:
    """And few points are enough; what runs always has every value."""
    wanted = {
        pair
        for one, other in itertools.combinations((FILESYSTEMS, FORMS, BUSES, SUITES), 2)
        for pair in itertools.product(one, other)
    }
    assert frozenset().union(*(point.pairs for point in PAIRS)) == wanted
    assert len(PAIRS) < 45 < len(EVERY) == 3 * 6 * 6 * 2
    values = {value for point in rootmatrix.each_once("trixie") for value in point.values}
    assert values == {*FILESYSTEMS, *FORMS, *BUSES, "trixie"}


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.name)
def test_root_is_found(
    guest_tree: Tree,
    prepared: Callable[[str], tuple[Kernel, Path]],
    machine: Starter,
    point: Point,
) -> None:
    of, image = prepared(point.suite)
    check(point, of, boot(machine, guest_tree, point, of, image))


@pytest.mark.skipif(not EFFORT, reason="BOOTCHAIN_ROOT_MATRIX is not set")
@pytest.mark.parametrize(
    ("controller", "driver"),
    [("pvscsi", "vmw_pvscsi"), ("megasas-gen2", "megaraid_sas"), ("usb-uas", "uas")],
)
def test_other_controllers(
    guest_tree: Tree,
    prepared: Callable[[str], tuple[Kernel, Path]],
    machine: Starter,
    controller: str,
    driver: str,
) -> None:
    of, image = prepared("trixie")
    point = Point("ext4", "UUID=", Interface.SCSI, "trixie")
    facts = boot(machine, guest_tree, point, of, image, controller=controller)
    assert facts.source == "/dev/sda2"
    assert facts.modules & {"vmw_pvscsi", "megaraid_sas", "uas", "virtio_scsi"} == {driver}


@pytest.mark.parametrize("bus", BUSES if EFFORT else (Interface.USB,), ids=lambda bus: bus.value)
def test_an_image_for_this_machine_alone(
    guest_tree: Tree,
    prepared: Callable[[str], tuple[Kernel, Path]],
    machine: Starter,
    tmp_path: Path,
    bus: Interface,
) -> None:
    """Made from the sysfs that the machine itself showed, and smaller by what it has not."""
    point = Point("xfs", "LABEL=", bus, "trixie")
    of, generic = prepared(point.suite)
    facts = boot(machine, guest_tree, point, of, generic)
    host = machine_of(facts, tmp_path / "host")
    own = rootmatrix.image(of, tmp_path / "own", "--hostonly", "--host", str(host))
    assert own.stat().st_size < generic.stat().st_size * 0.7
    check(point, of, boot(machine, guest_tree, point, of, own))
    others = {rootmatrix.DRIVERS[other] for other in BUSES} - {rootmatrix.DRIVERS[bus]}
    loaded = listed(own)
    assert loaded & {*others, "btrfs", "ext4"} == set()
    assert {rootmatrix.DRIVERS[bus], "xfs", "overlay", "erofs"} <= loaded


def machine_of(facts: Facts, host: Path) -> Path:
    """A directory with as much of the machine's sys and proc as says what its root is on."""
    paths = [path for path, _ in facts.aliases]
    name = facts.source.removeprefix("/dev/")
    for path, alias in facts.aliases:
        (host / path.lstrip("/")).mkdir(parents=True, exist_ok=True)
        (host / path.lstrip("/") / "uevent").write_text(f"DRIVER=x\nMODALIAS={alias}\n")
    deepest = host / max(paths, key=len).lstrip("/")
    device = deepest / "block/disk" / name
    device.mkdir(parents=True)
    (device / "partition").write_text("2\n")
    for place in ("sys/dev/block", "sys/class/block", "proc/self"):
        (host / place).mkdir(parents=True)
    (host / "sys/dev/block/8:2").symlink_to(device)
    mount = f"1 0 8:2 / /sysroot rw - {facts.fstype} {facts.source} rw\n"
    (host / "proc/self/mountinfo").write_text(mount)
    return host


def listed(image: Path) -> set[str]:
    """The names of the modules in an image."""
    (modules,) = inspect.inspect(image.read_bytes(), str(image)).modules.values()
    return {name.replace("-", "_") for name in modules}
