"""The root for a soft reboot: another deployment's, at /run/nextroot, while the system runs.

systemd switches to what is mounted there.  The root is the one that the initramfs would
build, but for three things: the physical root comes from /sysroot of the running system,
the configuration from the tree of the deployment, as libostree has it, and what the root is
gets written to /run/ostree/nextroot-booted, which becomes /run/ostree-booted after the switch.
"""

import _bootsys

from prepare_root import files, log, plan, prepare, sysroot, target
from prepare_root.constants import MS_PRIVATE, ST_RDONLY
from prepare_root.errors import Failure, reason_of, show
from prepare_root.formats.config import Config
from prepare_root.linkops import LinkBind
from prepare_root.ops import Bind, Op, Propagation, Remount, WriteFile
from prepare_root.plan import Facts
from prepare_root.remount import NEXT, NEXT_RECORD

SYSROOT = b"/sysroot"
OPERATION = "prepare soft reboot"


def main(path: bytes) -> int:
    """Prepare the deployment `path` below /sysroot; returns the exit status, and says why."""
    try:
        config = prepare.load_config(SYSROOT + b"/" + path)
        facts = _look(path, config)
        prepare.tell(facts)
        prepare.apply(make(facts, config))
    except Failure as error:
        log.error(str(error))
        if error.hint:
            log.error(f"hint: {error.hint}")
        return 1
    except OSError as error:
        where = error.filename if isinstance(error.filename, bytes) else SYSROOT
        log.error(f"{OPERATION}: {show(where)}: {reason_of(error)}")
        return 1
    return 0


def make(facts: Facts, config: Config) -> tuple[Op, ...]:
    """The operations, in order; pure.

    Mounts of a running system are shared: what is bound would pass on to /sysroot what is
    mounted in it, and lose it again when that is unmounted for the switch.
    """
    ops: list[Op] = []
    for op in plan.begin(facts, NEXT) + plan.built(facts, config, NEXT):
        ops.append(op)
        if isinstance(op, (Bind, LinkBind)):
            ops.append(Propagation(op.step, op.target, MS_PRIVATE))
    if facts.readonly:
        ops.append(Remount("sysroot read-only", NEXT + b"/sysroot", readonly=True))
    ops.append(WriteFile("booted", NEXT_RECORD, plan.booted_metadata(facts).encode()))
    return tuple(ops)


def _look(path: bytes, config: Config) -> Facts:
    if files.lstat(NEXT_RECORD) is not None or not _is_free():
        raise Failure(
            OPERATION,
            show(NEXT),
            "one is prepared already",
            "bootentries prepare-soft-reboot --reset takes it back",
        )
    if config.root_transient:
        # Its changes would go to the same place as those of the root that runs.
        raise Failure(OPERATION, show(path), "its root is transient, which needs a real reboot")
    cmdline = files.read(b"/proc/cmdline").removesuffix(b"\n")
    found = target.at(SYSROOT, path)
    facts = sysroot.look(SYSROOT, found, cmdline, config)
    # /sysroot is read-only as a mount here, whatever its filesystem is.
    var = SYSROOT + b"/" + found.var
    facts.filesystem_ro = bool(_bootsys.statfs(var)[1] & ST_RDONLY)
    return facts


def _is_free() -> bool:
    """Whether nothing lies at the place yet, mounted or not."""
    stat = files.lstat(NEXT)
    return stat is None or (files.is_dir(stat) and files.is_empty_dir(NEXT))
