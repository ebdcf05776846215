"""The verbs that make a sysroot and its stateroots."""

import click

from bootentries.cli.common import Number, common_options, lock_option
from bootentries.cli.writing import apply_ops, changing, dry_run_option, enter_writable
from bootentries.init import filesystem, make_filesystem, plan_stateroot
from bootentries.repo import REPO


@click.command("init-fs")
@click.option("--modern", is_flag=True, help="Only create /boot and /ostree.")
@click.option("-E", "--epoch", type=Number(0, 1), default=0, help="1 means the same as --modern.")
@click.argument("path")
@dry_run_option
@common_options
def init_fs(*, modern: bool, epoch: int, path: str, dry_run: bool) -> None:
    """Make the directory PATH a sysroot; what is there already stays.

    Example: bootentries init-fs --modern /mnt
    """
    modern = modern or epoch > 0
    if dry_run:
        print("\n".join(step.describe() for step in filesystem(modern)))
        print(f"create repository {REPO}")
        return
    enter_writable(path)
    make_filesystem(path, modern)


@click.command("os-init")
@click.argument("stateroot")
@dry_run_option
@lock_option
@common_options
@click.pass_context
def os_init(context: click.Context, *, stateroot: str, dry_run: bool) -> None:
    """Make an empty stateroot: a place for deployments that share a /var.

    Example: bootentries os-init debian
    """
    with changing(context, dry_run) as (root, _present):
        todo = plan_stateroot(root, stateroot)
        if apply_ops(root, todo, dry_run):
            print(f"ostree/deploy/{stateroot} initialized as OSTree stateroot")
