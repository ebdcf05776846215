"""The description of a staged deployment in /run/ostree: how it is written, and locked.

Reading it belongs to `booted`, as part of loading a sysroot.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from bootentries import fs
from bootentries.booted import STAGED, Named, Staged, read_staged
from bootentries.errors import BootentriesError
from prepare_root.formats.gvariant import Variant, encode

LOCKED = f"{STAGED}-locked"
# Where overlay initrds wait, each under its sha256.
INITRDS = "ostree/staged-initrds"
# In /boot: why the last finalisation failed.
FAILURE_STAMP = "ostree/finalize-failure.stamp"


def encode_staged(staged: Staged) -> bytes:
    """Return the bytes that libostree writes: `a{sv}` in this order, native endian."""
    target = Named(staged.stateroot, staged.name, staged.bootcsum)
    table = {"target": _names(target)}
    if staged.locked:
        table["locked"] = Variant("b", True)
    if staged.merge is not None:
        table["merge-deployment"] = _names(staged.merge)
    if staged.kargs is not None:
        table["kargs"] = Variant("as", list(staged.kargs))
    if staged.overlays:
        table["overlay-initrds"] = Variant("as", list(staged.overlays))
    if staged.extras:
        table["bootconfig-extra"] = Variant("a{ss}", dict(staged.extras))
    return encode("a{sv}", table)


def write_staged(staged: Staged, run: str = "/run") -> None:
    """Write the description; a lock file of an older one goes, the key is what locks it.

    Raises OSError.
    """
    with _opened(run) as run_fd:
        fs.make_dirs(run_fd, "ostree")
        fs.write_file(run_fd, STAGED, encode_staged(staged))
        fs.remove_tree(run_fd, LOCKED)


def set_lock(locked: bool, run: str = "/run") -> bool:
    """Lock the staged deployment against finalisation, or unlock it, in both known ways.

    Returns whether that changed anything.  Raises BootentriesError when none is staged.
    """
    staged = read_staged(run)
    if staged is None:
        raise BootentriesError(
            "lock finalization", f"{run}/{STAGED}", "no staged deployment",
            hint="stage one with: bootentries deploy --stage",
        )  # fmt: skip
    if staged.locked == locked:
        return False
    with _opened(run) as run_fd:
        if locked:
            # The file first: older programs know only that one.
            fs.write_file(run_fd, LOCKED, b"", 0o640)
        fs.write_file(run_fd, STAGED, encode_staged(replace(staged, locked=locked)))
        if not locked:
            fs.remove_tree(run_fd, LOCKED)
    return True


def take_staged(run: str = "/run") -> None:
    """Remove the description: whoever finalises does that first, so that it is done once."""
    with _opened(run) as run_fd:
        # The lock last: a description without it would be finalised.
        fs.remove_tree(run_fd, STAGED)
        fs.remove_tree(run_fd, LOCKED)


@contextmanager
def _opened(run: str) -> Iterator[int]:
    fd = os.open(run, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def _names(item: Named) -> Variant:
    fields = {"name": item.name, "osname": item.stateroot, "bootcsum": item.bootcsum}
    return Variant("a{sv}", {key: Variant("s", value) for key, value in fields.items()})
