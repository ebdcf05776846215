"""The one place where the host side starts other programs."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bootentries.errors import BootentriesError, from_os_error

if TYPE_CHECKING:
    # Loaded late where it is used: most starts of the program run no other one.
    import subprocess

# The Debian package that brings a program, for the hint when it is missing.
PACKAGES = {
    "aboot-deploy": "aboot-deploy (not in Debian)",
    "bwrap": "bubblewrap",
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
    import shutil  # noqa: PLC0415

    return shutil.which(program, path=os.pathsep.join(SEARCH))


def attempt(
    argv: Sequence[str],
    operation: str,
    *,
    stdin: bytes = b"",
    environ: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
    cwd_fd: int | None = None,
    timeout_s: float | None = None,
) -> "subprocess.CompletedProcess[bytes]":
    """Run `argv` in the C locale and return its status and output, whatever they are.

    `environ` is added to ours; `pass_fds` stay open in the child under the same numbers, so
    that an argument may be `/proc/self/fd/N`; `cwd_fd` is the directory to run in.  Raises
    BootentriesError when the program is not there, cannot be started, or takes longer than
    `timeout_s` (it is killed then, with every program that it started).
    """
    import subprocess  # noqa: PLC0415

    program = which(argv[0])
    if program is None:
        package = PACKAGES.get(argv[0], argv[0])
        raise BootentriesError(
            operation, argv[0], "program not found", hint=f"install the package {package}"
        )
    try:
        with subprocess.Popen(
            [program, *argv[1:]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "LC_ALL": "C", **(environ or {})},
            pass_fds=tuple(pass_fds),
            cwd=None if cwd_fd is None else f"/proc/self/fd/{cwd_fd}",
            # Scripts start programs: killing the shell alone would leave them at work.
            process_group=None if timeout_s is None else 0,
        ) as child:
            try:
                out, err = child.communicate(stdin, timeout_s)
            except BaseException:
                _kill(child, group=timeout_s is not None)
                raise
            return subprocess.CompletedProcess(argv, child.returncode, out, err)
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
    cwd_fd: int | None = None,
    timeout_s: float | None = None,
) -> bytes:
    """Run `argv` and return its standard output.

    Raises BootentriesError about `subject`, with what the program said last, when it fails.
    """
    done = attempt(
        argv,
        operation,
        stdin=stdin,
        environ=environ,
        pass_fds=pass_fds,
        cwd_fd=cwd_fd,
        timeout_s=timeout_s,
    )
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        reason = said[-1] if said else "no message"
        raise BootentriesError(
            operation, subject, f"{argv[0]} failed ({done.returncode}): {reason}"
        )
    return done.stdout


def _kill(child: "subprocess.Popen[bytes]", group: bool) -> None:
    import signal  # noqa: PLC0415

    try:
        if group:
            os.killpg(child.pid, signal.SIGKILL)
        else:
            child.kill()
    except ProcessLookupError:
        return
