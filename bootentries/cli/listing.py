"""The verbs that change which deployments are in the list, and in which order."""

from typing import TYPE_CHECKING

import click

from bootentries.cli.common import Number, common_options, environment_words, lock_option, note
from bootentries.cli.writing import (
    apply_ops,
    changing,
    deployment_at,
    deployment_called,
    dry_run_option,
    rewrite,
)
from bootentries.errors import BootentriesError

if TYPE_CHECKING:
    from bootentries.deployment import Deployment
    from bootentries.sysroot import Sysroot


@click.command()
@click.argument("index", type=Number())
@dry_run_option
@lock_option
@common_options
@click.pass_context
def undeploy(context: click.Context, *, index: int, dry_run: bool) -> None:
    """Delete deployment INDEX.

    Example: bootentries undeploy 1
    """
    gone: list[Deployment] = []

    def change(present: "Sysroot") -> tuple["Deployment", ...]:
        item = deployment_at(present, index)
        if item.booted:
            raise BootentriesError("undeploy", str(index), "it is booted, it has to stay")
        gone.append(item)
        return tuple(other for other in present.on_disk if other.identity != item.identity)

    if rewrite(context, change, dry_run=dry_run):
        print(f"Deleted deployment {gone[0].name}")


@click.command("set-default")
@click.argument("index", type=Number())
@dry_run_option
@lock_option
@common_options
@click.pass_context
def set_default(context: click.Context, *, index: int, dry_run: bool) -> None:
    """Make deployment INDEX the default.

    Example: bootentries set-default 1
    """
    from bootentries.txn.plan import Write  # noqa: PLC0415

    def change(present: "Sysroot") -> tuple["Deployment", ...]:
        item = deployment_at(present, index)
        if item.staged:
            return present.on_disk
        rest = (other for other in present.on_disk if other.identity != item.identity)
        return (item, *rest)

    # A staged one is always the first; choosing any other gives it up.
    rewrite(context, change, dry_run=dry_run, how=Write(keep_staged=index == 0))


@click.command()
@click.option("-u", "--unpin", is_flag=True, help="Take the pin away.")
@click.argument("index", nargs=-1, required=True)
@dry_run_option
@lock_option
@common_options
@click.pass_context
def pin(context: click.Context, *, unpin: bool, index: tuple[str, ...], dry_run: bool) -> None:
    """Keep deployment INDEX from being cleaned up.

    INDEX is a number, or one of booted, pending, rollback; there may be several.

    Example: bootentries pin booted
    """
    from bootentries.origin import with_pinned  # noqa: PLC0415
    from bootentries.sysroot import DEPLOY  # noqa: PLC0415
    from bootentries.txn.ops import Touch, WriteFile  # noqa: PLC0415

    with changing(context, dry_run) as (root, present):
        items = [_pinnable(present, word) for word in index]
        for item in items:
            state = "unpinned" if unpin else "pinned"
            if item.pinned is not unpin:
                print(f"Deployment {item.index} is already {state}")
                continue
            data = with_pinned(item.origin.data, not unpin).decode()
            todo = (WriteFile(f"{item.path}.origin", data), Touch(DEPLOY))
            if apply_ops(root, todo, dry_run):
                print(f"Deployment {item.index} is now {state}")


@click.command()
@dry_run_option
@lock_option
@common_options
@click.pass_context
def cleanup(context: click.Context, *, dry_run: bool) -> None:
    """Delete deployments, kernels and repository objects that nothing needs.

    Example: bootentries cleanup --dry-run
    """
    from bootentries.txn.context import Context  # noqa: PLC0415
    from bootentries.txn.write import apply_notes, plan_clean  # noqa: PLC0415

    with changing(context, dry_run) as (root, present):
        todo = plan_clean(root, present, environment_words())
        if dry_run:
            apply_ops(root, todo, dry_run)
        elif not apply_notes(todo, Context(root, note)):
            raise BootentriesError("clean up", root.path, "not everything could be removed")


def _pinnable(present: "Sysroot", word: str) -> "Deployment":
    item = deployment_called(present, word, "pin")
    if item.staged:
        raise BootentriesError("pin", word, "a staged deployment cannot be pinned")
    return item
