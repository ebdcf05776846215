"""Kernel arguments changed in the entries themselves, without writing the list anew.

libostree's `kargs edit-in-place` does this early at boot: no swap, no new kernels, every
deployment at once.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace

from bootentries import fs
from bootentries.booted import STAGED
from bootentries.entries.bls import format_entry
from bootentries.errors import BootentriesError
from bootentries.kargs import KernelArgs
from bootentries.loaders import Loader, Menu, MenuItem
from bootentries.root import Root
from bootentries.sysroot import Sysroot
from bootentries.txn import ops
from bootentries.txn.context import Context
from bootentries.txn.ops import Op
from prepare_root.formats import FormatError
from prepare_root.formats.gvariant import Variant, decode, encode

Edit = Callable[[KernelArgs], KernelArgs]


@dataclass(frozen=True, slots=True)
class EditStaged:
    """Set the arguments in the description of the staged deployment."""

    args: tuple[str, ...]

    def describe(self) -> str:
        return f"set the arguments of the staged deployment: {' '.join(self.args)}"

    def apply(self, context: Context) -> None:
        run_fd = os.open(context.run, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            data = fs.read_bytes(run_fd, STAGED)
            fs.write_file(run_fd, STAGED, with_kargs(data, self.args))
        except FormatError as error:
            raise BootentriesError("edit staged deployment", STAGED, str(error)) from error
        finally:
            os.close(run_fd)


def with_kargs(data: bytes, args: tuple[str, ...]) -> bytes:
    """Return a staged deployment's description (`a{sv}`) with other arguments."""
    table = decode("a{sv}", data)
    if not isinstance(table, dict):
        raise FormatError("not a dictionary")
    return encode("a{sv}", {**table, "kargs": Variant("as", list(args))})


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
