"""What `status` prints where no terminal reads it: the lines of `ostree admin status`."""

from collections.abc import Iterator

from bootentries.check.finding import shown
from bootentries.deployment import Deployment
from bootentries.errors import BootentriesError
from bootentries.roles import Roles
from bootentries.root import Root
from bootentries.sysroot import Sysroot


def text_lines(
    root: Root, found: Sysroot, booted: Roles, *, verify: bool, signatures: bool
) -> Iterator[str]:
    """Yield the lines, deployment by deployment.

    `signatures` shows those that the remote of an origin asks for; BootentriesError is raised
    after the last line when one has none.  With `verify` each commit has to have a good one:
    the error is raised after the lines of the first that does not.
    """
    fault = None
    for item in found.deployments:
        yield f"{'*' if item.booted else ' '} {item.stateroot} {item.name}{_state(item, booted)}"
        if item.version:
            yield f"    Version: {shown(item.version)}"
        if item.unlocked != "none":
            yield f"    Unlocked: {item.unlocked}"
        if item.pinned:
            yield "    Pinned: yes"
        yield f"    {_origin(item)}"
        if verify:
            yield from _verified(root, item)
        elif signatures and ":" in (item.origin.refspec or ""):
            try:
                yield from _signed(root, item)
            except BootentriesError as error:
                fault = fault or error
    if fault is not None:
        raise fault


def _state(item: Deployment, booted: Roles) -> str:
    words = []
    if item.finalization_locked:
        words.append("finalization locked")
    elif item.staged:
        words.append("staged")
    elif item == booted.pending:
        words.append("pending")
    elif item == booted.rollback:
        words.append("rollback")
    if item.soft_reboot_target:
        words.append("soft-reboot")
    return "".join(f" ({word})" for word in words)


def _origin(item: Deployment) -> str:
    if not item.origin.data:
        return "origin: none"
    if item.origin.refspec is None:
        return "origin: <unknown origin type>"
    return f"origin refspec: {shown(item.origin.refspec)}"


def _verified(root: Root, item: Deployment) -> Iterator[str]:
    # Loaded late: it starts programs.
    from bootentries import signatures  # noqa: PLC0415

    yield from (f"GPG: {shown(line)}" for line in signatures.verify(root, item).lines)
    yield ""


def _signed(root: Root, item: Deployment) -> Iterator[str]:
    from bootentries import signatures  # noqa: PLC0415

    remote = signatures.remote_of(root, item)
    if remote is None or not remote.gpg_verify:
        return
    report = signatures.signatures(root, item.checksum, remote.name)
    if report is None:
        raise BootentriesError(
            "show signatures", f"{item.stateroot} {item.name}",
            f"the commit is not signed, and the remote {remote.name!r} asks for it",
            hint="status -S leaves signatures out; gpg-verify=false is for remotes without",
        )  # fmt: skip
    yield from (f"    GPG: {shown(line)}" for line in report.lines)
