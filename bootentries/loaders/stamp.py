"""Loaders that a program has to be run for, after the swap: zipl and aboot.

What such a program wrote stays in force until it runs again.  So the machine boots the
list before until it has: those files must stay, and the next write has to make it run
first.  A stamp in the boot directory remembers it; libostree uses the same file.
"""

from bootentries import fs
from bootentries.loaders import Menu, MenuItem
from bootentries.root import Root
from bootentries.sysroot import load
from bootentries.txn import ops
from bootentries.txn.ops import Op
from bootentries.txn.run_ops import RunProgram

STAMP = "boot/ostree-bootloader-update.stamp"


def is_pending(root: Root) -> bool:
    """Return whether a program has still to run for the active list."""
    return fs.stat_optional(root.boot(), STAMP.removeprefix("boot/"), follow=False) is not None


def pending_menu(root: Root) -> Menu | None:
    """Return the active menu if a program has still to run for it; raises BootentriesError."""
    if not is_pending(root):
        return None
    found = load(root)
    items = tuple(MenuItem(item.entry, item) for item in found.on_disk if item.entry)
    return Menu(found.bootversion, items, root.boot_is_on_root()) if items else None


def write_stamp() -> Op:
    """Return the operation that remembers, before the swap, that a program has to run."""
    return ops.WriteFile(STAMP, "")


def run_program(*argv: str) -> Op:
    """Return the operation that runs the program and then forgets."""
    return RunProgram(argv, STAMP)
