"""`set-origin`: where the next upgrade of a deployment comes from."""

from typing import TYPE_CHECKING

import click

from bootentries.cli.common import Number, common_options, lock_option
from bootentries.cli.writing import apply_ops, changing, deployment_at, dry_run_option
from bootentries.errors import BootentriesError

if TYPE_CHECKING:
    from bootentries.deployment import Deployment
    from bootentries.sysroot import Sysroot


@click.command("set-origin")
@click.option(
    "-s", "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Option of the remote."
)
@click.option("--index", type=Number(), help="The deployment (default: the booted one).")
@click.argument("remote", metavar="REMOTENAME")
@click.argument("url")
@click.argument("branch", required=False)
@dry_run_option
@lock_option
@common_options
@click.pass_context
def set_origin(
    context: click.Context,
    *,
    settings: tuple[str, ...],
    index: int | None,
    remote: str,
    url: str,
    branch: str | None,
    dry_run: bool,
) -> None:
    """Add a remote, unless it is there, and make it the origin of a deployment.

    Example: bootentries set-origin --index=0 updates https://example.com/repo stable
    """
    # Loaded late, like all that writes: see `writing`.
    from bootentries.origin import new_origin  # noqa: PLC0415
    from bootentries.repo import REPO  # noqa: PLC0415
    from bootentries.run import run  # noqa: PLC0415
    from bootentries.sysroot import DEPLOY  # noqa: PLC0415
    from bootentries.txn.ops import Touch, WriteFile  # noqa: PLC0415

    with changing(context, dry_run) as (root, present):
        item = _chosen(present, index)
        refspec = f"{remote}:{branch or _branch(item)}"
        data = new_origin(refspec, item.pinned).decode()
        repo = f"/proc/self/fd/{root.fd}/{REPO}"
        options = [f"--set={setting}" for setting in settings]
        argv = ["ostree", "remote", "add", f"--repo={repo}", "--if-not-exists", *options]
        if dry_run:
            print(f"add remote {remote} {url}")
        else:
            run([*argv, remote, url], "add remote", remote, pass_fds=(root.fd,))
        apply_ops(root, (WriteFile(f"{item.path}.origin", data), Touch(DEPLOY)), dry_run)


def _chosen(present: "Sysroot", index: int | None) -> "Deployment":
    if index is not None:
        return deployment_at(present, index)
    booted = present.booted_deployment
    if booted is None:
        raise BootentriesError(
            "set origin", "booted deployment", "this sysroot is not the running system's",
            hint="name a deployment with --index",
        )  # fmt: skip
    return booted


def _branch(item: "Deployment") -> str:
    refspec = item.origin.refspec
    if refspec is None:
        raise BootentriesError(
            "set origin", item.name, "its origin names no branch", hint="name the branch"
        )
    return refspec.rpartition(":")[2]
