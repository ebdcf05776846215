"""One deployment: made from a commit, then finished when it is to become active."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import replace as changed

from bootentries import fs
from bootentries.deploy.backing import make_backing
from bootentries.deploy.checkout import checkout_tree, write_image
from bootentries.deploy.etc import make_etc
from bootentries.deploy.label import Labels, policy_directory
from bootentries.deploy.origin import write_origin
from bootentries.deploy.overlay import install_overlay, overlay_entry
from bootentries.deploy.policy import refresh_policy
from bootentries.deploy.serial import next_serial
from bootentries.deploy.tree import shortcomings
from bootentries.deploy.var import forget_update, label_var, make_var
from bootentries.deployment import Deployment, Entry
from bootentries.errors import BootentriesError, from_os_error
from bootentries.etc.merge import merge as merge_etc
from bootentries.immutable import set_immutable
from bootentries.kernel import KernelLayout, compute_bootcsum, find_kernel
from bootentries.origin import parse as parse_origin
from bootentries.repo import read_commit
from bootentries.root import Root
from bootentries.sysroot import DEPLOY, Sysroot
from bootentries.txn.context import Context
from bootentries.txn.remove import RemoveDeployment

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY


@dataclass(frozen=True, slots=True)
class Request:
    """What is wanted: a commit's checksum in a stateroot, with arguments and origin.

    `overlays` are paths of overlay initrds on the host; `opts` the words of
    OSTREE_SYSROOT_OPTS and OSTREE_SYSROOT_DEBUG.
    """

    stateroot: str
    checksum: str
    origin: bytes
    options: str = ""
    overlays: tuple[str, ...] = ()
    opts: frozenset[str] = frozenset()


def make_deployment(context: Context, present: Sysroot, request: Request) -> Deployment:
    """Check out a commit as a new deployment with its first /etc; it is in no list yet.

    Raises BootentriesError, and leaves nothing behind then but what the stateroot's /var
    was given.
    """
    root = context.root
    parent = f"{DEPLOY}/{request.stateroot}"
    check_stateroot(root, request.stateroot)
    name = f"{request.checksum}.{next_serial(root, request.stateroot, request.checksum)}"
    _make_parent(root, parent)
    with _discarded_on_error(context, request.stateroot, name), _errors_about(name):
        with fs.opened(root.fd, f"{parent}/deploy", _DIRECTORY) as fd:
            checkout_tree(root, fd, name, request.checksum)
        with fs.opened(root.fd, f"{parent}/deploy/{name}", _DIRECTORY) as deploy_fd:
            has_image = write_image(root, deploy_fd, request.checksum)
            kernel = find_kernel(deploy_fd, name, devicetrees="no-dtb" not in request.opts)
            bootcsum = compute_bootcsum(deploy_fd, kernel)
            policy_fd = None if policy_directory(deploy_fd) is None else deploy_fd
            make_etc(root, deploy_fd, request.checksum, policy_fd)
            make_var(root, request.stateroot, deploy_fd, request.checksum)
            for text in shortcomings(deploy_fd, has_image):
                context.note(text)
        item = _described(root, request, name, bootcsum)
        write_origin(root, item.path, request.origin, None)
        return _with_overlays(context, present, item, request, kernel)


def finish_deployment(
    context: Context,
    item: Deployment,
    merge: Deployment | None,
    say: Callable[[str], None],
    *,
    booted: Deployment | None = None,
    opts: frozenset[str] = frozenset(),
) -> None:
    """Carry /etc over from `merge`, and do what else comes last; `item` can then be booted.

    `say` gets the lines that libostree says about it; `opts` are the words of
    OSTREE_SYSROOT_DEBUG and of the options beside it.  Raises BootentriesError.
    """
    root, xattrs = context.root, "no-xattrs" not in opts
    with _errors_about(item.name), fs.opened(root.fd, item.path, _DIRECTORY) as deploy_fd:
        if merge is not None:
            with fs.opened(root.fd, merge.path, _DIRECTORY) as merge_fd:
                say(str(merge_etc(merge_fd, deploy_fd, context.note, xattrs=xattrs)))
            refresh_policy(deploy_fd, item.name)
        labels = _labels(deploy_fd, context.note)
        if fs.is_dir(deploy_fd, "etc"):
            with fs.opened(deploy_fd, "etc", _DIRECTORY) as fd:
                forget_update(fd)
        with _var(root, item, booted) as fd:
            forget_update(fd)
            label_var(fd, labels, say)
        make_backing(root, item.stateroot, item.name, deploy_fd)
        write_origin(root, item.path, item.origin.data, labels)
        with fs.naming(item.path):
            set_immutable(deploy_fd, wanted="mutable-deployments" not in opts)


def discard(context: Context, stateroot: str, name: str) -> None:
    """Remove a deployment that is in no list; what cannot be removed is noted."""
    path = f"{DEPLOY}/{stateroot}/deploy/{name}"
    try:
        if fs.stat_optional(context.root.fd, path, follow=False) is not None:
            RemoveDeployment(stateroot, name).apply(context)
        fs.remove_tree(context.root.fd, f"{path}.origin")
    except (OSError, BootentriesError) as error:
        context.note(f"remove {path}: left for the next clean-up: {error}")


def check_stateroot(root: Root, stateroot: str) -> None:
    """Raise BootentriesError unless the stateroot is there; its name is one component."""
    if "/" in stateroot or stateroot in ("", ".", ".."):
        raise BootentriesError("deploy", repr(stateroot), "not the name of a stateroot")
    if not fs.is_dir(root.fd, f"{DEPLOY}/{stateroot}"):
        raise BootentriesError(
            "deploy", stateroot, "no such stateroot",
            hint=f"make it with: bootentries os-init {stateroot}",
        )  # fmt: skip


def _make_parent(root: Root, parent: str) -> None:
    """Make the stateroot's `deploy`, with the mode that libostree asks for."""
    with fs.opened(root.fd, parent, os.O_PATH | os.O_DIRECTORY) as fd:
        try:
            os.mkdir("deploy", 0o775, dir_fd=fd)
        except FileExistsError:
            return


def _described(root: Root, request: Request, name: str, bootcsum: str) -> Deployment:
    commit = read_commit(root.fd, request.checksum)
    return Deployment(
        stateroot=request.stateroot,
        checksum=request.checksum,
        serial=int(name.rpartition(".")[2]),
        bootcsum=bootcsum,
        options=request.options,
        origin=parse_origin(request.origin),
        version=None if commit is None else commit.version,
    )


def _with_overlays(
    context: Context, present: Sysroot, item: Deployment, request: Request, kernel: KernelLayout
) -> Deployment:
    if not request.overlays:
        return item
    if kernel.initramfs is None:
        raise BootentriesError(
            "add overlay initrd", item.name, "the tree has no initramfs to add it to"
        )
    checksums = tuple(install_overlay(context, path) for path in request.overlays)
    # An entry without a file name: it was never on disk, so no boot was counted.
    entry = Entry("", overlay_entry(checksums, present.config.bootprefix))
    return changed(item, entry=entry)


def _labels(deploy_fd: int, note: Callable[[str], None]) -> Labels | None:
    policy = policy_directory(deploy_fd)
    if policy is None:
        return None
    contexts = f"/proc/self/fd/{deploy_fd}/{policy}/contexts/files/file_contexts"
    return Labels(contexts, note, (deploy_fd,))


@contextmanager
def _var(root: Root, item: Deployment, booted: Deployment | None) -> Iterator[int]:
    """Hold the /var that the deployment will see: the live one, if it is in use."""
    if booted is not None and booted.stateroot == item.stateroot:
        fd = os.open("/var", _DIRECTORY | os.O_CLOEXEC)
    else:
        fd = fs.open_in(root.fd, f"{DEPLOY}/{item.stateroot}/var", _DIRECTORY)
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def _discarded_on_error(context: Context, stateroot: str, name: str) -> Iterator[None]:
    try:
        yield
    except BaseException:
        discard(context, stateroot, name)
        raise


@contextmanager
def _errors_about(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise from_os_error(f"deploy {name}", error) from error
