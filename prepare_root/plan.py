"""The preparation as a tuple of operations, from facts alone.

The order and the mounts are libostree's (ostree-prepare-root, bind-mount roots), so that
libostree, rpm-ostree and bootc find what they expect; `/boot`, `/var` and the convenience
links are as this project's configuration says.  Nothing here touches the outside world.
"""

from prepare_root import links
from prepare_root.constants import MS_PRIVATE, MS_SHARED, MS_SLAVE
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
OLD_ROOT = b"/sysroot.old"  # where the physical root waits until the new one is in its place
BOOTED = b"/run/ostree-booted"
MOUNTS = b"/run/bootchain/mounts"

# Who mounts `/var` of the deployment.
VAR_OURS, VAR_SYSTEM, VAR_ADMIN, VAR_VOLATILE = "prepare-root", "system", "fstab", "volatile"


class Facts:
    """What was seen of the sysroot before anything is changed.

    `root` is the physical root's path; `boot_here` says that `/boot` is a directory on it
    with a `loader` link, and that the deployment has the mount point; `readonly` is
    `sysroot.readonly` after libostree's fallback; `hotfix` that the deployment is unlocked
    for a hotfix; `filesystem_ro` that the root filesystem itself is read-only now.
    """

    __slots__ = (
        "boot_here",
        "filesystem_ro",
        "hotfix",
        "labelled",
        "links",
        "readonly",
        "root",
        "target",
        "var_by",
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

    Until the last required operation, the detach, all of it can be undone: the physical root
    is moved aside rather than unmounted early, as libostree does, so that a failure finds it
    with whatever was mounted below it.
    """
    physical = NEW_ROOT + b"/sysroot"
    var_below = b"/" + facts.target.var
    places = Places(
        deployment=facts.deployment,
        var=facts.root + var_below,
        new_root=NEW_ROOT,
        var_is_ours=facts.var_by == VAR_OURS,
        var_is_stateroot=facts.var_by in (VAR_OURS, VAR_SYSTEM),
        labelled=facts.labelled,
        filesystem_ro=facts.filesystem_ro,
    )
    ops: list[Op] = [
        MakeDir("run", b"/run/ostree", 0o755),
        MakeDir("run", b"/run/ostree/.private", 0),
        Propagation("private", b"/", MS_PRIVATE, recursive=True),
    ]
    ops += links.before_mounts(facts.links, places)
    ops += [MakeDir("root", NEW_ROOT, 0o755), Bind("root", facts.deployment, NEW_ROOT)]
    if facts.boot_here and config.boot_mount:
        ops.append(Bind("boot", facts.root + b"/boot", NEW_ROOT + b"/boot"))
    if facts.readonly:
        ops += [
            Bind("etc", facts.deployment + b"/etc", NEW_ROOT + b"/etc"),
            Remount("etc", NEW_ROOT + b"/etc", readonly=False),
        ]
    ops += _usr(facts)
    ops.append(Bind("sysroot", facts.root, physical))
    if facts.readonly:
        ops += [
            Bind("stateroot var", physical + var_below, physical + var_below),
            Remount("stateroot var", physical + var_below, readonly=False),
        ]
    if places.var_is_ours:
        ops += [
            Bind("var", physical + var_below, NEW_ROOT + b"/var"),
            Propagation("var", NEW_ROOT + b"/var", MS_SLAVE),
            Propagation("var", NEW_ROOT + b"/var", MS_SHARED),
        ]
    ops += links.after_mounts(facts.links, places)
    ops += [
        WriteFile("booted", BOOTED, booted_metadata(facts).encode()),
        MakeDir("move", OLD_ROOT, 0o755),
        Move("move", facts.root, OLD_ROOT),
        Move("move", NEW_ROOT, facts.root),
    ]
    if facts.readonly:
        ops.append(Remount("sysroot read-only", facts.root + b"/sysroot", readonly=True))
    ops += [
        Detach("move", OLD_ROOT),
        RemoveDir("move", OLD_ROOT),
        RemoveDir("move", NEW_ROOT),
    ]
    if config.record_mounts:
        ops.append(RecordMounts("record", MOUNTS))
    return tuple(ops)


def undo(applied: list[Op]) -> list[Op]:
    """What takes `applied`, operations in the order they were applied in, back."""
    return [back for back in (op.undo() for op in reversed(applied)) if back is not None]


def _usr(facts: Facts) -> list[Op]:
    """`/usr` read-only, or the hotfix layers over it."""
    usr = NEW_ROOT + b"/usr"
    if facts.hotfix:
        layers = b"lowerdir=" + usr + b",upperdir=.usr-ovl-upper,workdir=.usr-ovl-work"
        return [Overlay("usr", facts.deployment, usr, layers, facts.filesystem_ro)]
    return [Bind("usr", usr, usr), Remount("usr", usr, readonly=True)]


def booted_metadata(facts: Facts) -> BootedMetadata:
    """What /run/ostree-booted will say."""
    return BootedMetadata(
        device=facts.target.device,
        inode=facts.target.inode,
        sysroot_ro=facts.readonly,
    )
