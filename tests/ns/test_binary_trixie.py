"""The static executable from Debian trixie's own parts: Python 3.13, gcc 14, glibc 2.41.

Built in a chroot by that chroot's interpreter, proved and tried there by the same unit
tests as on the host, and then compared with the host's executable in a real preparation.
"""

import re
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import namespace
import pytest
import sysroots
from chroots import CHECKOUT, debian_chroot
from namespace import Run
from sysroots import DEPLOYMENT, EMPTY, FULL, MISSING, Layout

from prepare_root import VERSION
from prepare_root.image import binary, proof

pytestmark = pytest.mark.ns

PACKAGES = (
    *("gcc", "libpython3.13-dev", "libsodium-dev", "python3", "python3-click"),
    "python3-pyelftools",
    *("python3-pytest", "python3-pytest-timeout", "strace"),
)
COMMAND = "from prepare_root.image.cli import main; main()"
PREPARE = ("/run/prepare-root", "/sysroot", "/cmdline")
UNIT_TESTS = (
    *("image/test_binary.py", "image/test_printable.py", "image/test_proof.py"),
    *("image/test_snapshot.py", "test_dialect.py"),
)
LIMIT_S = 600

# The checkout is read-only in there, and /tmp the caller's own directory.
ENTER = """
set -e
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
mount --bind "$2" "$1/tmp"
mkdir -p "$1/tmp/checkout"
mount --bind "$3" "$1/tmp/checkout"
mount -o remount,bind,ro "$1/tmp/checkout"
root=$1
shift 3
exec chroot "$root" sh -ec 'cd /tmp/checkout; exec "$@"' sh "$@"
"""


@dataclass(frozen=True, slots=True)
class Trixie:
    """The chroot, and the directory of the test's own that is /tmp in there."""

    root: Path
    work: Path

    def attempt(self, *argv: str) -> "subprocess.CompletedProcess[str]":
        """Run a program of the chroot in the checkout, in a mount namespace of its own."""
        places = (str(self.root), str(self.work), str(CHECKOUT))
        return subprocess.run(
            ["unshare", "--mount", "sh", "-c", ENTER, "sh", *places, *argv],
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
        )


@pytest.fixture(scope="module")
def trixie(tmp_path_factory: pytest.TempPathFactory) -> Trixie:
    return Trixie(debian_chroot("trixie", PACKAGES), tmp_path_factory.mktemp("trixie"))


@pytest.fixture(scope="module")
def executable(trixie: Trixie) -> Path:
    """Built by `prepare-root-image binary` in the chroot."""
    done = trixie.attempt("python3", "-c", COMMAND, "binary", "/tmp/prepare-root")
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert re.fullmatch(r"==> freezing \d+ modules with Python 3\.13\.\d+", lines[0])
    assert re.fullmatch(r"==> compiling \d+ C files with gcc 14\.\d+\.\d+", lines[1])
    assert lines[2:4] == [
        "==> linking with libpython3.13.a and glibc 2.41",
        "==> proved; accepted: fixed load address (ET_EXEC)",
    ]
    return trixie.work / "prepare-root"


def test_starts(executable: Path) -> None:
    done = subprocess.run([executable, "--version"], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == (f"prepare-root {VERSION}\n", "", 0)
    notice = executable.with_name("prepare-root.NOTICE").read_text()
    assert re.search(r"^CPython 3\.13\.\d+$", notice, re.MULTILINE)
    assert "GNU C Library 2.41\n" in notice
    assert re.search(r"^libsodium 1\.0\.\d+$", notice, re.MULTILINE)
    assert executable.stat().st_size <= proof.budget((3, 13))


def test_the_unit_tests_pass_there(trixie: Trixie) -> None:
    """Dialect, error handlers, tracebacks, no opened file, same bytes twice, relinking."""
    tests = [f"tests/unit/prepare_root/{name}" for name in UNIT_TESTS]
    done = trixie.attempt("python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^\d+ passed in ", done.stdout, re.MULTILINE), "none may be skipped"


COMPLAINT = "prepare-root-image: {}\nhint: install the Debian package {}\n"


@pytest.mark.parametrize(
    ("hidden", "line", "package"),
    [
        (
            "/usr/lib/x86_64-linux-gnu/libpython3.13.a",
            "choose interpreter: /usr/lib/python3.13/config-3.13-x86_64-linux-gnu/libpython3.13.a:"
            " file not found",
            "libpython3.13-dev",
        ),
        (
            "/usr/include/python3.13",
            "choose interpreter: /usr/include/python3.13/Python.h: file not found",
            "libpython3.13-dev",
        ),
        (
            "/usr/lib/x86_64-linux-gnu/libsodium.a",
            "find libsodium: libsodium.a: file not found",
            "libsodium-dev",
        ),
        (
            "/usr/include/sodium/version.h",
            "find libsodium: sodium/version.h: file not found",
            "libsodium-dev",
        ),
        ("/usr/bin/gcc", "find compiler: gcc: program not found", "gcc"),
        ("/usr/bin/strip", "find compiler: strip: program not found", "binutils"),
        (
            "/usr/lib/python3/dist-packages/elftools",
            "find module: elftools: not installed",
            "python3-pyelftools, or bootchain[image] by pip",
        ),
    ],
)
def test_what_is_missing_is_named(trixie: Trixie, hidden: str, line: str, package: str) -> None:
    """One error with the package that brings it, before anything is compiled."""
    hide = 'if test -d "$0"; then mount -t tmpfs none "$0"; else mount --bind /dev/null "$0"; fi'
    start = ("sh", "-ec", hide + '; exec "$@"', hidden, "python3", "-c", COMMAND)
    assert trixie.attempt(*start, "--help").returncode == 0
    done = trixie.attempt(*start, "binary", "/tmp/out")
    assert (done.returncode, done.stderr) == (1, COMPLAINT.format(line, package))
    assert not (trixie.work / "out").exists()


@pytest.mark.parametrize("broken", [False, True])
def test_prepares_as_the_hosts_executable_does(
    tmp_path: Path, executable: Path, broken: bool
) -> None:
    """One image in turn, with every kind of link; or with a link that leads nowhere."""
    layout = Layout(
        links={"home": MISSING, "srv": EMPTY, "opt": FULL},
        remove=(DEPLOYMENT,) if broken else (),
    )
    run = Run(PREPARE, config="[sysroot]\nreadonly=true\n[var]\nmount=yes\n", immutable=not broken)
    outcomes = []
    for name, program in (("host", binary.cached()), ("trixie", executable)):
        image = sysroots.image(tmp_path / name / "image", layout)
        wanted = replace(run, programs={"prepare-root": program})
        outcomes.append(namespace.execute(tmp_path / name / "work", image, wanted))
    host, trixie = outcomes
    assert trixie.status == (1 if broken else 0), trixie.stderr
    assert trixie.status == host.status
    assert trixie.error == host.error
    assert trixie.below("/sysroot").keys() == host.below("/sysroot").keys()
    assert sorted(trixie.below("/sysroot").values()) == sorted(host.below("/sysroot").values())
    assert trixie.sysroot == host.sysroot
    if broken:
        assert trixie.error.endswith(": dangling link: the deployment is gone")
    else:
        assert (trixie.booted is not None, trixie.inode) == (host.booted is not None, host.inode)
        assert "home" in trixie.sysroot
