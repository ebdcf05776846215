"""The part of the plan that only composefs roots and a transient `/etc` need."""

import _bootsys

from prepare_root import files, volatile
from prepare_root.cfsops import MakeScratch, MountImage, VolatileRoot
from prepare_root.layers import Layers
from prepare_root.ops import MakeDir, Op, Overlay
from prepare_root.plan import Image

# The names and modes are libostree's, which others may look for (its otcore.h).
PRIVATE = b"/run/ostree/.private"
LOWER = PRIVATE + b"/cfsroot-lower"
ROOT_SCRATCH = PRIVATE + b"/root"
ETC_SCRATCH = b"/run/ostree/transient-etc."
SOURCE = b"composefs"

_LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def root(image: Image, volatile_root: bytes, where: bytes) -> list[Op]:
    """`image` as the root at `where`; `volatile_root` is the text of systemd's link, or empty."""
    ops: list[Op] = [MakeDir("root", LOWER, 0o700)]
    upper = work = b""
    if image.transient:
        upper, work = ROOT_SCRATCH + b"/upper", ROOT_SCRATCH + b"/work"
        ops.append(MakeScratch("root", ROOT_SCRATCH, (0o755, 0o755, 0o700)))
    stack = Layers(
        SOURCE,
        LOWER,
        (image.objects,),
        verity=image.verity,
        readonly=image.readonly,
        upper=upper,
        work=work,
    )
    ops.append(
        MountImage(
            "root",
            directory=image.directory,
            name=image.name,
            digest=image.digest,
            stack=stack,
            target=where,
        )
    )
    if volatile_root:
        ops += [
            MakeDir("volatile root", volatile.DIRECTORY, 0o755),
            VolatileRoot("volatile root", volatile.PATH, volatile_root),
        ]
    return ops


def etc(scratch: bytes, lower: bytes, where: bytes) -> list[Op]:
    """The tree's own `lower` at `where`, with changes in the directory `scratch`."""
    layers = b"lowerdir=%s,upperdir=%s/upper,workdir=%s/work" % (lower, scratch, scratch)
    return [
        MakeScratch("etc", scratch, (0o700, 0o755, 0o755)),
        Overlay("etc", b"/", where, layers, readonly=False),
    ]


def new_etc_scratch() -> bytes:
    """A name for changes to `/etc` that is not taken.  Raises OSError.

    Random names are for places that others can write to; here it has to be another one after
    a soft reboot, and the clock sees to that.
    """
    number = int(_bootsys.monotonic() * 1e6)
    while True:
        letters = bytearray()
        rest = number
        for _ in range(6):
            rest, digit = divmod(rest, len(_LETTERS))
            letters.append(_LETTERS[digit])
        path = ETC_SCRATCH + bytes(letters)
        if files.lstat(path) is None:
            return path
        number += 1
