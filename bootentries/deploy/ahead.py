"""Kernels brought to /boot at staging, so that shutdown has only to look at them.

They get their final names, synced and compared with what storage holds.  Whoever finalises
(libostree as well) keeps a file that is there; where a clean-up of libostree's has removed
them meanwhile, finalisation copies them as it would have without us.
"""

from bootentries.deploy.overlay import install_overlay
from bootentries.deployment import Deployment
from bootentries.errors import from_os_error
from bootentries.staged import INITRDS
from bootentries.txn.context import Context
from bootentries.txn.ops import Sync
from bootentries.txn.plan import kernel_ops, kernel_read_backs
from bootentries.txn.write import read_target
from bootentries.txn.xfs import plan_keep_in_block


def bring_ahead(
    context: Context, item: Deployment, overlays: tuple[str, ...], opts: frozenset[str]
) -> None:
    """Bring the kernel, initramfs and device trees of a deployment to /boot, and overlays.

    `overlays` are checksums of files that wait below /run.  Raises BootentriesError; what was
    brought by then is for the next clean-up.
    """
    target = read_target(context.root, item, opts)
    for op in (
        *plan_keep_in_block(context.root),
        *kernel_ops((target,)),
        Sync(),
        *kernel_read_backs(target),
    ):
        try:
            op.apply(context)
        except OSError as error:
            raise from_os_error(op.describe(), error) from error
    for checksum in overlays:
        install_overlay(context, f"{context.run}/{INITRDS}/{checksum}")
