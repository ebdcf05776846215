"""Going back: which deployment becomes the default, and what that drops.

The same step taken again leads back: it is a toggle between two deployments.
"""

from dataclasses import dataclass

from bootentries.deployment import Deployment
from bootentries.errors import BootentriesError
from bootentries.roles import roles
from bootentries.sysroot import Sysroot

_OPERATION = "roll back"


@dataclass(frozen=True, slots=True)
class Rollback:
    """What becomes the default, what was it before, and the staged one that is given up."""

    target: Deployment
    before: Deployment
    dropped: Deployment | None = None

    @property
    def tries_used_up(self) -> bool:
        """Whether a loader that counts boots has given the target up."""
        entry = self.target.entry
        return entry is not None and not entry.counters.left and entry.counters.done > 0

    def listed(self, present: Sysroot) -> tuple[Deployment, ...]:
        """Return the new list: the target first, all others in their order."""
        rest = (item for item in present.on_disk if item.identity != self.target.identity)
        return (self.target, *rest)


def choose_rollback(present: Sysroot) -> Rollback:
    """Return the way back; raises BootentriesError where there is none.

    Where the running deployment is the default, or nothing of this sysroot is running, it
    leads to the next one of the same stateroot.  Where another one is the default, be it
    a newer one or what an earlier step chose, it leads to the running one.
    """
    dropped = next((item for item in present.deployments if item.staged), None)
    if not present.on_disk:
        raise BootentriesError(
            _OPERATION, "deployments", "there are none", hint="deploy something first"
        )
    default = present.on_disk[0]
    booted = present.booted_deployment
    if booted is not None and booted.identity != default.identity:
        return Rollback(booted, default, dropped)
    target = roles(present, booted.stateroot).rollback if booted else _next(present, default)
    if target is None:
        raise BootentriesError(
            _OPERATION, default.name,
            f"stateroot {default.stateroot} has no other deployment to go back to",
            hint=_no_way_hint(dropped),
        )  # fmt: skip
    return Rollback(target, default, dropped)


def _next(present: Sysroot, default: Deployment) -> Deployment | None:
    peers = (item for item in present.on_disk if item.stateroot == default.stateroot)
    return next((item for item in peers if item.identity != default.identity), None)


def _no_way_hint(staged: Deployment | None) -> str:
    if staged is not None:
        return "to give up what is staged: bootentries undeploy 0"
    return "the next deploy or upgrade keeps the present one; any other: bootentries set-default"
