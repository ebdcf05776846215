"""Units that bring the EFI partitions in step after writes that were not ours.

One runs at boot and, stopped after libostree's finaliser, at shutdown; one runs whenever the
list changed, or a deployment was staged, whose kernel can be copied ahead.
"""

from bootentries.units.dropins import program

SERVICE = "bootentries-esp.service"
FOLLOW = "bootentries-esp-follow"
_TARGET = "multi-user.target"
# Shutdown waits for a copy of kernels, and for who holds the lock, but not for ever.
_VERB = "esp sync --if-enabled --lock-timeout=120"
_LIMIT_S = 300


def esp_units(import_path: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return (path, text) of each file, relative to a directory of units."""
    command = f"{program(import_path)} {_VERB}"
    head = "# Written by bootentries install-units\n[Unit]\n"
    mounts = (
        "ConditionPathExists=/run/ostree-booted\n"
        "RequiresMountsFor=/sysroot /boot\n"
        # Where these are mounted, their unmounting waits for us, and so does the journal.
        "After=local-fs.target systemd-journal-flush.service boot-efi.mount efi.mount\n"
    )
    return (
        (
            SERVICE,
            f"{head}Description=Bring EFI partitions in step at boot and at shutdown\n{mounts}"
            # What starts first is stopped last.  Not after the blessing: that comes after what
            # the finaliser comes before, so it would close a circle at shutdown.
            "Before=ostree-finalize-staged.service final.target\n"
            "DefaultDependencies=no\nConflicts=final.target\n"
            "[Service]\nType=oneshot\nRemainAfterExit=yes\n"
            f"ExecStart={command}\nExecStop={command}\nTimeoutSec={_LIMIT_S}\n",
        ),
        (
            f"{FOLLOW}.service",
            f"{head}Description=Bring EFI partitions in step with a new deployment list\n{mounts}"
            # Several writes in a row are no fault.
            "StartLimitIntervalSec=0\n"
            f"[Service]\nType=oneshot\nExecStart={command}\nTimeoutSec={_LIMIT_S}\n",
        ),
        (
            f"{FOLLOW}.path",
            f"{head}Description=Watch for new deployment lists\n"
            "ConditionPathExists=/run/ostree-booted\n"
            # Every writer of a list touches the directory when the list is active.
            "[Path]\nPathChanged=/sysroot/ostree/deploy\n"
            "PathChanged=/run/ostree/staged-deployment\n",
        ),
        (
            f"{_TARGET}.d/50-bootentries-esp.conf",
            f"{head}Wants={SERVICE} {FOLLOW}.path\n",
        ),
    )


# What is started when they are installed; the target does it from the next boot on.
STARTED = (f"{FOLLOW}.path", SERVICE)
PATHS = (
    SERVICE, f"{FOLLOW}.service", f"{FOLLOW}.path", f"{_TARGET}.d/50-bootentries-esp.conf",
)  # fmt: skip
