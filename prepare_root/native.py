"""bootc's native composefs roots: an image in a repository of its own, without OSTree.

What is where below the physical root (bootc: crates/initramfs, bootc_composefs):

| path                         | what                                                    |
|------------------------------|---------------------------------------------------------|
| `composefs/images/DIGEST`    | the image, as a link to an object                       |
| `composefs/objects`          | objects by fs-verity digest                             |
| `state/deploy/DIGEST/etc`    | the deployment's `/etc`                                 |
| `state/deploy/DIGEST/var`    | a link to the `var` that deployments share              |

`/boot` and convenience links are the image's own business, and /run/ostree-booted is not
written: nothing of OSTree is booted.
"""

import _bootsys

from prepare_root import files, volatile
from prepare_root.cfsops import MountImage, VolatileRoot
from prepare_root.constants import MS_PRIVATE, O_PATH, RESOLVE_IN_ROOT
from prepare_root.errors import Failure, reason_of, show
from prepare_root.formats import FormatError, nativeroot
from prepare_root.formats import cmdline as kernel_cmdline
from prepare_root.formats.nativeroot import Mounts, Wanted
from prepare_root.layers import Layers
from prepare_root.nativeops import (
    SCRATCH,
    BindFrom,
    ForgetfulOverlay,
    MountScratch,
    ReleaseScratch,
    StateOverlay,
)
from prepare_root.ops import Detach, MakeDir, Move, Op, Propagation, RemoveDir
from prepare_root.plan import NEW_ROOT, OLD_ROOT

OPERATION = "find image"
CONFIG = b"/usr/lib/composefs/setup-root-conf.toml"
LOWER = b"/run/bootchain/image"


def wanted(cmdline: bytes) -> Wanted | None:
    """The image that `cmdline` asks for; None where it asks for OSTree, or for nothing.

    Raises Failure.
    """
    try:
        if kernel_cmdline.find_ostree_target(cmdline) is not None:
            return None
        return nativeroot.wanted(cmdline)
    except FormatError as error:
        raise Failure(OPERATION, "kernel command line", str(error)) from error


def load_mounts(cmdline: bytes, path: bytes = CONFIG) -> Mounts:
    """The image builder's configuration, as the command line changes it.  Raises Failure."""
    try:
        mounts = nativeroot.parse(files.read_if_exists(path) or b"")
    except OSError as error:
        raise Failure("read configuration", show(path), reason_of(error)) from error
    except FormatError as error:
        raise Failure("read configuration", show(path), str(error)) from error
    pairs = kernel_cmdline.parse(cmdline)
    if kernel_cmdline.get(pairs, b"systemd.volatile") in (b"state", b"overlay"):
        mounts.var = nativeroot.NONE  # systemd mounts a tmpfs there, or over everything
    return mounts


def plan(root: bytes, image: Wanted, mounts: Mounts) -> tuple[Op, ...]:
    """Everything that turns the physical root at `root` into the image's root, in order.

    Raises Failure when the image or its state is not there; changes nothing.
    """
    digest = image.digest
    name = b"images/" + digest
    state = b"state/deploy/" + digest
    _require(root, b"composefs/" + name, "no such image")
    for kind, what in ((mounts.etc, b"/etc"), (mounts.var, b"/var")):
        if kind in (nativeroot.BIND, nativeroot.OVERLAY):
            _require(root, state + what, "the image has no state directory")
    transient = mounts.root_transient
    # One overlay, not one over the other as bootc has it: only two can be stacked, and
    # `/etc` may need the second.
    stack = Layers(
        (b"transient:composefs=" if transient else b"composefs:") + digest,
        LOWER,
        (root + b"/composefs/objects",),
        verity=not image.optional,
        readonly=not transient,
        upper=SCRATCH + b"/upper" if transient else b"",
        work=SCRATCH + b"/work" if transient else b"",
    )
    ops: list[Op] = [
        Propagation("private", b"/", MS_PRIVATE, recursive=True),
        MakeDir("root", b"/run/bootchain", 0o755),
        MakeDir("root", LOWER, 0o700),
        MakeDir("root", NEW_ROOT, 0o755),
        *([MountScratch("root")] if transient else []),
        MountImage(
            "root",
            directory=root + b"/composefs",
            name=name,
            digest=bytes.fromhex(digest.decode("ascii")),
            stack=stack,
            target=NEW_ROOT,
            links=True,
        ),
        *([ReleaseScratch("root")] if transient else []),
        BindFrom("sysroot", root, b".", NEW_ROOT + b"/sysroot", readonly=True, needed=False),
    ]
    ops += _state("etc", mounts.etc, root, state + b"/etc", NEW_ROOT + b"/etc")
    ops += _state("var", mounts.var, root, state + b"/var", NEW_ROOT + b"/var")
    text = volatile.link_text(root)
    if text:
        ops += [
            MakeDir("volatile root", volatile.DIRECTORY, 0o755),
            VolatileRoot("volatile root", volatile.PATH, text),
        ]
    ops += [
        MakeDir("move", OLD_ROOT, 0o755),
        Move("move", root, OLD_ROOT),
        Move("move", NEW_ROOT, root),
        Detach("move", OLD_ROOT),
        RemoveDir("move", OLD_ROOT),
        RemoveDir("move", NEW_ROOT),
    ]
    return tuple(ops)


def _state(step: str, kind: str, root: bytes, path: bytes, where: bytes) -> list[Op]:
    if kind == nativeroot.BIND:
        return [BindFrom(step, root, path, where, readonly=False, needed=True)]
    if kind == nativeroot.OVERLAY:
        return [StateOverlay(step, root, path, where)]
    if kind == nativeroot.TRANSIENT:
        return [ForgetfulOverlay(step, b"transient", where, 0o700)]
    return []


def _require(root: bytes, path: bytes, absent: str) -> None:
    """`path` below `root` is there, wherever its links lead inside of it."""
    root_fd = _bootsys.open(root, O_PATH | _bootsys.O_DIRECTORY)
    try:
        _bootsys.close(files.openat2(root_fd, path, O_PATH, RESOLVE_IN_ROOT))
    except OSError as error:
        reason = absent if files.is_absent(error) else reason_of(error)
        hint = "choose another entry in the boot menu"
        raise Failure(OPERATION, show(path), reason, hint) from error
    finally:
        _bootsys.close(root_fd)
