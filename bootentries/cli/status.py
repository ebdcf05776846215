"""`status`: what is deployed, what is booted, what comes next.

A terminal gets a table, programs get JSON, and whatever else reads it gets the lines of
`ostree admin status`, which scripts know (`status_text`).
"""

import os
import sys

import click

from bootentries.cli.common import common_options, reading, settings
from bootentries.deployment import Deployment
from bootentries.errors import BootentriesError
from bootentries.roles import Roles, roles
from bootentries.root import Root
from bootentries.sysroot import Sysroot, load

BOOTED = "●"


@click.command()
@click.option(
    "-D", "--is-default", is_flag=True,
    help='Print "default" when the booted deployment is the default, else "not-default".',
)  # fmt: skip
@click.option("-J", "as_json", is_flag=True, help="The same as --json.")
@click.option("-S", "--skip-signatures", is_flag=True, help="Do not look at signatures.")
@click.option(
    "-V",
    "--verify",
    is_flag=True,
    help="Fail unless each commit has a good signature by its remote's keys.",
)
@common_options
@click.pass_context
def status(
    context: click.Context, *, is_default: bool, as_json: bool, skip_signatures: bool, verify: bool
) -> None:
    """List the deployments, the default first.

    A terminal gets a table; a pipe or a file gets the lines of `ostree admin status`.

    Example: bootentries status --json
    """  # fmt: skip
    with reading(context) as root:
        found = load(root)
        if is_default:
            booted = found.booted_deployment
            print("default" if booted is not None and booted.index == 0 else "not-default")
        elif as_json or settings(context).json:
            import json  # noqa: PLC0415

            if verify:
                _verify_all(root, found)
            print(json.dumps(to_json(found), indent=2, ensure_ascii=False))
        elif not found.deployments:
            print("No deployments.")
        elif sys.stdout.isatty() and not verify:
            _print_table(found)
        else:
            # Loaded late, like rich for the table.
            from bootentries.cli.status_text import text_lines  # noqa: PLC0415

            roles_here = _booted_roles(found)
            wanted = not skip_signatures
            for line in text_lines(root, found, roles_here, verify=verify, signatures=wanted):
                print(line)


def _verify_all(root: Root, found: Sysroot) -> None:
    from bootentries.signatures import verify  # noqa: PLC0415

    for item in found.deployments:
        verify(root, item)


def current_dir(context: click.Context) -> str:
    """Return the path of the booted deployment, or where nothing is booted of the default."""
    with reading(context) as root:
        found = load(root)
        chosen = found.booted_deployment or next(iter(found.deployments), None)
        if chosen is None:
            raise BootentriesError("print directory", root.path, "there are no deployments")
        return os.path.join(root.path, chosen.path)


def state_words(found: Sysroot, item: Deployment) -> list[str]:
    """Return what is special about a deployment, for people."""
    booted = _booted_roles(found)
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


def _booted_roles(found: Sysroot) -> Roles:
    """Nobody is pending where nothing is booted."""
    booted = found.booted_deployment
    return Roles() if booted is None else roles(found, booted.stateroot)


def to_json(found: Sysroot) -> dict[str, object]:
    """Return the report for programs."""
    booted = _booted_roles(found)
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
        "options": item.options,
        "entry": None if entry is None else entry.name,
        "title": None if entry is None else entry.bls.get("title"),
        "tries-left": None if entry is None else entry.counters.left,
        "tries-done": None if entry is None else entry.counters.done,
    }


def _rows(found: Sysroot) -> list[tuple[str, ...]]:
    return [
        (
            BOOTED if item.booted else " ",
            str(item.index),
            item.stateroot,
            item.version or "-",
            f"{item.checksum[:12]}.{item.serial}",
            item.bootcsum[:12],
            "-" if item.entry is None else item.entry.name,
            ", ".join(state_words(found, item)),
        )
        for item in found.deployments
    ]


_HEADER = ("", "#", "stateroot", "version", "deployment", "bootcsum", "entry", "state")


def _print_table(found: Sysroot) -> None:
    try:
        # Loaded late: it costs more than all the rest, and a checkout may lack it.
        from rich.box import SIMPLE_HEAD  # noqa: PLC0415
        from rich.console import Console  # noqa: PLC0415
        from rich.table import Table  # noqa: PLC0415
    except ImportError:
        _print_plain(found)
        return
    console = Console(highlight=False)
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in _HEADER:
        table.add_column(name)
    for row in _rows(found):
        table.add_row(*row)
    console.print(table)


def _print_plain(found: Sysroot) -> None:
    rows = [_HEADER, *_rows(found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
