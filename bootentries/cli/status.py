"""`status`: what is deployed, what is booted, what comes next.

A terminal gets a table, programs get JSON, and whatever else reads it gets the lines of
`ostree admin status`, which scripts know (`status_text`).
"""

import os
import sys
from typing import TYPE_CHECKING

import click

from bootentries.cli.common import common_options, note, reading, settings

if TYPE_CHECKING:
    from bootentries.root import Root
    from bootentries.sysroot import Sysroot


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

    A terminal gets all there is to tell; a pipe gets the lines of `ostree admin status`.

    Example: bootentries status --json
    """  # fmt: skip
    # What reads and what shows is loaded late: `--help` need not wait for it.
    from bootentries.sysroot import load  # noqa: PLC0415

    with reading(context) as root:
        found = load(root)
        if found.config.tries:
            found = _counted(root, found)
        if is_default:
            booted = found.booted_deployment
            print("default" if booted is not None and booted.index == 0 else "not-default")
        elif as_json or settings(context).json:
            import json  # noqa: PLC0415

            from bootentries.cli.status_report import to_json  # noqa: PLC0415
            from bootentries.condition import read_condition  # noqa: PLC0415

            if verify:
                _verify_all(root, found)
            report = to_json(root, found, read_condition(root, found))
            print(json.dumps(report, indent=2, ensure_ascii=False))
        elif sys.stdout.isatty() and not verify:
            from bootentries.cli.status_people import has_colours, people_lines  # noqa: PLC0415
            from bootentries.condition import read_condition  # noqa: PLC0415

            state = read_condition(root, found)
            for line in people_lines(root, found, state, colours=has_colours()):
                print(line)
        else:
            _print_text(root, found, verify=verify, signatures=not skip_signatures)


def _print_text(root: "Root", found: "Sysroot", *, verify: bool, signatures: bool) -> None:
    """Print libostree's lines; what is amiss is no part of them, and goes to standard error."""
    from bootentries.cli.status_text import text_lines  # noqa: PLC0415
    from bootentries.roles import booted_roles  # noqa: PLC0415

    if _may_be_amiss(root, found):
        from bootentries.condition import read_condition  # noqa: PLC0415

        for text, remedy in read_condition(root, found).notices():
            note(f"{text}; remedy: {remedy}")
    if not found.deployments:
        print("No deployments.")
    around = booted_roles(found)
    for line in text_lines(root, found, around, verify=verify, signatures=signatures):
        print(line)


def _may_be_amiss(root: "Root", found: "Sysroot") -> bool:
    """Return whether one of the files of `condition` is there: scripts run this by the hundred."""
    from bootentries.fs import list_optional  # noqa: PLC0415

    if root.boot_fd is not None:
        for place in (".", "ostree"):
            names = list_optional(root.boot_fd, place) or ()
            if any(name.endswith(".stamp") for name in names):
                return True
    return found.booted and os.path.exists("/run/bootchain/fallback")


def _counted(root: "Root", found: "Sysroot") -> "Sysroot":
    """Return the list with the counters of EFI partitions, where those are in force."""
    from bootentries.esp.config import read_esp_config  # noqa: PLC0415

    if not read_esp_config(root.fd).enabled:
        return found
    from bootentries.esp.counters import counted  # noqa: PLC0415

    return counted(root, found)


def _verify_all(root: "Root", found: "Sysroot") -> None:
    from bootentries.signatures import verify  # noqa: PLC0415

    for item in found.deployments:
        verify(root, item)


def current_dir(context: click.Context) -> str:
    """Return the path of the booted deployment, or where nothing is booted of the default."""
    from bootentries.errors import BootentriesError  # noqa: PLC0415
    from bootentries.sysroot import load  # noqa: PLC0415

    with reading(context) as root:
        found = load(root)
        chosen = found.booted_deployment or next(iter(found.deployments), None)
        if chosen is None:
            raise BootentriesError("print directory", root.path, "there are no deployments")
        return os.path.join(root.path, chosen.path)
