"""/init: process 1 of an initramfs of our own, from the kernel to the real init."""

import _bootsys

from prepare_root import (
    breaks,
    files,
    kargs,
    kmodules,
    log,
    prepare,
    report,
    rootdev,
    separateusr,
    switchroot,
    sysroot,
)
from prepare_root.constants import MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_STRICTATIME, O_WRONLY
from prepare_root.errors import Failure, reason_of, show
from prepare_root.formats.config import Config
from prepare_root.plan import Facts

SYSROOT = b"/sysroot"
SHELL = breaks.SHELL

# The kernel's own filesystems, as systemd wants to find them (its INITRD_INTERFACE), with the
# limits that it would give them itself (its mountpoint-util.h): a mount that is there stays as
# it is, and by the kernel's default /run and /dev could each take half of the memory.
RUN_OPTIONS = b"mode=0755,size=20%,nr_inodes=800k"
API_MOUNTS = (
    (b"proc", b"/proc", MS_NOSUID | MS_NOEXEC | MS_NODEV, b""),
    (b"sysfs", b"/sys", MS_NOSUID | MS_NOEXEC | MS_NODEV, b""),
    (b"devtmpfs", b"/dev", MS_NOSUID | MS_STRICTATIME, b"mode=0755,size=4m"),
    (b"tmpfs", b"/run", MS_NOSUID | MS_NODEV | MS_STRICTATIME, RUN_OPTIONS),
)

RB_AUTOBOOT = 0x01234567
RB_HALT_SYSTEM = 0xCDEF0123


def main(argv: list[bytes], environ: list[bytes]) -> int:
    """Boot.  `argv` and `environ` are what the kernel gave to process 1.

    Comes back only when a failure's policy could not be carried out.
    """
    config = Config()
    try:
        _mount_api()
        log.to_kmsg()
        config = prepare.load_config()
        _boot(config, argv[1:], environ)
    except Failure as error:
        report.failure(error, SYSROOT)
    except Exception as error:
        # A defect of ours must not leave a machine standing there: the policy holds for it too.
        report.failure(Failure("boot", type(error).__name__, str(error)), SYSROOT)
    _give_up(config)
    return 1


def _mount_api() -> None:
    for fstype, where, flags, data in API_MOUNTS:
        try:
            files.make_dir(where, 0o755)
            _bootsys.mount(fstype, where, fstype, flags, data)
        except OSError as error:
            raise Failure("mount", show(where), reason_of(error)) from error


def _boot(config: Config, arguments: list[bytes], environ: list[bytes]) -> None:
    try:
        cmdline = files.read(b"/proc/cmdline").removesuffix(b"\n")
    except OSError as error:
        raise Failure("read kernel command line", "/proc/cmdline", reason_of(error)) from error
    wanted = kargs.parse(cmdline)
    separateusr.refuse(cmdline, None)
    # Whoever edits an entry must not get at what only a signature lets through.
    stops = breaks.Breaks(cmdline, allowed=config.composefs != b"signed")
    kmodules.start()
    stops.stop(breaks.PRE_MOUNT)
    node = rootdev.wait(wanted)
    try:
        files.make_dir(SYSROOT, 0o755)
    except OSError as error:
        raise Failure("make mount point", show(SYSROOT), reason_of(error)) from error
    rootdev.mount(node, SYSROOT, wanted)
    log.info(f"root device {show(node)} mounted")
    stops.stop(breaks.MOUNT)
    native_plan = prepare.native_root(SYSROOT, cmdline)
    if native_plan is not None:
        kmodules.for_filesystem(b"erofs")
        kmodules.for_filesystem(b"overlay")
        prepare.apply(native_plan)
    else:
        facts = sysroot.observe(SYSROOT, cmdline, config)
        separateusr.refuse(cmdline, files.read_in_root(facts.deployment, b"etc/fstab"))
        _load_for(facts)
        prepare.carry_out(facts, config)
    stops.stop(breaks.PRE_PIVOT)
    log.info("switching root")
    switchroot.switch(SYSROOT)
    switchroot.hand_over(wanted.init, arguments, environ)


def _load_for(facts: Facts) -> None:
    """Load what the mounts of this root need; who asks the kernel for it finds no modprobe."""
    if facts.image is not None:
        kmodules.for_filesystem(b"erofs")
    if facts.image is not None or facts.hotfix or facts.etc_scratch:
        kmodules.for_filesystem(b"overlay")


def _give_up(config: Config) -> None:
    """Carry out `[failure]`: a machine that nobody stands at should try again by itself."""
    action = config.failure_action
    if action == b"shell":
        _reboot_after_panic()
        log.error(f"failure policy: starting {show(SHELL)}; leaving it reboots")
        _shell()
    if action == b"halt":
        log.error("failure policy: halting now")
        _reboot(RB_HALT_SYSTEM)
    log.error(f"failure policy: rebooting in {config.failure_delay} s")
    _bootsys.sleep(float(config.failure_delay))
    _reboot(RB_AUTOBOOT)


def _reboot_after_panic() -> None:
    """Have the kernel reboot when the shell, process 1 by then, ends: it panics at that."""
    try:
        fd = _bootsys.open(b"/proc/sys/kernel/panic", O_WRONLY)
        try:
            _bootsys.write(fd, b"1\n")
        finally:
            _bootsys.close(fd)
    except OSError as error:
        log.warning(f"set kernel.panic: {reason_of(error)}; leaving the shell will not reboot")


def _shell() -> None:
    """Become a shell on the console; process 1 that ends would only panic the kernel."""
    try:
        _bootsys.execve(SHELL, [SHELL], breaks.ENVIRON)
    except OSError as error:
        log.error(f"start shell: {show(SHELL)}: {reason_of(error)}")


def _reboot(command: int) -> None:
    _bootsys.sync()
    try:
        _bootsys.reboot(command)
    except OSError as error:
        log.error(f"reboot: {reason_of(error)}")
