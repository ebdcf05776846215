"""`prepare-soft-reboot`: the next root, for `systemctl soft-reboot`."""

import click

from bootentries.cli.common import Number, common_options, lock_option
from bootentries.cli.writing import changing, dry_run_option

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
    from bootentries.cli.settled import choose  # noqa: PLC0415
    from bootentries.deploy.soft_reboot import OPERATION, check, prepare  # noqa: PLC0415
    from bootentries.deploy.stage import forget_soft_reboot  # noqa: PLC0415

    def begin() -> None:
        forget_soft_reboot(_RUN)

    item = choose(context, index, OPERATION, check, dry_run=dry_run, begin=begin)
    if dry_run:
        print(f"prepare the root of {item.stateroot}/{item.name} at {_RUN}/nextroot")
        if reboot:
            print("soft-reboot")
        return
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
