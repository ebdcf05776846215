"""The usual guest in one call: versions of one variant, committed, deployed, on a disk.

What is unusual is made from `commit` and `disk` directly.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from guest import commit, disk
from guest.shape import Variant
from guest.tree import Tree

VAR_FSTAB = "LABEL=var /var ext4 defaults 0 2\n"
VAR_MIB = 256
VERSIONS = ("1.0", "2.0")


def build(
    tree: Tree,
    initramfs: Path,
    variant: Variant,
    *,
    versions: Sequence[str] = VERSIONS,
    kargs: Sequence[str] = (),
    separate_var: bool = False,
    readonly: bool = False,
) -> disk.Disk:
    """A disk with one deployment for each of `versions`; the last one is the default.

    `initramfs` goes into the commits.  `variant.checkout` must be set: the GRUB menu is
    written by our generator.  With `separate_var`, /var is a partition named in fstab.
    `readonly` is the repository's `sysroot.readonly`.
    """
    if separate_var:
        variant = replace(variant, fstab=variant.fstab + VAR_FSTAB)
    made = [commit.make(tree, replace(variant, version=version), initramfs) for version in versions]
    layer = disk.programs(variant.checkout) if variant.checkout else None
    spec = disk.DiskSpec(
        tuple(disk.Deployment(one) for one in made),
        kargs=tuple(kargs),
        var_mib=VAR_MIB if separate_var else 0,
        readonly=readonly,
    )
    return disk.make(tree, spec, layer)
