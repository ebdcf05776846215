"""What the service manager runs for a staged deployment, and the lock that holds it back."""

import os
from typing import TYPE_CHECKING

import click

from bootentries.cli.common import (
    common_options,
    environment_words,
    lock_option,
    note,
    reading,
    settings,
)
from bootentries.cli.writing import dry_run_option, enter_writable, writing
from bootentries.errors import BootentriesError, from_os_error
from bootentries.root import Root, open_root

if TYPE_CHECKING:
    from bootentries.sysroot import Sysroot

_RUN = "/run"


@click.command("lock-finalization")
@click.option("-u", "--unlock", is_flag=True, help="Let it become active at shutdown.")
@dry_run_option
@lock_option
@common_options
@click.pass_context
def lock_finalization(context: click.Context, *, unlock: bool, dry_run: bool) -> None:
    """Keep the staged deployment from becoming active at shutdown.

    Example: bootentries lock-finalization --unlock
    """
    from bootentries.staged import set_lock  # noqa: PLC0415
    from bootentries.sysroot import load  # noqa: PLC0415

    with (reading if dry_run else writing)(context) as root:
        staged = next((item for item in load(root).deployments if item.staged), None)
        if staged is None:
            raise BootentriesError(
                "lock finalization", root.path, "no staged deployment",
                hint="stage one with: bootentries deploy --stage",
            )  # fmt: skip
        if dry_run:
            print(f"{'unlock' if unlock else 'lock'} {staged.stateroot}/{staged.name}")
            return
        changed = set_lock(not unlock)
        if changed:
            from bootentries.sysroot import DEPLOY  # noqa: PLC0415
            from bootentries.txn.context import Context  # noqa: PLC0415
            from bootentries.txn.ops import Touch  # noqa: PLC0415

            Touch(DEPLOY).apply(Context(root, note))
    if unlock:
        print(
            "Staged deployment is now queued to apply on shutdown" if changed
            else "Staged deployment is already prepared for finalization"
        )  # fmt: skip
    else:
        print(f"Staged deployment is {'now' if changed else 'already'} finalization locked")


@click.command("finalize-staged")
@click.option("--hold", is_flag=True, help="Only keep /boot in use, until told to end.")
@dry_run_option
@lock_option
@common_options
@click.pass_context
def finalize_staged(context: click.Context, *, hold: bool, dry_run: bool) -> None:
    """Make the staged deployment the default; the service manager runs this at shutdown.

    Example: bootentries finalize-staged --dry-run
    """
    from bootentries.units.service import BOOTED, Service  # noqa: PLC0415

    if not os.path.exists(BOOTED):
        return
    if dry_run and not hold:
        from bootentries.deploy.finalize import describe  # noqa: PLC0415
        from bootentries.sysroot import load  # noqa: PLC0415

        with reading(context) as root:
            print("\n".join(describe(load(root))))
        return
    chosen = settings(context)
    service = Service(note, chosen.sysroot, chosen.boot, chosen.lock_timeout)
    if hold:
        service.hold()
        return
    todo = service.finalise(environment_words(), print)
    if todo is None:
        return
    if chosen.verbose:
        for line in todo.describe():
            note(line)
    print(todo.result())


@click.command("boot-complete")
@dry_run_option
@common_options
@click.pass_context
def boot_complete(context: click.Context, *, dry_run: bool) -> None:
    """Say what the last shutdown left undone; the service manager runs this after boot.

    Example: bootentries boot-complete --dry-run
    """
    from bootentries.deploy.finalize import complete_soft_reboot  # noqa: PLC0415
    from bootentries.failure import read_failure, take_failure  # noqa: PLC0415
    from bootentries.txn.namespace import writable  # noqa: PLC0415

    if dry_run:
        with reading(context) as root:
            reason = read_failure(root, _list_of(root))
        print("nothing to do" if reason is None else f"tell of this failure: {reason}")
        return
    if "INVOCATION_ID" not in os.environ:
        raise BootentriesError(
            "complete boot", "$INVOCATION_ID", "not set: only the service manager runs this",
            hint="systemctl start ostree-boot-complete.service",
        )  # fmt: skip
    chosen = settings(context)
    enter_writable(chosen.sysroot)
    with writable(("/boot",)), open_root(chosen.sysroot, chosen.boot) as root:
        reason = take_failure(root, _list_of(root))
        _count_interruption(root, reason)
    if reason is not None:
        raise BootentriesError(
            "complete boot", "ostree-finalize-staged.service failed on previous boot", reason,
            hint="mend what the reason names, and stage it again",
        )  # fmt: skip
    try:
        complete_soft_reboot(_RUN)
    except OSError as error:
        raise from_os_error("complete soft reboot", error) from error


def _count_interruption(root: Root, reason: str | None) -> None:
    """Count an interruption as one more failure of its deployment; others are counted already."""
    from bootentries.failure import interrupted  # noqa: PLC0415
    from bootentries.loopguard import count_failure  # noqa: PLC0415

    target = None if reason is None else interrupted(reason)
    if reason is None or target is None:
        return
    try:
        count_failure(root, *target, reason)
    except OSError as error:
        note(f"this failure is not counted: {error}")


def _list_of(root: Root) -> "Sysroot | None":
    """Return the list, None where it cannot be read: that is for `verify` to tell."""
    from bootentries.sysroot import load  # noqa: PLC0415

    try:
        return load(root)
    except BootentriesError:
        return None
