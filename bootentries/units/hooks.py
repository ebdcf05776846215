"""The unit that runs, after boot, the hooks that are left to run: see `bootentries.hooks`."""

from bootentries.hooks.stamp import STAMP
from bootentries.units.dropins import program

SERVICE = "bootentries-hooks.service"
# A drop-in in place of a link: nothing has to be enabled.
WANTED = "multi-user.target.d/50-bootentries-hooks.conf"
PATHS = (SERVICE, WANTED)


def hook_units(import_path: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return (path, text) of each file, relative to a directory of units."""
    head = "# Written by bootentries install-units\n[Unit]\n"
    return (
        (
            SERVICE,
            f"{head}Description=Run the hooks that wait since the deployment list was written\n"
            "ConditionPathExists=/run/ostree-booted\n"
            # An automount is started by the look at it.
            f"ConditionPathExists=/{STAMP}\n"
            "RequiresMountsFor=/sysroot /boot\n"
            "After=ostree-boot-complete.service\n"
            # Each hook has its own limit, and there may be many of them.
            "[Service]\nType=oneshot\nTimeoutStartSec=infinity\n"
            f"ExecStart={program(import_path)} hooks run-pending\n",
        ),
        (WANTED, f"{head}Wants={SERVICE}\n"),
    )
