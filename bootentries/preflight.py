"""Whether an initramfs can prepare the root of its deployment, by its own configuration.

The prepare-root.conf that counts is the one inside the initramfs.  One that demands what the
deployment has not got is found out at the next boot, where nobody can mend it.
"""

import os
from dataclasses import dataclass

from bootentries import fs
from bootentries.deployment import Deployment
from bootentries.errors import BootentriesError, from_os_error
from bootentries.initramfs import read_files
from bootentries.kargs import KernelArgs
from bootentries.kernel import find_kernel
from bootentries.root import Root
from prepare_root.formats import FormatError
from prepare_root.formats.config import Config, parse

# The first one that is there counts, and replaces the other.
CONFIGS = ("etc/ostree/prepare-root.conf", "usr/lib/ostree/prepare-root.conf")
KARG = "ostree.prepare-root.composefs"
IMAGE = ".ostree.cfs"
# A word of OSTREE_SYSROOT_OPTS.
OFF = "no-preflight"
# An initramfs is no larger; it is held in memory.
LIMIT = 1 << 29
_ON = (b"yes", b"signed", b"verity")


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why a deployment would not boot: where that is said, and what to do about it."""

    place: str
    reason: str
    hint: str


# What was read of images, by device and inode: deployments share them.
Known = dict[tuple[int, int], dict[str, bytes]]


def check_deployment(
    root: Root, item: Deployment, overlays: tuple[bytes, ...] = (), known: Known | None = None
) -> Misfit | None:
    """Return why the deployment would not boot, or None.

    `overlays` are further initramfs images that are loaded after its own; `known` is filled,
    for more deployments to come.  Raises BootentriesError when an initramfs cannot be read,
    and so nothing can be said.
    """
    try:
        with fs.opened(root.fd, item.path, os.O_RDONLY | os.O_DIRECTORY) as fd:
            part = find_kernel(fd, item.name).initramfs
            if part is None:
                return None
            place = f"{item.path}/{part.source}"
            files = dict(_files_in(fd, part.source, place, {} if known is None else known))
            has_image = fs.is_file(fd, IMAGE)
    except OSError as error:
        raise from_os_error("read initramfs", error) from error
    for data in overlays:
        files |= read_files(data, CONFIGS, place)
    return misfit(files, item.options, has_image, place)


def _files_in(deploy_fd: int, path: str, place: str, known: Known) -> dict[str, bytes]:
    found = fs.stat_optional(deploy_fd, path)
    key = (0, 0) if found is None else (found.st_dev, found.st_ino)
    if key not in known:
        known[key] = read_files(fs.read_bytes(deploy_fd, path, LIMIT), CONFIGS, place)
    return known[key]


def misfit(files: dict[str, bytes], options: str, has_image: bool, place: str) -> Misfit | None:
    """Return what keeps these configuration files from preparing a deployment, or None.

    `options` is its kernel command line; `has_image` says that it has a composefs image;
    `place` is the path of the initramfs.
    """
    name = next((name for name in CONFIGS if name in files), None)
    config = Config()
    if name is not None:
        place = f"{place}: {name}"
        try:
            config = parse(files[name])
        except FormatError as error:
            return Misfit(place, str(error), "correct it, and build the initramfs again")
    wanted = _composefs(config, options)
    if wanted in _ON and not has_image:
        reason = f"it demands composefs ({wanted.decode()}), and the deployment has no {IMAGE}"
        return Misfit(place, reason, "deploy with an ostree that has composefs, or turn it off")
    if config.root_transient and not (wanted in _ON or (wanted == b"maybe" and has_image)):
        reason = "it demands a transient root, which takes composefs"
        return Misfit(place, reason, "set enabled = yes in [composefs], or leave it out of [root]")
    return None


def refuse_misfit(
    root: Root, item: Deployment, opts: frozenset[str], overlays: tuple[bytes, ...] = ()
) -> str | None:
    """Raise BootentriesError for a deployment that would not boot.

    Returns a remark when nothing can be said.  With the word `no-preflight` in `opts`
    nothing is looked at.
    """
    if OFF in opts:
        return None
    try:
        found = check_deployment(root, item, overlays)
    except BootentriesError as error:
        return f"the configuration in the initramfs was not checked: {error}"
    if found is not None:
        hint = f"{found.hint}; OSTREE_SYSROOT_OPTS={OFF} deploys it all the same"
        raise BootentriesError("check initramfs", found.place, found.reason, hint)
    return None


def _composefs(config: Config, options: str) -> bytes:
    """Return what is wanted; the first kernel argument wins, as in prepare-root."""
    values = [value for value in KernelArgs.parse(options).values(KARG) if value]
    if not values:
        return config.composefs
    plain = {"yes": b"yes", "true": b"yes", "1": b"yes", "maybe": b"maybe", "signed": b"signed"}
    return plain.get(values[0], b"no")
