"""Whether the partitions can take a list that is not written yet."""

import os

from bootentries import fs
from bootentries.entries.render import Target, payload_dir
from bootentries.errors import BootentriesError
from bootentries.esp.config import read_esp_config
from bootentries.esp.entry import EspEntry, Payload
from bootentries.esp.find import find_places
from bootentries.esp.lost import present_deployments
from bootentries.esp.names import payload_name
from bootentries.esp.places import opened_place
from bootentries.esp.plan import NoRoom, Wanted, plan
from bootentries.esp.present import Present, read_present
from bootentries.esp.sync import known_sources
from bootentries.esp.wanted import identity
from bootentries.kernel import KernelFile
from bootentries.root import Root
from bootentries.sysroot import Sysroot

# For a file that is not on any partition; nothing is named so there.
_NEW = "0" * 64


def check_room(root: Root, present: Sysroot, targets: tuple[Target, ...]) -> None:
    """Raise BootentriesError when no partition that is there has room for a new list.

    Whatever else is wrong with one is told when it is to follow, and does not keep the list
    from being written.
    """
    refused: list[BootentriesError] = []
    booted = present.booted_deployment
    keep = None if booted is None else identity(booted)
    try:
        places = find_places(root, read_esp_config(root.fd).places)
    except BootentriesError:
        return
    for place in places:
        try:
            with opened_place(root, place.boot, write=False) as fd:
                found = read_present(fd)
                entries = _entries(root, targets, found)
                plan(found, Wanted(entries, keep=keep, there=present_deployments(root)))
        except NoRoom as error:
            refused.append(
                BootentriesError("write deployments", place.label, error.reason, error.hint)
            )
        except (OSError, BootentriesError):
            continue
        else:
            return
    if refused:
        raise refused[0]


def _entries(root: Root, targets: tuple[Target, ...], found: Present) -> tuple[EspEntry, ...]:
    known = known_sources(root, [found])
    return tuple(_entry(root, target, known) for target in targets)


def _entry(root: Root, target: Target, known: dict[str, str]) -> EspEntry:
    item, kernel = target.deployment, target.kernel

    def part(file: KernelFile) -> Payload:
        source = f"{payload_dir(item)}/{file.name}"
        with fs.opened(root.fd, f"{item.path}/{file.source}", os.O_PATH) as fd:
            size = os.fstat(fd).st_size
        return Payload(source, known.get(source) or payload_name(source, _NEW), size)

    overlays = item.entry.bls.initrds()[1:] if item.entry is not None else ()
    initrds = [] if kernel.initramfs is None else [part(kernel.initramfs)]
    for path in overlays:
        source = path.lstrip("/").removeprefix("boot/")
        found = fs.stat_optional(root.boot(), source)
        if found is not None:
            name = known.get(source) or payload_name(source, _NEW)
            initrds.append(Payload(source, name, found.st_size))
    return EspEntry(
        deployment=identity(item),
        title=target.pretty_name,
        options=item.options,
        linux=part(kernel.linux),
        initrds=tuple(initrds),
        devicetree=None if kernel.devicetree is None else part(kernel.devicetree),
    )
