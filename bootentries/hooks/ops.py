"""Hooks as part of a plan: the stamp before the swap, the programs after it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from bootentries.deployment import Deployment
from bootentries.errors import BootentriesError
from bootentries.hooks.find import Hook
from bootentries.hooks.process import run_hook
from bootentries.hooks.stamp import STAMP, Pending, finish
from bootentries.root import Root
from bootentries.sysroot import Sysroot
from bootentries.txn import ops
from bootentries.txn.context import Context
from bootentries.txn.ops import Op
from bootentries.txn.plan import HookTime, Plan

# A whole disk may have to be synced; a shutdown has less patience.
LIMIT_S = 60.0
SHUTDOWN_LIMIT_S = 20.0
# Told to each hook, so that a verb that writes can refuse to wait for itself.
INSIDE = "BOOTENTRIES_HOOK"
# What brings the stamp to storage before the swap.
_SYNCS = (ops.Sync, ops.Freeze)
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class RunHook:
    """Run one hook; `stamped` says that the stamp in /boot is to follow how it ends."""

    hook: Hook
    environ: tuple[tuple[str, str], ...]
    limit_s: float
    stamped: bool

    def describe(self) -> str:
        return f"run hook {self.hook.path} (for {self.limit_s:g} s at most)"

    def apply(self, context: Context) -> None:
        environ = {"PATH": _PATH, "LANG": "C.UTF-8", **dict(self.environ)}
        environ[INSIDE] = self.hook.name
        failure = run_hook(self.hook, environ, self.limit_s, context.note)
        if self.stamped:
            finish(context.root, self.hook.name, failure)
        if failure is not None:
            again = "bootentries hooks run-pending" if self.stamped else "bootentries hooks run"
            when = "at the next boot, or now with" if self.stamped else "with"
            raise BootentriesError(
                "run hook", self.hook.path, failure, hint=f"it runs again {when}: {again}"
            )


@dataclass(frozen=True, slots=True)
class Written:
    """What hooks are told about: the list that is active now."""

    root: Root
    present: Sysroot
    default: Deployment | None
    bootversion: int
    reason: str

    def environ(self) -> Mapping[str, str]:
        """Return the variables; one that has nothing to say is empty."""
        booted, default = self.present.booted_deployment, self.default
        return {
            "BOOTENTRIES_SYSROOT": os.path.abspath(self.root.path),
            "BOOTENTRIES_BOOT": os.path.abspath(self.root.boot_path),
            "BOOTENTRIES_BOOTVERSION": str(self.bootversion),
            "BOOTENTRIES_REASON": self.reason,
            "BOOTENTRIES_BOOTED": booted.checksum if booted else "",
            "BOOTENTRIES_DEFAULT": default.checksum if default else "",
            "BOOTENTRIES_DEFAULT_PATH": f"/{default.path}" if default else "",
        }


def with_hooks(todo: Plan, state: Written, hooks: tuple[Hook, ...], when: HookTime) -> Plan:
    """Return the plan with what makes hooks follow it.

    Only the running system's own /boot gets a stamp: what boots another one has other hooks.
    """
    if todo.unchanged or not todo.before or not hooks:
        return todo
    stamped = state.present.booted
    before = todo.before
    if stamped:
        pending = Pending(state.reason, tuple((hook.name, None) for hook in hooks))
        at = next((place for place, op in enumerate(before) if isinstance(op, _SYNCS)), len(before))
        stamp: tuple[Op, ...] = (
            ops.MakeDir(os.path.dirname(STAMP)),
            ops.WriteFile(STAMP, pending.encode()),
        )
        before = (*before[:at], *stamp, *before[at:])
    runs = run_hooks(hooks, state, when=when, stamped=stamped)
    return replace(todo, before=before, after=(*todo.after, *runs))


def run_hooks(
    hooks: tuple[Hook, ...], state: Written, *, when: HookTime, stamped: bool,
    limit_s: float | None = None,
) -> tuple[RunHook, ...]:  # fmt: skip
    """Return the operations that run those hooks whose time it is."""
    if when is HookTime.LATER:
        return ()
    down = when is HookTime.SHUTDOWN
    limit_s = limit_s or (SHUTDOWN_LIMIT_S if down else LIMIT_S)
    environ = tuple(state.environ().items())
    return tuple(
        RunHook(hook, environ, limit_s, stamped) for hook in hooks if hook.at_shutdown or not down
    )
