"""A new deployment's initramfs, looked at before the deployment is in any list."""

import os

from bootentries import fs
from bootentries.deploy.overlay import DIRECTORY
from bootentries.deployment import Deployment, overlay_checksums
from bootentries.errors import from_os_error
from bootentries.preflight import LIMIT, refuse_misfit
from bootentries.staged import INITRDS
from bootentries.txn.context import Context


def check_image(
    context: Context, item: Deployment, opts: frozenset[str], staged: tuple[str, ...] = ()
) -> None:
    """Raise BootentriesError for a deployment that its initramfs cannot prepare.

    `staged` are checksums of overlay initrds that wait below /run; others are in /boot.
    What cannot be looked at is noted.
    """
    try:
        overlays = [*_staged(context.run, staged), *_installed(context, item)]
    except OSError as error:
        raise from_os_error("read overlay initrd", error) from error
    remark = refuse_misfit(context.root, item, opts, tuple(overlays))
    if remark is not None:
        context.note(remark)


def _staged(run: str, checksums: tuple[str, ...]) -> list[bytes]:
    if not checksums:
        return []
    fd = os.open(f"{run}/{INITRDS}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return [fs.read_bytes(fd, checksum, LIMIT) for checksum in checksums]
    finally:
        os.close(fd)


def _installed(context: Context, item: Deployment) -> list[bytes]:
    if item.entry is None:
        return []
    names = overlay_checksums(item.entry.bls, item.entry.name)
    boot = context.root.boot()
    return [fs.read_bytes(boot, f"{DIRECTORY}/{name}.img", LIMIT) for name in names]
