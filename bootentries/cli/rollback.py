"""`rollback`: back to the deployment before, and forward again."""

from typing import TYPE_CHECKING

import click

from bootentries.cli.common import common_options, lock_option, note, settings
from bootentries.cli.writing import dry_run_option, rewrite

if TYPE_CHECKING:
    from bootentries.deployment import Deployment
    from bootentries.rollback import Rollback
    from bootentries.sysroot import Sysroot
    from bootentries.txn.plan import Plan


@click.command()
@dry_run_option
@lock_option
@common_options
@click.pass_context
def rollback(context: click.Context, *, dry_run: bool) -> None:
    """Make the deployment before the present default the default.

    The second call goes back again.  A staged deployment is given up; pinned ones stay, and
    every deployment keeps its own /etc.

    Example: bootentries rollback
    """
    from bootentries.rollback import choose_rollback  # noqa: PLC0415

    chosen: list[Rollback] = []

    def change(present: "Sysroot") -> tuple["Deployment", ...]:
        way = choose_rollback(present)
        chosen.append(way)
        if way.dropped is not None:
            what = "would be given up" if dry_run else "is given up"
            note(f"the staged deployment {way.dropped.stateroot} {way.dropped.name} {what}")
        if way.tries_used_up:
            note(
                f"{way.target.name} has used up its boot tries: a loader that counts sorts it last"
            )
        return way.listed(present)

    as_json = settings(context).json
    todo = rewrite(context, change, dry_run=dry_run, quiet=as_json)
    way = chosen[0]
    if as_json:
        import json  # noqa: PLC0415

        print(json.dumps(to_json(way, todo), indent=2, ensure_ascii=False))
    elif todo is not None:
        print(f"The default is now {_named(way.target)}")


def to_json(way: "Rollback", todo: "Plan | None") -> dict[str, object]:
    """Return the report for programs; without a plan, nothing was written."""
    return {
        "written": todo is not None,
        "default": _identity(way.target),
        "default-before": _identity(way.before),
        "dropped-staged": None if way.dropped is None else _identity(way.dropped),
        "bootconfig-swap": None if todo is None else todo.swap,
        "bootversion": None if todo is None else f"{todo.bootversion}.{todo.subbootversion}",
    }


def _identity(item: "Deployment") -> dict[str, object]:
    return {
        "stateroot": item.stateroot,
        "checksum": item.checksum,
        "serial": item.serial,
        "version": item.version,
        "booted": item.booted,
    }


def _named(item: "Deployment") -> str:
    version = f" ({item.version})" if item.version else ""
    return f"{item.stateroot} {item.name}{version}"
