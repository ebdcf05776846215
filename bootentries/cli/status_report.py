"""What `status` tells of each deployment and of the machine: in words, and as JSON.

`docs/status.schema.json` describes the JSON.
"""

import os
from dataclasses import dataclass

from bootentries import condition, fs
from bootentries.condition import Condition
from bootentries.deployment import Deployment
from bootentries.errors import BootentriesError
from bootentries.kargs import KernelArgs
from bootentries.kernel import find_kernel
from bootentries.roles import Roles, booted_roles
from bootentries.root import Root
from bootentries.sysroot import Sysroot


@dataclass(frozen=True, slots=True)
class Difference:
    """Kernel arguments that a deployment has and the running one has not, and the reverse."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def state_words(found: Sysroot, item: Deployment) -> list[str]:
    """Return what is special about a deployment, for people."""
    booted = booted_roles(found)
    words = ["default"] if item.index == 0 else []
    if item.staged:
        words.append("staged, locked" if item.finalization_locked else "staged")
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


def kernel_release(root: Root, item: Deployment) -> str | None:
    """Return the release of the kernel in the deployment's tree, None where it has none."""
    try:
        with fs.opened(root.fd, item.path, os.O_RDONLY | os.O_DIRECTORY) as fd:
            return find_kernel(fd, item.path).release or None
    except (OSError, BootentriesError):
        return None


def difference(found: Sysroot, item: Deployment) -> Difference | None:
    """Return how the arguments differ from the running one's; None where nothing is running."""
    booted = found.booted_deployment
    if booted is None:
        return None
    ours, theirs = _words(item.options), _words(booted.options)
    return Difference(_without(ours, theirs), _without(theirs, ours))


def to_json(root: Root, found: Sysroot, state: Condition) -> dict[str, object]:
    """Return the report for programs."""
    booted = booted_roles(found)
    return {
        "bootversion": found.bootversion,
        "subbootversion": found.subbootversion,
        "booted": found.booted,
        **_condition(state),
        "deployments": [_item(root, found, item, booted) for item in found.deployments],
    }


def _condition(state: Condition) -> dict[str, object]:
    failure, fallback, hooks = state.failure, state.fallback, state.hooks
    return {
        "failure": failure and {
            "reason": failure.reason, "target": failure.target, "count": failure.count,
            "remedy": condition.FAILED,
        },
        "fallback": fallback and {
            "requested": fallback.requested, "booted": fallback.booted,
            "reason": fallback.reason, "remedy": condition.FELL_BACK,
        },
        "pending-hooks": hooks and {
            "reason": hooks.reason,
            "hooks": [{"name": name, "failure": why} for name, why in hooks.hooks],
            "remedy": condition.HOOKS,
        },
        "pending-loader": {"remedy": condition.LOADER} if state.loader else None,
    }  # fmt: skip


def _item(root: Root, found: Sysroot, item: Deployment, booted: Roles) -> dict[str, object]:
    entry = item.entry
    changed = difference(found, item)
    return {
        "index": item.index,
        "stateroot": item.stateroot,
        "checksum": item.checksum,
        "serial": item.serial,
        "version": item.version,
        "label": item.label,
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
        "kernel": kernel_release(root, item),
        "options": item.options,
        "options-added": None if changed is None else list(changed.added),
        "options-removed": None if changed is None else list(changed.removed),
        "entry": None if entry is None else entry.name,
        "title": None if entry is None else entry.bls.get("title"),
        "tries-left": None if entry is None else entry.counters.left,
        "tries-done": None if entry is None else entry.counters.done,
    }


def _words(options: str) -> tuple[str, ...]:
    """Return the arguments but `ostree=`, which differs always."""
    return tuple(arg for arg in KernelArgs.parse(options).args if not arg.startswith("ostree="))


def _without(args: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    """Return those that are more often in the first than in the second."""
    left = list(others)
    result = []
    for arg in args:
        if arg in left:
            left.remove(arg)
        else:
            result.append(arg)
    return tuple(result)
