"""A disk for UEFI: EFI partitions with systemd-boot, and a root filesystem.

There is no GRUB anywhere, unless it is asked for in place of systemd-boot.

The sysroot is made as `disk` makes it.  The EFI partitions are filled by `bootentries esp`
itself, into a directory that mtools then copy: not every kernel mounts FAT.
"""

import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path

from guest import cache, firmware, grub, layout
from guest.chroot import WORK, Bind, run_in
from guest.disk import GENERATOR, TARGET, Disk, DiskSpec, sysroot_script
from guest.shell import run, step
from guest.tree import Tree

RECIPE = "2"
_NAMESPACE = uuid.UUID("0a2e6f0e-63c4-4c4e-8d6c-3a6e1d3c7b1f")
_KEPT = 6
MENU_S = 10  # until systemd-boot boots the default
_FAT32_CLUSTERS = 66600  # the least, with some room for the tables
_MTOOLS = {"MTOOLS_SKIP_CHECK": "1", "LC_ALL": "C.UTF-8"}


@dataclass(frozen=True, slots=True)
class EspSpec:
    """The EFI partitions: how large, how many on the disk, and with a disk of one more beside.

    With `xbootldr_mib` the disk has an XBOOTLDR partition, too, with an empty FAT.  With `grub`
    the EFI partitions hold GRUB as Debian installs it, and no systemd-boot.
    """

    mib: int = 192
    count: int = 1
    on_second_disk: bool = False
    xbootldr_mib: int = 0
    grub: bool = False


@dataclass(frozen=True, slots=True)
class EspDisk:
    """The disk, and the second one where there is one; treat cached ones as read-only."""

    disk: Disk
    second: Path | None

    @property
    def disks(self) -> tuple[Path, ...]:
        return (self.disk.path,) if self.second is None else (self.disk.path, self.second)


def esp_layout(root_mib: int, esp: EspSpec) -> layout.Layout:
    """Partitions `esp1`, `esp2`, …, `xbootldr` and `root`."""
    sizes = [("ef00", f"esp{number}", esp.mib) for number in range(1, esp.count + 1)]
    sizes += [("ea00", "xbootldr", esp.xbootldr_mib), ("8304", "root", root_mib)]
    parts = []
    at = layout.MIB
    for code, label, mib in sizes:
        if mib:
            parts.append(layout.Partition(code, label, at, mib * layout.MIB))
            at += mib * layout.MIB
    return layout.Layout(tuple(parts))


def fill_fat(image: Path, part: layout.Partition, top: Path | None, label: str = "ESP") -> None:
    """Makes FAT32 in a partition of `image`, with everything below `top` in it, if it is given."""
    # By itself mkfs would choose for the size of the whole image: too few for FAT32.
    cluster = next(n for n in (8, 4, 2, 1) if part.size // (n * layout.SECTOR) > _FAT32_CLUSTERS)
    where = [f"--offset={part.first_lba}", "-s", str(cluster), "-i", "1234ABCD"]
    run(["mkfs.vfat", "-F", "32", "-n", label, *where, image, str(part.size // 1024)])
    names = [] if top is None else sorted(top.iterdir())
    if names:
        run(["mcopy", "-s", "-m", "-i", f"{image}@@{part.offset}", *names, "::/"], env=_MTOOLS)


def _config(esp: EspSpec) -> str:
    """Writes of the list go to the EFI partitions; told where only when one is elsewhere."""
    lines = ["bootloader=sdboot"]
    if esp.on_second_disk:
        lines.append("esp=PARTLABEL=esp1;PARTLABEL=other")
    return "\\n".join(["", "[bootchain]", *lines, ""])


def _second(path: Path, esp: EspSpec, top: Path) -> None:
    part = layout.Partition("ef00", "other", layout.MIB, esp.mib * layout.MIB)
    layout.write_table(path, layout.Layout((part,)))
    fill_fat(path, part, top, "OTHER")


def _put_grub(top: Path, root_uuid: uuid.UUID) -> None:
    """GRUB's program where firmware looks, and its way from there to /boot/grub."""
    package = firmware.unpacked("grub-efi-amd64-bin")
    program = (package / "usr/lib/grub/x86_64-efi/monolithic/grubx64.efi").read_bytes()
    way = f"{grub.early_config(str(root_uuid))}configfile $prefix/grub.cfg\n"
    files = {
        "EFI/BOOT/BOOTX64.EFI": program,
        "EFI/debian/grubx64.efi": program,
        "EFI/debian/grub.cfg": way.encode(),
    }
    for name, content in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _follow(esp: EspSpec) -> str:
    """The shell text that has every write bring the partitions in step, and does so once."""
    return (
        f"printf '{_config(esp)}' >> {TARGET}/ostree/repo/config\n"
        f"bootentries --sysroot {TARGET} esp install --esp {WORK}/esp --from {WORK}/loader "
        f"--timeout {MENU_S} >&2\n"
    )


def _build(tree: Tree, spec: DiskSpec, esp: EspSpec, unfinished: EspDisk, layer: Path) -> None:
    disk = unfinished.disk
    layout.write_table(disk.path, disk.layout)
    layout.make_ext4(disk.path, disk.layout.named("root"), disk.root_uuid)
    repos = [
        Bind(one.commit.repo, f"{WORK}/repo{number}") for number, one in enumerate(spec.deployments)
    ]
    script = sysroot_script(spec, disk.root_uuid)
    script += f"{'' if esp.grub else _follow(esp)}sync -f {TARGET}\n"
    loader = firmware.unpacked("systemd-boot-efi")
    with tempfile.TemporaryDirectory(prefix="esp-") as scratch:
        top = Path(scratch)
        run_in(
            tree.path,
            ["sh", "-c", script],
            layers=[layer],
            mounts=[
                *disk.sysroot(),
                Bind(top, f"{WORK}/esp"),
                Bind(loader, f"{WORK}/loader"),
                Bind(grub.PLATFORM, f"{WORK}/grub"),
                *repos,
            ],
            # A directory stands in for the partition, which only has to be told.
            env={"SYSTEMD_RELAX_ESP_CHECKS": "1", "OSTREE_GRUB2_EXEC": f"/{GENERATOR}"},
        )
        if esp.grub:
            _put_grub(top, disk.root_uuid)
        for part in disk.layout.partitions[:-1]:
            fill_fat(disk.path, part, None if part.label == "xbootldr" else top)
        if unfinished.second is not None:
            _second(unfinished.second, esp, top)


def make(tree: Tree, spec: DiskSpec, layer: Path, esp: EspSpec | None = None) -> EspDisk:
    """The disk that `spec` describes, from the cache or made now.

    `layer` brings our programs (`disk.programs`).  `spec.bootloader` must be `none` (with
    `esp.grub` `grub2`): systemd-boot is ours to set, in the group [bootchain] of the
    repository's configuration.
    """
    esp = esp or EspSpec()
    deployments = [
        word
        for one in spec.deployments
        for word in (one.commit.checksum, one.commit.version, *one.kargs, "")
    ]
    parts = (repr(esp), repr((spec.root_mib, spec.bootloader, spec.readonly, MENU_S)))
    key = cache.digest(
        RECIPE, tree.key, cache.digest_tree(layer), *parts, *deployments, *spec.kargs
    )
    place = cache.root() / f"espdisk-{key}"
    shape = esp_layout(spec.root_mib, esp)
    identity = uuid.uuid5(_NAMESPACE, key)

    def named(directory: Path) -> EspDisk:
        second = directory / "second.img" if esp.on_second_disk else None
        return EspDisk(Disk(directory / "disk.img", shape, identity), second)

    def build(unfinished: Path) -> None:
        unfinished.mkdir()
        with step("disk: systemd-boot on an EFI partition, and a sysroot"):
            _build(tree, spec, esp, named(unfinished), layer)

    cache.obtain(place, build)
    cache.keep_newest(cache.root().glob("espdisk-????????????????"), _KEPT)
    return named(place)
