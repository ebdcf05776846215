"""What lies in a sysroot that a write has to know, beyond the list itself."""

import stat
from dataclasses import dataclass

from bootentries import fs
from bootentries.root import Root
from bootentries.sysroot import DEPLOY, read_subbootversion
from bootentries.txn.remove import list_deployments

OVERLAYS = "ostree/initramfs-overlays"
CURRENT = "current"


@dataclass(frozen=True, slots=True)
class BootListing:
    """What lies on disk: names below `boot/ostree/`, the overlays there, and deployments.

    `deployments` are (stateroot, directory name).
    """

    payloads: tuple[str, ...] = ()
    overlays: tuple[str, ...] = ()
    deployments: tuple[tuple[str, str], ...] = ()
    on_root: bool = True
    # M of `ostree/boot.N` for N = 0 and 1, None where there is no such link
    subbootversions: tuple[int | None, int | None] = (None, None)
    naming_1: bool = False
    # Stateroots that still have the link `current` of the first versions of libostree.
    current: tuple[str, ...] = ()
    # What writers that were killed left under temporary names, as paths of operations.
    temporary: tuple[str, ...] = ()


def read_listing(root: Root, opts: frozenset[str]) -> BootListing:
    """Return the listing; `opts` are the words of OSTREE_SYSROOT_OPTS."""
    boot = root.boot()
    overlays = fs.list_optional(boot, OVERLAYS) or []
    payloads = fs.list_optional(boot, "ostree") or []
    return BootListing(
        payloads=tuple(payloads),
        overlays=tuple(name for name in overlays if name.endswith((".img", ".img.tmp"))),
        deployments=list_deployments(root),
        on_root=root.boot_is_on_root(),
        subbootversions=(read_subbootversion(root.fd, 0), read_subbootversion(root.fd, 1)),
        naming_1="bootloader-naming-1" in opts,
        current=tuple(
            name for name in fs.list_optional(root.fd, DEPLOY) or [] if _is_link(root, name)
        ),
        temporary=(*_temporary_links(root), *_temporary_files(boot, payloads)),
    )


def _temporary_links(root: Root) -> list[str]:
    """Return the links that were prepared, and never put in place."""
    names = ("boot/loader", "boot/boot", "ostree/boot.0", "ostree/boot.1")
    found = []
    for path in (f"{name}.tmp" for name in names):
        in_boot = path.startswith("boot/")
        fd, name = (root.boot(), path[5:]) if in_boot else (root.fd, path)
        if fs.stat_optional(fd, name, follow=False) is not None:
            found.append(path)
    return found


def _temporary_files(boot_fd: int, payloads: list[str]) -> list[str]:
    """Return the files that were not complete when their writer ended."""
    entries = [f"loader.{number}/entries" for number in (0, 1)]
    bases = ["loader.0", "loader.1", *entries, "ostree", *(f"ostree/{name}" for name in payloads)]
    return [
        f"boot/{base}/{name}"
        for base in bases
        if fs.is_dir(boot_fd, base)
        for name in fs.list_optional(boot_fd, base) or []
        if name.startswith(".") and name.endswith((".tmp", ".part"))
    ]


def _is_link(root: Root, stateroot: str) -> bool:
    try:
        found = fs.stat_optional(root.fd, f"{DEPLOY}/{stateroot}/{CURRENT}", follow=False)
    except NotADirectoryError:
        return False
    return found is not None and stat.S_ISLNK(found.st_mode)
