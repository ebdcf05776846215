"""Who is who in a deployment list: what comes next, what comes back, what is continued."""

from dataclasses import dataclass

from bootentries.deployment import Deployment
from bootentries.sysroot import Sysroot


@dataclass(frozen=True, slots=True)
class Roles:
    """The neighbours, in one stateroot, of the booted deployment."""

    pending: Deployment | None = None
    rollback: Deployment | None = None


def roles(present: Sysroot, stateroot: str) -> Roles:
    """Return the first deployment of `stateroot` before the booted one, and the first after.

    Where nothing of that stateroot is booted its first deployment is pending, and there is
    no rollback.
    """
    peers = [item for item in present.deployments if item.stateroot == stateroot]
    booted = next((item for item in peers if item.booted), None)
    if booted is None:
        return Roles(peers[0] if peers else None)
    before = [item for item in peers if item.index < booted.index]
    after = [item for item in peers if item.index > booted.index]
    return Roles(before[0] if before else None, after[0] if after else None)


def booted_roles(present: Sysroot) -> Roles:
    """Return the neighbours of the running deployment; where nothing is running, none."""
    booted = present.booted_deployment
    return Roles() if booted is None else roles(present, booted.stateroot)


def merge_deployment(present: Sysroot, stateroot: str) -> Deployment | None:
    """Return the deployment whose /etc and arguments a new one in `stateroot` continues."""
    booted = present.booted_deployment
    if booted is not None and booted.stateroot == stateroot:
        return booted
    return roles(present, stateroot).pending
