"""The units themselves, for a tree without libostree's: what the drop-ins change is in them.

Names and order are libostree's, so that whoever starts one by its name, or adds to it, finds
it.  Its generator, or ours, wants the one after boot; staging starts the finaliser.
"""

from bootentries.units.dropins import Takeover, program

_STAGED = """\
ConditionPathExists=/run/ostree-booted
DefaultDependencies=no
RequiresMountsFor=/sysroot /boot
After=local-fs.target
Before=basic.target final.target
Conflicts=final.target
"""
# (unit's [Unit] section, the [Service] section but for what it runs)
_UNITS = {
    "ostree-finalize-staged.service": (
        "Description=Make the staged deployment the default at shutdown\n"
        f"{_STAGED}"
        # /etc is merged at the stop; the journal is to hold what is said then.
        "RequiresMountsFor=/etc\n"
        "After=systemd-journal-flush.service\n"
        "Wants=ostree-finalize-staged-hold.service\n"
        "After=ostree-finalize-staged-hold.service\n",
        "Type=oneshot\nRemainAfterExit=yes\nTimeoutStopSec=5m\nProtectHome=yes\n"
        "ReadOnlyPaths=/etc\n",
    ),
    "ostree-finalize-staged-hold.service": (
        f"Description=Keep /boot in use while a deployment is staged\n{_STAGED}",
        "Type=notify\n",
    ),
    "ostree-boot-complete.service": (
        "Description=Tell what the last shutdown left undone\n"
        "ConditionKernelCommandLine=ostree\n"
        "ConditionPathExists=|/boot/ostree/finalize-failure.stamp\n"
        "ConditionPathExists=|/run/ostree/nextroot-booted\n"
        "DefaultDependencies=no\n"
        "RequiresMountsFor=/boot\n"
        "After=sysinit.target\n"
        "Before=ostree-finalize-staged.service\n",
        "Type=oneshot\nRemainAfterExit=yes\n",
    ),
}
HEAD = "# Written by bootentries install-units\n"


def whole_unit(takeover: Takeover, import_path: tuple[str, ...]) -> str:
    """Return the unit's text; raises BootentriesError as `Takeover.text` does."""
    unit, service = _UNITS[takeover.unit]
    command = f"{takeover.prefix}{program(import_path)} {takeover.verb}"
    return f"{HEAD}[Unit]\n{unit}\n[Service]\n{service}{takeover.setting}={command}\n"
