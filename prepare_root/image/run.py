"""The one place where the image builders start other programs."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from prepare_root.image.errors import ImageError

# The Debian package that brings a program, for the hint when it is missing.
PACKAGES = {
    "cpio": "cpio",
    "depmod": "kmod",
    "modinfo": "kmod",
    "modprobe": "kmod",
    "gzip": "gzip",
    "lz4": "lz4",
    "xz": "xz-utils",
    "zstd": "zstd",
}

# kmod's programs live where a plain user's PATH often does not look.
SEARCH = (*os.environ.get("PATH", os.defpath).split(os.pathsep), "/usr/sbin", "/sbin")


def which(program: str) -> Path | None:
    """The file that `run` would start for `program`, or None."""
    found = shutil.which(program, path=os.pathsep.join(SEARCH))
    return Path(found) if found else None


def attempt(
    argv: Sequence[str], operation: str, stdin: bytes = b"", cwd: Path | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run `argv` in the C locale and return its status and output, whatever they are.

    Raises ImageError when the program is not there.
    """
    program = which(argv[0])
    if program is None:
        package = PACKAGES.get(argv[0], argv[0])
        raise ImageError(
            operation, argv[0], "program not found", f"install the Debian package {package}"
        )
    return subprocess.run(
        [str(program), *argv[1:]],
        input=stdin,
        capture_output=True,
        cwd=cwd,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )


def run(
    argv: Sequence[str], operation: str, subject: str, stdin: bytes = b"", cwd: Path | None = None
) -> bytes:
    """Run `argv` and return its standard output.

    Raises ImageError about `subject`, with what the program said last, when it fails.
    """
    done = attempt(argv, operation, stdin, cwd)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        reason = said[-1] if said else "no message"
        raise ImageError(operation, subject, f"{argv[0]} failed ({done.returncode}): {reason}")
    return done.stdout
