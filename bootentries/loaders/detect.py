"""Which backend a sysroot needs: what its repository says, else what lies in /boot."""

from bootentries import fs
from bootentries.errors import BootentriesError
from bootentries.loaders import Loader
from bootentries.loaders.grub import GrubLoader
from bootentries.loaders.none import NoLoader
from bootentries.repo import RepoConfig
from bootentries.root import Root

GRUB_DIRECTORIES = ("grub", "grub2")


def choose_loader(root: Root, config: RepoConfig) -> Loader:
    """Return the backend; raises BootentriesError for one that is not supported.

    Going on without it would leave that bootloader with entries that are gone.
    """
    name = config.bootloader
    if name == "auto":
        name = _probe(root)
    if name == "none":
        return NoLoader()
    if name == "grub2":
        return GrubLoader(grub_directory(root) or GRUB_DIRECTORIES[0])
    raise BootentriesError(
        "choose bootloader", name, "this bootloader is not supported yet",
        hint="set sysroot.bootloader in ostree/repo/config to none or grub2",
    )  # fmt: skip


def grub_directory(root: Root) -> str | None:
    """Return GRUB's directory below the boot directory, or None."""
    for directory in GRUB_DIRECTORIES:
        if fs.is_dir(root.boot(), directory):
            return directory
    return None


def _probe(root: Root) -> str:
    boot = root.boot()
    if fs.stat_optional(boot, "syslinux/syslinux.cfg", follow=False):
        return "syslinux"
    for directory in GRUB_DIRECTORIES:
        if fs.stat_optional(boot, f"{directory}/grub.cfg", follow=False):
            return "grub2"
    if fs.stat_optional(boot, "loader/uEnv.txt"):
        return "uboot"
    return "none"
