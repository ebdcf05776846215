"""What a finished write would have removed.

Names are only called unused when the whole list is known: a broken entry might use them.
"""

import re

from bootentries import fs
from bootentries.booted import Staged
from bootentries.check.finding import Report
from bootentries.check.kernels import OVERLAYS, in_boot
from bootentries.check.listing import deployment_names, directories, files, stateroots
from bootentries.deployment import Bootlink, Deployment, parse_directory
from bootentries.entries.stored import entry_bootlink
from bootentries.loaders.detect import GRUB_DIRECTORIES
from bootentries.root import Root
from bootentries.sysroot import DEPLOY

_PAYLOAD = re.compile(r".+-([0-9a-f]{64})")


def check_temporary(root: Root, report: Report) -> None:
    """Name the temporary files of this program and of libostree; raises OSError."""
    for name in fs.list_optional(root.fd, "ostree") or []:
        if re.fullmatch(r"boot\.[01]\.tmp", name):
            _temporary(f"ostree/{name}", report)
    if root.boot_fd is None:
        return
    for name in fs.list_optional(root.boot_fd, ".") or []:
        if name == "loader.tmp":
            _temporary(f"boot/{name}", report)
    for base in ("loader.0", "loader.1", "ostree", *GRUB_DIRECTORIES):
        if fs.is_dir(root.boot_fd, base):
            for path in files(root.boot_fd, base, deep=base not in GRUB_DIRECTORIES):
                if path.endswith((".tmp", ".part")):
                    _temporary(f"boot/{base}/{path}", report)


def check_unused(
    root: Root,
    active: tuple[int, int | None],
    items: tuple[Deployment, ...],
    staged: Staged | None,
    report: Report,
) -> None:
    """Name what no item of the list uses; `active` is (N, M).  Raises OSError."""
    _unused_versions(root, active, report)
    _unused_links(root, active, items, report)
    used = {item.path for item in items}
    if staged is not None:
        used.add(f"{DEPLOY}/{staged.stateroot}/deploy/{staged.name}")
    _unused_deployments(root, used, report)
    bootcsums = {item.bootcsum for item in items} | ({staged.bootcsum} if staged else set())
    overlays = {
        in_boot(path) for item in items if item.entry for path in item.entry.bls.initrds()[1:]
    }
    if staged is not None:
        overlays |= {f"{OVERLAYS}/{checksum}.img" for checksum in staged.overlays}
    _unused_payloads(root, bootcsums, overlays, report)


def _temporary(place: str, report: Report) -> None:
    report.add("temporary-file", place, "a write did not end")


def _unused_versions(root: Root, active: tuple[int, int | None], report: Report) -> None:
    bootversion, sub = active
    other = 1 - bootversion
    if fs.stat_optional(root.boot(), f"loader.{other}", follow=False) is not None:
        report.add("loader-unused", f"boot/loader.{other}", f"loader.{bootversion} is active")
    names = [f"boot.{other}", f"boot.{other}.0", f"boot.{other}.1"]
    if sub is not None:
        names.append(f"boot.{bootversion}.{1 - sub}")
    for name in names:
        if fs.stat_optional(root.fd, f"ostree/{name}", follow=False) is None:
            continue
        links = _links_in(root, f"ostree/{name}")
        dangling = sum(fs.stat_optional(root.fd, link) is None for link in links)
        reason = f"{len(links)} links in it, {dangling} of them lead nowhere"
        report.add("bootversion-unused", f"ostree/{name}", reason)


def _links_in(root: Root, base: str) -> list[str]:
    """Return the boot links below a directory, or none where there is no directory."""
    if not fs.is_dir(root.fd, base):
        return []
    return [
        f"{base}/{stateroot}/{bootcsum}/{serial}"
        for stateroot in directories(root.fd, base)
        for bootcsum in directories(root.fd, f"{base}/{stateroot}")
        for serial in fs.list_optional(root.fd, f"{base}/{stateroot}/{bootcsum}") or []
    ]


def _unused_links(
    root: Root, active: tuple[int, int | None], items: tuple[Deployment, ...], report: Report
) -> None:
    used = {str(entry_bootlink(item.entry)) for item in items if item.entry}
    for place in _links_in(root, f"ostree/boot.{active[0]}"):
        if str(Bootlink.parse(f"/{place}")) not in used:
            report.add("bootlink-unused", place, "no entry names it")


def _unused_deployments(root: Root, used: set[str], report: Report) -> None:
    for stateroot in stateroots(root):
        base = f"{DEPLOY}/{stateroot}/deploy"
        names = deployment_names(root, stateroot)
        for name in names:
            if parse_directory(name) is not None and f"{base}/{name}" not in used:
                report.add("deployment-unused", f"{base}/{name}", "no entry boots it")
        remains = [
            *(f"deploy/{name}" for name in files(root.fd, base, deep=False)),
            *(f"backing/{name}" for name in directories(root.fd, f"{DEPLOY}/{stateroot}/backing")),
        ]
        for path in remains:
            stem = path.rpartition("/")[2].removesuffix(".origin")
            if parse_directory(stem) is not None and stem not in names:
                place = f"{DEPLOY}/{stateroot}/{path}"
                report.add("deployment-remains", place, "there is no such deployment")


def _unused_payloads(root: Root, bootcsums: set[str], overlays: set[str], report: Report) -> None:
    for name in directories(root.boot(), "ostree"):
        found = _PAYLOAD.fullmatch(name)
        if found is not None and found[1] not in bootcsums:
            report.add("payload-unused", f"boot/ostree/{name}", "no entry loads from it")
    for name in fs.list_optional(root.boot(), OVERLAYS) or []:
        path = f"{OVERLAYS}/{name}"
        if name.endswith(".img") and path not in overlays:
            report.add("overlay-unused", f"boot/{path}", "no entry names it")
