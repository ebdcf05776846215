"""`upgrade` and `switch`: pull what the origin, or another ref, has to offer and deploy it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import click

from bootentries.cli.common import common_options, environment_words, lock_option, note
from bootentries.cli.deploy import (
    check_stageable,
    chosen_stateroot,
    retry_option,
    run_deploy,
    run_stage,
)
from bootentries.cli.writing import changing, dry_run_option
from bootentries.errors import BootentriesError

if TYPE_CHECKING:
    from bootentries.deploy.activate import Wanted
    from bootentries.deployment import Deployment
    from bootentries.root import Root
    from bootentries.sysroot import Sysroot

_F = TypeVar("_F", bound=Callable[..., object])
_CHECKSUM = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Source:
    """What a deployment follows: `remote` is None for a ref of this repository."""

    remote: str | None
    ref: str

    def __str__(self) -> str:
        return self.ref if self.remote is None else f"{self.remote}:{self.ref}"


def _shared_options(command: _F) -> _F:
    for option in reversed(
        (
            click.option("--os", "stateroot", metavar="STATEROOT", help="Not the booted one."),
            click.option("-r", "--reboot", is_flag=True, help="Reboot afterwards."),
            click.option("--stage", is_flag=True, help="Make it active at shutdown, not now."),
            click.option("-k", "--kexec", is_flag=True, help="Not supported."),
            retry_option,
            dry_run_option,
            lock_option,
            common_options,
        )
    ):
        command = option(command)
    return command


@click.command()
@click.option("--allow-downgrade", is_flag=True, help="Take an older commit, too.")
@click.option("--override-commit", metavar="CHECKSUM", help="Deploy this one, not the newest.")
@click.option("--pull-only", is_flag=True, help="Pull, and deploy nothing.")
@click.option("--deploy-only", is_flag=True, help="Deploy what was pulled before.")
@_shared_options
@click.pass_context
def upgrade(
    context: click.Context,
    *,
    allow_downgrade: bool,
    override_commit: str | None,
    pull_only: bool,
    deploy_only: bool,
    stage: bool,
    stateroot: str | None,
    reboot: bool,
    kexec: bool,
    dry_run: bool,
) -> None:
    """Pull the newest commit of the origin, and deploy it if it is another one.

    Example: bootentries upgrade --reboot
    """
    # Loaded late, like all that writes: see `writing`.
    from bootentries.deploy.origin import upgraded_origin  # noqa: PLC0415
    from bootentries.deploy.pull import check_newer, pull  # noqa: PLC0415
    from bootentries.deploy.revision import resolve  # noqa: PLC0415

    if pull_only and deploy_only:
        raise click.UsageError("--pull-only and --deploy-only exclude each other")
    _refuse(kexec=kexec)
    if override_commit is not None and not _CHECKSUM.fullmatch(override_commit):
        raise BootentriesError(
            "upgrade", override_commit, "not a whole checksum",
            hint="ostree log lists the commits of a ref that was pulled",
        )  # fmt: skip
    with changing(context, dry_run) as (root, present):
        if stage:
            check_stageable(root, present)
        merge, source = _origin_of(root, present, stateroot)
        state = merge.origin.unconfigured_state
        if state is not None:
            raise BootentriesError("upgrade", merge.name, f"origin is not configured: {state}")
        if dry_run and not deploy_only:
            _print_pull(source, override_commit)
            return
        if source.remote is not None and not deploy_only:
            newer_than = None if allow_downgrade else merge.checksum
            pull(root, source.remote, source.ref, override_commit, newer_than)
        checksum = resolve(root, override_commit or str(source))
        if not allow_downgrade:
            check_newer(root, merge.checksum, checksum)
        if checksum == merge.checksum:
            print("No update available.")
            return
        if pull_only:
            return
        where = f"{merge.path}.origin"
        origin = upgraded_origin(merge.origin.data, where, override_commit)
        wanted = _following(merge, checksum, origin)
        if stage:
            run_stage(root, present, wanted, own_kargs=False, dry_run=dry_run)
        else:
            run_deploy(context, root, present, wanted, dry_run=dry_run)
    if reboot and not dry_run:
        _reboot()


@click.command()
@_shared_options
@click.argument("refspec", nargs=-1)
@click.pass_context
def switch(
    context: click.Context,
    *,
    stateroot: str | None,
    reboot: bool,
    stage: bool,
    kexec: bool,
    dry_run: bool,
    refspec: tuple[str, ...],
) -> None:
    """Pull another ref, deploy it, and follow it from now on.

    REFSPEC is REMOTE:REF, REF of the present remote, or `REMOTE:` for the present ref there.

    Example: bootentries switch debian/testing
    """
    from bootentries.deploy.pull import pull, remove_ref  # noqa: PLC0415
    from bootentries.deploy.revision import resolve  # noqa: PLC0415
    from bootentries.origin import new_origin  # noqa: PLC0415

    if not refspec:
        raise click.UsageError("REFSPEC must be specified")
    _refuse(kexec=kexec)
    with changing(context, dry_run) as (root, present):
        if stage:
            check_stageable(root, present)
        merge, old = _origin_of(root, present, stateroot)
        new = switched(old, refspec[0])
        if dry_run:
            _print_pull(new, None)
            return
        if new.remote is not None:
            pull(root, new.remote, new.ref, None, None)
        checksum = resolve(root, str(new))
        wanted = _following(merge, checksum, new_origin(str(new)))
        if stage:
            run_stage(root, present, wanted, own_kargs=False, dry_run=False)
        else:
            run_deploy(context, root, present, wanted, dry_run=False)
        # libostree does so whoever else follows it, and says "(null)" for no remote.
        try:
            remove_ref(root, old.remote, old.ref)
        except OSError as error:
            # The new list is active: what is left keeps a commit from being pruned, no more.
            note(
                f"delete ref {old}: left for later: {error.strerror}; "
                f"delete it with: ostree refs --delete {old}"
            )
        else:
            print(f"Deleting ref '{old.remote or '(null)'}:{old.ref}'")
    if reboot:
        _reboot()


def switched(old: Source, text: str) -> Source:
    """Return what `switch TEXT` leads to from `old`; raises BootentriesError."""
    from bootentries.deploy.revision import parse_refspec  # noqa: PLC0415

    if text.endswith(":"):
        text = f"{text}{old.ref}"
    parts = parse_refspec(text)
    if parts is None:
        raise BootentriesError(
            "switch", text, "not a refspec", hint="write REMOTE:REF, REF or REMOTE:"
        )
    remote, ref = parts
    new = Source(remote or old.remote, ref)
    if new == old:
        raise BootentriesError("switch", str(new), "the deployment follows it already")
    return new


def _origin_of(
    root: "Root", present: "Sysroot", stateroot: str | None
) -> tuple["Deployment", Source]:
    """Return the deployment to go on from, and what it follows; raises BootentriesError."""
    from bootentries.deploy.revision import parse_refspec  # noqa: PLC0415
    from bootentries.roles import merge_deployment  # noqa: PLC0415

    name = chosen_stateroot(root, present, stateroot)
    merge = merge_deployment(present, name)
    if merge is None:
        raise BootentriesError(
            "upgrade", name, "no deployment in this stateroot", hint="begin with: deploy"
        )
    origin = merge.origin
    if origin.refspec is None:
        reason = "its origin names no refspec" if origin.data else "it has no origin"
        raise BootentriesError(
            "upgrade", merge.name, reason, hint="set one with: bootentries set-origin"
        )
    parts = parse_refspec(origin.refspec)
    if parts is None:
        raise BootentriesError("upgrade", merge.name, f"invalid refspec {origin.refspec!r}")
    return merge, Source(*parts)


def _following(merge: "Deployment", checksum: str, origin: bytes) -> "Wanted":
    from bootentries.deploy.activate import Wanted  # noqa: PLC0415
    from bootentries.deploy.make import Request  # noqa: PLC0415
    from bootentries.retain import Keep  # noqa: PLC0415

    request = Request(merge.stateroot, checksum, origin, merge.options, opts=environment_words())
    return Wanted(request, merge, Keep())


def _print_pull(source: Source, override: str | None) -> None:
    wanted = override or "its newest commit"
    if source.remote is not None:
        print(f"pull {wanted} of {source}")
    print(f"deploy {wanted} of {source}")


def _refuse(*, kexec: bool) -> None:
    if kexec:
        raise BootentriesError(
            "upgrade", "--kexec", "loading a kernel for kexec is not supported",
            hint="leave it out, or use: ostree admin upgrade --kexec",
        )  # fmt: skip


def _reboot() -> None:
    from bootentries.run import run  # noqa: PLC0415

    run(("systemctl", "reboot"), "reboot", "system")
