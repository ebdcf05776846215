"""What is seen of a physical root and of a deployment on it, before anything is changed."""

import errno

import _bootsys

from prepare_root import files, links, log, plan, target
from prepare_root.constants import O_PATH, RESOLVE_BENEATH, ST_RDONLY
from prepare_root.errors import Failure, reason_of, show
from prepare_root.formats import FormatError, keyfile
from prepare_root.formats import cmdline as kernel_cmdline
from prepare_root.formats.config import Config
from prepare_root.links import Found
from prepare_root.plan import Facts, Image
from prepare_root.target import Target

VAR_MARKER = b"/run/ostree/initramfs-mount-var"
GENERATOR = b"/usr/lib/systemd/system-generators/ostree-system-generator"
COMPOSEFS_KARG = b"ostree.prepare-root.composefs="

Choice = tuple[Image | None, bool]


def observe(root: bytes, cmdline: bytes, config: Config) -> Facts:
    """All that the plan needs to know.  Raises Failure; changes nothing."""
    root = real_path(root)
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
            mounted_below=_mounted_below(root),
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


def real_path(path: bytes) -> bytes:
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


def _mounted_below(root: bytes) -> bool:
    """Whether something is mounted below `root`; also where that cannot be known.

    A path with one of these characters is quoted in the table (proc(5)).
    """
    if len(root.split()) != 1 or b"\\" in root or b"#" in root:
        return True
    try:
        return b" %s/" % root in files.read(b"/proc/self/mountinfo")
    except OSError:
        return True


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
