"""A sysroot that is put back in no time, and programs on it, under strace(1).

A lab belongs to one process, which enters a mount namespace of its own: all mounts go with
it.  The sysroot is a small ext4 image with /boot on it, so that freezing is real; putting it
back is a copy of the image.  Images lie in memory, so that a sync costs nothing.
"""

import json
import os
import re
import select
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chroots import CHECKOUT, debian_chroot

from bootentries import syscalls
from bootentries.txn.namespace import CLONE_NEWNS, MS_REC, MS_SLAVE
from callfaults.running import Running, State, command

HERE = Path(__file__).resolve().parent
# A frozen filesystem, or a lock that nobody gives back, would be waited for.
HANGS_S = 300.0
THAWS_S = 20.0
_MIB = 1 << 20
_STRACE = ("/tmp/strace/ld.so", "--library-path", "/tmp/strace", "/tmp/strace/strace")
_ENVIRON = {
    "PATH": "/tmp/faults:/usr/sbin:/usr/bin:/sbin:/bin",
    "PYTHONPATH": "/tmp/checkout",
    "PYTHONPYCACHEPREFIX": "/tmp/pycache",
    "PYTHONHASHSEED": "0",
    "LC_ALL": "C.UTF-8",
    # Some verbs are for the service manager alone.
    "INVOCATION_ID": "0" * 32,
}
# In front of the real one: strace for the run that is meant, and none for the others.
_WRAPPER = """#!/bin/sh
n=0; [ -e /tmp/faults/count ] && read -r n < /tmp/faults/count
n=$((n + 1)); echo $n > /tmp/faults/count
case $FAULT_CHILD in
all | $n) exec $FAULT_STRACE -o /tmp/trace.$n /usr/bin/ostree "$@" ;;
*) exec /usr/bin/ostree "$@" ;;
esac
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended; `status` is None for one that did not end."""

    status: int | None
    stdout: str
    stderr: str
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """What to do to one call: an error's name, or None for being killed before it.

    `process` is 0 for the program itself, and N for the N-th `ostree` that it starts.
    """

    process: int
    name: str
    number: int
    error: str | None

    @property
    def inject(self) -> str:
        """The words of strace's option."""
        what = "signal=SIGKILL" if self.error is None else f"error={self.error}"
        return f"inject={self.name}:{what}:when={self.number}"


class Lab:
    """A chroot of `suite` with a sysroot in it, in a mount namespace that is entered here.

    `view` is the sysroot, and `root` the chroot, for this process.
    """

    def __init__(self, suite: str, work: Path) -> None:
        self.root = debian_chroot(suite)
        self.work = work
        self.view = self.root / "tmp/sysroot"
        self.path = "/tmp/sysroot"
        syscalls.unshare(CLONE_NEWNS)
        syscalls.mount(b"", b"/", b"", MS_REC | MS_SLAVE, b"")
        for name in ("tmp", "run"):
            command(["mount", "-t", "tmpfs", "-o", "mode=0755", name, str(self.root / name)])
        command(["mount", "-t", "proc", "proc", str(self.root / "proc")])
        for name in ("checkout", "strace", "sysroot", "faults"):
            (self.root / "tmp" / name).mkdir()
        self._is_mounted = False
        self._server: subprocess.Popen[str] | None = None
        self.running: Running | None = None
        self._install_strace()
        self.install_program()

    def install_program(self, change: tuple[str, str, str] | None = None) -> None:
        """Run a copy of our program from now on: what is tried must not change meanwhile.

        `change` is a file of `bootentries`, what it says, and what it is to say instead.
        """
        self.end()
        place = self.root / "tmp/checkout"
        for package in ("bootentries", "prepare_root"):
            shutil.rmtree(place / package, ignore_errors=True)
            shutil.copytree(
                CHECKOUT / package, place / package, ignore=shutil.ignore_patterns("__pycache__")
            )
        for file in (*CHECKOUT.glob("_bootsys*.so"), HERE / "served.py"):
            shutil.copy(file, place)
        if change is not None:
            name, right, wrong = change
            text = (place / "bootentries" / name).read_text()
            if right not in text:
                raise ValueError(f"{name} does not say {right!r} any more")
            (place / "bootentries" / name).write_text(text.replace(right, wrong))
        shutil.rmtree(self.root / "tmp/pycache", ignore_errors=True)

    def _install_strace(self) -> None:
        """The host's strace, with its libraries: the chroot has none."""
        program = shutil.which("strace")
        if program is None:
            raise FileNotFoundError("strace")
        place = self.root / "tmp/strace"
        for library in re.findall(r"(/[^ ]+) \(", command(["ldd", program])):
            shutil.copy(library, place)
        shutil.copy(program, place / "strace")
        next(place.glob("ld-linux*")).rename(place / "ld.so")
        wrapper = self.root / "tmp/faults/ostree"
        wrapper.write_text(_WRAPPER)
        wrapper.chmod(0o755)

    # The sysroot

    def make_image(self) -> None:
        """Mount a new, empty filesystem."""
        self.unmount()
        with self._image.open("wb") as file:
            file.truncate(32 * _MIB)
        command(["mkfs.ext4", "-q", "-F", "-J", "size=4", "-N", "8192", str(self._image)])
        self._mount()
        (self.view / "lost+found").rmdir()

    def save(self, name: str, booted: str | None = None) -> State:
        """Keep the filesystem and /run as they are, and leave it unmounted."""
        run = {} if self.running is None else self.running.files()
        self.unmount()
        place = self.work / f"{name}.img"
        copy_sparse(self._image, place)
        return State(place, booted, run)

    def restore(self, state: State) -> None:
        """Put the filesystem back, and what looks like a running system around it."""
        self.unmount()
        copy_sparse(state.image, self._image)
        self._mount()
        if state.booted is not None:
            self.running = Running(self.root, self.view, state)

    def unmount(self) -> None:
        if self.running is not None:
            self.running.end()
            self.running = None
        if self._is_mounted:
            self.thaw()
            self._umount()
            self._is_mounted = False

    def _umount(self) -> None:
        """Processes that end by themselves, as libostree's watchdog does, are waited for."""
        end = time.monotonic() + HANGS_S
        while True:
            try:
                command(["umount", "-R", str(self.view)])
            except RuntimeError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.01)
            else:
                return

    def thaw(self) -> bool:
        """Thaw the filesystem; returns whether it was frozen."""
        return subprocess.run(
            ["fsfreeze", "--unfreeze", str(self.view)], capture_output=True, check=False
        ).returncode == 0  # fmt: skip

    def is_frozen(self) -> bool:
        """Whether the filesystem stays frozen; it is thawed then.

        A watchdog may need a moment after its writer was killed.
        """
        probe = self.view / ".probe"
        writer = subprocess.Popen(["mkdir", str(probe)])
        try:
            writer.wait(timeout=THAWS_S)
            frozen = False
        except subprocess.TimeoutExpired:
            frozen = True
            self.thaw()
            writer.wait()
        probe.rmdir()
        return frozen

    @property
    def _image(self) -> Path:
        return self.work / "sysroot.img"

    def _mount(self) -> None:
        command(["mount", "-o", "loop", str(self._image), str(self.view)])
        self._is_mounted = True

    def mounts(self) -> list[str]:
        """Every mount of the namespace, and whether it is writable."""
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
        fields = (line.split(" ") for line in lines if "/tmp/running/root/proc " not in line)
        return sorted(f"{words[3]} {words[4]} {words[5]}" for words in fields)

    # Programs

    def chroot(self, argv: Sequence[str], environ: Mapping[str, str] | None = None) -> Outcome:
        """Run a program in the chroot, or in the running system, if there is one."""
        where = ["chroot", str(self.root)] if self.running is None else self.running.prefix
        try:
            done = subprocess.run(
                [*where, *argv],
                capture_output=True,
                stdin=subprocess.DEVNULL,
                text=True,
                errors="backslashreplace",
                timeout=HANGS_S,
                check=False,
                cwd="/",
                env={**_ENVIRON, **(environ or {})},
            )
        except subprocess.TimeoutExpired:
            self.thaw()
            return Outcome(None, "", "")
        return Outcome(done.returncode, done.stdout, done.stderr)

    def ostree(self, *argv: str) -> str:
        """Run the chroot's own `ostree`; it has to succeed."""
        return command(["chroot", str(self.root), "/usr/bin/ostree", *argv])

    def ours(self, argv: Sequence[str]) -> Outcome:
        """Run our program, without a fault, by a process that waits for that."""
        if self.running is not None:
            self.running.uncover()
            return self.chroot(self.program(argv))
        if self._server is None:
            words = ["python3", "-P", "-B", "/tmp/checkout/served.py"]
            self._server = subprocess.Popen(
                ["chroot", str(self.root), *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd="/",
                env=_ENVIRON,
            )
        server = self._server
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(["--sysroot", self.path, *argv]) + "\n")
        server.stdin.flush()
        ready, _, _ = select.select([server.stdout], [], [], HANGS_S)
        if not ready:
            self.thaw()
            self.end()
            return Outcome(None, "", "")
        return Outcome(*json.loads(server.stdout.readline()))

    def end(self) -> None:
        """End the waiting process, and unmount."""
        if self._server is not None:
            self._server.kill()
            self._server.communicate()
            self._server = None
        self.unmount()

    def program(self, argv: Sequence[str]) -> list[str]:
        """Return the command line of our program in the chroot."""
        where = [] if self.running is not None else ["--sysroot", self.path]
        return ["python3", "-P", "-B", "-m", "bootentries", *where, *argv]

    def trace(self, argv: Sequence[str], names: Sequence[str]) -> tuple[Outcome, dict[int, str]]:
        """Run our program; returns the traces of these calls, too, by process as in `Fault`."""
        self._forget_traces()
        # A question mark: this strace may be too old to know it.
        wanted = ",".join(f"?{name}" for name in names)
        options = (
            "-qq",
            "-y",
            "-s",
            "4096",
            "-e",
            f"trace={wanted}",
        )
        child = " ".join((*_STRACE, "-f", "--seccomp-bpf", *options))
        environ = {"FAULT_CHILD": "all", "FAULT_STRACE": child}
        done = self.chroot([*_STRACE, *options, "-o", "/tmp/trace.0", *self.program(argv)], environ)
        return done, {
            int(path.suffix[1:]): path.read_text(errors="backslashreplace")
            for path in sorted((self.root / "tmp").glob("trace.*"))
        }

    def inject(self, argv: Sequence[str], fault: Fault) -> Outcome:
        """Run our program, and do this to one call of it or of an `ostree` that it starts.

        The trace has the one line of that call, or nothing if it was not made.
        """
        self._forget_traces()
        options = ("-qq", "-y", "-s", "4096", "-e", f"trace={fault.name}", "-e", fault.inject)
        if fault.process == 0:
            words = [*_STRACE, *options, "-o", "/tmp/trace.0", *self.program(argv)]
            done = self.chroot(words)
        else:
            child = " ".join((*_STRACE, "-f", *options))
            environ = {"FAULT_CHILD": str(fault.process), "FAULT_STRACE": child}
            done = self.chroot(self.program(argv), environ)
        place = self.root / f"tmp/trace.{fault.process}"
        trace = place.read_text(errors="backslashreplace") if place.exists() else ""
        return Outcome(done.status, done.stdout, done.stderr, trace)

    def _forget_traces(self) -> None:
        for path in [*(self.root / "tmp").glob("trace.*"), self.root / "tmp/faults/count"]:
            path.unlink(missing_ok=True)


def copy_sparse(source: Path, target: Path) -> None:
    """Copy what is in a file; holes stay holes."""
    with source.open("rb") as src, target.open("wb") as out:
        size = os.fstat(src.fileno()).st_size
        out.truncate(size)
        at = 0
        while at < size:
            try:
                at = os.lseek(src.fileno(), at, os.SEEK_DATA)
            except OSError:
                return
            end = os.lseek(src.fileno(), at, os.SEEK_HOLE)
            while at < end:
                at += os.copy_file_range(src.fileno(), out.fileno(), end - at, at, at)
