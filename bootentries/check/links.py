"""From an entry's `ostree=` to its deployment: `boot.N`, `boot.N.M`, and the boot links."""

import os
from dataclasses import replace

from bootentries import fs
from bootentries.check.entries import bootlink_of
from bootentries.check.finding import Report
from bootentries.deployment import Bootlink, Deployment, Entry, parse_directory
from bootentries.root import Root


def check_links(
    root: Root, bootversion: int, entries: tuple[Entry, ...], report: Report
) -> tuple[int | None, tuple[Deployment, ...]]:
    """Return M of `boot.N.M`, and the deployments that entries lead to, in list order.

    They are without origin and version.  An empty list needs no links.
    """
    link = f"ostree/boot.{bootversion}"
    if not entries and fs.stat_optional(root.fd, link, follow=False) is None:
        return None, ()
    sub = check_bootversion(root, bootversion, report)
    if sub is None:
        return None, ()
    found = []
    for entry in entries:
        place = f"boot/loader.{bootversion}/entries/{entry.name}"
        target = bootlink_of(entry)
        if target is None:
            continue
        if target.bootversion != bootversion:
            report.add("entry-bootversion", place, f"{target}, and {link} is the active one")
            if fs.stat_optional(root.fd, str(target).lstrip("/"), follow=False) is None:
                continue
        with report.guard(str(target).lstrip("/")):
            item = follow(root, entry, target, report)
            if item is not None:
                found.append(item)
    return sub, tuple(replace(item, index=index) for index, item in enumerate(found))


def check_bootversion(root: Root, bootversion: int, report: Report) -> int | None:
    """Return M of `ostree/boot.N -> boot.N.M`, or None after saying what is wrong."""
    place = f"ostree/boot.{bootversion}"
    try:
        text = fs.readlink_optional(root.fd, place)
    except OSError:
        report.add("bootversion-not-a-link", place, "not a symbolic link")
        return None
    if text is None:
        report.add("bootversion-missing", place, "no such link")
        return None
    if text not in (f"boot.{bootversion}.0", f"boot.{bootversion}.1"):
        report.add("bootversion-target", place, f"it leads to {text!r}")
        return None
    if not fs.is_dir(root.fd, f"ostree/{text}"):
        report.add("bootversion-dangling", place, f"it leads to {text!r}, no directory")
        return None
    return int(text[-1])


def follow(root: Root, entry: Entry, link: Bootlink, report: Report) -> Deployment | None:
    """Return the deployment that a boot link leads to; raises OSError."""
    place = str(link).lstrip("/")
    found = fs.stat_optional(root.fd, place, follow=False)
    if found is None:
        report.add("bootlink-missing", place, f"no such link, and {entry.name} names it")
        return None
    try:
        text = fs.readlink_optional(root.fd, place) or ""
    except OSError:
        report.add("bootlink-not-a-link", place, "not a symbolic link")
        return None
    wanted = parse_directory(os.path.basename(text))
    if wanted is None:
        report.add("bootlink-target", place, f"it leads to {text!r}, no deployment")
        return None
    item = _deployment(entry, link, wanted)
    if text != f"../../../deploy/{link.stateroot}/deploy/{item.name}":
        report.add("bootlink-target", place, f"it leads to {text!r}, outside of its stateroot")
        return None
    if not fs.is_dir(root.fd, item.path):
        report.add("deployment-missing", item.path, f"no such directory, and {place} leads to it")
        return None
    return item


def _deployment(entry: Entry, link: Bootlink, name: tuple[str, int]) -> Deployment:
    checksum, serial = name
    return Deployment(
        stateroot=link.stateroot,
        checksum=checksum,
        serial=serial,
        bootcsum=link.bootcsum,
        bootserial=link.bootserial,
        options=entry.options,
        entry=entry,
    )
