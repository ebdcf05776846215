"""`instutil`: the verbs that installers use."""

from dataclasses import replace as changed
from typing import TYPE_CHECKING

import click

from bootentries.cli.common import Number, common_options, lock_option, proc_cmdline, reading
from bootentries.cli.writing import dry_run_option, rewrite
from bootentries.errors import BootentriesError, from_os_error

if TYPE_CHECKING:
    from bootentries.deployment import Deployment
    from bootentries.sysroot import Sysroot


@click.group(no_args_is_help=False)
@common_options
def instutil() -> None:
    """Verbs for installers.

    Example: bootentries instutil set-kargs --merge --append=quiet
    """


@instutil.command("set-kargs")
@click.option(
    "--import-proc-cmdline", "import_proc", is_flag=True, help="Start from /proc/cmdline."
)
@click.option("--merge", is_flag=True, help="Start from the default's arguments.")
@click.option("--replace", multiple=True, metavar="NAME=VALUE", help="Set, dropping other values.")
@click.option("--append", multiple=True, metavar="NAME=VALUE", help="Add at the end.")
@click.option("--delete", multiple=True, metavar="NAME[=VALUE]", help="Remove.")
@dry_run_option
@click.argument("args", nargs=-1)
@lock_option
@common_options
@click.pass_context
def set_kargs(
    context: click.Context,
    *,
    import_proc: bool,
    merge: bool,
    replace: tuple[str, ...],
    append: tuple[str, ...],
    delete: tuple[str, ...],
    dry_run: bool,
    args: tuple[str, ...],
) -> None:
    """Set the kernel arguments of the default deployment.

    Without --merge or --import-proc-cmdline it starts from none.

    Example: bootentries instutil set-kargs --merge --append=console=ttyS0
    """
    # Loaded late, like all that writes: see `writing`.
    from bootentries.kargs import KargEdit  # noqa: PLC0415
    from bootentries.txn.plan import Write  # noqa: PLC0415

    edit = KargEdit(import_proc, merge, replace, append, delete, args)

    def change(present: "Sysroot") -> tuple["Deployment", ...]:
        options = str(edit.apply(_default(present).options, proc_cmdline(import_proc)))
        return _with_options(present, options)

    rewrite(context, change, dry_run=dry_run, how=Write(renew=True))


@instutil.command("grub2-generate")
@click.argument("bootversion", required=False, type=Number(0, 1))
@common_options
@click.pass_context
def grub2_generate(context: click.Context, bootversion: int | None) -> None:
    """Print the GRUB menu of the entries in loader.BOOTVERSION (default: the active one).

    Example: bootentries --sysroot /mnt instutil grub2-generate
    """
    from bootentries.loaders.grub_menu import grub_menu  # noqa: PLC0415
    from bootentries.loaders.read import read_menu  # noqa: PLC0415
    from bootentries.sysroot import load  # noqa: PLC0415

    with reading(context) as root:
        chosen = load(root).bootversion if bootversion is None else bootversion
        print(grub_menu(read_menu(root, chosen)), end="")


@instutil.command("grub2-stub")
@click.option("--timeout", type=Number(-1), default=5, show_default=True, help="Seconds; -1 waits.")
@click.option("--serial", "serial", is_flag=True, help="Use a serial console as well.")
@click.option(
    "--serial-speed", type=Number(1), default=115200, show_default=True, help="Its speed."
)
@click.option("--serial-unit", type=Number(0), default=0, show_default=True, help="Its number.")
@click.option("-o", "--output", metavar="FILE", help="Write there instead of printing.")
@common_options
def grub2_stub(
    *, timeout: int, serial: bool, serial_speed: int, serial_unit: int, output: str | None
) -> None:
    """Print the static grub.cfg that reads the generated menu.

    Example: bootentries instutil grub2-stub --serial -o /boot/grub/grub.cfg
    """
    from bootentries.loaders.grub_stub import StubOptions, grub_stub  # noqa: PLC0415

    text = grub_stub(StubOptions(timeout, serial_speed if serial else None, serial_unit))
    if output is None:
        print(text, end="")
        return
    try:
        with open(output, "w") as file:
            file.write(text)
    except OSError as error:
        raise from_os_error("write GRUB stub", error) from error


def _default(present: "Sysroot") -> "Deployment":
    if not present.deployments:
        raise BootentriesError(
            "set kernel arguments", "deployments", "there are none",
            hint="deploy something first",
        )  # fmt: skip
    default = present.deployments[0]
    if default.staged:
        raise BootentriesError(
            "set kernel arguments", default.name, "the default is staged",
            hint="reboot to finalise it, or drop it with: ostree admin undeploy 0",
        )  # fmt: skip
    return default


def _with_options(present: "Sysroot", options: str) -> tuple["Deployment", ...]:
    from bootentries.entries.names import Counters  # noqa: PLC0415

    default, *rest = present.on_disk
    entry = default.entry
    if entry is not None:
        # New arguments, so what was counted before says nothing about them.
        entry = changed(entry, counters=Counters())
    return (changed(default, options=options, entry=entry), *rest)
