"""`deploy`: a commit of the repository becomes a deployment."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import click

from bootentries.cli.common import (
    common_options,
    environment_words,
    lock_option,
    note,
    proc_cmdline,
    settings,
)
from bootentries.cli.writing import changing, dry_run_option
from bootentries.errors import BootentriesError, from_os_error

if TYPE_CHECKING:
    from bootentries.deploy.activate import Wanted
    from bootentries.root import Root
    from bootentries.sysroot import Sysroot


_F = TypeVar("_F", bound=Callable[..., object])
_RETRY = "bootentries.retry-failed"


def retry_option(command: _F) -> _F:
    """Add `--retry-failed`, for `run_stage`."""

    def keep(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
        context.meta[_RETRY] = value

    option = click.option(
        "--retry-failed", is_flag=True, expose_value=False, callback=keep,
        help="Stage what failed several times in a row at shutdown.",
    )  # fmt: skip
    return option(command)


@click.command()
@click.option(
    "--os",
    "--stateroot",
    "stateroot",
    metavar="STATEROOT",
    help="Deploy in this stateroot instead of the booted one.",
)
@click.option("--origin-file", metavar="FILE", help="Take the origin from this file.")
@click.option("--no-prune", is_flag=True, help="Leave unused objects in the repository.")
@click.option("--no-merge", is_flag=True, help="Carry over neither /etc nor kernel arguments.")
@click.option("--retain", is_flag=True, help="Keep all present deployments.")
@click.option("--stage", is_flag=True, help="Make it active at shutdown, not now.")
@click.option("--lock-finalization", is_flag=True, help="Stage it, and wait to be unlocked.")
@click.option("--retain-pending", is_flag=True, help="Keep those before the booted one.")
@click.option("--retain-rollback", is_flag=True, help="Keep those after the booted one.")
@click.option("--not-as-default", is_flag=True, help="Do not make it the default.")
@click.option("--karg-proc-cmdline", is_flag=True, help="Start from /proc/cmdline.")
@click.option("--karg", multiple=True, metavar="NAME=VALUE", help="Set, dropping other values.")
@click.option("--karg-append", multiple=True, metavar="NAME=VALUE", help="Add at the end.")
@click.option("--karg-none", is_flag=True, help="Start from no kernel arguments.")
@click.option("--karg-delete", multiple=True, metavar="NAME=VALUE", help="Remove, if it is there.")
@click.option(
    "--overlay-initrd", multiple=True, metavar="FILE", help="Add to the tree's initramfs at boot."
)
@click.argument("refspec", nargs=-1)
@retry_option
@dry_run_option
@lock_option
@common_options
@click.pass_context
def deploy(
    context: click.Context,
    *,
    stateroot: str | None,
    origin_file: str | None,
    no_prune: bool,
    no_merge: bool,
    retain: bool,
    stage: bool,
    lock_finalization: bool,
    retain_pending: bool,
    retain_rollback: bool,
    not_as_default: bool,
    karg_proc_cmdline: bool,
    karg: tuple[str, ...],
    karg_append: tuple[str, ...],
    karg_none: bool,
    karg_delete: tuple[str, ...],
    overlay_initrd: tuple[str, ...],
    refspec: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Deploy the commit that REFSPEC names as the new default.

    REFSPEC is a ref, REMOTE:REF, or a checksum.

    Example: bootentries deploy --os=debian --karg=root=LABEL=root debian/trixie
    """  # fmt: skip
    if not refspec:
        raise click.UsageError("REF/REV must be specified")
    # As with libostree: what is not staged cannot be locked.
    stage = stage or lock_finalization
    if stage and (retain_pending or retain_rollback or not_as_default):
        raise click.UsageError(
            "--stage excludes --retain-pending, --retain-rollback and --not-as-default"
        )
    if stage and retain:
        note("--retain has no effect with --stage: pinned deployments are kept")
    # Loaded late, like all that writes: see `writing`.
    from bootentries.deploy.activate import Wanted  # noqa: PLC0415
    from bootentries.deploy.make import Request  # noqa: PLC0415
    from bootentries.deploy.options import KargOptions  # noqa: PLC0415
    from bootentries.deploy.overlay import check_overlay  # noqa: PLC0415
    from bootentries.deploy.revision import resolve  # noqa: PLC0415
    from bootentries.origin import new_origin  # noqa: PLC0415
    from bootentries.retain import Keep  # noqa: PLC0415
    from bootentries.roles import merge_deployment  # noqa: PLC0415
    from bootentries.txn.plan import Write  # noqa: PLC0415

    kargs = KargOptions(karg_none, karg_proc_cmdline, karg, karg_append, karg_delete)
    if karg_none and karg_proc_cmdline:
        raise click.UsageError("--karg-none and --karg-proc-cmdline exclude each other")
    if karg_delete and (no_merge or karg_none):
        option = "--no-merge" if no_merge else "--karg-none"
        raise click.UsageError(f"{option} and --karg-delete exclude each other")
    keep = Keep(retain, retain_pending, retain_rollback, not_as_default)
    with changing(context, dry_run) as (root, present):
        if stage:
            check_stageable(root, present)
        name = chosen_stateroot(root, present, stateroot)
        checksum = resolve(root, refspec[0])
        origin = _read_origin(origin_file) if origin_file else new_origin(refspec[0])
        merge = None if no_merge else merge_deployment(present, name)
        options = kargs.apply(merge.options if merge else "", proc_cmdline(karg_proc_cmdline))
        for path in overlay_initrd:
            check_overlay(path)
        request = Request(name, checksum, origin, options, overlay_initrd, environment_words())
        wanted = Wanted(request, merge, keep, Write(prune=not no_prune))
        if stage:
            own = kargs != KargOptions()
            run_stage(
                root, present, wanted, own_kargs=own, locked=lock_finalization, dry_run=dry_run
            )  # fmt: skip
        else:
            run_deploy(context, root, present, wanted, dry_run=dry_run)


def run_stage(
    root: "Root",
    present: "Sysroot",
    wanted: "Wanted",
    *,
    own_kargs: bool = True,
    locked: bool = False,
    dry_run: bool,
) -> None:
    """Stage a deployment, or print what would be done; libostree prints nothing here."""
    from bootentries.deploy.stage import Staging, stage_commit  # noqa: PLC0415
    from bootentries.loopguard import check_loop  # noqa: PLC0415
    from bootentries.txn.context import Context  # noqa: PLC0415

    if not click.get_current_context().meta.get(_RETRY):
        check_loop(root, present, wanted.request.stateroot, wanted.request.checksum)
    staging = Staging(wanted, own_kargs, locked)
    if dry_run:
        print("\n".join(staging.describe(present)))
        return
    stage_commit(Context(root, note), present, staging)


def check_stageable(root: "Root", present: "Sysroot") -> None:
    """Raise BootentriesError unless this is the running system's sysroot."""
    if present.booted_deployment is None:
        raise BootentriesError(
            "stage", root.path, "not booted into an OSTree system",
            hint="only a running system can finalise it: leave --stage out",
        )  # fmt: skip


def run_deploy(
    context: click.Context, root: "Root", present: "Sysroot", wanted: "Wanted", *, dry_run: bool
) -> None:
    """Deploy, or print what would be done, and print libostree's lines."""
    if dry_run:
        print("\n".join(wanted.describe(present)))
        return
    from bootentries.deploy.activate import deploy_commit  # noqa: PLC0415
    from bootentries.loopguard import RECORD  # noqa: PLC0415
    from bootentries.txn.context import Context  # noqa: PLC0415
    from bootentries.txn.ops import Remove  # noqa: PLC0415

    # What becomes active now ends a row of failures at shutdown.
    follows = (Remove(f"boot/{RECORD}"),)
    how = replace(wanted.how, reason=str(context.info_name), follows=follows)
    wanted = replace(wanted, how=how)
    todo = deploy_commit(Context(root, note), present, wanted, print)
    if settings(context).verbose:
        for line in todo.describe():
            note(line)
    print(todo.result())


def chosen_stateroot(root: "Root", present: "Sysroot", name: str | None) -> str:
    """Return the named stateroot, or the booted one; raises BootentriesError without any."""
    from bootentries.deploy.make import check_stateroot  # noqa: PLC0415

    booted = present.booted_deployment
    if name is None and booted is None:
        raise BootentriesError(
            "choose stateroot", root.path, "not booted into an OSTree system, and no --os given",
            hint="name the stateroot with --os",
        )  # fmt: skip
    chosen = name if name is not None or booted is None else booted.stateroot
    check_stateroot(root, chosen or "")
    return chosen or ""


def _read_origin(path: str) -> bytes:
    from bootentries.deploy.origin import normal_origin  # noqa: PLC0415
    from bootentries.fs import SIZE_LIMIT  # noqa: PLC0415

    try:
        with open(path, "rb") as file:
            data = file.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise from_os_error("read origin", error, path) from error
    if len(data) > SIZE_LIMIT:
        raise BootentriesError("read origin", path, f"larger than {SIZE_LIMIT} bytes")
    return normal_origin(data, path)
