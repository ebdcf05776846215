"""The counters of a list's entries, where the loader counts: on the partitions."""

from dataclasses import replace

from bootentries.deployment import Deployment
from bootentries.entries.names import Counters
from bootentries.errors import BootentriesError
from bootentries.esp.config import read_esp_config
from bootentries.esp.find import find_places
from bootentries.esp.places import opened_place
from bootentries.esp.present import read_present
from bootentries.esp.verdicts import left_counters
from bootentries.esp.wanted import identity
from bootentries.root import Root
from bootentries.sysroot import Sysroot


def counted(root: Root, found: Sysroot) -> Sysroot:
    """Return the list with the counters that systemd-boot left, where it is in force.

    The first partition that counts a deployment decides.  One that cannot be looked at is
    passed over: `esp status` and `verify` tell about those.
    """
    tries: dict[str, tuple[int, int] | None] = {}
    try:
        for place in find_places(root, read_esp_config(root.fd).places):
            try:
                with opened_place(root, place.boot, write=False) as fd:
                    for deployment, left in left_counters(read_present(fd)).items():
                        tries.setdefault(deployment, left)
            except (OSError, BootentriesError):
                continue
    except BootentriesError:
        return found
    return replace(found, deployments=tuple(_counted(item, tries) for item in found.deployments))


def _counted(item: Deployment, tries: dict[str, tuple[int, int] | None]) -> Deployment:
    name = identity(item)
    if item.entry is None or name not in tries:
        return item
    counters = Counters(*(tries[name] or (0, 0)))
    return replace(item, entry=replace(item.entry, counters=counters))
