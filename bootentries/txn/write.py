"""The shell around a plan: read what it needs, apply it, report what went wrong."""

import os
from dataclasses import replace

from bootentries import fs
from bootentries.deployment import Deployment
from bootentries.entries.render import Target
from bootentries.entries.title import os_release, pretty_name
from bootentries.errors import BootentriesError, from_os_error
from bootentries.esp.config import read_esp_config
from bootentries.hooks.find import find_hooks
from bootentries.kernel import find_kernel
from bootentries.loaders.detect import choose_loader
from bootentries.loaders.stamp import is_pending
from bootentries.root import Root
from bootentries.sysroot import Sysroot, load
from bootentries.txn import space
from bootentries.txn.cleanup import plan_cleanup
from bootentries.txn.context import Context
from bootentries.txn.listing import read_listing
from bootentries.txn.ops import CommitSymlink, Op
from bootentries.txn.plan import USUAL, HookTime, Plan, Write, plan
from bootentries.txn.run_ops import ProgramFailed
from bootentries.txn.xfs import plan_keep_in_block

# The swap is done, and what follows it is not.
_NOT_STORED = "the new list is active, but may not be on storage yet: run the command again"
_OS_RELEASE = ("usr/lib/os-release", "etc/os-release")


def write_list(
    root: Root,
    present: Sysroot,
    wanted: tuple[Deployment, ...],
    context: Context,
    *,
    opts: frozenset[str],
    how: Write = USUAL,
) -> Plan:
    """Make `wanted` the list on disk; returns the plan that did it.

    On a small /boot this takes two steps: first a list of those of the present deployments
    whose kernels stay, which makes room for the new ones.  Raises BootentriesError with
    the old list, or the shorter one, active.
    """
    todo = plan_write(root, present, wanted, opts, how)
    if "no-early-prune" not in opts and todo.swap:
        kept = _make_room(root, present, wanted, context, opts)
        if kept is not None:
            present = kept
            todo = plan_write(root, present, wanted, opts, how)
    apply_plan(todo, context)
    return todo


def plan_write(
    root: Root,
    present: Sysroot,
    wanted: tuple[Deployment, ...],
    opts: frozenset[str],
    how: Write = USUAL,
) -> Plan:
    """Return the plan that makes `wanted` the list on disk; it only reads.

    `opts` are the words of OSTREE_SYSROOT_OPTS and OSTREE_SYSROOT_DEBUG.  Raises
    BootentriesError when a deployment cannot be booted from.
    """
    booted = present.booted_deployment
    if booted is not None and booted.identity not in {item.identity for item in wanted}:
        raise BootentriesError("write deployments", booted.name, "it is booted, it has to stay")
    try:
        targets = tuple(read_target(root, item, opts) for item in wanted)
        listing = read_listing(root, opts)
        todo = plan(present, targets, listing, choose_loader(root, present.config), how)
        if todo.swap:
            todo = replace(todo, before=(*plan_keep_in_block(root), *todo.before))
        if todo.swap and read_esp_config(root.fd).enabled:
            # Loaded late: most sysroots have no partition that follows.
            from bootentries.esp.room import check_room  # noqa: PLC0415

            check_room(root, present, targets)
    except OSError as error:
        raise from_os_error("plan", error) from error
    return followed_by_hooks(todo, root, present, wanted[0] if wanted else None, how)


def followed_by_hooks(
    todo: Plan, root: Root, present: Sysroot, default: Deployment | None, how: Write
) -> Plan:
    """Return the plan with the hooks of the running system, if there are any."""
    hooks = find_hooks().hooks
    if not hooks:
        return todo
    # Loaded late: most systems have none.
    from bootentries.hooks.ops import Written, with_hooks  # noqa: PLC0415

    state = Written(root, present, default, todo.bootversion, how.reason)
    return with_hooks(todo, state, hooks, how.hooks)


def plan_clean(
    root: Root, present: Sysroot, opts: frozenset[str], *, prune: bool = True
) -> tuple[Op, ...]:
    """Return the operations that remove what the present list does not need."""
    try:
        # Only a program that has still to run is worth an error about the loader here.
        first = choose_loader(root, present.config).resume() if is_pending(root) else ()
        if read_esp_config(root.fd).enabled:
            # Loaded late: most sysroots have no partition that follows.
            from bootentries.loaders.sdboot import resume_sync  # noqa: PLC0415

            first = (*first, *resume_sync(root))
        return (*first, *plan_cleanup(present, read_listing(root, opts), prune))
    except OSError as error:
        raise from_os_error("plan", error) from error


def apply_plan(todo: Plan, context: Context) -> None:
    """Do it.  An error before the swap leaves the old list active; later ones are notes.

    What brings the swap itself to storage is no note: its error says which list is active.
    """
    active = False
    for op in todo.before:
        try:
            op.apply(context)
        except OSError as error:
            failure = from_os_error(op.describe(), error)
            if active:
                failure.hint = _NOT_STORED
            raise failure from error
        active = active or isinstance(op, CommitSymlink)
    apply_notes(todo.after, context)


def apply_notes(todo: tuple[Op, ...], context: Context) -> bool:
    """Do what can be left for later: a failure is a note.  Returns whether all succeeded."""
    succeeded = True
    for op in todo:
        try:
            op.apply(context)
        except ProgramFailed as error:
            # The machine still boots the list before: nothing of it may be removed.
            context.note(f"{op.describe()}: left for later: {error}; {error.hint}")
            return False
        except BootentriesError as error:
            context.note(f"{op.describe()}: left for later: {error}")
            succeeded = False
        except OSError as error:
            failure = from_os_error(op.describe(), error)
            context.note(f"{op.describe()}: left for later: {failure.obj}: {failure.reason}")
            succeeded = False
    return succeeded


def read_target(root: Root, item: Deployment, opts: frozenset[str]) -> Target:
    """Return a deployment with what its tree says about kernel and name."""
    with fs.opened(root.fd, item.path, os.O_RDONLY | os.O_DIRECTORY) as fd:
        try:
            kernel = find_kernel(fd, item.path, devicetrees="no-dtb" not in opts)
        except OSError as error:
            raise from_os_error("find kernel", error) from error
        release = _release(fd, item.path)
    # A stored bootcsum is trusted: it names the directory, whoever computed it.
    kernel = replace(kernel, bootcsum=item.bootcsum)
    return Target(item, kernel, pretty_name(os_release(release), item.path))


def _release(deploy_fd: int, where: str) -> str:
    """Return the text of the tree's os-release; empty without one."""
    for path in _OS_RELEASE:
        try:
            data = fs.read_optional(deploy_fd, path)
            if data is not None:
                return data.decode()
        except OSError as error:
            raise from_os_error("read os-release", error, f"{where}/{path}") from error
        except UnicodeDecodeError as error:
            raise BootentriesError("read os-release", f"{where}/{path}", "not UTF-8") from error
    return ""


def _make_room(
    root: Root,
    present: Sysroot,
    wanted: tuple[Deployment, ...],
    context: Context,
    opts: frozenset[str],
) -> Sysroot | None:
    """Shorten the list where /boot is too small for old and new kernels at once.

    Returns the sysroot as it is then, or None when nothing had to be done.
    """
    if root.boot_is_on_root() or _still_boots_the_list_before(root, present):
        return None
    targets = tuple(read_target(root, item, opts) for item in wanted)
    needed = space.needed(root, targets)
    if not needed or space.fits(root.boot(), needed):
        return None
    # What no entry names goes first: that alone may be enough.
    clean_boot(context, present, opts)
    if space.fits(root.boot(), needed):
        return load(root, context.run)
    bootcsums = {item.bootcsum for item in wanted}
    kept = tuple(item for item in present.on_disk if item.bootcsum in bootcsums)
    gained = space.used(root, {item.bootcsum for item in present.on_disk} - bootcsums)
    if needed > gained and not space.fits(root.boot(), needed - gained):
        context.note("/boot is too small even without the present kernels: going on regardless")
        return None
    context.note("/boot has no room for old and new kernels at once: updating it in two steps")
    staged = bool(present.deployments) and present.deployments[0].staged
    how = Write(keep_staged=staged, clean=False, hooks=HookTime.LATER)
    apply_plan(plan_write(root, present, kept, opts, how), context)
    present = load(root, context.run)
    if _still_boots_the_list_before(root, present):
        return present
    clean_boot(context, present, opts)
    return load(root, context.run)


def clean_boot(context: Context, present: Sysroot, opts: frozenset[str]) -> None:
    """Remove what no entry names from /boot, with what a staged deployment has there.

    Finalisation copies that again.  What cannot be removed is noted.
    """
    listed = replace(present, deployments=present.on_disk)
    todo = plan_clean(context.root, listed, opts, prune=False)
    apply_notes(tuple(op for op in todo if _in_boot(op)), context)


def _in_boot(op: Op) -> bool:
    return getattr(op, "path", "").startswith("boot/")


def _still_boots_the_list_before(root: Root, present: Sysroot) -> bool:
    """Whether a program of the loader has to run before anything in /boot may go."""
    return bool(choose_loader(root, present.config).resume())
