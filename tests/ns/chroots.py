"""Debian chroots with the real `ostree`, and sysroots of their making.

A chroot is made once and kept in the cache directory.  A test works in a mount namespace
that a sleeping process holds: all of its mounts vanish with that process, whatever
happens.  Sysroots lie on filesystem images of the test's own, because both `ostree` and
`bootentries` freeze the filesystem they write to.
"""

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("ostree", "python3", "python3-click")
# Counted up when the way a chroot is made changes.
RECIPE = 1
ENDED = 300

_SUITE_OPTIONS = {
    "sid": [
        "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
        '--aptopt=Acquire::Check-Valid-Until "false"',
    ]
}


def cache_directory() -> Path:
    """Where chroots are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(base) / "bootchain" / "chroots"


def debian_chroot(suite: str, packages: tuple[str, ...] = PACKAGES) -> Path:
    """Return a root directory of `suite` with `packages`; made on first use.

    Safe with several processes at once.  The versions of the packages are in the file
    `versions` beside it; BOOTCHAIN_REFRESH_CHROOTS=1 makes it anew.
    """
    recipe = repr((suite, sorted(packages), RECIPE)).encode()
    place = cache_directory() / f"{suite}-{hashlib.sha256(recipe).hexdigest()[:16]}"
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.environ.get("BOOTCHAIN_REFRESH_CHROOTS") == "1" and _is_old(place):
            shutil.rmtree(place)
        if not place.exists():
            _make_chroot(suite, packages, place)
    return place / "root"


def package_version(root: Path, package: str) -> str:
    """Return the installed version of a package in a chroot."""
    query = ["dpkg-query", "--admindir", str(root / "var/lib/dpkg"), "-W", "-f", "${Version}"]
    return _run([*query, package]).stdout


def _is_old(place: Path) -> bool:
    """Whether it was made before this test run began."""
    began = Path(f"/proc/{os.getppid()}").stat().st_mtime
    return place.exists() and place.stat().st_mtime < began


def _make_chroot(suite: str, packages: tuple[str, ...], place: Path) -> None:
    unfinished = place.with_suffix(f".{os.getpid()}")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    root = unfinished / "root"
    options = [*_SUITE_OPTIONS.get(suite, []), f"--include={','.join(packages)}"]
    _run(["mmdebstrap", "--quiet", "--variant=minbase", *options, suite, str(root)])
    lines = [f"{package} {package_version(root, package)}\n" for package in packages]
    (unfinished / "versions").write_text("".join(lines))
    unfinished.rename(place)


def _run(argv: list[str]) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(argv, capture_output=True, text=True, timeout=ENDED, check=False)
    assert done.returncode == 0, f"{argv} ended with {done.returncode}:\n{done.stderr}"
    return done


@dataclass(slots=True)
class Machine:
    """A chroot, a sysroot beside it, and the namespace where both are mounted.

    The sysroot is at `/tmp/sysroot` for programs in the chroot, at `sysroot` for programs
    of the host in the namespace, and at `view` for the test itself.
    """

    root: Path
    pid: int
    sysroot: Path
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def view(self) -> Path:
        """The sysroot, as seen from outside the namespace."""
        return Path(f"/proc/{self.pid}/root{self.sysroot}")

    def run(self, argv: list[str], env: dict[str, str] | None = None) -> str:
        """Run a program of the host in the namespace; it has to succeed."""
        done = self.attempt(argv, env)
        assert done.returncode == 0, f"{argv} ended with {done.returncode}:\n{done.stderr}"
        return done.stdout

    def attempt(
        self, argv: list[str], env: dict[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run a program of the host in the namespace."""
        return subprocess.run(
            ["nsenter", f"--mount=/proc/{self.pid}/ns/mnt", "--", *argv],
            capture_output=True,
            text=True,
            timeout=ENDED,
            check=False,
            cwd="/",
            env={**os.environ, **self.environ, **(env or {})},
        )

    def start(self, argv: list[str]) -> "subprocess.Popen[str]":
        """Start a program of the host in the namespace; the caller waits for it."""
        return subprocess.Popen(
            ["nsenter", f"--mount=/proc/{self.pid}/ns/mnt", "--", *argv],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
            env={**os.environ, **self.environ},
        )

    def ostree(self, *args: str, env: dict[str, str] | None = None) -> str:
        """Run the chroot's own `ostree`; it has to succeed."""
        return self.run(["chroot", str(self.root), "ostree", *args], env)

    def admin(self, verb: str, *args: str, env: dict[str, str] | None = None) -> str:
        """Run `ostree admin VERB` on the sysroot."""
        return self.ostree("admin", *verb.split(), "--sysroot=/tmp/sysroot", *args, env=env)

    def command(self, *args: str) -> list[str]:
        """Return the command line that runs our own program on the sysroot."""
        program = [sys.executable, "-P", "-m", "bootentries", "--sysroot", str(self.sysroot)]
        return ["env", f"PYTHONPATH={CHECKOUT}", *program, *args]

    def bootentries(self, *args: str) -> str:
        """Run our own program on the sysroot; it has to succeed."""
        return self.run(self.command(*args))

    def commit(self, tree: Path, branch: str, version: str | None = None) -> str:
        """Commit a directory of the host; returns the checksum."""
        inside = self.root / "tmp/tree"
        self.run(["mkdir", "-p", str(inside)])
        self.run(["mount", "--bind", str(tree), str(inside)])
        metadata = [f"--add-metadata-string=version={version}"] if version else []
        try:
            return self.ostree(
                "commit", "--repo=/tmp/sysroot/ostree/repo", f"--branch={branch}",
                "--owner-uid=0", "--owner-gid=0", *metadata, "/tmp/tree",
            ).strip()  # fmt: skip
        finally:
            self.run(["umount", str(inside)])


@contextmanager
def machine(
    suite: str,
    work: Path,
    *,
    own_boot: bool = False,
    root_mib: int = 64,
    packages: tuple[str, ...] = PACKAGES,
) -> Iterator[Machine]:
    """Hold a fresh, empty sysroot beside a chroot; `own_boot` puts /boot on a 64 MiB image."""
    root = debian_chroot(suite, packages)
    work.mkdir(parents=True, exist_ok=True)
    sysroot = work / "sysroot"
    sysroot.mkdir()
    holder = subprocess.Popen(
        ["unshare", "--mount", "--propagation", "slave", "sh", "-c", "echo ready; exec sleep 3600"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        found = Machine(root, holder.pid, sysroot)
        _mount_image(found, work / "root.img", sysroot, root_mib)
        if own_boot:
            found.run(["mkdir", str(sysroot / "boot")])
            _mount_image(found, work / "boot.img", sysroot / "boot")
        found.run(["mount", "-t", "proc", "proc", str(root / "proc")])
        found.run(["mount", "-t", "tmpfs", "tmpfs", str(root / "tmp")])
        found.run(["mkdir", str(root / "tmp/sysroot")])
        found.run(["mount", "--rbind", str(sysroot), str(root / "tmp/sysroot")])
        yield found
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        if holder.stdout is not None:
            holder.stdout.close()


def _mount_image(found: Machine, image: Path, point: Path, size_mib: int = 64) -> None:
    with image.open("wb") as file:
        file.truncate(size_mib << 20)
    found.run(["mkfs.ext4", "-q", "-F", str(image)])
    found.run(["mount", "-o", "loop", str(image), str(point)])
    found.run(["rmdir", str(point / "lost+found")])
