"""Which modules an image is to have, as requests to `kmodules`.

Three ways: a few for virtual machines and servers, those of most machines, and those of the
machine that the image is made on.  What is named on the command line replaces the first, and
is added to the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from prepare_root.formats import config as formats_config
from prepare_root.image.errors import ImageError
from prepare_root.image.hostroot import HostRoot
from prepare_root.image.kmodules import Request

# Drivers before filesystems: disks are probed while the rest still loads.
DEFAULT_DRIVERS = ("virtio_blk", "nvme", "ahci")
# A deployment may need the last two (composefs, an unlocked /usr, a transient /etc).
DEPLOYMENT_FILESYSTEMS = ("overlay", "erofs")
DEFAULT_FILESYSTEMS = ("ext4", *DEPLOYMENT_FILESYSTEMS)
GENERIC_DRIVERS = (
    *("virtio_blk", "virtio_scsi", "nvme", "ahci", "ata_piix"),
    *("usb_storage", "uas", "mmc_block", "ufshcd_pci"),
    # Hypervisors' own disks, and the controllers of servers that need no firmware from us.
    *("vmw_pvscsi", "hv_storvsc", "xen_blkfront"),
    *("megaraid_sas", "mpt3sas", "smartpqi", "hpsa", "aacraid"),
)
# The last tells which disk the boot loader is on, for root=gpt-auto.
GENERIC_FILESYSTEMS = ("ext4", "xfs", "btrfs", *DEPLOYMENT_FILESYSTEMS, "efivarfs")

# What prepare-root as /init cannot open, by the modules that people would name for it.
_BEYOND = {
    "the network": ("nfs", "nfs4", "cifs", "nbd", "iscsi_tcp", "ib_iser", "nvme_tcp", "nvme_rdma"),
    "LUKS or LVM": ("dm_crypt", "dm_mod", "crypto_LUKS"),
    "RAID": ("md_mod", "raid0", "raid1", "raid10", "raid456", "dm_raid", "linux_raid_member"),
    "ZFS": ("zfs",),
    "bcache": ("bcache",),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Requests for modules, and modaliases that stand for more of them."""

    requests: tuple[Request, ...]
    aliases: tuple[str, ...] = ()


def default(filesystems: Sequence[str], drivers: Sequence[str]) -> Wanted:
    """The named modules, or a few where none is named, each left out where a kernel lacks it."""
    found = _named(drivers) or _optional(DEFAULT_DRIVERS)
    found += _named(filesystems, filesystem=True) or _optional(DEFAULT_FILESYSTEMS, filesystem=True)
    return Wanted(tuple(found))


def generic(filesystems: Sequence[str], drivers: Sequence[str]) -> Wanted:
    """The modules of most machines, as far as the kernel has them, and those that are named."""
    return Wanted(
        (
            *_named(drivers),
            *_optional(GENERIC_DRIVERS),
            *_named(filesystems, filesystem=True),
            *_optional(GENERIC_FILESYSTEMS, filesystem=True),
        )
    )


def hostonly(host: HostRoot, filesystems: Sequence[str], drivers: Sequence[str]) -> Wanted:
    """What `host` needs for its root, and the modules that are named."""
    return Wanted(
        (
            *_named(drivers),
            *(Request(name, required=False, companions=False) for name in host.drivers),
            *_named((host.fstype, *filesystems), filesystem=True),
            *_optional((*DEPLOYMENT_FILESYSTEMS, "efivarfs"), filesystem=True),
        ),
        host.aliases,
    )


def for_config(text: str) -> tuple[Request, ...]:
    """The modules without which a machine with the configuration `text` cannot boot."""
    config = formats_config.parse(text.encode())
    names: tuple[str, ...] = ()
    if config.composefs != b"no":
        names = ("erofs", "overlay")
    elif config.root_transient or config.etc_transient:
        names = ("overlay",)
    required = config.composefs != b"maybe"
    return tuple(Request(name, required, filesystem=True) for name in names)


def _named(texts: Sequence[str], filesystem: bool = False) -> list[Request]:
    found = [Request.parse(text, filesystem=filesystem) for text in texts]
    for request in found:
        for what, names in _BEYOND.items():
            if request.name.replace("-", "_") in names:
                raise ImageError(
                    "choose modules",
                    request.name,
                    f"a root on {what} needs more than modules, and has no place in this image",
                    "make the image with dracut, and prepare-root in it",
                )
    return found


def _optional(names: Sequence[str], filesystem: bool = False) -> list[Request]:
    return [Request(name, required=False, filesystem=filesystem) for name in names]
