"""The description of a staged deployment in /run/ostree: how it is written, and locked.

Reading it belongs to `booted`, as part of loading a sysroot.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from bootentries import fs
from bootentries.booted import STAGED, Named, Staged, read_staged
from bootentries.errors import BootentriesError
from prepare_root.formats import FormatError
from prepare_root.formats.gvariant import Variant, decode, encode

LOCKED = f"{STAGED}-locked"
# Where overlay initrds wait, each under its sha256.
INITRDS = "ostree/staged-initrds"
# The order in which libostree writes the keys that it knows.
_KEYS = (
    "target", "locked", "merge-deployment", "kargs", "overlay-initrds", "bootconfig-extra",
)  # fmt: skip


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


def with_key(data: bytes, key: str, value: Variant | None) -> bytes:
    """Return a description with one key set, at its place, or without it; others stay.

    Keys that nobody here knows stay, too.  Raises FormatError when `data` is none.
    """
    table = decode("a{sv}", data)
    if not isinstance(table, dict):
        raise FormatError("not a dictionary")
    if value is None:
        return encode("a{sv}", {name: old for name, old in table.items() if name != key})
    if key in table:
        return encode("a{sv}", {**table, key: value})
    items = list(table.items())
    earlier = _KEYS[: _KEYS.index(key)]
    at = max((place for place, (name, _) in enumerate(items, 1) if name in earlier), default=0)
    return encode("a{sv}", dict([*items[:at], (key, value), *items[at:]]))


def set_kargs(args: tuple[str, ...], run: str = "/run") -> None:
    """Give the staged deployment these kernel arguments.

    Raises OSError, and BootentriesError when its description cannot be read.
    """
    with _opened(run) as run_fd:
        _change(run_fd, "kargs", Variant("as", list(args)))


def set_extra(key: str, value: str | None, run: str = "/run") -> None:
    """Give the entry that the staged deployment will have this key, or take it away.

    Raises OSError, and BootentriesError when its description cannot be read.
    """
    staged = read_staged(run)
    extras = {} if staged is None else dict(staged.extras)
    extras.pop(key, None)
    if value is not None:
        extras[key] = value
    with _opened(run) as run_fd:
        _change(run_fd, "bootconfig-extra", Variant("a{ss}", extras) if extras else None)


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
        _change(run_fd, "locked", Variant("b", True) if locked else None)
        if not locked:
            fs.remove_tree(run_fd, LOCKED)
    return True


def take_staged(run: str = "/run") -> None:
    """Remove the description: whoever finalises does that first, so that it is done once."""
    with _opened(run) as run_fd:
        # The lock last: a description without it would be finalised.
        fs.remove_tree(run_fd, STAGED)
        fs.remove_tree(run_fd, LOCKED)


def _change(run_fd: int, key: str, value: Variant | None) -> None:
    try:
        fs.write_file(run_fd, STAGED, with_key(fs.read_bytes(run_fd, STAGED), key, value))
    except FormatError as error:
        raise BootentriesError("edit staged deployment", STAGED, str(error)) from error


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
