"""`label`: what an administrator calls a deployment, in `status` and in the boot menu."""

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from bootentries.cli.common import common_options, lock_option
from bootentries.cli.writing import (
    apply_ops,
    changing,
    deployment_called,
    dry_run_option,
    write_now,
)

if TYPE_CHECKING:
    from bootentries.deployment import Deployment
    from bootentries.root import Root


@click.command()
@click.argument("index")
@click.argument("text", required=False)
@click.option("--unset", is_flag=True, help="Take the label away.")
@dry_run_option
@lock_option
@common_options
@click.pass_context
def label(
    context: click.Context, *, index: str, text: str | None, unset: bool, dry_run: bool
) -> None:
    """Call deployment INDEX by a TEXT of your own, in status and in the boot menu.

    INDEX is a number, or one of booted, pending, rollback.

    Example: bootentries label booted "before the new driver"
    """
    from bootentries.labels import check_label  # noqa: PLC0415
    from bootentries.txn.plan import Write  # noqa: PLC0415

    if (text is None) is not unset:
        raise click.UsageError("give either TEXT or --unset")
    wanted = None if text is None else check_label(text)
    with changing(context, dry_run) as (root, present):
        item = deployment_called(present, index, "label deployment")
        state = "has no label" if wanted is None else f"is called {wanted!r}"
        if item.label == wanted:
            print(f"Deployment {item.index} {state} already")
            return
        named = replace(item, label=wanted)
        if item.staged:
            done = _label_staged(root, named, dry_run)
        else:
            listed = tuple(
                named if other.identity == item.identity else other for other in present.on_disk
            )
            how = Write(keep_staged=any(other.staged for other in present.deployments))
            done = bool(write_now(context, root, present, listed, dry_run=dry_run, how=how))
    if done:
        print(f"Deployment {item.index} {state} now")


def _label_staged(root: "Root", item: "Deployment", dry_run: bool) -> bool:
    """Have the entry that it will get say so."""
    from bootentries.labels import KEY, stored  # noqa: PLC0415
    from bootentries.sysroot import DEPLOY  # noqa: PLC0415
    from bootentries.txn.ops import Touch  # noqa: PLC0415
    from bootentries.txn.staged import EditStagedKey  # noqa: PLC0415

    value = None if item.label is None else stored(item)
    return apply_ops(root, (EditStagedKey(KEY, value), Touch(DEPLOY)), dry_run)
