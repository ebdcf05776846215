"""What the service manager runs for a staged deployment, and the lock that holds it back."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
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
_BOOTED = f"{_RUN}/ostree-booted"


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
    if not os.path.exists(_BOOTED):
        return
    if hold:
        _hold(context)
        return
    if dry_run:
        from bootentries.deploy.finalize import describe  # noqa: PLC0415
        from bootentries.sysroot import load  # noqa: PLC0415

        with reading(context) as root:
            print("\n".join(describe(load(root))))
        return
    from bootentries.txn.lock import sysroot_lock  # noqa: PLC0415
    from bootentries.txn.namespace import writable  # noqa: PLC0415

    chosen = settings(context)
    enter_writable(chosen.sysroot)
    with (
        writable(),
        open_root(chosen.sysroot, chosen.boot) as root,
        _recorded(root),
        sysroot_lock(root, note, chosen.lock_timeout),
    ):
        _finalize(context, root)


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


@contextmanager
def _recorded(root: Root) -> Iterator[None]:
    """Keep the reason of a failure in /boot, and forget an older one after a success.

    Nobody sees a shutdown: the next boot has to tell.
    """
    from bootentries.booted import read_staged  # noqa: PLC0415
    from bootentries.failure import forget_failure, record_failure  # noqa: PLC0415
    from bootentries.loopguard import count_failure  # noqa: PLC0415

    staged = None
    try:
        staged = read_staged(_RUN)
        yield
        forget_failure(root)
    except (BootentriesError, OSError) as error:
        if isinstance(error, OSError):
            error = from_os_error("finalize staged deployment", error)
        try:
            record_failure(root, error)
            if staged is not None:
                count_failure(root, staged.stateroot, staged.name, str(error))
        except (BootentriesError, OSError) as second:
            note(f"the next boot will not tell of this failure: {second}")
        raise error from None


def _finalize(context: click.Context, root: Root) -> None:
    from bootentries.deploy.finalize import finalize_staged  # noqa: PLC0415
    from bootentries.sysroot import load  # noqa: PLC0415
    from bootentries.txn.context import Context  # noqa: PLC0415

    todo = finalize_staged(Context(root, note), load(root), print, environment_words())
    if todo is None:
        return
    if settings(context).verbose:
        for line in todo.describe():
            note(line)
    print(todo.result())


def _hold(context: click.Context) -> None:
    """Keep /boot open until SIGTERM: an automount must not close it before finalisation.

    No mount namespace of our own: the system's is the one that counts.
    """
    import signal  # noqa: PLC0415

    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    with reading(context) as root:
        # Opened by its path once more: that is what starts an automount.
        fd = os.open(settings(context).boot or f"{root.path}/boot", os.O_RDONLY | os.O_DIRECTORY)
        try:
            signal.sigwait(ends)
        finally:
            os.close(fd)
