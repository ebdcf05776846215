"""The shell around a plan: read what it needs, apply it, report what went wrong."""

import os
from collections.abc import Callable
from dataclasses import replace

from bootentries import fs
from bootentries.deployment import Deployment
from bootentries.entries.render import Target
from bootentries.entries.title import os_release, pretty_name
from bootentries.errors import BootentriesError, from_os_error
from bootentries.kernel import find_kernel
from bootentries.loaders.detect import choose_loader
from bootentries.root import Root
from bootentries.sysroot import Sysroot, read_subbootversion
from bootentries.txn.context import Context
from bootentries.txn.plan import BootListing, Plan, plan

_OS_RELEASE = ("usr/lib/os-release", "etc/os-release")


def plan_write(
    root: Root, present: Sysroot, wanted: tuple[Deployment, ...], opts: frozenset[str]
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
        listing = _listing(root, opts)
        return plan(present, targets, listing, choose_loader(root, present.config))
    except OSError as error:
        raise from_os_error("plan", error) from error


def apply_plan(todo: Plan, context: Context) -> None:
    """Do it.  An error before the swap leaves the old list active; later ones are notes."""
    for op in todo.before:
        try:
            op.apply(context)
        except OSError as error:
            raise from_os_error(op.describe(), error) from error
    for op in todo.after:
        try:
            op.apply(context)
        except (OSError, BootentriesError) as error:
            context.note(f"{op.describe()}: left for later: {error}")


def read_target(root: Root, item: Deployment, opts: frozenset[str]) -> Target:
    """Return a deployment with what its tree says about kernel and name."""
    with fs.opened(root.fd, item.path, os.O_RDONLY | os.O_DIRECTORY) as fd:
        kernel = find_kernel(fd, item.path, devicetrees="no-dtb" not in opts)
        release = next(
            (data for path in _OS_RELEASE if (data := fs.read_optional(fd, path)) is not None), b""
        )
    # A stored bootcsum is trusted: it names the directory, whoever computed it.
    kernel = replace(kernel, bootcsum=item.bootcsum)
    name = pretty_name(os_release(release.decode("utf-8", "replace")), item.path)
    return Target(item, kernel, name)


def sysroot_words(environ: Callable[[str], str | None]) -> frozenset[str]:
    """Return the words of OSTREE_SYSROOT_OPTS and OSTREE_SYSROOT_DEBUG."""
    words: set[str] = set()
    for name in ("OSTREE_SYSROOT_OPTS", "OSTREE_SYSROOT_DEBUG"):
        text = environ(name) or ""
        words.update(word for word in text.replace(":", ",").replace(";", ",").split(",") if word)
    return frozenset(words)


def _listing(root: Root, opts: frozenset[str]) -> BootListing:
    boot = root.boot()
    overlays = fs.list_optional(boot, "ostree/initramfs-overlays") or []
    payloads = fs.list_optional(boot, "ostree") or []
    return BootListing(
        payloads=tuple(payloads),
        overlays=tuple(name for name in overlays if name.endswith(".img")),
        on_root=root.boot_is_on_root(),
        subbootversions=(read_subbootversion(root.fd, 0), read_subbootversion(root.fd, 1)),
        naming_1="bootloader-naming-1" in opts,
    )
