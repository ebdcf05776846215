"""`unlock` makes /usr of the booted deployment writable; `post-copy` mends a copied sysroot."""

import os
import sys
from collections.abc import Callable

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
from bootentries.deploy.activate import Wanted, deploy_commit
from bootentries.deploy.make import Request
from bootentries.deploy.origin import unlocked_origin, write_origin
from bootentries.deploy.unlock import (
    DEVELOPMENT,
    HOTFIX,
    TRANSIENT,
    describe,
    still_locked,
    unlock_usr,
)
from bootentries.errors import BootentriesError, from_os_error
from bootentries.retain import Keep
from bootentries.run import run
from bootentries.say import print_error
from bootentries.sysroot import DEPLOY, load
from bootentries.txn.context import Context
from bootentries.txn.ops import Touch


@click.command()
@click.option("--hotfix", is_flag=True, help="Keep the changes over reboots.")
@click.option("--transient", is_flag=True, help="Mount it read-only for now.")
@dry_run_option
@lock_option
@common_options
@click.pass_context
def unlock(context: click.Context, *, hotfix: bool, transient: bool, dry_run: bool) -> None:
    """Mount a writable overlay on /usr of the booted deployment.

    Without an option changes are lost at reboot.  A hotfix keeps them, and makes a clone of
    the deployment without them to roll back to.

    Example: bootentries unlock --hotfix
    """
    if hotfix and transient:
        raise click.UsageError("--hotfix and --transient exclude each other")
    kind = HOTFIX if hotfix else TRANSIENT if transient else DEVELOPMENT
    with reading(context) as root:
        item = still_locked(load(root).booted_deployment)
        if dry_run:
            print("\n".join(describe(item, kind)))
            return
        if os.geteuid() != 0:
            raise BootentriesError("unlock", item.name, "this needs root", hint="run it with sudo")
        if hotfix:
            _apart(lambda: _clone(context))
        unlock_usr(root, item, kind)
        if hotfix:
            _apart(lambda: _mark(context))
    print(kind.message)


@click.command("post-copy")
@dry_run_option
@common_options
@click.pass_context
def post_copy(context: click.Context, *, dry_run: bool) -> None:
    """Restore what a copy of a sysroot lost: fs-verity of objects and images.

    Example: bootentries --sysroot /mnt post-copy
    """
    sysroot = settings(context).sysroot
    if not dry_run:
        enter_writable(sysroot)
    with reading(context) as root:
        load(root)
    if dry_run:
        print("restore fs-verity of the repository's objects and of composefs images")
        return
    # Objects and images are libostree's; it takes the lock itself.
    run(("ostree", "admin", "post-copy", f"--sysroot={sysroot}"), "mend copy", sysroot)


def _clone(context: click.Context) -> None:
    """Deploy the booted commit once more, to roll back to."""
    with writing(context) as root:
        present = load(root)
        item = still_locked(present.booted_deployment)
        request = Request(
            item.stateroot, item.checksum, item.origin.data, item.options, opts=environment_words()
        )
        wanted = Wanted(request, item, Keep(not_as_default=True))
        print(deploy_commit(Context(root, note), present, wanted, print).result())


def _mark(context: click.Context) -> None:
    with writing(context) as root:
        present = load(root)
        item = still_locked(present.booted_deployment)
        write_origin(root, item.path, unlocked_origin(item.origin.data, item.path), None)
        Touch(DEPLOY).apply(Context(root, note))


def _apart(work: Callable[[], None]) -> None:
    """Do something in a child: it enters a mount namespace, and this process must not."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            sys.stdout.flush()
            status = 0
        except (BootentriesError, OSError) as error:
            failure = from_os_error("unlock", error) if isinstance(error, OSError) else error
            print_error(str(failure), failure.hint)
        finally:
            os._exit(status)
    if os.waitpid(child, 0)[1] != 0:
        raise click.exceptions.Exit(1)
