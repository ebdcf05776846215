"""Which deployments stay when a new one joins the list."""

from dataclasses import dataclass

from bootentries.deployment import Deployment
from bootentries.sysroot import Sysroot


@dataclass(frozen=True, slots=True)
class Keep:
    """What a user asked to keep; each word is an option of `deploy`."""

    retain: bool = False
    retain_pending: bool = False
    retain_rollback: bool = False
    not_as_default: bool = False


def retain(
    present: Sysroot, new: Deployment, merge: Deployment | None, keep: Keep
) -> tuple[Deployment, ...]:
    """Return the list with `new` in it, as libostree makes it.

    The booted deployment, or where nothing is booted the merge deployment, parts pending
    ones (before it) from those to roll back to (after it).  Both of them stay, as do pinned
    ones and those of other stateroots.  A staged one is not part of the result.
    """
    booted = present.booted_deployment
    crossover = booted if booted is not None else merge
    if crossover is None and (keep.retain_pending or keep.retain_rollback):
        keep = Keep(retain=True, not_as_default=keep.not_as_default)
    result = [] if keep.not_as_default else [new]
    passed = False
    for item in present.on_disk:
        is_crossover = crossover is not None and item.identity == crossover.identity
        passed = passed or is_crossover
        if _stays(item, new, merge, passed, keep):
            result.append(item)
        if is_crossover and keep.not_as_default:
            result.append(new)
    return tuple(result if new in result else [*result, new])


def _stays(
    item: Deployment, new: Deployment, merge: Deployment | None, passed: bool, keep: Keep
) -> bool:
    return (
        keep.retain
        or item.pinned
        or item.booted
        or item.stateroot != new.stateroot
        or (merge is not None and item.identity == merge.identity)
        or (keep.retain_rollback if passed else keep.retain_pending)
    )
