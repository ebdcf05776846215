"""Entries on a partition whose deployment is gone: their kernel would find no root.

libostree keeps what runs and what is new, and removes all else with the list that it writes.
So the default of the list before is gone when another one was chosen in the menu.
"""

from dataclasses import replace

from bootentries.check.listing import deployment_names, stateroots
from bootentries.errors import from_os_error
from bootentries.esp import ops
from bootentries.esp.names import ENTRIES
from bootentries.esp.ops import EspOp
from bootentries.esp.present import Present
from bootentries.root import Root


def present_deployments(root: Root) -> frozenset[str]:
    """Return `STATEROOT/CHECKSUM.SERIAL` of all that are there, listed or not.

    Raises BootentriesError.
    """
    try:
        return frozenset(
            f"{stateroot}/{name}"
            for stateroot in stateroots(root)
            for name in deployment_names(root, stateroot)
        )
    except OSError as error:
        raise from_os_error("read deployments", error) from error


def without_lost(
    present: Present, there: frozenset[str] | None
) -> tuple[Present, tuple[EspOp, ...]]:
    """Return a partition without the entries that are lost, and what removes them.

    `there` are the deployments that are there, None when nobody knows.  Where every entry is
    lost all of them stay: one may have the kernel of a deployment that prepare-root finds.
    """
    live = present.live
    lost = [
        item
        for item in live
        if there is not None and item.deployment is not None and item.deployment not in there
    ]
    if not lost or len(lost) == len(live):
        return present, ()
    rest = tuple(item for item in present.entries if item not in lost)
    paths = tuple(f"{ENTRIES}/{item.file}" for item in lost)
    # Names go on to grow, whatever is removed.
    kept = replace(present, entries=rest, beside=present.generation)
    return kept, (ops.RemoveFiles(paths),)
