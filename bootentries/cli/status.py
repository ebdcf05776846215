"""`status`: what is deployed, what is booted, what comes next.

A terminal gets a table, programs get JSON, and whatever else reads it gets the lines of
`ostree admin status`, which scripts know (`status_text`).
"""

import os
import sys
from typing import TYPE_CHECKING

import click

from bootentries.cli.common import common_options, reading, settings

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

    A terminal gets a table; a pipe or a file gets the lines of `ostree admin status`.

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

            if verify:
                _verify_all(root, found)
            print(json.dumps(to_json(found), indent=2, ensure_ascii=False))
        elif not found.deployments:
            print("No deployments.")
        elif sys.stdout.isatty() and not verify:
            from bootentries.cli.status_table import print_table  # noqa: PLC0415

            print_table(found)
        else:
            from bootentries.cli.status_report import booted_roles  # noqa: PLC0415
            from bootentries.cli.status_text import text_lines  # noqa: PLC0415

            roles_here = booted_roles(found)
            wanted = not skip_signatures
            for line in text_lines(root, found, roles_here, verify=verify, signatures=wanted):
                print(line)


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
