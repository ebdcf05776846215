"""Two equal sysroots in one chroot: `ostree admin` works on one, `bootentries` on the other.

Both see the same commits, and after every step the two whole trees have to be the same.
"""

import array
import fcntl
import os
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from chroots import CHECKOUT, PACKAGES, Machine, machine

THEIRS, OURS = "theirs", "ours"
_GETFLAGS = 0x80086601
_IMMUTABLE = 0x10
# Times of the run, and what each program leaves of its own there.
_SKIPPED = ("ostree/repo/tmp", "ostree/repo/state/", "ostree/repo/.lock", "ostree/lock")
_REFS = "ostree/repo/refs/heads/ostree"

Facts = dict[str, tuple[object, ...]]


@dataclass(slots=True)
class Pair:
    """`swapped` lets each program go on with the sysroot that the other one wrote."""

    box: Machine
    suite: str
    swapped: bool = False
    commits: int = field(default=0)

    def sysroot(self, who: str) -> str:
        """A sysroot's path inside the chroot."""
        place = (OURS if who == THEIRS else THEIRS) if self.swapped else who
        return f"/tmp/sysroot/{place}"

    def view(self, who: str) -> Path:
        """A sysroot's path for the test itself."""
        return self.box.view / Path(self.sysroot(who)).name

    def chroot(self, *argv: str) -> "subprocess.CompletedProcess[str]":
        """Run a program in the chroot, where bootentries can be imported."""
        return self.box.attempt(["chroot", str(self.box.root), *argv])

    def ostree(self, *argv: str) -> str:
        done = self.chroot("ostree", *argv)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def theirs(self, verb: str, *args: str) -> "subprocess.CompletedProcess[str]":
        where = f"--sysroot={self.sysroot(THEIRS)}"
        return self.chroot("ostree", "admin", *verb.split(), where, *args)

    def ours(self, verb: str, *args: str) -> "subprocess.CompletedProcess[str]":
        return self.box.attempt(self.our_command(verb, *args))

    def our_command(self, verb: str, *args: str) -> list[str]:
        """Return the command line of a verb of ours, to be run in the namespace."""
        program = ["env", "PYTHONPATH=/tmp/checkout", "PYTHONPYCACHEPREFIX=/tmp/pycache"]
        program += ["python3", "-P", "-m", "bootentries", "--sysroot", self.sysroot(OURS)]
        return ["chroot", str(self.box.root), *program, *verb.split(), *args]

    def both(self, verb: str, *args: str) -> str:
        """Run a verb with both; it has to succeed, and to say and to do the same."""
        theirs, ours = self.theirs(verb, *args), self.ours(verb, *args)
        assert theirs.returncode == 0, theirs.stderr
        assert ours.returncode == 0, ours.stderr
        assert ours.stdout == theirs.stdout, f"{theirs.stdout}\n{ours.stdout}"
        self.compare()
        return ours.stdout

    def by_theirs(self, verb: str, *args: str) -> None:
        """Let libostree do the same on both sysroots."""
        for who in (THEIRS, OURS):
            where = f"--sysroot={self.sysroot(who)}"
            done = self.chroot("ostree", "admin", *verb.split(), where, *args)
            assert done.returncode == 0, done.stderr

    def commit(self, tree: Path, branch: str, version: str | None = None) -> str:
        """Commit a directory of the host to both; the checksums are the same."""
        inside = self.box.root / "tmp/tree"
        self.box.run(["mkdir", "-p", str(inside)])
        self.box.run(["mount", "--bind", str(tree), str(inside)])
        self.commits += 1
        time = f"--timestamp=2026-01-01 00:{self.commits:02}:00 +0000"
        metadata = [f"--add-metadata-string=version={version}"] if version else []
        try:
            found = {
                self.ostree(
                    "commit", f"--repo={self.sysroot(who)}/ostree/repo", f"--branch={branch}",
                    time, *metadata, "/tmp/tree",
                ).strip()
                for who in (THEIRS, OURS)
            }  # fmt: skip
        finally:
            self.box.run(["umount", str(inside)])
        assert len(found) == 1
        return found.pop()

    def edit(self, script: str) -> None:
        """Run a shell script in each deployment of both."""
        for who in (THEIRS, OURS):
            for deployment in sorted(self.view(who).glob("ostree/deploy/*/deploy/*.[0-9]*/")):
                subprocess.run(["sh", "-ec", script], cwd=deployment, check=True)

    def compare(self) -> None:
        """Assert that the two sysroots hold the same."""
        theirs, ours = facts(self.view(THEIRS)), facts(self.view(OURS))
        different = [
            f"{name}:\n  theirs {theirs.get(name)}\n  ours   {ours.get(name)}"
            for name in sorted({*theirs, *ours})
            if self._normal(name, ours.get(name)) != self._normal(name, theirs.get(name))
        ]
        assert not different, "\n".join(different)

    def _normal(self, name: str, value: tuple[object, ...] | None) -> tuple[object, ...] | None:
        """The two things in which 2025.2 differs from 2026.4, and we follow the latter."""
        if value is None or self.suite != "trixie" or "/entries/" not in name:
            return value
        text = value[-1]
        assert isinstance(text, bytes)
        lines = [line for line in text.split(b"\n") if not line.startswith(b"aboot")]
        return (*value[:-1], b"\n".join(lines).replace(b"options  ", b"options "))


def facts(top: Path) -> Facts:
    """What every name below `top` is: all that a program could get wrong."""
    found: Facts = {}
    for directory, names, files in os.walk(top):
        for name in (*names, *files):
            path = Path(directory) / name
            relative = str(path.relative_to(top))
            # An empty directory of refs means nothing, and libostree leaves some.
            if relative.startswith(_REFS) and path.is_dir():
                continue
            if not relative.startswith(_SKIPPED):
                found[relative] = _facts_of(path, relative)
    return found


def _facts_of(path: Path, name: str) -> tuple[object, ...]:
    status = path.lstat()
    xattrs = {
        key: os.getxattr(path, key, follow_symlinks=False)
        for key in os.listxattr(path, follow_symlinks=False)
    }
    owner = (status.st_uid, status.st_gid, status.st_rdev)
    common = (stat.filemode(status.st_mode), owner, xattrs, status.st_mtime_ns == 0)
    if path.is_symlink():
        # The text as it is: a Path would tidy it up.
        return (*common, status.st_nlink > 1, os.readlink(path))  # noqa: PTH115
    if stat.S_ISDIR(status.st_mode):
        return (*common, _immutable(path))
    if stat.S_ISREG(status.st_mode):
        # Device trees are the one kind of file of which libostree makes copies in /boot.
        linked = status.st_nlink > 1 and "/dtb/" not in name
        content = b"" if name.startswith("ostree/repo/objects") else path.read_bytes()
        return (*common, linked, content)
    return common


def _immutable(path: Path) -> bool:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        flags = array.array("i", [0, 0])
        fcntl.ioctl(fd, _GETFLAGS, flags)
    finally:
        os.close(fd)
    return bool(flags[0] & _IMMUTABLE)


@contextmanager
def pair(
    suite: str, work: Path, *stateroots: str, packages: tuple[str, ...] = PACKAGES
) -> Iterator[Pair]:
    """Hold two fresh sysroots with the same stateroots."""
    with machine(suite, work, packages=packages) as box:
        found = Pair(box, suite)
        # Both programs keep state in /run; the chroot itself is shared and stays as it is.
        box.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "run", str(box.root / "run")])
        box.run(["mkdir", str(box.root / "tmp/checkout")])
        box.run(["mount", "--bind", str(CHECKOUT), str(box.root / "tmp/checkout")])
        for who in (THEIRS, OURS):
            box.run(["mkdir", str(box.sysroot / who)])
            box.ostree("admin", "init-fs", "--modern", found.sysroot(who))
            for stateroot in stateroots or ("testos",):
                box.ostree("admin", "os-init", f"--sysroot={found.sysroot(who)}", stateroot)
        yield found
