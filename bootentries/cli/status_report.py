"""What is special about each deployment, in words and as JSON."""

from bootentries.deployment import Deployment
from bootentries.roles import Roles, roles
from bootentries.sysroot import Sysroot


def state_words(found: Sysroot, item: Deployment) -> list[str]:
    """Return what is special about a deployment, for people."""
    booted = booted_roles(found)
    words = ["default"] if item.index == 0 else []
    if item.staged:
        words.append("staged (locked)" if item.finalization_locked else "staged")
    elif item == booted.pending:
        words.append("pending")
    elif item == booted.rollback:
        words.append("rollback")
    if item.soft_reboot_target:
        words.append("soft reboot target")
    if item.pinned:
        words.append("pinned")
    if item.unlocked != "none":
        words.append(f"unlocked: {item.unlocked}")
    if item.entry is not None and item.entry.counters.left + item.entry.counters.done:
        counters = item.entry.counters
        words.append(f"tries: {counters.left} left, {counters.done} done")
    return words


def booted_roles(found: Sysroot) -> Roles:
    """Nobody is pending where nothing is booted."""
    booted = found.booted_deployment
    return Roles() if booted is None else roles(found, booted.stateroot)


def to_json(found: Sysroot) -> dict[str, object]:
    """Return the report for programs."""
    booted = booted_roles(found)
    return {
        "bootversion": found.bootversion,
        "subbootversion": found.subbootversion,
        "booted": found.booted,
        "deployments": [_item(item, booted) for item in found.deployments],
    }


def _item(item: Deployment, booted: Roles) -> dict[str, object]:
    entry = item.entry
    return {
        "index": item.index,
        "stateroot": item.stateroot,
        "checksum": item.checksum,
        "serial": item.serial,
        "version": item.version,
        "default": item.index == 0,
        "booted": item.booted,
        "staged": item.staged,
        "finalization-locked": item.finalization_locked,
        "pending": item == booted.pending,
        "rollback": item == booted.rollback,
        "pinned": item.pinned,
        "soft-reboot-target": item.soft_reboot_target,
        "unlocked": item.unlocked,
        "refspec": item.origin.refspec,
        "container-image-reference": item.origin.container_image,
        "bootcsum": item.bootcsum,
        "bootserial": None if item.staged else item.bootserial,
        "path": f"/{item.path}",
        "label": item.label,
        "options": item.options,
        "entry": None if entry is None else entry.name,
        "title": None if entry is None else entry.bls.get("title"),
        "tries-left": None if entry is None else entry.counters.left,
        "tries-done": None if entry is None else entry.counters.done,
    }
