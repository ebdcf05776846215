"""Staging: a deployment that is made now, and becomes active at shutdown.

What would fail at shutdown, with nobody there to see it, is tried here and refused.
"""

import os
from dataclasses import dataclass, replace

from bootentries import fs, kexec
from bootentries.booted import NEXTROOT, Named, Staged, read_staged
from bootentries.deploy.activate import Wanted
from bootentries.deploy.ahead import bring_ahead
from bootentries.deploy.image import check_image
from bootentries.deploy.make import discard, make_deployment
from bootentries.deploy.overlay import DIRECTORY, stage_overlay
from bootentries.deploy.policy import rehearse_refresh
from bootentries.deployment import Deployment
from bootentries.errors import BootentriesError, from_os_error
from bootentries.etc.check import check as check_etc
from bootentries.failure import WAITING, expect_interruption
from bootentries.kernel import find_kernel
from bootentries.retain import Keep, retain
from bootentries.root import Root
from bootentries.run import run
from bootentries.staged import INITRDS, write_staged
from bootentries.sysroot import DEPLOY, Sysroot, load
from bootentries.txn import space
from bootentries.txn.context import Context
from bootentries.txn.ops import Touch
from bootentries.txn.plan import Write
from bootentries.txn.write import apply_notes, clean_boot, plan_clean, plan_write, read_target

SERVICE = "ostree-finalize-staged.service"
# Keys that follow from the tree: those of the deployment before would be wrong.
_OF_THE_TREE = frozenset({"fdtdir", "aboot", "abootcfg"})
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Staging:
    """What to stage.

    `own_kargs` writes the arguments down; without it they are those that the merge
    deployment has at shutdown.  `locked` keeps it from becoming active until unlocked.
    """

    wanted: Wanted
    own_kargs: bool = True
    locked: bool = False

    def describe(self, present: Sysroot) -> list[str]:
        """Return one line for each thing that `stage_commit` would do, and its result."""
        request, merge = self.wanted.request, self.wanted.merge
        lines = [
            f"start {SERVICE}",
            f"check out {request.checksum} in stateroot {request.stateroot}",
            "copy /etc from the tree's /usr/etc",
            "copy kernel and initramfs to /boot, if there is room beside the present ones",
        ]
        lines += [f"keep overlay initrd {path} for shutdown" for path in request.overlays]
        lines.append(f"kernel arguments: {request.options or '(none)'}")
        lines += [
            f"drop staged deployment {item.stateroot}/{item.name}"
            for item in present.deployments
            if item.staged
        ]
        lines.append("stage the new deployment" + (", locked" if self.locked else ""))
        if merge is not None:
            what = f"merge local changes of /etc from {merge.stateroot}/{merge.name}"
            lines.append(f"at shutdown: {what}")
        return lines


def stage_commit(context: Context, present: Sysroot, staging: Staging) -> None:
    """Make a deployment that becomes active when the system is shut down.

    Only the running system's sysroot can be meant.  Raises BootentriesError; what was staged
    before stays then, and the new one is gone.
    """
    root, request, merge = context.root, staging.wanted.request, staging.wanted.merge
    forget_soft_reboot(context.run)
    kexec.forget(root, context.note, context.run)
    start_service()
    # Leftovers would take serials, and libostree removes them first, too.
    apply_notes(plan_clean(root, present, request.opts, prune=False), context)
    item = make_deployment(context, present, replace(request, overlays=()))
    try:
        # libostree expects it when it finalises.
        fs.make_dirs(root.fd, f"{DEPLOY}/{item.stateroot}/backing", 0o700)
        overlays = _stage_overlays(context, item, request.overlays)
        has_room = rehearse(context, present, item, merge, opts=request.opts, overlays=overlays)
        if has_room:
            bring_ahead(context, item, overlays, request.opts)
        words = tuple(request.options.split(" ")) if request.options else ()
        staged = Staged(
            item.stateroot, item.name, item.bootcsum,
            words if staging.own_kargs else None,
            staging.locked,
            None if merge is None else Named(merge.stateroot, merge.name, merge.bootcsum),
            overlays,
            _extras(present, merge),
        )  # fmt: skip
        _write(staged, context.run)
    except BaseException:
        if not _is_staged(context, item):
            discard(context, item.stateroot, item.name)
            _tidy(context, request.opts)
        raise
    # From here on it is staged: nothing that fails now may say otherwise.
    try:
        expect_interruption(root, item.stateroot, item.name, WAITING)
    except OSError as error:
        context.note(f"the next boot would not tell if this gets lost: {error.strerror}")
    apply_notes((Touch(DEPLOY),), context)
    # Finalisation leaves the repository alone: what it dropped last time would pile up.
    _tidy(context, request.opts, prune=staging.wanted.how.prune)


def _tidy(context: Context, opts: frozenset[str], *, prune: bool = False) -> None:
    """Remove what the list, as it is now, does not need; what cannot be is noted."""
    try:
        todo = plan_clean(context.root, load(context.root, context.run), opts, prune=prune)
    except BootentriesError as error:
        context.note(f"clean up: left for later: {error}")
        return
    apply_notes(todo, context)


def start_service() -> None:
    """Start what finalises at shutdown; raises BootentriesError unless it is active then."""
    hint = "bootentries install-units installs it; journalctl -u tells why it did not start"
    try:
        run(("systemctl", "start", "--quiet", SERVICE), "stage", SERVICE)
        # A unit whose conditions are not met starts without an error, and does nothing.
        run(("systemctl", "is-active", "--quiet", SERVICE), "stage", SERVICE)
    except BootentriesError as error:
        raise BootentriesError(
            error.operation, error.obj, error.reason, error.hint or hint
        ) from error


def forget_soft_reboot(run_path: str) -> None:
    """Undo what was prepared for a soft reboot: it would not boot what is staged now.

    The mount is undone in PID 1's namespace, where it is.  Raises BootentriesError.
    """
    place = f"{run_path}/{NEXTROOT}"
    if not os.path.lexists(place):
        return
    target = ("nsenter", "--target", "1", "--mount", "--root", "--", "umount", "-R")
    if os.path.ismount(f"{run_path}/nextroot"):
        run((*target, f"{run_path}/nextroot"), "forget soft reboot", f"{run_path}/nextroot")
    try:
        os.unlink(place)
    except OSError as error:
        raise from_os_error("forget soft reboot", error, place) from error


def rehearse(
    context: Context,
    present: Sysroot,
    item: Deployment,
    merge: Deployment | None,
    *,
    opts: frozenset[str],
    overlays: tuple[str, ...] = (),
) -> bool:
    """Try what finalisation will do, as far as that goes without doing it.

    Returns whether the kernel has room in /boot now, beside those of the present list.
    Local changes of /etc that will get lost are noted.  Raises BootentriesError for what
    would fail: a change of /etc in conflict, an SELinux policy that cannot be refreshed, a
    loader that cannot be set up, no room, and an initramfs that cannot prepare the root.
    """
    root = context.root
    if merge is not None:
        flags = os.O_RDONLY | os.O_DIRECTORY
        with (
            fs.opened(root.fd, merge.path, flags) as old,
            fs.opened(root.fd, item.path, flags) as new,
        ):
            for finding in check_etc(old, new):
                if finding.conflict:
                    raise finding.error()
                context.note(finding.text)
            rehearse_refresh(new)
    check_image(context, item, opts, overlays)
    listed = retain(present, item, merge, Keep())
    todo = plan_write(root, present, listed, opts, Write(prune=False))
    if not (todo.swap or overlays) or root.boot_is_on_root():
        return True
    targets = tuple(read_target(root, other, opts) for other in listed)

    def needed() -> int:
        return space.needed(root, targets) + _overlay_size(context, overlays)

    if _fits(root, needed()):
        return True
    # What no entry names makes room; a deployment that was staged before can be without it.
    clean_boot(context, present, opts)
    if _fits(root, needed()):
        return True
    _check_room_later(root, present, item, listed, needed())
    context.note(
        "/boot has no room for old and new kernels at once: they are copied at shutdown, after "
        "those that no deployment needs then are deleted"
    )
    return False


def _fits(root: Root, needed: int) -> bool:
    return not needed or space.fits(root.boot(), needed)


def _check_room_later(
    root: Root,
    present: Sysroot,
    item: Deployment,
    listed: tuple[Deployment, ...],
    needed: int,
) -> None:
    """Raise BootentriesError unless so many bytes fit when the kernels that go have gone."""
    kept = {other.bootcsum for other in listed}
    gained = space.used(root, {other.bootcsum for other in present.on_disk} - kept)
    if needed <= gained or space.fits(root.boot(), needed - gained):
        return
    found = os.fstatvfs(root.boot())
    free = found.f_bavail * found.f_frsize + gained
    others = [other for other in listed if not other.booted and other is not item]
    hint = (
        f"delete a deployment, as with: bootentries undeploy {others[-1].index}"
        if others
        else "remove files that are not needed from /boot, or make it larger"
    )
    raise BootentriesError(
        "stage", item.name,
        f"no room in /boot: kernel and initramfs take {needed / _MIB:.1f} MiB, "
        f"and {max(free - space.RESERVE, 0) / _MIB:.1f} MiB can be had",
        hint,
    )  # fmt: skip


def _overlay_size(context: Context, overlays: tuple[str, ...]) -> int:
    """Return the bytes of the overlay initrds that are not in /boot yet."""
    boot = context.root.boot()
    return sum(
        os.stat(f"{context.run}/{INITRDS}/{checksum}").st_size
        for checksum in overlays
        if not fs.is_file(boot, f"{DIRECTORY}/{checksum}.img")
    )


def _stage_overlays(context: Context, item: Deployment, paths: tuple[str, ...]) -> tuple[str, ...]:
    if not paths:
        return ()
    with fs.opened(context.root.fd, item.path, os.O_RDONLY | os.O_DIRECTORY) as fd:
        kernel = find_kernel(fd, item.name)
    if kernel.initramfs is None:
        raise BootentriesError(
            "add overlay initrd", item.name, "the tree has no initramfs to add it to"
        )
    return tuple(stage_overlay(f"{context.run}/{INITRDS}", path) for path in paths)


def _extras(present: Sysroot, merge: Deployment | None) -> tuple[tuple[str, str], ...]:
    """Return the keys of the merge deployment's entry that the new entry keeps."""
    if merge is None or merge.entry is None:
        return ()
    appended = dict(present.config.except_default)
    return tuple(
        (key, value)
        for key, value in merge.entry.bls.extras().items()
        if key not in _OF_THE_TREE and appended.get(key) != value
    )


def _write(staged: Staged, run_path: str) -> None:
    try:
        write_staged(staged, run_path)
    except OSError as error:
        raise from_os_error("write staged deployment", error) from error


def _is_staged(context: Context, item: Deployment) -> bool:
    try:
        found = read_staged(context.run)
    except (OSError, BootentriesError):
        return True
    return found is not None and (found.stateroot, found.name) == (item.stateroot, item.name)
