"""The preparation itself: look, plan, apply; the same for the service and for /init."""

import errno

import _bootsys

from prepare_root import files, links, log, plan, target
from prepare_root.constants import O_PATH, RESOLVE_BENEATH, ST_RDONLY
from prepare_root.errors import Failure, reason_of, show
from prepare_root.formats import FormatError, keyfile
from prepare_root.formats import cmdline as kernel_cmdline
from prepare_root.formats import config as configuration
from prepare_root.formats.config import Config
from prepare_root.links import Found
from prepare_root.ops import Op
from prepare_root.plan import Facts, Image
from prepare_root.target import Target

CONFIG_PATHS = (b"/usr/lib/ostree/prepare-root.conf", b"/etc/ostree/prepare-root.conf")
VAR_MARKER = b"/run/ostree/initramfs-mount-var"
GENERATOR = b"/usr/lib/systemd/system-generators/ostree-system-generator"
JOURNAL = b"/run/systemd/journal/socket"
JOURNAL_PREPARED = b"7170336a73ba4601bad31af888aa0df7"
COMPOSEFS_KARG = b"ostree.prepare-root.composefs="

Choice = tuple[Image | None, bool]


def load_config(below: bytes = b"") -> Config:
    """The image's configuration: the file in /etc replaces that in /usr/lib entirely.

    `below` is the path of the root that has them.  Raises Failure when a file that is there
    cannot be read or used.
    """
    text = b""
    where = CONFIG_PATHS[0]
    for name in CONFIG_PATHS:
        path = below + name
        try:
            found = files.read_if_exists(path)
        except OSError as error:
            raise _unreadable(path, reason_of(error)) from error
        if found is not None:
            text, where = found, path
    try:
        return configuration.parse(text)
    except FormatError as error:
        raise _unreadable(where, str(error)) from error


def _unreadable(path: bytes, reason: str) -> Failure:
    return Failure(
        "read configuration",
        show(path),
        f"configuration unreadable: {reason}",
        "correct the file on the system that builds the initramfs, and build it again",
    )


def observe(root: bytes, cmdline: bytes, config: Config) -> Facts:
    """All that the plan needs to know.  Raises Failure; changes nothing."""
    root = _real_path(root)
    return look(root, _find(root, cmdline, config), cmdline, config)


def look(root: bytes, found: Target, cmdline: bytes, config: Config) -> Facts:
    """The same of a deployment that was found already below `root`, a real path."""
    deployment = root + b"/" + found.path
    try:
        image, readonly = _choose(root, found, cmdline, config)
        var_by = _who_mounts_var(config, cmdline, deployment)
        facts = Facts(
            root=root,
            target=found,
            links=_links(deployment, image, config),
            var_by=var_by,
            boot_here=files.is_link(files.lstat(root + b"/boot/loader"))
            and files.is_dir(files.lstat(deployment + b"/boot")),
            readonly=readonly,
            hotfix=files.is_dir(files.lstat(deployment + b"/.usr-ovl-work")),
            filesystem_ro=bool(_bootsys.statfs(root)[1] & ST_RDONLY),
            labelled=files.is_file(files.lstat(deployment + b"/etc/selinux/config")),
            image=image,
            etc_scratch=_etc_scratch(config, readonly or image is not None),
            volatile_root=_volatile_root(root, image),
        )
    except OSError as error:
        subject = show(error.filename if isinstance(error.filename, bytes) else deployment)
        raise Failure("look at deployment", subject, reason_of(error)) from error
    _require_mount_points(facts)
    _require_sources(facts, config)
    return facts


def _find(root: bytes, cmdline: bytes, config: Config) -> Target:
    """What to boot: the deployment that was asked for, or loudly another of its stateroot.

    A root that has to prove itself is booted as asked, or not at all.
    """
    try:
        return target.find(root, cmdline)
    except Failure as error:
        from prepare_root import composefs, fallback  # noqa: PLC0415 - failures only

        asked = composefs.policy(config, cmdline)
        if asked.signed or asked.verity:
            raise
        return fallback.find(root, target.wanted_link(cmdline), error)


def _real_path(path: bytes) -> bytes:
    try:
        fd = _bootsys.open(path, _bootsys.O_DIRECTORY)
    except OSError as error:
        raise Failure("open sysroot", show(path), reason_of(error)) from error
    try:
        return files.fd_path(fd)
    except OSError as error:
        raise Failure("open sysroot", "/proc", reason_of(error), "mount /proc first") from error
    finally:
        _bootsys.close(fd)


def _choose(root: bytes, found: Target, cmdline: bytes, config: Config) -> Choice:
    """Plain root or image, and whether the physical root is read-only.

    The repository's word counts only where nothing else protects the physical root.
    """
    image = None
    yes = False
    if config.composefs != b"no" or COMPOSEFS_KARG in cmdline:
        from prepare_root import composefs  # noqa: PLC0415 - no page of it for plain roots

        asked = composefs.policy(config, cmdline)
        image = composefs.look(root, found, asked, config)
        yes = asked.enabled == composefs.YES
    if image is None and config.root_transient:
        raise Failure(
            "read configuration",
            "[root] transient",
            "only a composefs image can have a transient root, and this root has none",
            "set [composefs] enabled=yes, and deploy with composefs",
        )
    readonly = config.sysroot_readonly
    if readonly is None:
        readonly = yes
    if not readonly and not yes:
        readonly = _repo_readonly(root)
    return image, readonly


def _volatile_root(root: bytes, image: Image | None) -> bytes:
    if image is None:
        return b""
    from prepare_root import volatile  # noqa: PLC0415 - images only

    return volatile.link_text(root)


def _etc_scratch(config: Config, etc_mounted: bool) -> bytes:
    """Where changes to `/etc` go when they are to be forgotten, or nothing.

    libostree leaves `/etc` alone on a writable plain root, whatever the configuration says.
    """
    if not config.etc_transient:
        return b""
    if not etc_mounted:
        log.warning(
            "[etc] transient: no effect, since neither composefs nor [sysroot] readonly is on"
        )
        return b""
    from prepare_root import cfsplan  # noqa: PLC0415 - transient /etc only

    return cfsplan.new_etc_scratch()


def _repo_readonly(root: bytes) -> bool:
    """`[sysroot] readonly` of the repository, which counts where the image does not say so.

    A repository configuration that cannot be read means "no" here, with a note: it must not
    keep a machine from booting.
    """
    path = b"/ostree/repo/config"
    try:
        text = files.read_in_root(root, path)
        return text is not None and bool(keyfile.parse(text).boolean(b"sysroot", b"readonly"))
    except OSError as error:
        reason = reason_of(error)
    except FormatError as error:
        reason = str(error)
    log.warning(f"read repository configuration: {show(path)}: {reason}; not made read-only")
    return False


def _links(deployment: bytes, image: Image | None, config: Config) -> list[Found]:
    found = links.look(deployment, config.links)
    return links.sealed(found) if image is not None and image.readonly else found


def _who_mounts_var(config: Config, cmdline: bytes, deployment: bytes) -> str:
    return plan.who_mounts_var(
        config.var_mount,
        files.read_in_root(deployment, b"etc/fstab"),
        kernel_cmdline.has(kernel_cmdline.parse(cmdline), b"systemd.volatile"),
        files.lstat(VAR_MARKER) is not None,
        files.lstat(deployment + GENERATOR) is not None,
    )


def _require_mount_points(facts: Facts) -> None:
    """A mount point that is a link would lead a mount out of the new root."""
    needed = [b"usr", b"sysroot"]
    if facts.readonly or facts.image is not None:
        needed.append(b"etc")
    if facts.etc_scratch:
        needed.append(b"usr/etc")
    if facts.var_by == plan.VAR_OURS:
        needed.append(b"var")
    for name in needed:
        path = facts.deployment + b"/" + name
        if not files.is_dir(files.lstat(path)):
            raise Failure(
                "look at deployment",
                show(facts.target.path),
                f"not a deployment: it has no directory '{show(name)}' to mount on",
            )


def _require_sources(facts: Facts, config: Config) -> None:
    """What is bound into the new root is the physical root's own, wherever its links lead."""
    needed = []
    if facts.readonly or facts.var_by == plan.VAR_OURS:
        needed.append(facts.target.var)
    if facts.boot_here and config.boot_mount:
        needed.append(b"boot")
    root_fd = _bootsys.open(facts.root, O_PATH | _bootsys.O_DIRECTORY)
    try:
        for path in needed:
            flags = O_PATH | _bootsys.O_DIRECTORY
            _bootsys.close(files.openat2(root_fd, path, flags, RESOLVE_BENEATH))
    except OSError as error:
        reason = reason_of(error)
        if error.errno == errno.EXDEV:
            reason = "leads outside the sysroot"
        raise Failure("look at sysroot", show(path), reason) from error
    finally:
        _bootsys.close(root_fd)


def apply(ops: tuple[Op, ...]) -> None:
    """Apply a plan in order.  Raises Failure at the first required operation that fails.

    What was done until then is undone first, so that a rescue shell, or a second try, finds
    the physical root where it was.  What cannot be undone is named in the hint.
    """
    applied: list[Op] = []
    for op in ops:
        try:
            op.apply()
        except OSError as error:
            if not op.required:
                log.notice(f"{op.step}: {op.describe()}: {reason_of(error)}; not fatal")
                continue
            hint = _put_back(applied)
            raise Failure(op.step, op.describe(), reason_of(error), hint) from error
        except Failure as error:
            # an operation that knows better what is wrong than the system does
            hint = "; ".join(filter(None, (error.hint, _put_back(applied))))
            raise Failure(error.operation, error.subject, error.reason, hint) from error
        applied.append(op)


def _put_back(applied: list[Op]) -> str:
    """Undo `applied`, and go on where one step of that fails; says which, or nothing."""
    failed = []
    for op in plan.undo(applied):
        try:
            op.apply()
        except OSError as error:
            failed.append(f"{op.describe()}: {reason_of(error)}")
    return "could not be put back as it was: " + "; ".join(failed) if failed else ""


def run(root: bytes, cmdline: bytes, config: Config) -> None:
    """Prepare the physical root at `root`: afterwards the root that was asked for is there.

    Raises Failure, with the physical root still or again at `root`.
    """
    native_plan = native_root(root, cmdline)
    if native_plan is not None:
        apply(native_plan)
    else:
        carry_out(observe(root, cmdline, config), config)


def native_root(root: bytes, cmdline: bytes) -> tuple[Op, ...] | None:
    """The plan for bootc's own kind of root, or None when `cmdline` asks for none.

    Raises Failure; changes nothing.
    """
    if b"composefs=" not in cmdline and b"composefs.digest=" not in cmdline:
        return None
    from prepare_root import native  # noqa: PLC0415 - no page of it for deployments

    image = native.wanted(cmdline)
    if image is None:
        return None
    log.info(f"image {show(image.digest)} (fs-verity required: {_yes(not image.optional)})")
    return native.plan(_real_path(root), image, native.load_mounts(cmdline))


def carry_out(facts: Facts, config: Config) -> None:
    """Prepare the root that `observe` saw; raises Failure as `run` does."""
    tell(facts)
    apply(plan.make(facts, config))


def tell(facts: Facts) -> None:
    """Say what is prepared, on the console and to the journal."""
    found = facts.target
    log.info(
        f"deployment {show(found.path)} (sysroot read-only: {_yes(facts.readonly)},"
        f" root filesystem writable: {_yes(not facts.filesystem_ro)}, /var by {facts.var_by})"
    )
    if facts.image is not None:
        _tell_image(facts, facts.image)
    for line in links.reports(facts.links):
        log.warning(line)
    path = show(found.path).encode("utf-8")  # a newline would start another field
    message = (
        b"MESSAGE_ID=%s\nPRIORITY=6\nSYSLOG_IDENTIFIER=prepare-root\n"
        b"DEPLOYMENT_PATH=%s\nDEPLOYMENT_DEVICE=%d\nDEPLOYMENT_INODE=%d\n"
        b"MESSAGE=Resolved OSTree target to: %s\n"
    ) % (JOURNAL_PREPARED, path, found.device, found.inode, path)
    try:
        _bootsys.send_datagram(JOURNAL, message)
    except OSError:
        pass  # no journal here: the line above has said it


def _tell_image(facts: Facts, image: Image) -> None:
    signed = "no" if image.keypath is None else f"by a key in {show(image.keypath)}"
    log.info(
        f"composefs image (fs-verity required: {_yes(image.verity)}, signed: {signed},"
        f" transient: {_yes(image.transient)})"
    )
    if facts.hotfix and image.keypath is not None:
        log.warning("hotfix: not mounted over /usr, since the image is signed")


def _yes(value: bool) -> str:
    return "yes" if value else "no"
