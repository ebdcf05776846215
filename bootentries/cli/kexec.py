"""`kexec-load`: the next kernel, for `systemctl kexec`."""

from typing import TYPE_CHECKING

import click

from bootentries.cli.common import Number, common_options, lock_option, reading
from bootentries.cli.writing import changing, dry_run_option

if TYPE_CHECKING:
    from bootentries.deployment import Deployment
    from bootentries.sysroot import Sysroot


@click.command("kexec-load")
@click.argument("index", type=Number(), required=False)
@click.option("--reboot", is_flag=True, help="Go on into it at once when it is loaded.")
@click.option("--unload", is_flag=True, help="Forget the kernel that is loaded.")
@dry_run_option
@lock_option
@common_options
@click.pass_context
def kexec_load(
    context: click.Context, *, index: int | None, reboot: bool, unload: bool, dry_run: bool
) -> None:
    """Load the kernel of deployment INDEX, to be started without firmware and boot loader.

    Its initrds and arguments are those of its boot entry. Without INDEX it is the first of
    the list. A staged deployment is finalised first; choosing another one gives the staged
    one up. systemctl kexec then goes on into it; an ordinary reboot starts the default of
    the list, as before.

    Example: bootentries kexec-load --reboot
    """
    if unload:
        if index is not None or reboot:
            raise click.UsageError("--unload takes no INDEX, and no --reboot.")
        _unload(context, dry_run)
        return
    from bootentries.cli.settled import choose  # noqa: PLC0415
    from bootentries.kexec import OPERATION, load, plan  # noqa: PLC0415

    item = choose(context, index or 0, OPERATION, _check, dry_run=dry_run)
    if dry_run:
        lines = [f"load the kernel of {item.name}"] if item.staged else plan(item).describe()
        print("\n".join([*lines, "reboot by kexec"] if reboot else lines))
        return
    with reading(context) as root:
        load(root, plan(item))
    print(f"Loaded the kernel of {item.stateroot} {item.name}; systemctl kexec goes on into it")
    if reboot:
        from bootentries.run import run  # noqa: PLC0415

        run(("systemctl", "kexec"), "reboot by kexec", item.name)


def _check(_present: "Sysroot", item: "Deployment") -> None:
    """Raise BootentriesError for what cannot be loaded; a staged one gets its entry yet."""
    from bootentries.kexec import plan  # noqa: PLC0415

    if not item.staged:
        plan(item)


def _unload(context: click.Context, dry_run: bool) -> None:
    from bootentries.kexec import is_loaded, unload  # noqa: PLC0415

    if not is_loaded():
        print("nothing to do")
    elif dry_run:
        print("forget the kernel that is loaded")
    else:
        with changing(context, dry_run):
            unload()
