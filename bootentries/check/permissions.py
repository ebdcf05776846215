"""File modes that keep a loader, or a tool that shows what it does, from reading."""

import stat

from bootentries import fs
from bootentries.check.finding import Report
from bootentries.deployment import Entry
from bootentries.root import Root


def check_permissions(
    root: Root, bootversion: int, entries: tuple[Entry, ...], report: Report
) -> None:
    """Look at the modes on the way to the entries, and at those of entries and menu.

    A kernel's own mode is the distribution's business: some ship it unreadable on purpose.
    """
    base = f"loader.{bootversion}"
    paths = [base, f"{base}/entries", f"{base}/grub.cfg", "ostree"]
    paths += [f"{base}/entries/{entry.name}" for entry in entries]
    for path in paths:
        found = fs.stat_optional(root.boot(), path)
        if found is None:
            continue
        needed = 0o555 if stat.S_ISDIR(found.st_mode) else 0o444
        if found.st_mode & needed != needed:
            mode = stat.S_IMODE(found.st_mode)
            report.add("permissions", f"boot/{path}", f"its mode is {mode:04o}")
