"""EFI partitions against the list, where every write is to bring them in step."""

import os
import re
from dataclasses import replace

from bootentries import fs
from bootentries.booted import BootedRoot, Staged
from bootentries.check.finding import Report
from bootentries.deployment import Deployment, parse_directory
from bootentries.errors import BootentriesError
from bootentries.esp import links
from bootentries.esp.entry import EspEntry, entry_text, same_but_version
from bootentries.esp.names import ENTRIES, PAYLOAD
from bootentries.esp.plan import Wanted, with_counters
from bootentries.esp.present import SREL, SREL_TEXT, Present, PresentEntry
from bootentries.esp.report import EspReport, read_reports
from bootentries.esp.sync import STAMP, is_pending, links_in
from bootentries.esp.verdicts import stubs
from bootentries.repo import REPO, read_config
from bootentries.root import Root
from bootentries.sysroot import Sysroot

_TARGET = re.compile(r"ostree=[^ \n]*")


Running = tuple[BootedRoot | None, Staged | None]


def check_esp(
    root: Root, bootversion: int, items: tuple[Deployment, ...], running: Running, report: Report
) -> None:
    """Look at every partition; `running` says what is booted and what is staged.

    Raises OSError, and BootentriesError about the configuration.
    """
    listed = _with_running(root, items, running)
    present = Sysroot(bootversion, 0, listed, read_config(root.fd))
    try:
        found, wanted = read_reports(root, present, reread=True)
    except BootentriesError as error:
        report.add("esp-none", f"{REPO}/config", f"{error.obj}: {error.reason}")
        return
    used = {link for item in items if (link := links.find_link(root, item)) is not None}
    for one in found:
        _check_place(root, one, wanted, report)
        if one.present is not None:
            there = (*one.present.entries, *(one.stale.entries if one.stale is not None else ()))
            used.update(link for item in there for link in links_in(item.text))
    _check_defaults(found, wanted, report)
    if all(one.present is not None for one in found):
        for path in links.unused_links(root, frozenset(used)):
            report.add("esp-link-unused", path, "no entry on a partition names it")
    if is_pending(root):
        report.add("esp-pending", STAMP, "a sync was due, or failed")


def _with_running(
    root: Root, items: tuple[Deployment, ...], running: Running
) -> tuple[Deployment, ...]:
    """Return the list with what runs marked, and what is staged before it."""
    booted, staged = running
    marked = []
    for item in items:
        found = None if booted is None else fs.stat_optional(root.fd, item.path)
        runs = found is not None and (found.st_dev, found.st_ino) == _number(booted)
        marked.append(replace(item, booted=runs))
    named = None if staged is None else parse_directory(staged.name)
    if staged is not None and named is not None:
        marked.insert(0, Deployment(staged.stateroot, *named, staged.bootcsum, staged=True))
    return tuple(marked)


def _number(booted: BootedRoot | None) -> tuple[int, int] | None:
    return None if booted is None else (booted.device, booted.inode)


def _check_place(root: Root, one: EspReport, wanted: Wanted, report: Report) -> None:
    label = one.place.label
    present = one.present
    if present is None:
        error = one.error
        assert error is not None
        code = "esp-missing" if one.missing else "esp-in-the-way"
        if one.missing and "only root" in error.reason:
            code = "unreadable"
        report.add(code, label, f"{error.obj}: {error.reason}")
        return
    if present.read_only:
        report.add("esp-read-only", label, "it is mounted or switched read-only")
    elif one.error is not None:
        report.add("esp-full", label, one.error.reason)
    _check_entries(label, present, with_counters(present, wanted), report)
    for item in present.live:
        _check_links(root, f"{label}:{ENTRIES}/{item.file}", item, report)
    for item in one.stale.live if one.stale is not None else ():
        place = f"{one.place.esp.path}:{ENTRIES}/{item.file}"
        report.add("esp-entry-extra", place, f"entries belong on {one.place.boot.path}")
    _check_payload(label, one, wanted, report)
    for path in present.odd:
        report.add("esp-name-collision", f"{label}:{path}", "it is in capitals")
    if present.srel is not None and present.srel != SREL_TEXT:
        report.add("esp-srel", f"{label}:{SREL}", f"it says {present.srel.strip()[:40]!r}")
    if not any(program.info for program in one.programs):
        report.add("esp-program", label, "neither in EFI/systemd nor in EFI/BOOT")


def _check_entries(label: str, present: Present, wanted: Wanted, report: Report) -> None:
    due = {entry.deployment: entry for entry in wanted.entries}
    good: set[str] = set()
    for item in present.live:
        place = f"{label}:{ENTRIES}/{item.file}"
        entry = due.get(item.deployment or "")
        if entry is None:
            report.add("esp-entry-extra", place, f"it boots {item.deployment}")
        elif _is_same(item, entry):
            good.add(entry.deployment)
        if item.name.tries is not None and item.name.tries[0] == 0:
            report.add("esp-counters", place, f"{item.name.tries[1]} tries were done")
    for entry in wanted.entries:
        if entry.deployment not in good:
            report.add("esp-entry-missing", label, f"{entry.deployment}, {entry.title}")
    held = [item for item in stubs(present) if item.file == wanted.counted]
    for item in present.entries:
        if not item.live and item not in held:
            report.add("esp-unused", f"{label}:{ENTRIES}/{item.file}", "it was never switched on")


def _is_same(item: PresentEntry, entry: EspEntry) -> bool:
    """Return whether an entry says what it should, but for its counters and its link."""
    texts = (_TARGET.sub("ostree=", text) for text in (item.text, entry_text(entry, item.name)))
    return same_but_version(*texts)


def _check_links(root: Root, place: str, item: PresentEntry, report: Report) -> None:
    for link in links_in(item.text):
        found = fs.stat_optional(root.fd, link.lstrip("/"))
        if found is None:
            report.add("esp-link", place, f"{link} leads nowhere")
        elif item.deployment is not None:
            stateroot, _, name = item.deployment.partition("/")
            path = f"ostree/deploy/{stateroot}/deploy/{name}"
            due = fs.stat_optional(root.fd, path)
            if due is None or not os.path.samestat(found, due):
                report.add("esp-link", place, f"{link} leads not to {path}")


def _check_payload(label: str, one: EspReport, wanted: Wanted, report: Report) -> None:
    present = one.present
    assert present is not None
    named = {name for item in present.live for name in item.payloads}
    due = {payload.name: payload.size for payload in (*wanted.payloads, *wanted.extra)}
    for name in sorted(named):
        place = f"{label}:{PAYLOAD}/{name}"
        if name not in present.payload:
            report.add("esp-payload-missing", place, "no such file")
        elif name in one.damaged:
            report.add("esp-payload-differs", place, "its sha256 is not that in its name")
    for name, size in sorted(present.payload.items()):
        if name not in named and due.get(name) != size:
            report.add("esp-unused", f"{label}:{PAYLOAD}/{name}", "no entry names it")


def _check_defaults(found: tuple[EspReport, ...], wanted: Wanted, report: Report) -> None:
    """Hold what boots by default against the list, and the partitions against each other."""
    first = wanted.entries[0].deployment if wanted.entries else None
    booted: dict[str, str | None] = {}
    for one in found:
        if one.present is None:
            continue
        boots = next((item for item in one.entries if item.file == one.default), None)
        deployment = None if boots is None else boots.deployment
        booted[one.place.label] = deployment
        if deployment != first and one.state == "in step" and boots is not None:
            reason = f"{boots.file}, {boots.title}"
            report.add("esp-default", f"{one.place.label}:{ENTRIES}", reason)
    if len(set(booted.values())) > 1:
        reason = "; ".join(
            f"{label} boots {what or 'nothing of ours'}" for label, what in booted.items()
        )
        report.add("esp-differ", next(iter(booted)), reason)
