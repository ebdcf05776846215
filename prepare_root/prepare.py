"""The preparation itself: configuration, plan, apply; the same for the service and for /init.

What is looked at before is in `sysroot`.
"""

import _bootsys

from prepare_root import files, links, log, plan, sysroot
from prepare_root.errors import Failure, reason_of, show
from prepare_root.formats import FormatError
from prepare_root.formats import config as configuration
from prepare_root.formats.config import Config
from prepare_root.ops import Move, Op, RemoveFile
from prepare_root.plan import Facts, Image

CONFIG_PATHS = (b"/usr/lib/ostree/prepare-root.conf", b"/etc/ostree/prepare-root.conf")
JOURNAL = b"/run/systemd/journal/socket"
JOURNAL_PREPARED = b"7170336a73ba4601bad31af888aa0df7"


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
    """Undo `applied`, and go on where one step of that fails; says which, or nothing.

    What could not be moved back stays reachable: to let go what it lies in would let it go, too.
    """
    failed = []
    stuck = False
    for op in plan.undo(applied):
        if stuck and not isinstance(op, RemoveFile):
            continue
        try:
            op.apply()
        except OSError as error:
            failed.append(f"{op.describe()}: {reason_of(error)}")
            stuck = stuck or isinstance(op, Move)
    return "could not be put back as it was: " + "; ".join(failed) if failed else ""


def run(root: bytes, cmdline: bytes, config: Config) -> None:
    """Prepare the physical root at `root`: afterwards the root that was asked for is there.

    Raises Failure, with the physical root still or again at `root`.
    """
    native_plan = native_root(root, cmdline)
    if native_plan is not None:
        apply(native_plan)
    else:
        carry_out(sysroot.observe(root, cmdline, config), config)


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
    return native.plan(sysroot.real_path(root), image, native.load_mounts(cmdline))


def carry_out(facts: Facts, config: Config) -> None:
    """Prepare the root that `sysroot.observe` saw; raises Failure as `run` does."""
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
