"""What every writing verb shares: the lock, the plan, `--dry-run`, and the result line.

What writes is loaded when a verb writes: `--help`, and a mistake in the options, need not
wait for it.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import click

from bootentries.cli.common import environment_words, note, reading, settings
from bootentries.errors import BootentriesError, from_os_error
from bootentries.root import Root, open_root

if TYPE_CHECKING:
    from bootentries.deployment import Deployment
    from bootentries.sysroot import Sysroot
    from bootentries.txn.ops import Op
    from bootentries.txn.plan import Plan, Write

_F = TypeVar("_F", bound=Callable[..., object])
# What a deployment can be called in place of its index.
WORDS = ("booted", "pending", "rollback")


def dry_run_option(command: _F) -> _F:
    """Add `--dry-run`."""
    option = click.option(
        "--dry-run", is_flag=True, help="Print what would be done, and do nothing."
    )
    return option(command)


@contextmanager
def writing(context: click.Context) -> Iterator[Root]:
    """Hold the sysroot open, writable and locked, in a mount namespace of our own."""
    from bootentries.txn.lock import sysroot_lock  # noqa: PLC0415
    from bootentries.txn.namespace import writable  # noqa: PLC0415

    _refuse_inside_hook()
    chosen = settings(context)
    enter_writable(chosen.sysroot)
    paths = ("/sysroot", "/boot") if _is_booted(chosen.sysroot) else ()
    with (
        writable(paths),
        open_root(chosen.sysroot, chosen.boot) as root,
        sysroot_lock(root, note, chosen.lock_timeout),
    ):
        yield root


def _refuse_inside_hook() -> None:
    """Raise BootentriesError in a hook: whoever runs it holds the lock, and waits for it."""
    name = os.environ.get("BOOTENTRIES_HOOK")
    if name:
        raise BootentriesError(
            "write deployments", name, "a hook cannot wait for the write that it is part of",
            hint="let a service do it: systemd-run bootentries …",
        )  # fmt: skip


def enter_writable(sysroot: str) -> None:
    """Enter a mount namespace of our own; raises BootentriesError for who may not write."""
    from bootentries.txn.namespace import enter_as_writer  # noqa: PLC0415

    enter_as_writer(sysroot, environment_words())


@contextmanager
def changing(context: click.Context, dry_run: bool) -> Iterator[tuple[Root, "Sysroot"]]:
    """Hold the sysroot for a verb that writes, or only reads with `--dry-run`."""
    from bootentries.sysroot import load  # noqa: PLC0415

    with (reading if dry_run else writing)(context) as root:
        yield root, load(root)


def rewrite(
    context: click.Context,
    change: Callable[["Sysroot"], tuple["Deployment", ...]],
    *,
    dry_run: bool,
    how: "Write | None" = None,
    quiet: bool = False,
) -> "Plan | None":
    """Write the list that `change` makes of the present one, and print libostree's line.

    With `dry_run` the plan is printed instead, and None returned.  `quiet` prints neither.
    """
    with changing(context, dry_run) as (root, present):
        wanted = change(present)
        return write_now(context, root, present, wanted, dry_run=dry_run, how=how, quiet=quiet)


def write_now(
    context: click.Context,
    root: Root,
    present: "Sysroot",
    wanted: tuple["Deployment", ...],
    *,
    dry_run: bool,
    how: "Write | None" = None,
    quiet: bool = False,
) -> "Plan | None":
    """Do what `rewrite` does, for a verb that holds the sysroot already."""
    from bootentries.kexec import forget  # noqa: PLC0415
    from bootentries.txn.context import Context  # noqa: PLC0415
    from bootentries.txn.plan import USUAL  # noqa: PLC0415
    from bootentries.txn.write import plan_write, write_list  # noqa: PLC0415

    how = replace(how or USUAL, reason=str(context.info_name))
    opts = environment_words()
    if dry_run:
        todo = plan_write(root, present, wanted, opts, how)
        if not quiet:
            print("\n".join(todo.describe()) or "nothing to do")
        return None
    forget(root, note)
    todo = write_list(root, present, wanted, Context(root, note), opts=opts, how=how)
    if settings(context).verbose:
        for line in todo.describe():
            note(line)
    if todo.result() and not quiet:
        print(todo.result())
    return todo


def apply_ops(root: Root, todo: tuple["Op", ...], dry_run: bool) -> bool:
    """Do some operations, or print them with `dry_run`; returns whether they were done."""
    if dry_run:
        print("\n".join(op.describe() for op in todo) or "nothing to do")
        return False
    from bootentries.txn.context import Context  # noqa: PLC0415

    context = Context(root, note)
    for op in todo:
        try:
            op.apply(context)
        except OSError as error:
            raise from_os_error(op.describe(), error) from error
    return True


def deployment_at(present: "Sysroot", index: int) -> "Deployment":
    """Return the deployment at a place of the list; raises BootentriesError."""
    if 0 <= index < len(present.deployments):
        return present.deployments[index]
    count = len(present.deployments)
    raise BootentriesError(
        "choose deployment", str(index),
        f"out of range: there are deployments 0 to {count - 1}" if count else "there are none",
        hint="bootentries status lists them",
    )  # fmt: skip


def deployment_called(present: "Sysroot", word: str, operation: str) -> "Deployment":
    """Return the deployment of an index, or of one of `WORDS`; raises BootentriesError."""
    if word not in WORDS:
        if not re.fullmatch(r"[0-9]{1,9}", word):
            reason = f"neither a number nor one of {', '.join(WORDS)}"
            raise BootentriesError(operation, word, reason)
        return deployment_at(present, int(word))
    from bootentries.roles import roles  # noqa: PLC0415

    found = present.booted_deployment
    if found is not None and word != "booted":
        around = roles(present, found.stateroot)
        found = around.pending if word == "pending" else around.rollback
    if found is None:
        raise BootentriesError(operation, word, "there is no such deployment")
    return found


def _is_booted(sysroot: str) -> bool:
    try:
        return os.path.samefile(sysroot, "/") and os.path.exists("/run/ostree-booted")
    except OSError:
        return False
