"""A bootable disk: GPT, GRUB for BIOS, and a sysroot made by the guest's own real `ostree`.

The sysroot is written on its final filesystem, not copied there, so that the immutable
flags and everything else are what `ostree` left.  Disks are cached; put a qcow2 overlay or
a copy over one to boot it.
"""

import shlex
import uuid
from dataclasses import dataclass, replace
from pathlib import Path

from guest import cache, grub, layout
from guest.chroot import WORK, Bind, Filesystem, run_in
from guest.commit import Commit
from guest.errors import GuestError
from guest.shape import program_files, write_files
from guest.shell import run, say, step
from guest.tree import Tree

RECIPE = "2"  # raise it when the steps below change what is on a disk
STATEROOT = "debian"
REF = "guest/stable"
TARGET = "/run/target"
GENERATOR = "usr/bin/bootentries-grub2-exec"
_NAMESPACE = uuid.UUID("6f1f4fd1-8f0c-4f0e-9b5e-6a1c0b7f2a11")
_KEPT = 16

CONSOLE = ("console=tty0", "console=ttyS0")
MENU_S = 3  # until GRUB boots the default


@dataclass(frozen=True, slots=True)
class Deployment:
    """One `ostree admin deploy`: the commit, and arguments appended to those it inherits."""

    commit: Commit
    kargs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DiskSpec:
    """What is on the disk.

    `deployments` are deployed in order, so the last one is the default.  `kargs` go to the
    first, beside `root=UUID=… rw` and the consoles, and are inherited.  `var_mib` and
    `boot_mib` make separate partitions labelled `var` and `boot` (their fstab lines belong to
    the commit).  `bootloader` is the repository's `sysroot.bootloader`; `readonly` its
    `sysroot.readonly`.
    """

    deployments: tuple[Deployment, ...]
    kargs: tuple[str, ...] = ()
    root_mib: int = 2048
    var_mib: int = 0
    boot_mib: int = 0
    bootloader: str = "grub2"
    readonly: bool = False


@dataclass(frozen=True, slots=True)
class Disk:
    """A finished raw disk image; treat a cached one as read-only."""

    path: Path
    layout: layout.Layout
    root_uuid: uuid.UUID

    def filesystem(self, label: str = "root", inside: str = TARGET) -> Filesystem:
        """The partition `label`, to be mounted at `inside` by `chroot.run_in`."""
        part = self.layout.named(label)
        return Filesystem(self.path, part.offset, part.size, inside)

    def sysroot(self) -> tuple[Filesystem, ...]:
        """What `chroot.run_in` mounts so that the whole sysroot is at TARGET."""
        labels = [part.label for part in self.layout.partitions]
        boot = (self.filesystem("boot", f"{TARGET}/boot"),) if "boot" in labels else ()
        return (self.filesystem(), *boot)

    def copy(self, path: Path) -> "Disk":
        """A private copy that may be changed."""
        run(["cp", "--reflink=auto", "--sparse=always", self.path, path])
        return replace(self, path=path)


def _key(tree: Tree, spec: DiskSpec) -> str:
    deployments = [
        word
        for one in spec.deployments
        for word in (one.commit.checksum, one.commit.version, *one.kargs, "")
    ]
    rest = (spec.root_mib, spec.var_mib, spec.boot_mib, spec.bootloader, spec.readonly)
    return cache.digest(RECIPE, tree.key, *deployments, *spec.kargs, repr(rest))


def sysroot_script(spec: DiskSpec, root_uuid: uuid.UUID) -> str:
    """The shell text, run in the tree, that fills the mounted root filesystem."""
    admin = f"ostree admin --sysroot={TARGET}"
    config = f"ostree config --repo={TARGET}/ostree/repo set"
    lines = [
        f"ostree admin init-fs --modern {TARGET}",
        f"{admin} os-init {STATEROOT}",
        f"{config} sysroot.bootloader {spec.bootloader}",
        # With /boot on the root filesystem GRUB needs the full path.
        f"{config} sysroot.bootprefix {'false' if spec.boot_mib else 'true'}",
        f"{config} sysroot.readonly {'true' if spec.readonly else 'false'}",
    ]
    if spec.bootloader == "grub2":
        lines.append(f"mkdir -p {TARGET}/boot/grub/i386-pc")
        lines.append(f"cp {WORK}/grub/*.mod {WORK}/grub/*.lst {TARGET}/boot/grub/i386-pc")
        stub = f"{TARGET}/boot/grub/grub.cfg"
        lines.append(f"bootentries instutil grub2-stub --serial --timeout={MENU_S} -o {stub}")
    for number, one in enumerate(spec.deployments):
        inherited = (f"root=UUID={root_uuid}", "rw", *CONSOLE, *spec.kargs) if number == 0 else ()
        words = [f"--karg-append={word}" for word in (*inherited, *one.kargs)]
        repo = f"{WORK}/repo{number}"
        lines += [
            f"ostree --repo={TARGET}/ostree/repo pull-local {repo} {one.commit.checksum}",
            f"ostree --repo={TARGET}/ostree/repo refs --force --create={REF} {one.commit.checksum}",
            # Nothing is booted here, so libostree would keep the newest two alone.
            f"{admin} deploy --retain --os={STATEROOT} {shlex.join([*words, REF])}",
        ]
    return "set -e\n" + "\n".join(lines) + f"\nsync -f {TARGET} {TARGET}/boot\n"


def _build(tree: Tree, spec: DiskSpec, disk: Disk, generator_layers: tuple[Path, ...]) -> None:
    layout.write_table(disk.path, disk.layout)
    layout.make_ext4(disk.path, disk.layout.named("root"), disk.root_uuid)
    if spec.var_mib:
        layout.make_ext4(disk.path, disk.layout.named("var"), uuid.uuid5(disk.root_uuid, "var"))
    menu = disk.root_uuid
    if spec.boot_mib:
        menu = uuid.uuid5(disk.root_uuid, "boot")
        layout.make_ext4(disk.path, disk.layout.named("boot"), menu)
    early = grub.early_config(str(menu), "/grub" if spec.boot_mib else "/boot/grub")
    core = grub.core_image(early)
    grub.embed(disk.path, disk.layout.named("bios"), core)
    repos = [
        Bind(one.commit.repo, f"{WORK}/repo{number}") for number, one in enumerate(spec.deployments)
    ]
    run_in(
        tree.path,
        ["sh", "-c", sysroot_script(spec, disk.root_uuid)],
        layers=generator_layers,
        mounts=[*disk.sysroot(), Bind(grub.PLATFORM, f"{WORK}/grub"), *repos],
        env={"OSTREE_GRUB2_EXEC": f"/{GENERATOR}"},
    )


def programs(checkout: Path) -> Path:
    """Our programs as a directory to lay over the tree, from the cache or made now."""
    files = program_files(checkout)
    parts = [word for file in files for word in (file.path, str(file.mode), file.data())]

    def build(unfinished: Path) -> None:
        unfinished.mkdir()
        write_files(files, unfinished)

    place = cache.obtain(cache.root() / f"programs-{cache.digest(*parts)}", build)
    cache.keep_newest(cache.root().glob("programs-????????????????"), _KEPT)
    return place


def make(tree: Tree, spec: DiskSpec, layer: Path | None = None) -> Disk:
    """The disk that `spec` describes, from the cache or made now (a few seconds).

    `layer` is a directory to lay over the tree while the sysroot is written (`programs`
    makes it): with `bootloader="grub2"` it brings our menu generator, which libostree calls.
    """
    if not spec.deployments:
        raise GuestError("make disk", "deployments", "none given", "name at least one commit")
    if spec.bootloader == "grub2" and (layer is None or not (layer / GENERATOR).exists()):
        raise GuestError("make disk", GENERATOR, "not in the layer", "use disk.programs(checkout)")
    code = cache.digest_tree(layer) if layer else ""
    key = cache.digest(_key(tree, spec), code)
    place = cache.root() / f"disk-{key}"
    shape = layout.bios_layout(spec.root_mib, spec.var_mib, spec.boot_mib)
    identity = uuid.uuid5(_NAMESPACE, key)

    def build(unfinished: Path) -> None:
        unfinished.mkdir()
        versions = ", ".join(one.commit.version for one in spec.deployments)
        with step(f"disk: GRUB and a sysroot with version {versions}, by the guest's ostree"):
            unbuilt = Disk(unfinished / "disk.img", shape, identity)
            _build(tree, spec, unbuilt, (layer,) if layer else ())

    if place.exists():
        say(f"disk: reusing {place}")
    cache.obtain(place, build)
    cache.keep_newest(cache.root().glob("disk-????????????????"), _KEPT)
    return Disk(place / "disk.img", shape, identity)
