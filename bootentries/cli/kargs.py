"""`kargs`: kernel arguments of every deployment."""

from typing import TYPE_CHECKING

import click

from bootentries.cli.common import common_options, lock_option, note
from bootentries.cli.writing import changing, dry_run_option

if TYPE_CHECKING:
    from bootentries.kargs import KernelArgs


@click.group(no_args_is_help=False)
@common_options
def kargs() -> None:
    """Change kernel arguments.

    Example: bootentries kargs edit-in-place --append-if-missing=quiet
    """


@kargs.command("edit-in-place")
@click.option(
    "--append-if-missing", multiple=True, metavar="NAME=VALUE",
    help="Add at the end, unless there is an argument of that name.",
)  # fmt: skip
@dry_run_option
@lock_option
@common_options
@click.pass_context
def edit_in_place(
    context: click.Context, *, append_if_missing: tuple[str, ...], dry_run: bool
) -> None:
    """Change the arguments of all deployments in their entries, without a new list.

    Example: bootentries kargs edit-in-place --append-if-missing=quiet
    """

    from bootentries.inplace import plan_edit  # noqa: PLC0415
    from bootentries.loaders.detect import choose_loader  # noqa: PLC0415
    from bootentries.txn.context import Context  # noqa: PLC0415
    from bootentries.txn.plan import Plan, Write  # noqa: PLC0415
    from bootentries.txn.write import apply_plan, followed_by_hooks  # noqa: PLC0415

    def edit(args: "KernelArgs") -> "KernelArgs":
        for arg in append_if_missing:
            args = args.append_if_missing(arg)
        return args

    with changing(context, dry_run) as (root, present):
        edits = plan_edit(root, present, choose_loader(root, present.config), edit)
        todo = Plan(edits, (), False, present.bootversion, present.subbootversion, 0)
        default = next(iter(present.on_disk), None)
        how = Write(reason="edit-in-place")
        todo = followed_by_hooks(todo, root, present, default, how)
        if dry_run:
            print("\n".join(todo.describe()) or "nothing to do")
        else:
            apply_plan(todo, Context(root, note))
