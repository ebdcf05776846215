"""What a list does not need any more, as operations; none of them can fail a swap."""

import re

from bootentries.deployment import Deployment, overlay_checksums
from bootentries.sysroot import Sysroot
from bootentries.txn import ops
from bootentries.txn.listing import OVERLAYS, BootListing
from bootentries.txn.ops import Op
from bootentries.txn.remove import RemoveDeployment
from bootentries.txn.repo_ops import PruneRepo, WriteRefs

_PAYLOAD = re.compile(r".+-([0-9a-f]{64})")


def plan_cleanup(present: Sysroot, boot: BootListing, prune: bool = True) -> tuple[Op, ...]:
    """Return the operations that remove what the present list does not need."""
    version = (present.bootversion, present.subbootversion)
    return cleanup(present.deployments, boot, version, prune)


def cleanup(
    listed: tuple[Deployment, ...], boot: BootListing, version: tuple[int, int], prune: bool
) -> tuple[Op, ...]:
    """Remove what the list does not need any more, and write the refs that it does."""
    bootversion, sub = version
    other = 1 - bootversion
    result: list[Op] = [
        ops.Remove(f"boot/loader.{other}"),
        ops.Remove(f"ostree/boot.{other}"),
        ops.Remove(f"ostree/boot.{other}.0"),
        ops.Remove(f"ostree/boot.{other}.1"),
        ops.Remove(f"ostree/boot.{bootversion}.{1 - sub}"),
    ]
    result += [ops.Remove(path) for path in boot.temporary]
    names = {(item.stateroot, item.name) for item in listed}
    result += [RemoveDeployment(*item) for item in boot.deployments if item not in names]
    result += _cleanup_boot(listed, boot)
    result.append(WriteRefs(bootversion, sub, tuple(item.checksum for item in listed)))
    if prune:
        result.append(PruneRepo())
    return tuple(result)


def _cleanup_boot(listed: tuple[Deployment, ...], boot: BootListing) -> list[Op]:
    """Remove kernels and overlays that no entry names, nor will at shutdown."""
    kept = {item.bootcsum for item in listed}
    result: list[Op] = []
    for name in boot.payloads:
        found = _PAYLOAD.fullmatch(name)
        if found and found[1] not in kept:
            result.append(ops.Remove(f"boot/ostree/{name}"))
    overlays = {
        f"{checksum}.img"
        for item in listed
        for checksum in (
            overlay_checksums(item.entry.bls, item.entry.name)
            if item.entry
            else item.staged_overlays
        )
    }
    return result + [
        ops.Remove(f"boot/{OVERLAYS}/{name}") for name in boot.overlays if name not in overlays
    ]
