"""`explain`: one entry, hop by hop from the loader to what will be mounted."""

import json

import click

from bootentries.check.explain import NoSuchEntry, Walk
from bootentries.check.explain import explain as walk_entry
from bootentries.cli.common import Number, common_options, reading, settings
from bootentries.errors import BootentriesError

_WIDTH = 15


@click.command()
@click.argument("number", metavar="[N]", default=0, type=Number(0))
@common_options
@click.pass_context
def explain(context: click.Context, *, number: int) -> None:
    """Walk entry N (default 0, the default entry) from the loader to the deployment.

    Each hop shows what is found at it; the walk stops at the first one that is broken, with
    the code that `verify` has for it, and the exit status is 1 then.

    Example: bootentries explain 1
    """
    with reading(context) as root:
        try:
            walk = walk_entry(root, number)
        except NoSuchEntry as error:
            raise click.BadParameter(
                f"there is no entry {number}: the list has {error.count}", param_hint="N"
            ) from error
    if settings(context).json:
        print(json.dumps(to_json(walk), indent=2, ensure_ascii=False))
    else:
        print("\n".join(lines(walk)))
    if walk.fault is not None:
        raise BootentriesError(
            "explain", f"entry {number}", f"broken at {walk.fault.place}: {walk.fault.reason}",
            hint=walk.fault.code.remedy,
        )  # fmt: skip


def to_json(walk: Walk) -> dict[str, object]:
    """Return the walk for programs."""
    return {
        "entry": walk.index,
        "count": walk.count,
        "whole": walk.fault is None,
        "hops": [hop.to_json() for hop in walk.hops],
    }


def lines(walk: Walk) -> list[str]:
    """Return the walk for people, two lines a hop."""
    result = []
    for hop in walk.hops:
        result.append(f"{hop.name:<{_WIDTH}} {hop.place}")
        found = f"broken: {hop.fault.code.name}: {hop.fault.reason}" if hop.fault else hop.found
        result.append(f"{'':<{_WIDTH}} {found}")
    return result
