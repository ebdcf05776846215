"""Kernel arguments changed in the entries themselves, without writing the list anew.

libostree's `kargs edit-in-place` does this early at boot: no swap, no new kernels, every
deployment at once.
"""

from collections.abc import Callable
from dataclasses import replace

from bootentries.entries.bls import format_entry
from bootentries.kargs import KernelArgs
from bootentries.loaders import Loader, Menu, MenuItem
from bootentries.root import Root
from bootentries.sysroot import Sysroot
from bootentries.txn import ops
from bootentries.txn.ops import Op
from bootentries.txn.staged import EditStaged

Edit = Callable[[KernelArgs], KernelArgs]


def plan_edit(root: Root, present: Sysroot, loader: Loader, edit: Edit) -> tuple[Op, ...]:
    """Return what gives every deployment the arguments that `edit` makes of its own.

    Entries keep their file names, boot counters included.  The loader's menu follows, for
    one that does not read the entries itself.
    """
    result: list[Op] = []
    items = []
    for item in present.deployments:
        old = KernelArgs.parse(item.options)
        new = edit(old)
        changed = str(new) != str(old)
        if item.staged:
            result += [EditStaged(tuple(str(new).split(" ")))] if changed else []
        elif item.entry is not None:
            entry = item.entry
            if changed:
                entry = replace(entry, bls=entry.bls.with_value("options", str(new)))
                place = f"boot/loader.{present.bootversion}/entries/{entry.name}"
                result.append(ops.WriteFile(place, format_entry(entry.bls)))
            items.append(MenuItem(entry, item))
    menu = Menu(present.bootversion, tuple(items), root.boot_is_on_root())
    if any(isinstance(op, ops.WriteFile) for op in result):
        result += [*loader.before_swap(menu), ops.Freeze(), *loader.after_swap(menu)]
    return tuple(result)
