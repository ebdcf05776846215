"""An initramfs made by the tree's own dracut, with libostree's or with our module."""

from collections.abc import Sequence
from pathlib import Path

from guest import cache
from guest.chroot import WORK, Bind, run_in
from guest.shell import say, step
from guest.tree import Tree

# What a disk with an ext4 root needs, and no more: a full image takes twice as long to make.
MODULES = (
    *("systemd", "systemd-initrd", "udev-rules", "rootfs-block", "base", "fs-lib"),
    *("ostree", "dracut-systemd"),
)
DRIVERS = ("virtio_blk", "nvme", "overlay", "erofs", "loop")
_KEPT = 8


def dracut(
    tree: Tree,
    *,
    modules: Sequence[str] = MODULES,
    layers: Sequence[Path] = (),
    extra: Sequence[str] = (),
) -> Path:
    """The image that dracut makes in `tree`, from the cache or made now (about 8 s).

    `layers` are directories laid over the tree for it (a dracut module, configuration, an
    executable); `extra` are further words of dracut's command line.
    """
    command = [
        *("dracut", "--quiet", "--force", "--no-hostonly", "--reproducible", "--kver", tree.kernel),
        *("--modules", " ".join(modules), "--drivers", " ".join(DRIVERS)),
        *("--compress", "zstd -3 -T2"),
        *extra,
        f"{WORK}/out/initramfs.img",
    ]
    key = cache.digest(tree.key, *command, *(cache.digest_tree(layer) for layer in layers))
    place = cache.root() / f"dracut-{key}"

    def build(unfinished: Path) -> None:
        unfinished.mkdir()
        with step("initramfs: dracut in the tree"):
            run_in(
                tree.path,
                command,
                layers=layers,
                mounts=[Bind(unfinished, f"{WORK}/out")],
                env={"SOURCE_DATE_EPOCH": "0"},
            )

    if place.exists():
        say(f"initramfs: reusing {place}")
    cache.obtain(place, build)
    cache.keep_newest(cache.root().glob("dracut-????????????????"), _KEPT)
    return place / "initramfs.img"
