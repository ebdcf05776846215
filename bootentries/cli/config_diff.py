"""`config-diff`: what was changed in /etc since the deployment was made."""

import json
import os
import sys

import click

from bootentries import fs
from bootentries.cli.common import common_options, reading, settings
from bootentries.deployment import Deployment
from bootentries.errors import BootentriesError
from bootentries.etc.check import etc_error, opened_local
from bootentries.etc.diff import Change, Kind, diff
from bootentries.roles import merge_deployment
from bootentries.root import Root
from bootentries.sysroot import Sysroot, load

OPERATION = "compare /etc"


@click.command("config-diff")
@click.option("--os", "stateroot", metavar="STATEROOT", help="Default: the booted one.")
@click.argument("ignored", nargs=-1, metavar="")
@common_options
@click.pass_context
def config_diff(context: click.Context, *, stateroot: str | None, ignored: tuple[str, ...]) -> None:
    """List what differs in /etc from the defaults in /usr/etc.

    M is modified, D removed, A added.  It is the /etc that the next deployment will
    continue: the booted one, or else that of the stateroot's first deployment.

    Example: bootentries config-diff --os debian
    """
    del ignored  # `ostree admin config-diff` takes arguments and does nothing with them.
    with reading(context) as root:
        item = _chosen(load(root), stateroot)
        changes = _changes(root, item)
    if settings(context).json:
        print(json.dumps(to_json(item, changes), indent=2))
        return
    for change in changes:
        # A name is bytes; it goes out as it is.
        sys.stdout.buffer.write(f"{change.kind.value}    ".encode())
        sys.stdout.buffer.write(os.fsencode(change.path) + b"\n")
    sys.stdout.buffer.flush()


def to_json(item: Deployment, changes: list[Change]) -> dict[str, object]:
    """Return the report for programs; undecodable bytes in a path are lone surrogates."""
    return {
        "stateroot": item.stateroot,
        "checksum": item.checksum,
        "serial": item.serial,
        "changes": [{"kind": change.kind.name.lower(), "path": change.path} for change in changes],
    }


def _chosen(present: Sysroot, stateroot: str | None) -> Deployment:
    if stateroot is None:
        if present.booted_deployment is None:
            raise BootentriesError(
                OPERATION, "deployments", "not currently booted into an OSTree system",
                hint="name the stateroot with --os",
            )  # fmt: skip
        stateroot = present.booted_deployment.stateroot
    item = merge_deployment(present, stateroot)
    if item is None:
        known = ", ".join(sorted({item.stateroot for item in present.deployments}))
        raise BootentriesError(
            OPERATION, stateroot, "no deployment of this stateroot",
            hint=f"stateroots with deployments: {known or 'none'}",
        )  # fmt: skip
    return item


def _changes(root: Root, item: Deployment) -> list[Change]:
    """Return the changes in libostree's order: modified, removed, added."""
    with (
        fs.opened(root.fd, item.path, os.O_RDONLY | os.O_DIRECTORY) as fd,
        opened_local(fd, OPERATION) as (default_fd, local_fd),
    ):
        try:
            found = list(diff(default_fd, local_fd))
        except OSError as error:
            raise etc_error(OPERATION, error) from error
    return sorted(found, key=lambda change: list(Kind).index(change.kind))
