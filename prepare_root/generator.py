"""The system generator: units that only the booted machine can tell, as systemd.generator(7).

Called early at every boot and reload with the directory that units go to, on the root that
prepare-root made.  What it writes is what libostree's ostree-system-generator writes, with
two differences: nothing that is there already is an error, and a `/var` that the initramfs
has mounted silences the unit for `/var` only.

| written                            | when                                                  |
|------------------------------------|-------------------------------------------------------|
| `var.mount`                        | fstab has no `/var`, the initramfs mounted none       |
| `boot.mount`                       | the sysroot has `boot/loader`, fstab has no `/boot`   |
| `sysroot.mount.d/…`                | always: a soft reboot keeps `/sysroot`                |
| `ostree-remount.service` pulled in | the unit is there                                     |
| `ostree-boot-complete.service`     | the unit is there                                     |
| relabelling after remount          | `/etc` is transient, a policy and restorecon are there|
"""

import errno

import _bootsys

from prepare_root import files, log, plan, target
from prepare_root.errors import Failure, reason_of, show
from prepare_root.formats import cmdline as kernel_cmdline
from prepare_root.formats.booted import BootedMetadata
from prepare_root.formats.gvariant import GVariantError
from prepare_root.ops import Op, WriteFile

SYSROOT = b"/sysroot"
MARKER = b"/run/ostree/initramfs-mount-var"
UNITS = b"/usr/lib/systemd/system"
REMOUNT = b"ostree-remount.service"
BOOT_COMPLETE = b"ostree-boot-complete.service"
RESTORECON = b"/usr/sbin/restorecon"

_HEAD = b"# written at boot by prepare-root, from what the initramfs found\n[Unit]\n"
_EARLY = (
    b"DefaultDependencies=no\nAfter=local-fs-pre.target sysroot.mount\nBefore=local-fs.target\n"
)
_SOFT_REBOOT = (
    _HEAD + b"DefaultDependencies=no\nAfter=local-fs-pre.target\nBefore=local-fs.target\n"
)
_RELABEL = (
    b"# written at boot by prepare-root: a transient /etc starts without labels\n"
    b"[Service]\nExecStartPost=-" + RESTORECON + b" -i -R -x /etc\n"
)


class Seen:
    """What the generator found on the booted machine.

    `var` says that `/var` is to be mounted by a unit, `boot` the same of `/boot`, `relabel`
    that a transient `/etc` needs its labels; `units` are the names of our services that the
    tree has.
    """

    __slots__ = ("boot", "relabel", "stateroot", "units", "var")

    def __init__(
        self, *, stateroot: bytes, var: bool, boot: bool, relabel: bool, units: tuple[bytes, ...]
    ) -> None:
        self.stateroot = stateroot
        self.var = var
        self.boot = boot
        self.relabel = relabel
        self.units = units


class UnitLink(Op):
    """A symlink by which a target pulls a unit in; a name that is there is kept."""

    __slots__ = ("path", "text")

    def __init__(self, step: str, path: bytes, text: bytes) -> None:
        super().__init__(step)
        self.path = path
        self.text = text

    def describe(self) -> str:
        return f"link {show(self.path)} -> {show(self.text)}"

    def apply(self) -> None:
        files.make_dirs(self.path.rpartition(b"/")[0], 0o755)
        try:
            _bootsys.symlink(self.text, self.path)
        except OSError as error:
            if error.errno != errno.EEXIST:
                raise


def main(directory: bytes) -> int:
    """Write the units below `directory`; returns the exit status, and says why on failure.

    Every unit is tried, `/var` first: a machine without one of them is better off than a
    machine without any.
    """
    try:
        seen = look()
    except OSError as error:
        where = error.filename if isinstance(error.filename, bytes) else SYSROOT
        log.error(f"generate units: {show(where)}: {reason_of(error)}")
        return 1
    status = 0
    for op in make(seen, directory) if seen is not None else ():
        if isinstance(op, WriteFile) and files.lstat(op.path) is not None:
            log.notice(f"generate units: {show(op.path)}: there already, and kept")
            continue
        try:
            op.apply()
        except OSError as error:
            log.error(f"generate units: {op.describe()}: {reason_of(error)}")
            status = 1
    return status


def look() -> Seen | None:
    """What there is to do, or None where OSTree did not boot this root.  Raises OSError.

    The initramfs's marker for `/var` is taken away, as libostree does.
    """
    cmdline = files.read_if_exists(b"/proc/cmdline") or b""
    in_initramfs = files.lstat(b"/etc/initrd-release") is not None
    if in_initramfs or not files.is_dir(files.lstat(b"/run/ostree")):
        return None
    stateroot = _stateroot(cmdline)
    if stateroot is None:
        return None
    fstab = files.read_if_exists(b"/etc/fstab") or b""
    marked = _take_marker()
    return Seen(
        stateroot=stateroot,
        var=not marked and not plan.fstab_has(fstab, b"/var"),
        boot=files.is_link(files.lstat(SYSROOT + b"/boot/loader"))
        and files.is_dir(files.lstat(b"/boot"))
        and not plan.fstab_has(fstab, b"/boot"),
        relabel=_wants_labels(),
        units=tuple(name for name in (REMOUNT, BOOT_COMPLETE) if files.lstat(UNITS + b"/" + name)),
    )


def make(seen: Seen, directory: bytes) -> tuple[Op, ...]:
    """The files and links below `directory`, `/var` first; pure."""
    ops: list[Op] = []
    local = directory + b"/local-fs.target.requires/"
    if seen.var:
        what = SYSROOT + b"/ostree/deploy/" + seen.stateroot + b"/var"
        condition = b"ConditionKernelCommandLine=!systemd.volatile\n"
        text = _mount(b"/var", what, b"bind,slave,shared", condition)
        ops.append(WriteFile("var", directory + b"/var.mount", text))
        ops.append(UnitLink("var", local + b"var.mount", b"../var.mount"))
    if seen.boot:
        text = _mount(b"/boot", SYSROOT + b"/boot", b"bind", b"")
        ops.append(WriteFile("boot", directory + b"/boot.mount", text))
        ops.append(UnitLink("boot", local + b"boot.mount", b"../boot.mount"))
    drop_in = directory + b"/sysroot.mount.d/ostree-softreboot.conf"
    ops.append(WriteFile("soft reboot", drop_in, _SOFT_REBOOT))
    if REMOUNT in seen.units:
        ops.append(UnitLink("remount", local + REMOUNT, UNITS + b"/" + REMOUNT))
        if seen.relabel:
            drop_in = directory + b"/" + REMOUNT + b".d/50-relabel.conf"
            ops.append(WriteFile("relabel", drop_in, _RELABEL))
    if BOOT_COMPLETE in seen.units:
        wants = directory + b"/multi-user.target.wants/" + BOOT_COMPLETE
        ops.append(UnitLink("boot complete", wants, UNITS + b"/" + BOOT_COMPLETE))
    return tuple(ops)


def _mount(where: bytes, what: bytes, options: bytes, condition: bytes) -> bytes:
    # `%` begins a specifier in a unit; names of stateroots have no other character to escape.
    return (
        _HEAD + condition + _EARLY + b"\n[Mount]\nWhere=%s\nWhat=%s\nOptions=%s\n"
    ) % (where, what.replace(b"%", b"%%"), options)  # fmt: skip


def _stateroot(cmdline: bytes) -> bytes | None:
    """The stateroot that was booted, or None where the command line asks for no deployment.

    By the link, as prepare-root went; where that is broken, since prepare-root may have found
    the deployment another way, by its text, which names the stateroot.
    """
    try:
        link = kernel_cmdline.find_ostree_target(cmdline)
    except kernel_cmdline.CmdlineError:
        link = None
    if not link:
        return None
    try:
        return target.find(SYSROOT, cmdline).stateroot
    except Failure as error:
        parts = link.strip(b"/").split(b"/")
        if len(parts) >= 5 and parts[0] == b"ostree" and parts[1][:4] == b"boot":
            return parts[2]
        log.error(f"generate units: {error}")
        return None


def _take_marker() -> bool:
    try:
        _bootsys.unlink(MARKER)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
        return False
    return True


def _wants_labels() -> bool:
    """Whether `/etc` is transient on a tree with a policy; a note where nothing can label."""
    data = files.read_if_exists(plan.BOOTED)
    try:
        transient = data and BootedMetadata.decode(data).transient_etc is not None
    except GVariantError as error:
        log.warning(f"generate units: {show(plan.BOOTED)}: {error}")
        return False
    if not transient or not files.is_file(files.lstat(b"/etc/selinux/config")):
        return False
    if files.lstat(RESTORECON) is None:
        log.notice(f"generate units: {show(RESTORECON)}: not there, so /etc stays unlabelled")
        return False
    return True
