"""The drop-ins as values: for which unit, and what is in them."""

import re
from dataclasses import dataclass

from bootentries.errors import BootentriesError

FILE = "50-bootentries.conf"
PYTHON = "/usr/bin/python3"
# Shutdown is not the time to wait for a writer that hangs; the unit's own limit is 5 minutes.
_LOCK_S = 120
# Nothing in these needs quoting for systemd or for Python.
_PLAIN = re.compile(r"/usr/(?!local(/|$))[A-Za-z0-9/._+-]+")


@dataclass(frozen=True, slots=True)
class Takeover:
    """A unit of libostree, the setting that says what it runs, and what it is to run."""

    unit: str
    setting: str
    verb: str
    # As systemd.service(5) has it: `+` runs with full privileges, in PID 1's namespace.
    prefix: str = ""
    # A line for its [Unit] section, and one more for [Service].
    relation: str = ""
    kind: str = ""

    @property
    def path(self) -> str:
        """The drop-in, relative to a directory of units."""
        return f"{self.unit}.d/{FILE}"

    def text(self, import_path: tuple[str, ...]) -> str:
        """Return the drop-in; the empty assignment takes libostree's own command away."""
        command = f"{self.prefix}{program(import_path)} {self.verb}"
        unit = f"[Unit]\n{self.relation}\n" if self.relation else ""
        kind = f"{self.kind}\n" if self.kind else ""
        return (
            "# Written by bootentries install-units\n"
            f"{unit}[Service]\n{kind}{self.setting}=\n{self.setting}={command}\n"
        )


TAKEOVERS = (
    Takeover(
        "ostree-finalize-staged.service", "ExecStop", f"finalize-staged --lock-timeout={_LOCK_S}"
    ),
    # libostree's own lasts until everything is killed, so that /boot can not be unmounted: noise
    # at every shutdown.  It is ordered before the finaliser, and so is stopped after it.  Python
    # takes a moment to start: the start is over only when /boot is open.
    Takeover(
        "ostree-finalize-staged-hold.service",
        "ExecStart",
        "finalize-staged --hold",
        "+",
        relation="Conflicts=final.target",
        kind="Type=notify",
    ),
    Takeover("ostree-boot-complete.service", "ExecStart", "boot-complete"),
)


def check_import_path(directory: str) -> str:
    """Return the directory; raises BootentriesError unless only the tree itself can be in it.

    /usr/local, /home, /opt and the like lead to /var: whoever may write there would run as
    root at shutdown, and a rollback would not bring the old program back.
    """
    if not _PLAIN.fullmatch(directory) or ".." in directory.split("/"):
        raise BootentriesError(
            "install units", directory, "not a plain path below /usr, or it is /usr/local",
            hint="install bootentries as part of the tree, and name its place with --import-path",
        )  # fmt: skip
    return directory


def program(import_path: tuple[str, ...]) -> str:
    """Return the command that runs bootentries with nothing but this on its import path.

    `-I` leaves out the environment and the user, `-S` what `site` would add: on Debian
    that is /usr/local.
    """
    paths = ", ".join(f"'{check_import_path(directory)}'" for directory in import_path)
    code = f"import sys; sys.path += [{paths}]; from bootentries.__main__ import main; main()"
    return f'{PYTHON} -I -S -c "{code}"'
