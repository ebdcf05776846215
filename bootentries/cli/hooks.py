"""`hooks`: which programs follow a write of the list, and those that have still to run."""

from typing import TYPE_CHECKING

import click

from bootentries.cli.common import Seconds, common_options, lock_option, note, reading, settings
from bootentries.cli.writing import changing, dry_run_option
from bootentries.errors import BootentriesError

if TYPE_CHECKING:
    from bootentries.hooks.find import Hook, Hooks
    from bootentries.hooks.stamp import Pending
    from bootentries.root import Root
    from bootentries.sysroot import Sysroot


_timeout_option = click.option(
    "--timeout", type=Seconds(0, min_open=True), metavar="SECONDS",
    help="Kill a hook after this long.",
)  # fmt: skip


@click.group(invoke_without_command=True)
@common_options
@click.pass_context
def hooks(context: click.Context) -> None:
    """Show the hooks of the running system, and which of them have still to run.

    They are in /usr/lib/bootentries/hooks.d and /etc/bootentries/hooks.d.

    Example: bootentries hooks --json
    """
    if context.invoked_subcommand is not None:
        return
    from bootentries.hooks.find import find_hooks  # noqa: PLC0415
    from bootentries.hooks.stamp import read_pending  # noqa: PLC0415

    with reading(context) as root:
        pending = read_pending(root)
    found = find_hooks()
    if settings(context).json:
        import json  # noqa: PLC0415

        print(json.dumps(to_json(found, pending), indent=2, ensure_ascii=False))
    else:
        print("\n".join(_lines(found, pending)))


@hooks.command("run-pending")
@_timeout_option
@dry_run_option
@lock_option
@common_options
@click.pass_context
def run_pending(context: click.Context, *, timeout: float | None, dry_run: bool) -> None:
    """Run the hooks that did not, or not with success, since the last write.

    Example: bootentries hooks run-pending
    """
    from bootentries.hooks.find import find_hooks  # noqa: PLC0415
    from bootentries.hooks.stamp import Pending, read_pending, write_pending  # noqa: PLC0415

    with changing(context, dry_run) as (root, present):
        pending = read_pending(root)
        if pending is None:
            print("nothing is pending")
            return
        waiting = dict(pending.hooks)
        found = tuple(hook for hook in find_hooks().hooks if hook.name in waiting)
        names = {hook.name for hook in found}
        for name in waiting:
            if name not in names:
                note(f"{name} was pending, and there is no such hook any more")
        if not dry_run:
            there = tuple(item for item in pending.hooks if item[0] in names)
            write_pending(root, Pending(pending.reason, there))
        _run(root, present, found, pending.reason, timeout, stamped=True, dry_run=dry_run)


@hooks.command("run")
@click.argument("name", nargs=-1)
@_timeout_option
@dry_run_option
@lock_option
@common_options
@click.pass_context
def run_now(
    context: click.Context, *, name: tuple[str, ...], timeout: float | None, dry_run: bool
) -> None:
    """Run hooks now, as after a write: those of these names, or all.

    Example: bootentries hooks run 50-mirror-esp
    """
    from bootentries.hooks.find import find_hooks  # noqa: PLC0415

    with changing(context, dry_run) as (root, present):
        found = find_hooks().hooks
        for wanted in name:
            if wanted not in {hook.name for hook in found}:
                raise BootentriesError(
                    "run hooks", wanted, "there is no such hook, or it does not count",
                    hint="bootentries hooks lists them",
                )  # fmt: skip
        chosen = tuple(hook for hook in found if not name or hook.name in name)
        _run(root, present, chosen, "run", timeout, stamped=present.booted, dry_run=dry_run)


def to_json(found: "Hooks", pending: "Pending | None") -> dict[str, object]:
    """Return the report for programs."""
    waiting = {} if pending is None else dict(pending.hooks)
    return {
        "hooks": [
            {
                "name": hook.name,
                "path": hook.path,
                "at-shutdown": hook.at_shutdown,
                "pending": hook.name in waiting,
                "failure": waiting.get(hook.name),
            }
            for hook in found.hooks
        ],
        "ignored": [{"path": path, "reason": reason} for path, reason in found.ignored],
    }


def _lines(found: "Hooks", pending: "Pending | None") -> list[str]:
    waiting = {} if pending is None else dict(pending.hooks)
    lines = []
    for hook in found.hooks:
        words = [hook.path]
        if hook.at_shutdown:
            words.append("also at shutdown")
        if hook.name in waiting:
            failure = waiting[hook.name]
            words.append("has to run" if failure is None else f"has to run again: {failure}")
        lines.append(", ".join(words))
    lines += [f"({path}: {reason})" for path, reason in found.ignored]
    return lines or ["there are no hooks"]


def _run(
    root: "Root", present: "Sysroot", found: tuple["Hook", ...], reason: str,
    timeout: float | None, *, stamped: bool, dry_run: bool,
) -> None:  # fmt: skip
    """Run hooks one after the other; raises BootentriesError when one of them failed."""
    from bootentries.hooks.ops import Written, run_hooks  # noqa: PLC0415
    from bootentries.txn.context import Context  # noqa: PLC0415
    from bootentries.txn.plan import HookTime  # noqa: PLC0415
    from bootentries.txn.write import apply_notes  # noqa: PLC0415

    default = next(iter(present.on_disk), None)
    state = Written(root, present, default, present.bootversion, reason)
    todo = run_hooks(found, state, when=HookTime.NOW, stamped=stamped, limit_s=timeout)
    if dry_run:
        print("\n".join(op.describe() for op in todo) or "nothing to do")
        return
    context = Context(root, note)
    failed = [op.hook.name for op in todo if not apply_notes((op,), context)]
    if failed:
        raise BootentriesError(
            "run hooks", ", ".join(failed), "not all of them succeeded",
            hint="bootentries hooks tells why",
        )  # fmt: skip
    print(f"hooks run: {len(todo)}")
