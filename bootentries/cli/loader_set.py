"""`loader set`: the keys that say which bootloaders are written for.

`sysroot.bootloader` is libostree's own, and it refuses what it does not know.  So systemd-boot
is a key of the group `[bootchain]`, and stands beside the other one, until `--only` takes one
of the two away.
"""

import stat
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bootentries import fs
from bootentries.errors import BootentriesError, from_os_error
from bootentries.esp.config import GROUP, SDBOOT, parse_esp_config
from bootentries.loaders.setting import bootloader_of, with_bootloader, with_value
from bootentries.repo import REPO
from bootentries.root import Root
from prepare_root.formats import FormatError

if TYPE_CHECKING:
    from bootentries.check.finding import Finding

CONFIG = f"{REPO}/config"


@dataclass(frozen=True, slots=True)
class Change:
    """One key: what it says now, None where it is not set, and what it shall say."""

    key: str
    before: str | None
    after: str

    def __str__(self) -> str:
        return f"{self.key}: {self.before or 'not set'} -> {self.after}"


def change_loader(
    root: Root, name: str, *, only: bool, dry_run: bool
) -> tuple[tuple[Change, ...], str | None]:
    """Set the keys for `name`; returns what changed, and how to go back.

    Raises BootentriesError; nothing is changed then.
    """
    try:
        data = fs.read_bytes(root.fd, CONFIG)
        listed, has_esp = bootloader_of(data), parse_esp_config(data).enabled
        changes = plan_changes(listed, has_esp, name, only)
        for change in changes:
            if change.key == "sysroot.bootloader":
                data = with_bootloader(data, change.after)
            else:
                data = with_value(data, GROUP, b"bootloader", change.after.encode())
    except FormatError as error:
        raise BootentriesError("set bootloader", CONFIG, str(error)) from error
    except OSError as error:
        raise from_os_error("set bootloader", error, CONFIG) from error
    if only:
        _check_ready(root, name)
    if changes and not dry_run:
        _write(root, data)
    return changes, _way_back(changes, listed, has_esp)


def plan_changes(listed: str | None, has_esp: bool, name: str, only: bool) -> tuple[Change, ...]:
    """Return what has to be set; `listed` is what `sysroot.bootloader` says."""
    wanted_list = "none" if name == SDBOOT and only else None if name == SDBOOT else name
    wanted_esp = True if name == SDBOOT else not only and has_esp
    changes = []
    if wanted_list is not None and wanted_list != listed:
        changes.append(Change("sysroot.bootloader", listed, wanted_list))
    if wanted_esp != has_esp:
        before, after = (SDBOOT if value else "none" for value in (has_esp, wanted_esp))
        changes.append(Change("bootchain.bootloader", before if has_esp else None, after))
    return tuple(changes)


def _way_back(changes: tuple[Change, ...], listed: str | None, has_esp: bool) -> str | None:
    """Return the commands that undo the changes."""
    if not changes:
        return None
    before = listed or "auto"
    commands = []
    if any(change.key == "sysroot.bootloader" for change in changes):
        commands.append(f"bootentries loader set {before}")
    if any(change.key == "bootchain.bootloader" for change in changes):
        commands.append(
            f"bootentries loader set {SDBOOT}" if has_esp
            else f"bootentries loader set {before} --only"
        )  # fmt: skip
    # `--only` sets both keys.
    return commands[-1] if commands[-1].endswith("--only") else " && ".join(commands)


def _check_ready(root: Root, name: str) -> None:
    """Refuse to leave a bootloader behind before the other one can boot the list."""
    if name != SDBOOT:
        found = unready(root, name)
        if found:
            raise BootentriesError(
                "set bootloader", name, f"{found[0].place}: {found[0].reason}",
                hint=f"bootentries loader set {name}; then {found[0].code.remedy}; "
                "then boot by it",
            )  # fmt: skip
        return
    from bootentries.esp.report import read_reports  # noqa: PLC0415
    from bootentries.sysroot import load  # noqa: PLC0415

    reports, _ = read_reports(root, load(root))
    for report in reports:
        if report.state == "in step" and any(item.info for item in report.programs):
            return
    states = ", ".join(f"{report.place.label} is {report.state}" for report in reports)
    raise BootentriesError(
        "set bootloader", name, f"no partition is in step with systemd-boot on it ({states})",
        hint="bootentries loader set sdboot; then bootentries esp install; then boot by it",
    )  # fmt: skip


def unready(root: Root, name: str) -> list["Finding"]:
    """Return what keeps the bootloader `name` from showing the active list."""
    from bootentries.check.finding import Report  # noqa: PLC0415
    from bootentries.check.menus import check_menus  # noqa: PLC0415
    from bootentries.loaders import Menu, MenuItem  # noqa: PLC0415
    from bootentries.sysroot import load  # noqa: PLC0415

    present = load(root)
    items = tuple(MenuItem(item.entry, item) for item in present.on_disk if item.entry)
    if not items:
        return []
    report = Report()
    menu = Menu(present.bootversion, items, root.boot_is_on_root())
    with report.guard("boot"):
        check_menus(root, replace(present.config, bootloader=name), menu, report)
    return [finding for finding in report.findings if finding.is_fault]


def _write(root: Root, data: bytes) -> None:
    try:
        found = fs.stat_optional(root.fd, CONFIG)
        fs.write_file(root.fd, CONFIG, data, stat.S_IMODE(found.st_mode) if found else 0o644)
    except OSError as error:
        raise from_os_error("set bootloader", error, CONFIG) from error
