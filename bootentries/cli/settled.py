"""Choosing a deployment to go on into now, which so must be in the list, and stay in it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from bootentries.cli.common import environment_words, note, reading, settings
from bootentries.cli.writing import changing, deployment_at, write_now
from bootentries.errors import BootentriesError

if TYPE_CHECKING:
    from bootentries.deployment import Deployment
    from bootentries.sysroot import Sysroot


def choose(
    context: click.Context,
    index: int,
    operation: str,
    check: "Callable[[Sysroot, Deployment], object]",
    *,
    dry_run: bool,
    begin: Callable[[], object] = lambda: None,
) -> "Deployment":
    """Return the deployment at a place of the list, finalised, with nothing else staged.

    Shutdown would write the list anew for what is staged, and lead the bootlinks elsewhere.
    With `dry_run` it only says what it would do, and a staged one is returned as it is.
    `check` raises BootentriesError for what is no choice; it is asked before anything is done
    and after.  `begin` is called in between, with the lock held.
    """
    from bootentries.sysroot import load  # noqa: PLC0415

    with changing(context, dry_run) as (root, present):
        item = deployment_at(present, index)
        check(present, item)
        if dry_run:
            if item.staged:
                print(f"make the staged {item.name} the default first")
            return item
        begin()
        if not item.staged and any(other.staged for other in present.deployments):
            note("the staged deployment is given up")
            write_now(context, root, present, present.on_disk, dry_run=False, quiet=True)
    if item.staged:
        _finalise(context, item, operation)
    with reading(context) as root:
        present = load(root)
        for other in present.on_disk:
            if (other.stateroot, other.name) == (item.stateroot, item.name):
                check(present, other)
                return other
    raise BootentriesError(operation, item.name, "it is not in the list any more")


def _finalise(context: click.Context, item: "Deployment", operation: str) -> None:
    from bootentries.units.service import Service  # noqa: PLC0415

    if item.finalization_locked:
        raise BootentriesError(
            operation, item.name, "it is locked for finalization",
            hint="bootentries lock-finalization --unlock",
        )  # fmt: skip
    chosen = settings(context)
    service = Service(note, chosen.sysroot, chosen.boot, chosen.lock_timeout)
    todo = service.finalise(environment_words(), print)
    if todo is not None and todo.result():
        print(todo.result())
