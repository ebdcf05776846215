"""Reading a sysroot: boot versions, entries, and the deployment list they make up.

No lock is taken.  `load` reads again when the list changed under it.
"""

import os
import re
import time
from dataclasses import dataclass, replace

from bootentries import fs
from bootentries.booted import (
    BootedRoot,
    Staged,
    booted_root,
    read_staged,
    soft_reboot_root,
    unlocked_state,
)
from bootentries.deployment import (
    Bootlink,
    Deployment,
    Entry,
    deployment_path,
    overlay_checksums,
    parse_directory,
)
from bootentries.entries.stored import bootlink_in, read_entries
from bootentries.errors import BootentriesError, from_os_error
from bootentries.labels import labelled
from bootentries.origin import Origin
from bootentries.origin import parse as parse_origin
from bootentries.reader import Reader
from bootentries.repo import RepoConfig, read_commit, read_config
from bootentries.root import Root
from prepare_root.formats import FormatError

DEPLOY = "ostree/deploy"
_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Sysroot:
    """What a sysroot holds; `deployments` is in list order, a staged one first."""

    bootversion: int
    subbootversion: int
    deployments: tuple[Deployment, ...]
    config: RepoConfig
    booted: bool = False

    @property
    def booted_deployment(self) -> Deployment | None:
        """The deployment that is running, if this is the running system's sysroot."""
        return next((item for item in self.deployments if item.booted), None)

    @property
    def on_disk(self) -> tuple[Deployment, ...]:
        """The deployments that have an entry."""
        return tuple(item for item in self.deployments if not item.staged)


def load(root: Root, run: str = "/run") -> Sysroot:
    """Return the sysroot's state; raises BootentriesError that names the file at fault."""
    for attempt in range(_ATTEMPTS):
        before = fingerprint(root)
        try:
            found = _load_once(root, run)
        except BootentriesError:
            if before == fingerprint(root):
                raise
        else:
            if before == fingerprint(root):
                return found
        time.sleep(0.01 * attempt)
    raise BootentriesError(
        "load sysroot", root.path, "it keeps changing", hint="wait for the other writer"
    )


def fingerprint(root: Root) -> tuple[object, ...]:
    """Return what changes with every write of a list."""
    try:
        link = None
        if root.boot_fd is not None:
            link = fs.readlink_optional(root.boot_fd, "loader")
        touched = fs.stat_optional(root.fd, DEPLOY)
    except OSError:
        return ()
    return (link, touched and touched.st_mtime_ns)


def _load_once(root: Root, run: str) -> Sysroot:
    try:
        config = read_config(root.fd)
        bootversion = _bootversion(root)
        subbootversion = _subbootversion(root, bootversion)
        wanted = booted_root(root.fd, run)
        entries = read_entries(root, bootversion)
        staged = read_staged(run) if wanted is not None else None
        with Reader(root.fd) as reader:
            found = [
                deployment_of(reader, entry, run, index)
                for index, entry in enumerate(entries, 0 if staged is None else 1)
            ]
        if wanted is not None:
            found = _mark_booted(root, found, wanted)
            if staged is not None:
                found.insert(0, _staged(root, staged, found))
            found = _mark_soft_reboot(root, found, soft_reboot_root(run))
        items = labelled(found, () if staged is None else staged.extras)
    except OSError as error:
        raise from_os_error("load sysroot", error) from error
    return Sysroot(bootversion, subbootversion, items, config, wanted is not None)


def _bootversion(root: Root) -> int:
    if root.boot_fd is None:
        return 0
    try:
        text = fs.readlink_optional(root.boot_fd, "loader")
    except OSError as error:
        raise BootentriesError("load sysroot", "boot/loader", "not a symbolic link") from error
    if text is None:
        return 0
    if text not in ("loader.0", "loader.1"):
        raise BootentriesError("load sysroot", "boot/loader", f"invalid target {text!r}")
    return int(text[-1])


def _subbootversion(root: Root, bootversion: int) -> int:
    return read_subbootversion(root.fd, bootversion) or 0


def read_subbootversion(root_fd: int, bootversion: int) -> int | None:
    """Return M of the link `ostree/boot.N -> boot.N.M`, or None when it is missing."""
    place = f"ostree/boot.{bootversion}"
    try:
        text = fs.readlink_optional(root_fd, place)
    except OSError as error:
        raise BootentriesError("load sysroot", place, "not a symbolic link") from error
    if text is None:
        return None
    if text[-2:] not in (".0", ".1"):
        raise BootentriesError("load sysroot", place, f"invalid target {text!r}")
    return int(text[-1])


def resolve_bootlink(reader: Reader, link: Bootlink, where: str) -> tuple[str, int]:
    """Return (checksum, serial) of the deployment that a bootlink leads to."""
    path = str(link).lstrip("/")
    try:
        text = reader.readlink_optional(path)
    except OSError as error:
        raise BootentriesError("read entry", where, f"/{path} is not a symbolic link") from error
    if text is None:
        raise BootentriesError(
            "read entry", where, f"/{path} does not exist",
            hint="the entry and /ostree/boot.N disagree: write the list again",
        )  # fmt: skip
    found = parse_directory(os.path.basename(text))
    if found is None:
        raise BootentriesError("read entry", where, f"/{path} leads to {text!r}, no deployment")
    return found


def deployment_of(reader: Reader, entry: Entry, run: str = "/run", index: int = 0) -> Deployment:
    """Return the deployment that an entry boots, as item `index` of the list.

    `reader` reads the sysroot.  Raises BootentriesError.
    """
    options = entry.options
    link = bootlink_in(options, entry.name)
    overlay_checksums(entry.bls, entry.name)
    checksum, serial = resolve_bootlink(reader, link, entry.name)
    path = deployment_path(link.stateroot, checksum, serial)
    if not reader.is_dir(path):
        raise BootentriesError("read entry", entry.name, f"/{path} is not a directory")
    # The commit comes first: of two faults it is the one to tell about.
    version = _version(reader, checksum)
    origin = _origin(reader, path)
    hotfix = origin.unlocked == "hotfix"
    return Deployment(
        stateroot=link.stateroot,
        checksum=checksum,
        serial=serial,
        bootcsum=link.bootcsum,
        bootserial=link.bootserial,
        index=index,
        options=options,
        entry=entry,
        origin=origin,
        version=version,
        unlocked="hotfix" if hotfix else unlocked_state(f"{checksum}.{serial}", run),
    )


def _version(reader: Reader, checksum: str) -> str | None:
    commit = read_commit(reader.root_fd, checksum) if len(checksum) == 64 else None
    return None if commit is None else commit.version


def _origin(reader: Reader, path: str) -> Origin:
    path = f"{path}.origin"
    try:
        data = reader.read_optional(path)
        return Origin() if data is None else parse_origin(data)
    except OSError as error:
        raise from_os_error("read origin", error, path) from error
    except FormatError as error:
        raise BootentriesError("read origin", path, str(error)) from error


def _mark_booted(root: Root, items: list[Deployment], wanted: BootedRoot) -> list[Deployment]:
    for index, item in enumerate(items):
        if _is_root(root, item, wanted):
            return [*items[:index], replace(item, booted=True), *items[index + 1 :]]
    raise BootentriesError(
        "load sysroot",
        root.path,
        "the booted deployment has no entry in /boot/loader",
        hint="is /boot mounted? /run/ostree-booted says that this system was booted by OSTree",
    )


def _mark_soft_reboot(
    root: Root, items: list[Deployment], wanted: BootedRoot | None
) -> list[Deployment]:
    if wanted is None:
        return items
    return [replace(item, soft_reboot_target=_is_root(root, item, wanted)) for item in items]


def _is_root(root: Root, item: Deployment, wanted: BootedRoot) -> bool:
    found = fs.stat_optional(root.fd, item.path)
    return found is not None and (found.st_dev, found.st_ino) == (wanted.device, wanted.inode)


def _staged(root: Root, staged: Staged, others: list[Deployment]) -> Deployment:
    found = parse_directory(staged.name)
    if found is None or not re.fullmatch(r"[^/]+", staged.stateroot):
        raise BootentriesError("read staged deployment", staged.name, "no deployment's name")
    checksum, serial = found
    path = deployment_path(staged.stateroot, checksum, serial)
    with Reader(root.fd) as reader:
        if not reader.is_dir(path):
            raise BootentriesError(
                "read staged deployment", staged.name, f"/{path} is not a directory"
            )
        version = _version(reader, checksum)
        origin = _origin(reader, path)
    return Deployment(
        stateroot=staged.stateroot,
        checksum=checksum,
        serial=serial,
        bootcsum=staged.bootcsum,
        options=_staged_options(staged, others),
        origin=origin,
        version=version,
        staged=True,
        finalization_locked=staged.locked,
        unlocked="hotfix" if origin.unlocked == "hotfix" else "none",
        staged_overlays=staged.overlays,
    )


def _staged_options(staged: Staged, others: list[Deployment]) -> str:
    """Return its own arguments, or those that it will take from its merge deployment."""
    if staged.kargs is not None or staged.merge is None:
        return " ".join(staged.kargs or ())
    merge = (staged.merge.stateroot, staged.merge.name)
    return next((item.options for item in others if (item.stateroot, item.name) == merge), "")
