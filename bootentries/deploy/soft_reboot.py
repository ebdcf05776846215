"""Soft reboot: another deployment under the kernel that runs, without firmware and loader.

systemd goes on in what is mounted at /run/nextroot.  The static prepare-root of the running
system builds that root, as it does in an initramfs.
"""

from bootentries.deployment import Deployment
from bootentries.errors import BootentriesError
from bootentries.kargs import KernelArgs
from bootentries.run import attempt
from bootentries.sysroot import Sysroot

PROGRAM = "/usr/lib/bootchain/prepare-root"
OPERATION = "prepare soft reboot"
# Mounts have to be where PID 1 sees them.
_IN_ITS_NAMESPACE = ("nsenter", "--target", "1", "--mount", "--root", "--")


def check(present: Sysroot, item: Deployment) -> None:
    """Raise BootentriesError unless the kernel that runs is the deployment's, with its arguments.

    The argument `ostree` is what differs; a staged deployment without arguments of its own
    gets those that there are.
    """
    booted = present.booted_deployment
    if booted is None:
        raise BootentriesError(
            OPERATION, item.name, "not booted into an OSTree system",
            hint="there is nothing to go on from; boot the deployment",
        )  # fmt: skip
    reason = None
    if item.bootcsum != booted.bootcsum:
        reason = "it has another kernel or initramfs than the one that runs"
    elif item.options and _arguments(item) != _arguments(booted):
        reason = "its kernel arguments are not those of the system that runs"
    if reason is not None:
        raise BootentriesError(OPERATION, item.name, reason, hint="reboot into it")


def _arguments(item: Deployment) -> list[str]:
    words = KernelArgs.parse(item.options or "").args
    return [word for word in words if not word.startswith("ostree=")]


def prepare(item: Deployment) -> None:
    """Build the root of a deployment at /run/nextroot; raises BootentriesError, undone then."""
    argv = (*_IN_ITS_NAMESPACE, PROGRAM, "--next-root", item.path)
    done = attempt(argv, OPERATION)
    if done.returncode == 0:
        return
    said = done.stderr.decode(errors="replace").splitlines()
    if done.returncode in (126, 127) or not said:
        raise BootentriesError(
            OPERATION, PROGRAM, said[-1] if said else "it cannot be started",
            hint="prepare-root-image boot-side puts it into the tree",
        )  # fmt: skip
    errors = [line.partition("prepare-root: ")[2] for line in said if "prepare-root: " in line]
    hints = [line.removeprefix("hint: ") for line in errors if line.startswith("hint: ")]
    # What it says of the deployment and its links comes before the reason.
    reasons = [line for line in errors if not line.startswith("hint: ")]
    raise BootentriesError(
        OPERATION, item.name, reasons[-1] if reasons else said[-1],
        hint=hints[-1] if hints else None,
    )  # fmt: skip
