"""The preparation as a tuple of operations, from facts alone.

The order and the mounts are libostree's (ostree-prepare-root, bind-mount roots), so that
libostree, rpm-ostree and bootc find what they expect; `/boot`, `/var` and the convenience
links are as this project's configuration says.  Nothing here touches the outside world.
"""

from prepare_root import links
from prepare_root.constants import MS_PRIVATE, MS_SHARED, MS_SLAVE
from prepare_root.errors import show
from prepare_root.formats.booted import BootedMetadata
from prepare_root.formats.config import Config
from prepare_root.links import Found, Places
from prepare_root.ops import (
    Bind,
    Detach,
    MakeDir,
    Move,
    Op,
    Overlay,
    Propagation,
    RecordMounts,
    Remount,
    RemoveDir,
    WriteFile,
)
from prepare_root.target import Target

NEW_ROOT = b"/sysroot.tmp"  # where the deployment's root is built
OLD_ROOT = b"/sysroot.old"  # where a physical root with mounts below it waits to be let go
BOOTED = b"/run/ostree-booted"
MOUNTS = b"/run/bootchain/mounts"

# Who mounts `/var` of the deployment.
VAR_OURS, VAR_SYSTEM, VAR_ADMIN, VAR_VOLATILE = "prepare-root", "system", "fstab", "volatile"


class Image:
    """A composefs image that is to be the root, and what it has to be.

    `name` is below `directory`, `objects` holds the content of its files.  With `verity`
    every file must have the fs-verity digest that is in the image; `digest` is the image's
    own, or empty when nobody vouches for it.  `keypath` is the file of the keys that vouched,
    or None.  With `transient` there are changes, in memory; `readonly` is the mount's own.
    """

    __slots__ = (
        "digest",
        "directory",
        "keypath",
        "name",
        "objects",
        "readonly",
        "transient",
        "verity",
    )

    def __init__(
        self,
        *,
        directory: bytes,
        name: bytes,
        objects: bytes,
        verity: bool,
        digest: bytes,
        keypath: bytes | None,
        transient: bool,
        readonly: bool,
    ) -> None:
        self.directory = directory
        self.name = name
        self.objects = objects
        self.verity = verity
        self.digest = digest
        self.keypath = keypath
        self.transient = transient
        self.readonly = readonly


class Facts:
    """What was seen of the sysroot before anything is changed.

    `root` is the physical root's path; `boot_here` says that `/boot` is a directory on it
    with a `loader` link, and that the deployment has the mount point; `readonly` is
    `sysroot.readonly` after libostree's fallback; `hotfix` that the deployment is unlocked
    for a hotfix; `filesystem_ro` that the root filesystem itself is read-only now;
    `mounted_below` that something is mounted below the physical root, or may be.

    `image` is None for a plain root.  `etc_scratch` is the directory to be made for changes
    to `/etc` that are forgotten, or empty; `volatile_root` the text of systemd's link to the
    root's device, or empty.
    """

    __slots__ = (
        "boot_here",
        "etc_scratch",
        "filesystem_ro",
        "hotfix",
        "image",
        "labelled",
        "links",
        "mounted_below",
        "readonly",
        "root",
        "target",
        "var_by",
        "volatile_root",
    )

    def __init__(
        self,
        *,
        root: bytes,
        target: Target,
        links: list[Found],
        var_by: str,
        boot_here: bool,
        readonly: bool,
        hotfix: bool,
        filesystem_ro: bool,
        labelled: bool,
        image: Image | None = None,
        etc_scratch: bytes = b"",
        volatile_root: bytes = b"",
        mounted_below: bool = False,
    ) -> None:
        self.root = root
        self.target = target
        self.links = links
        self.var_by = var_by
        self.boot_here = boot_here
        self.readonly = readonly
        self.hotfix = hotfix
        self.filesystem_ro = filesystem_ro
        self.labelled = labelled
        self.image = image
        self.etc_scratch = etc_scratch
        self.volatile_root = volatile_root
        self.mounted_below = mounted_below

    @property
    def deployment(self) -> bytes:
        """The deployment's directory, through the physical root where it is now."""
        return self.root + b"/" + self.target.path


def who_mounts_var(
    wanted: bytes, fstab: bytes | None, volatile: bool, marker: bool, generator: bool
) -> str:
    """Who mounts the deployment's `/var`.

    `wanted` is the configuration's `[var] mount`; `fstab` the deployment's etc/fstab or
    None; `volatile` that the command line has `systemd.volatile`; `marker` that libostree's
    /run/ostree/initramfs-mount-var exists; `generator` that the deployment has libostree's
    system generator, which mounts the stateroot's `var` at boot.
    """
    if volatile:
        return VAR_VOLATILE
    if fstab is not None and fstab_has(fstab, b"/var"):
        return VAR_ADMIN
    if marker or wanted == b"yes":
        return VAR_OURS
    if wanted == b"no" or generator:
        return VAR_SYSTEM
    return VAR_OURS


def fstab_has(fstab: bytes, where: bytes) -> bool:
    """True when a line of `fstab` (fstab(5)) mounts something at `where`."""
    for line in fstab.split(b"\n"):
        fields = line.split()
        if len(fields) < 2 or fields[0].startswith(b"#"):
            continue
        point = fields[1].rstrip(b"/") or b"/"
        if point == where:
            return True
    return False


def make(facts: Facts, config: Config) -> tuple[Op, ...]:
    """Everything that turns the physical root into the deployment's root, in order.

    The physical root is moved into the new one: to let a mount go means to wait until every
    processor has noticed, milliseconds on a busy machine.  Where something is mounted below it,
    which must not come along, it is bound, moved aside, and let go at the end.  All of it can
    be undone until the last operation that is required.
    """
    ops = begin(facts, NEW_ROOT)
    ops.insert(2, Propagation("private", b"/", MS_PRIVATE, recursive=True))
    ops += built(facts, config, NEW_ROOT, move=not facts.mounted_below)
    if facts.target.instead:
        ops.append(_fallback(facts))
    ops.append(WriteFile("booted", BOOTED, booted_metadata(facts).encode()))
    if facts.mounted_below:
        ops += [MakeDir("move", OLD_ROOT, 0o755), Move("move", facts.root, OLD_ROOT)]
    ops.append(Move("move", NEW_ROOT, facts.root))
    if facts.readonly:
        ops.append(Remount("sysroot read-only", facts.root + b"/sysroot", readonly=True))
    if facts.mounted_below:
        ops += [Detach("move", OLD_ROOT), RemoveDir("move", OLD_ROOT)]
    ops.append(RemoveDir("move", NEW_ROOT))
    if config.record_mounts:
        ops.append(RecordMounts("record", MOUNTS))
    return tuple(ops)


def begin(facts: Facts, where: bytes) -> list[Op]:
    """Directories in /run, and what links need on the disk, before anything is mounted."""
    return [
        MakeDir("run", b"/run/ostree", 0o755),
        MakeDir("run", b"/run/ostree/.private", 0),
        *links.before_mounts(facts.links, _places(facts, where)),
        MakeDir("root", where, 0o755),
    ]


def built(facts: Facts, config: Config, where: bytes, *, move: bool = False) -> list[Op]:
    """The deployment's root at `where`, with all that is mounted in it.

    With `move`, the physical root is at its place in there afterwards, and only there.
    """
    places = _places(facts, where)
    physical = where + b"/sysroot"
    var_below = b"/" + facts.target.var
    ops = _root(facts, where)
    if facts.boot_here and config.boot_mount:
        ops.append(Bind("boot", facts.root + b"/boot", where + b"/boot"))
    if facts.readonly or facts.image is not None:
        ops += _etc(facts, where)
    ops += _usr(facts, where)
    ops.append((Move if move else Bind)("sysroot", facts.root, physical))
    if facts.readonly:
        ops += [
            Bind("stateroot var", physical + var_below, physical + var_below),
            Remount("stateroot var", physical + var_below, readonly=False),
        ]
    if places.var_is_ours:
        ops += [
            Bind("var", physical + var_below, where + b"/var"),
            Propagation("var", where + b"/var", MS_SLAVE),
            Propagation("var", where + b"/var", MS_SHARED),
        ]
    return ops + links.after_mounts(facts.links, places)


def _places(facts: Facts, where: bytes) -> Places:
    return Places(
        deployment=facts.deployment,
        var=facts.root + b"/" + facts.target.var,
        new_root=where,
        var_is_ours=facts.var_by == VAR_OURS,
        var_is_stateroot=facts.var_by in (VAR_OURS, VAR_SYSTEM),
        labelled=facts.labelled,
        filesystem_ro=facts.filesystem_ro,
        image=facts.image is not None,
    )


def undo(applied: list[Op]) -> list[Op]:
    """What takes `applied`, operations in the order they were applied in, back."""
    return [back for back in (op.undo() for op in reversed(applied)) if back is not None]


def _root(facts: Facts, where: bytes) -> list[Op]:
    """The deployment's directory, or its image."""
    if facts.image is None:
        return [Bind("root", facts.deployment, where)]
    from prepare_root import cfsplan  # noqa: PLC0415 - no page of it for plain roots

    ops = cfsplan.root(facts.image, facts.volatile_root, where)
    if not facts.image.readonly:
        ops += links.missing(facts.links, where)
    return ops


def _etc(facts: Facts, where: bytes) -> list[Op]:
    """`/etc` of the deployment, writable; or what the tree has, with changes forgotten."""
    etc = where + b"/etc"
    if facts.etc_scratch:
        from prepare_root import cfsplan  # noqa: PLC0415 - no page of it for other roots

        return cfsplan.etc(facts.etc_scratch, where + b"/usr/etc", etc)
    return [Bind("etc", facts.deployment + b"/etc", etc), Remount("etc", etc, readonly=False)]


def _usr(facts: Facts, where: bytes) -> list[Op]:
    """`/usr` read-only, or the hotfix layers over it; an image's is read-only as it is.

    A signed image's stays what was signed.
    """
    usr = where + b"/usr"
    image = facts.image
    if facts.hotfix and (image is None or image.keypath is None):
        layers = b"lowerdir=" + usr + b",upperdir=.usr-ovl-upper,workdir=.usr-ovl-work"
        return [Overlay("usr", facts.deployment, usr, layers, facts.filesystem_ro)]
    if image is not None:
        return []
    return [Bind("usr", usr, usr), Remount("usr", usr, readonly=True)]


def _fallback(facts: Facts) -> Op:
    """The record that another deployment was booted than the entry asked for."""
    from prepare_root.formats import fallback  # noqa: PLC0415 - failures only

    found = facts.target
    record = fallback.Fallback(show(found.link), show(found.path), found.instead)
    return WriteFile("fallback", fallback.PATH, record.encode())


def booted_metadata(facts: Facts) -> BootedMetadata:
    """What /run/ostree-booted will say."""
    image = facts.image
    return BootedMetadata(
        device=facts.target.device,
        inode=facts.target.inode,
        root_transient=image is not None and image.transient,
        root_transient_ro=image is not None and image.transient and image.readonly,
        composefs=None if image is None else True,
        composefs_verity=image is not None and image.verity,
        composefs_signed=None if image is None else image.keypath,
        sysroot_ro=facts.readonly,
        transient_etc=facts.etc_scratch or None,
    )
