"""The one place where the host side starts other programs."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence

from bootentries.errors import BootentriesError, from_os_error

# The Debian package that brings a program, for the hint when it is missing.
PACKAGES = {
    "aboot-deploy": "aboot-deploy (not in Debian)",
    "chattr": "e2fsprogs",
    "matchpathcon": "selinux-utils",
    "ostree": "ostree",
    "systemctl": "systemd",
    "zipl": "s390-tools",
}

# Tools for the administrator live where a plain user's PATH often does not look.
SEARCH = (*os.environ.get("PATH", os.defpath).split(os.pathsep), "/usr/sbin", "/sbin")


def which(program: str) -> str | None:
    """Return the file that `run` would start for `program`, or None."""
    return shutil.which(program, path=os.pathsep.join(SEARCH))


def attempt(
    argv: Sequence[str],
    operation: str,
    *,
    stdin: bytes = b"",
    environ: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
    timeout_s: float | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run `argv` in the C locale and return its status and output, whatever they are.

    `environ` is added to ours; `pass_fds` stay open in the child under the same numbers, so
    that an argument may be `/proc/self/fd/N`.  Raises BootentriesError when the program is
    not there, cannot be started, or takes longer than `timeout_s` (it is killed then).
    """
    program = which(argv[0])
    if program is None:
        package = PACKAGES.get(argv[0], argv[0])
        raise BootentriesError(
            operation, argv[0], "program not found", hint=f"install the package {package}"
        )
    try:
        return subprocess.run(
            [program, *argv[1:]],
            input=stdin,
            capture_output=True,
            check=False,
            env={**os.environ, "LC_ALL": "C", **(environ or {})},
            pass_fds=tuple(pass_fds),
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired as error:
        raise BootentriesError(
            operation, argv[0], f"not done after {timeout_s:g} s, killed"
        ) from error
    except OSError as error:
        raise from_os_error(operation, error, argv[0]) from error


def run(
    argv: Sequence[str],
    operation: str,
    subject: str,
    *,
    stdin: bytes = b"",
    environ: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
    timeout_s: float | None = None,
) -> bytes:
    """Run `argv` and return its standard output.

    Raises BootentriesError about `subject`, with what the program said last, when it fails.
    """
    done = attempt(
        argv, operation, stdin=stdin, environ=environ, pass_fds=pass_fds, timeout_s=timeout_s
    )
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        reason = said[-1] if said else "no message"
        raise BootentriesError(
            operation, subject, f"{argv[0]} failed ({done.returncode}): {reason}"
        )
    return done.stdout
