"""The deployments of the list: their trees, their origins, and their commits."""

import os
import stat

from bootentries import fs
from bootentries.booted import BootedRoot, Staged
from bootentries.check.finding import Report
from bootentries.check.hashes import Hashes
from bootentries.check.listing import deployment_names, stateroots
from bootentries.deployment import Deployment, parse_directory
from bootentries.entries.title import os_release, pretty_name
from bootentries.origin import parse as parse_origin
from bootentries.repo import REPO, read_commit
from bootentries.root import Root
from bootentries.sysroot import DEPLOY
from prepare_root.formats import FormatError
from prepare_root.formats.commit import object_path

# What prepare-root, switch root and systemd mount on; `usr` and `etc` have their own codes.
_MOUNT_POINTS = ("boot", "dev", "proc", "run", "sys", "sysroot", "var")
_OS_RELEASE = ("usr/lib/os-release", "etc/os-release")


def check_names(root: Root, report: Report) -> None:
    """Every directory among the deployments has to be one."""
    for stateroot in stateroots(root):
        for name in deployment_names(root, stateroot):
            if parse_directory(name) is None:
                place = f"{DEPLOY}/{stateroot}/deploy/{name}"
                report.add("deployment-name", place, "not named CHECKSUM.SERIAL")


def check_deployments(root: Root, items: tuple[Deployment, ...], report: Report) -> None:
    """Look at each deployment and its stateroot."""
    for stateroot in dict.fromkeys(item.stateroot for item in items):
        place = f"{DEPLOY}/{stateroot}/var"
        with report.guard(place):
            if not fs.is_dir(root.fd, place):
                report.add("stateroot-var", place, "no such directory")
    for item in items:
        with report.guard(item.path):
            check_tree(root, item, report)
        with report.guard(f"{item.path}.origin"):
            check_origin(root, item, report)
        with report.guard(f"{REPO}/objects"):
            check_commit(root, item, report)


def check_booted(
    root: Root, items: tuple[Deployment, ...], booted: BootedRoot | None, report: Report
) -> None:
    """The deployment that runs has to be in the list."""
    if booted is None:
        return
    for item in items:
        found = fs.stat_optional(root.fd, item.path)
        if found is not None and (found.st_dev, found.st_ino) == (booted.device, booted.inode):
            return
    reason = f"none of the {len(items)} in the list is the one that /run/ostree-booted names"
    report.add("booted-not-listed", DEPLOY, reason)


def check_staged(root: Root, staged: Staged | None, report: Report) -> None:
    """The deployment that the next shutdown will finalise has to be there."""
    if staged is None:
        return
    place = f"{DEPLOY}/{staged.stateroot}/deploy/{staged.name}"
    if not fs.is_dir(root.fd, place):
        report.add("deployment-missing", place, "no such directory, and it is staged")


def check_tree(root: Root, item: Deployment, report: Report) -> None:
    """Look at what a deployment needs to become a root; raises OSError."""
    with fs.opened(root.fd, item.path, os.O_RDONLY | os.O_DIRECTORY) as fd:
        for name in ("usr", "etc"):
            if not _is_real_dir(fd, name):
                report.add(f"deployment-{name}", f"{item.path}/{name}", "no such directory")
        for name in _MOUNT_POINTS:
            if not _is_real_dir(fd, name):
                report.add("deployment-mount-point", f"{item.path}/{name}", "no such directory")
        _check_link(fd, item, report)
        if not fs.is_dir(fd, "usr"):
            return
        release = next(
            (data for path in _OS_RELEASE if (data := fs.read_optional(fd, path)) is not None), b""
        )
    with report.guard(f"{item.path}/{_OS_RELEASE[0]}", "deployment-os-release"):
        pretty_name(os_release(release.decode("utf-8", "replace")), item.path)


def check_origin(root: Root, item: Deployment, report: Report) -> None:
    """Read a deployment's origin; raises OSError."""
    place = f"{item.path}.origin"
    data = fs.read_optional(root.fd, place)
    if data is None:
        report.add("origin-missing", place, "no such file")
        return
    try:
        parse_origin(data)
    except FormatError as error:
        report.add("origin-form", place, str(error))


def check_commit(root: Root, item: Deployment, report: Report) -> None:
    """Read a deployment's commit, and hold it against its name; raises OSError."""
    try:
        place = f"{REPO}/{object_path(item.checksum, 'commit').decode()}"
    except FormatError:
        report.add("commit-missing", item.path, "its name holds no commit's checksum")
        return
    if not fs.is_file(root.fd, place):
        report.add("commit-missing", place, "no such object")
        return
    # Not read as a whole: a commit of a container may hold a large manifest.
    if Hashes().file(root.fd, place) != item.checksum:
        report.add("commit-damaged", place, "its sha256 is not its name")
        return
    with report.guard(place, "commit-damaged"):
        read_commit(root.fd, item.checksum)


def _check_link(fd: int, item: Deployment, report: Report) -> None:
    place = f"{item.path}/ostree"
    try:
        text = fs.readlink_optional(fd, "ostree")
    except OSError:
        report.add("deployment-link", place, "not a symbolic link")
        return
    if text is None:
        report.add("deployment-link", place, "no such link")
    elif text.lstrip("/") != "sysroot/ostree":
        report.add("deployment-link", place, f"it leads to {text!r}")


def _is_real_dir(fd: int, name: str) -> bool:
    """Whether it is a directory itself: over a link a mount would go elsewhere."""
    found = fs.stat_optional(fd, name, follow=False)
    return found is not None and stat.S_ISDIR(found.st_mode)
