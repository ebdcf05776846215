"""What the static build needs from the machine: an interpreter's library, gcc and libc.

Everything is asked for before anything is compiled, so that what is missing becomes one
error with the Debian package that brings it.
"""

import importlib
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from prepare_root.image.errors import ImageError
from prepare_root.image.run import attempt, run, which

SUPPORTED = ((3, 11), (3, 13))
SYSTEM_PYTHON = Path("/usr/bin/python3")

_QUESTION = """
import json, os, platform, sys, sysconfig
v = sysconfig.get_config_var
print(json.dumps({
    "version": list(sys.version_info[:2]),
    "release": platform.python_version(),
    "include": v("INCLUDEPY"),
    "library": os.path.join(v("LIBPL") or "", v("LIBRARY") or ""),
    "licence": os.path.join(sysconfig.get_path("stdlib"), "LICENSE.txt"),
}))
"""


@dataclass(frozen=True, slots=True)
class Python:
    """An interpreter to link from: `library` is its static archive."""

    executable: Path
    version: tuple[int, int]
    release: str
    include: Path
    library: Path
    licence: Path

    @property
    def package(self) -> str:
        """The Debian package of the library and the headers."""
        return f"libpython{self.version[0]}.{self.version[1]}-dev"


@dataclass(frozen=True, slots=True)
class Compiler:
    """The C compiler and the libc that it links: version of gcc, of glibc."""

    program: str
    release: str
    libc: str


def ask(executable: Path) -> Python:
    """What `executable` says about itself; raises ImageError when it does not answer."""
    try:
        done = subprocess.run(
            [str(executable), "-I", "-S", "-c", _QUESTION],
            capture_output=True,
            check=True,
            env={"LC_ALL": "C.UTF-8"},
        )
        told = json.loads(done.stdout)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ImageError("ask interpreter", str(executable), reason) from error
    except (subprocess.CalledProcessError, ValueError) as error:
        raise ImageError("ask interpreter", str(executable), "gave no answer") from error
    return Python(
        executable,
        (told["version"][0], told["version"][1]),
        told["release"],
        Path(told["include"]),
        Path(told["library"]),
        Path(told["licence"]),
    )


def check(python: Python) -> Python:
    """`python` when an executable can be linked from it, else ImageError."""
    if python.version not in SUPPORTED:
        known = " or ".join(f"{major}.{minor}" for major, minor in SUPPORTED)
        raise ImageError(
            "choose interpreter",
            str(python.executable),
            f"Python {python.release} is not supported for the static executable",
            f"use Python {known} with --python",
        )
    for path in (
        python.library,
        python.include / "Python.h",
        python.include / "internal" / "pycore_ast.h",
    ):
        if not path.is_file():
            raise ImageError(
                "choose interpreter",
                str(path),
                "file not found",
                f"install the Debian package {python.package}",
            )
    return python


def find_python(wanted: Path | None = None) -> Python:
    """The interpreter to link from: `wanted`, else the system's, else the running one.

    The system's is passed over when it has no static library.  Raises ImageError.
    """
    if wanted is not None:
        return check(ask(wanted))
    if os.access(SYSTEM_PYTHON, os.X_OK):
        system = ask(SYSTEM_PYTHON)
        running = ask(Path(sys.executable))
        if system.library.is_file() or not running.library.is_file():
            return check(system)
    return check(ask(Path(sys.executable)))


def find_compiler(program: str = "gcc") -> Compiler:
    """The compiler, with a static libc; raises ImageError that names the package."""
    for tool, package in ((program, "gcc"), ("strip", "binutils")):
        if which(tool) is None:
            raise ImageError(
                "find compiler", tool, "program not found", f"install the Debian package {package}"
            )
    libc = run([program, "-print-file-name=libc.a"], "find compiler", "libc.a").decode().strip()
    if not Path(libc).is_absolute():
        raise ImageError(
            "find compiler", "libc.a", "file not found", "install the Debian package libc6-dev"
        )
    macros = run(
        [program, "-E", "-dM", "-include", "features.h", "-x", "c", "/dev/null"],
        "find compiler",
        "features.h",
    ).decode()
    numbers = dict(
        line.split()[1:3]
        for line in macros.splitlines()
        if line.startswith(("#define __GLIBC__ ", "#define __GLIBC_MINOR__ "))
    )
    if len(numbers) != 2:
        raise ImageError("find compiler", program, "does not compile for glibc")
    release = run([program, "-dumpfullversion"], "find compiler", program).decode().strip()
    return Compiler(program, release, f"{numbers['__GLIBC__']}.{numbers['__GLIBC_MINOR__']}")


@dataclass(frozen=True, slots=True)
class Sodium:
    """libsodium: its static archive, its version, and a text with its licence."""

    library: Path
    release: str
    licence: Path


def find_sodium(compiler: Compiler) -> Sodium:
    """The static libsodium of `compiler`'s system; raises ImageError that names the package."""
    operation, hint = "find libsodium", "install the Debian package libsodium-dev"
    argv = [compiler.program, "-print-file-name=libsodium.a"]
    library = Path(run(argv, operation, "libsodium.a").decode().strip())
    if not (library.is_absolute() and library.is_file()):
        raise ImageError(operation, library.name, "file not found", hint)
    header = "sodium/version.h"
    done = attempt(
        [compiler.program, "-E", "-dM", "-include", header, "-x", "c", "/dev/null"], operation
    )
    found = re.search(r'#define SODIUM_VERSION_STRING "(.+)"', done.stdout.decode())
    if done.returncode != 0 or found is None:
        raise ImageError(operation, header, "file not found", hint)
    return Sodium(library.resolve(), found[1], Path("/usr/share/doc/libsodium-dev/copyright"))


def find_elf_reader() -> None:
    """Raise ImageError when pyelftools, by which the executable is proved, is not there."""
    try:
        importlib.import_module("elftools.elf.elffile")
    except ImportError as error:
        raise ImageError(
            "find module",
            "elftools",
            "not installed",
            "install the Debian package python3-pyelftools, or bootchain[image] by pip",
        ) from error
