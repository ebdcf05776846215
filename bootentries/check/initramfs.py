"""The configuration in each initramfs, against the deployment that it will prepare."""

from bootentries import fs
from bootentries.check.finding import Report
from bootentries.check.kernels import OVERLAYS
from bootentries.deployment import Deployment, overlay_checksums
from bootentries.errors import BootentriesError
from bootentries.preflight import LIMIT, Known, check_deployment
from bootentries.root import Root


def check_initramfs(root: Root, items: tuple[Deployment, ...], report: Report) -> None:
    """Name the deployments whose initramfs demands what they have not got.

    One that cannot be unpacked here says nothing about the deployment.
    """
    known: Known = {}
    for item in items:
        try:
            found = check_deployment(root, item, _overlays(root, item), known)
        except (OSError, BootentriesError):
            continue  # what is missing was reported
        if found is not None:
            report.add("initramfs-config", found.place, found.reason)


def _overlays(root: Root, item: Deployment) -> tuple[bytes, ...]:
    if item.entry is None:
        return ()
    names = overlay_checksums(item.entry.bls, item.entry.name)
    return tuple(fs.read_bytes(root.boot(), f"{OVERLAYS}/{name}.img", LIMIT) for name in names)
