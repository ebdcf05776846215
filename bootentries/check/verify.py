"""Every check, in the order of the chain."""

import time
from dataclasses import dataclass

from bootentries.booted import BootedRoot, Staged, booted_root, read_staged
from bootentries.check.active import check_boot, check_config, check_loader
from bootentries.check.deployments import (
    check_booted,
    check_deployments,
    check_names,
    check_staged,
)
from bootentries.check.entries import check_entries
from bootentries.check.finding import Finding, Report
from bootentries.check.initramfs import check_initramfs
from bootentries.check.kernels import check_kernels
from bootentries.check.leftovers import check_temporary, check_unused
from bootentries.check.links import check_links
from bootentries.check.menus import check_menus
from bootentries.check.permissions import check_permissions
from bootentries.check.refs import HEADS, check_refs
from bootentries.deployment import Deployment, parse_directory
from bootentries.esp.config import read_esp_config
from bootentries.loaders import Menu, MenuItem
from bootentries.repo import REPO, RepoConfig
from bootentries.root import Root
from bootentries.sysroot import DEPLOY, fingerprint

_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found, and of what; `bootversion` is None where no list is active."""

    findings: tuple[Finding, ...]
    bootversion: int | None
    deployments: tuple[Deployment, ...]

    @property
    def sound(self) -> bool:
        """Whether there is no fault; warnings and leftovers are none."""
        return not any(finding.is_fault for finding in self.findings)


def verify(root: Root, run: str = "/run") -> Verdict:
    """Look at the whole sysroot, and at /run where it is the booted one.

    It takes no lock and writes nothing; when the list changes meanwhile it looks again.
    Nothing on disk makes it raise.
    """
    for attempt in range(_ATTEMPTS):
        before = fingerprint(root)
        verdict = _verify_once(root, run)
        if verdict.sound or before == fingerprint(root):
            break
        time.sleep(0.01 * attempt)
    return verdict


def _verify_once(root: Root, run: str) -> Verdict:
    report = Report()
    booted, staged = None, None
    with report.guard(f"{run}/ostree-booted", "run-state"):
        booted = booted_root(root.fd, run)
    if booted is not None:
        with report.guard(f"{run}/ostree/staged-deployment", "run-state"):
            staged = read_staged(run)
    return check_all(root, booted, staged, report)


def check_all(
    root: Root, booted: BootedRoot | None, staged: Staged | None, report: Report
) -> Verdict:
    """Look at everything below the sysroot and its boot directory."""
    with report.guard(DEPLOY):
        check_names(root, report)
    config = check_config(root, report)
    bootversion = None
    items: tuple[Deployment, ...] = ()
    with report.guard("boot/loader"):
        bootversion = check_loader(root, report)
    if bootversion is not None:
        with report.guard(f"boot/loader.{bootversion}"):
            items = _check_list(root, bootversion, config, (booted, staged), report)
    with report.guard("boot"):
        check_temporary(root, report)
    return Verdict(tuple(report.findings), bootversion, items)


def _check_list(
    root: Root,
    bootversion: int,
    config: RepoConfig,
    running: tuple[BootedRoot | None, Staged | None],
    report: Report,
) -> tuple[Deployment, ...]:
    """Look at the active list; returns the deployments that its entries lead to."""
    before = report.faults
    entries = check_entries(root, bootversion, report)
    sub, items = check_links(root, bootversion, entries, report)
    # What follows from not being in the list can only be said of a list that is known.
    is_known = report.faults == before
    with report.guard("boot"):
        check_boot(root, _names(items, running[1]), report)
        check_permissions(root, bootversion, entries, report)
    check_deployments(root, items, report)
    check_kernels(root, bootversion, items, report)
    check_initramfs(root, items, report)
    if not is_known:
        return items
    booted, staged = running
    with report.guard(DEPLOY):
        check_booted(root, items, booted, report)
        check_staged(root, staged, report)
    with report.guard("boot"):
        pairs = tuple(MenuItem(item.entry, item) for item in items if item.entry)
        menu = Menu(bootversion, pairs, root.boot_is_on_root())
        check_menus(root, config, menu, report)
    with report.guard(f"{REPO}/config", "repo-config"):
        if read_esp_config(root.fd).enabled:
            # Loaded late: most sysroots have none.
            from bootentries.check.esp import check_esp  # noqa: PLC0415

            check_esp(root, bootversion, items, running, report)
    with report.guard(HEADS):
        if sub is not None:
            first = (parse_directory(staged.name),) if staged is not None else ()
            checksums = (*(name[0] for name in first if name), *(item.checksum for item in items))
            check_refs(root, (bootversion, sub), checksums, report)
    with report.guard("ostree"):
        check_unused(root, (bootversion, sub), items, staged, report)
    return items


def _names(items: tuple[Deployment, ...], staged: Staged | None) -> set[tuple[str, str]]:
    found = {(item.stateroot, item.name) for item in items}
    return found if staged is None else found | {(staged.stateroot, staged.name)}
