"""`prepare-soft-reboot`: the next root, for `systemctl soft-reboot`."""

from typing import TYPE_CHECKING

import click

from bootentries.cli.common import (
    Number,
    common_options,
    environment_words,
    lock_option,
    note,
    reading,
    settings,
)
from bootentries.cli.writing import changing, deployment_at, dry_run_option, write_now
from bootentries.errors import BootentriesError

if TYPE_CHECKING:
    from bootentries.deployment import Deployment

_RUN = "/run"


@click.command("prepare-soft-reboot")
@click.argument("index", type=Number(), required=False)
@click.option("--reboot", is_flag=True, help="Soft-reboot at once when it is prepared.")
@click.option("--reset", is_flag=True, help="Take back what is prepared.")
@dry_run_option
@lock_option
@common_options
@click.pass_context
def prepare_soft_reboot(
    context: click.Context, *, index: int | None, reboot: bool, reset: bool, dry_run: bool
) -> None:
    """Prepare deployment INDEX to go on in without a new kernel.

    Its kernel and arguments have to be those that run. A staged deployment is finalised
    first; choosing another one gives the staged one up. What the next ordinary boot
    starts is the default of the list, as before.

    Example: bootentries prepare-soft-reboot 0 --reboot
    """
    if reset:
        if index is not None or reboot:
            raise click.UsageError("--reset takes no INDEX, and no --reboot.")
        _reset(context, dry_run)
        return
    if index is None:
        raise click.UsageError("Missing argument 'INDEX'.")
    item = _choose(context, index, dry_run)
    if dry_run:
        print(f"prepare the root of {item.stateroot}/{item.name} at {_RUN}/nextroot")
        if reboot:
            print("soft-reboot")
        return
    from bootentries.deploy.soft_reboot import prepare  # noqa: PLC0415

    prepare(item)
    print(f"The next soft reboot goes to {item.stateroot} {item.name}")
    if reboot:
        from bootentries.run import run  # noqa: PLC0415

        run(("systemctl", "soft-reboot"), "soft reboot", item.name)


def _reset(context: click.Context, dry_run: bool) -> None:
    from bootentries.deploy.stage import forget_soft_reboot  # noqa: PLC0415

    if dry_run:
        print(f"undo what is prepared at {_RUN}/nextroot")
        return
    with changing(context, dry_run):
        forget_soft_reboot(_RUN)


def _choose(context: click.Context, index: int, dry_run: bool) -> "Deployment":
    """Return the deployment, finalised, with nothing staged or prepared besides."""
    from bootentries.deploy.soft_reboot import check  # noqa: PLC0415
    from bootentries.deploy.stage import forget_soft_reboot  # noqa: PLC0415
    from bootentries.sysroot import load  # noqa: PLC0415

    with changing(context, dry_run) as (root, present):
        item = deployment_at(present, index)
        check(present, item)
        if dry_run:
            if item.staged:
                print(f"make the staged {item.name} the default first")
            return item
        forget_soft_reboot(_RUN)
        if not item.staged and any(other.staged for other in present.deployments):
            note("the staged deployment is given up")
            write_now(context, root, present, present.on_disk, dry_run=False, quiet=True)
    if item.staged:
        _finalise(context, item)
    with reading(context) as root:
        present = load(root)
        for other in present.on_disk:
            if (other.stateroot, other.name) == (item.stateroot, item.name):
                check(present, other)
                return other
    raise BootentriesError("prepare soft reboot", item.name, "it is not in the list any more")


def _finalise(context: click.Context, item: "Deployment") -> None:
    from bootentries.units.service import Service  # noqa: PLC0415

    if item.finalization_locked:
        raise BootentriesError(
            "prepare soft reboot", item.name, "it is locked for finalization",
            hint="bootentries lock-finalization --unlock",
        )  # fmt: skip
    chosen = settings(context)
    service = Service(note, chosen.sysroot, chosen.boot, chosen.lock_timeout)
    todo = service.finalise(environment_words(), print)
    if todo is not None and todo.result():
        print(todo.result())
