"""From a commit to a list in which its deployment stands, by one call."""

from collections.abc import Callable
from dataclasses import dataclass

from bootentries import kexec
from bootentries.deploy.image import check_image
from bootentries.deploy.make import Request, discard, finish_deployment, make_deployment
from bootentries.deployment import Deployment
from bootentries.errors import BootentriesError
from bootentries.retain import Keep, retain
from bootentries.sysroot import Sysroot, load
from bootentries.txn.context import Context
from bootentries.txn.plan import USUAL, Plan, Write
from bootentries.txn.write import apply_notes, plan_clean, write_list


@dataclass(frozen=True, slots=True)
class Wanted:
    """A new deployment, the one that it continues, and what becomes of the others."""

    request: Request
    merge: Deployment | None
    keep: Keep
    how: Write = USUAL

    def describe(self, present: Sysroot) -> list[str]:
        """Return one line for each thing that `deploy_commit` would do."""
        request, merge = self.request, self.merge
        new = Deployment(request.stateroot, request.checksum, -1, bootcsum="")
        kept = retain(present, new, merge, self.keep)
        names = {item.identity for item in kept}
        lines = [
            f"check out {request.checksum} in stateroot {request.stateroot}",
            "copy /etc from the tree's /usr/etc",
        ]
        if merge is not None:
            lines.append(f"merge local changes of /etc from {merge.stateroot}/{merge.name}")
        lines += [f"install overlay initrd {path}" for path in request.overlays]
        lines.append(f"kernel arguments: {request.options or '(none)'}")
        lines.append(f"place the new deployment at index {kept.index(new)} of {len(kept)}")
        lines += [
            f"drop deployment {item.stateroot}/{item.name}"
            for item in present.deployments
            if item.identity not in names
        ]
        return lines


def deploy_commit(
    context: Context, present: Sysroot, wanted: Wanted, say: Callable[[str], None]
) -> Plan:
    """Make the deployment, write the list, and return the plan that wrote it.

    `say` gets the lines that libostree says on the way.  Raises BootentriesError; the old
    list is active then, and the new deployment is gone unless the new list is active.
    """
    request, root = wanted.request, context.root
    kexec.forget(root, context.note, context.run)
    # Leftovers would take serials, and libostree removes them first, too.
    apply_notes(plan_clean(root, present, request.opts, prune=False), context)
    item = make_deployment(context, present, request)
    try:
        check_image(context, item, request.opts)
        finish_deployment(
            context, item, wanted.merge, say, booted=present.booted_deployment, opts=request.opts
        )
        listed = retain(present, item, wanted.merge, wanted.keep)
        return write_list(root, present, listed, context, opts=request.opts, how=wanted.how)
    except BaseException:
        if not _may_be_listed(context, item):
            discard(context, item.stateroot, item.name)
        raise


def _may_be_listed(context: Context, item: Deployment) -> bool:
    """Return whether the active list has the deployment, or cannot be read."""
    try:
        found = load(context.root, context.run)
    except (OSError, BootentriesError):
        return True
    return any(other.identity == item.identity for other in found.deployments)
