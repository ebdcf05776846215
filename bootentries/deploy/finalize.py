"""Finalisation: what was staged, by whomever, becomes active when the system shuts down."""

import os
import re
from collections.abc import Callable
from dataclasses import replace

from bootentries import fs
from bootentries.booted import NEXTROOT, Staged, read_staged
from bootentries.deploy.make import finish_deployment
from bootentries.deploy.overlay import DIRECTORY, install_overlay, overlay_entry
from bootentries.deployment import Deployment, Entry
from bootentries.entries.bls import STANDARD_KEYS, new_entry
from bootentries.errors import BootentriesError
from bootentries.failure import BEGUN, STAMP, expect_interruption
from bootentries.loopguard import RECORD
from bootentries.retain import Keep, retain
from bootentries.staged import INITRDS, take_staged
from bootentries.sysroot import Sysroot, load
from bootentries.txn.context import Context
from bootentries.txn.ops import Remove
from bootentries.txn.plan import HookTime, Plan, Write
from bootentries.txn.write import write_list

_KEY = re.compile(r"[A-Za-z][^ \t\n]*")
# The repository can wait, and so can hooks that are not for a shutdown.
_WRITE = Write(prune=False, reason="finalize-staged", hooks=HookTime.SHUTDOWN)


def finalize_staged(
    context: Context, present: Sysroot, say: Callable[[str], None], opts: frozenset[str]
) -> Plan | None:
    """Make the staged deployment the default, and return the plan that did it.

    None when nothing is staged, or when it is locked (which is noted).  The description goes
    first, so that nobody finalises it again.  Raises BootentriesError; the list before is
    active then.
    """
    staged = read_staged(context.run)
    if staged is None or not present.deployments or not present.deployments[0].staged:
        return None
    if staged.locked:
        context.note("Not finalizing; deployment is locked for finalization")
        return None
    merge = _merge_deployment(present, staged)
    item = _finalised(context, present, staged)
    try:
        expect_interruption(context.root, staged.stateroot, staged.name, BEGUN)
    except OSError as error:
        context.note(f"the next boot would not tell of an interruption: {error.strerror}")
    take_staged(context.run)
    finish_deployment(context, item, merge, say, booted=present.booted_deployment, opts=opts)
    present = load(context.root, context.run)
    listed = retain(present, item, merge, Keep())
    how = replace(_WRITE, follows=(Remove(f"boot/{STAMP}"), Remove(f"boot/{RECORD}")))
    return write_list(context.root, present, listed, context, opts=opts, how=how)


def describe(present: Sysroot) -> list[str]:
    """Return one line for each thing that `finalize_staged` would do."""
    item = next((item for item in present.deployments if item.staged), None)
    if item is None:
        return ["nothing to do"]
    name = f"{item.stateroot}/{item.name}"
    if item.finalization_locked:
        return [f"leave {name}: it is locked"]
    return [f"merge local changes of /etc into {name}", f"make {name} the default"]


def complete_soft_reboot(run: str) -> None:
    """Note that what a soft reboot was prepared for is what runs now; raises OSError."""
    try:
        os.rename(f"{run}/{NEXTROOT}", f"{run}/ostree-booted")
    except FileNotFoundError:
        return


def _merge_deployment(present: Sysroot, staged: Staged) -> Deployment | None:
    if staged.merge is None:
        return None
    wanted = (staged.merge.stateroot, staged.merge.name)
    for item in present.on_disk:
        if (item.stateroot, item.name) == wanted:
            return item
    raise BootentriesError(
        "finalize staged deployment", staged.name,
        f"the deployment whose /etc it continues, {staged.merge.name}, is not in the list",
        hint="stage it once more",
    )  # fmt: skip


def _finalised(context: Context, present: Sysroot, staged: Staged) -> Deployment:
    """Return the staged deployment as one of the list; overlay initrds are in /boot then."""
    item = replace(present.deployments[0], staged=False, finalization_locked=False)
    if not staged.overlays and not staged.extras:
        return item
    bls = new_entry()
    if staged.overlays:
        for checksum in staged.overlays:
            _install(context, checksum)
        bls = overlay_entry(staged.overlays, present.config.bootprefix)
    for key, value in staged.extras:
        if not _KEY.fullmatch(key) or key in STANDARD_KEYS or "\n" in value:
            raise BootentriesError(
                "finalize staged deployment", staged.name, f"no key of an entry: {key!r}"
            )
        bls = bls.with_value(key, value)
    return replace(item, entry=Entry("", bls))


def _install(context: Context, checksum: str) -> None:
    place = f"{context.run}/{INITRDS}/{checksum}"
    if not re.fullmatch(r"[0-9a-f]{64}", checksum):
        raise BootentriesError("add overlay initrd", repr(checksum), "not a checksum")
    if not os.path.lexists(place) and fs.is_file(
        context.root.boot(), f"{DIRECTORY}/{checksum}.img"
    ):
        return
    if install_overlay(context, place) != checksum:
        raise BootentriesError("add overlay initrd", place, "its content is not what was staged")
