"""A filesystem after a cut as its own driver sees it: recovered by a mount, then checked.

Needs root, and a kernel that has the filesystem.  All mounts are in a namespace that another
process holds, which ends with this one, however it ends; the mounts and loop devices go then.
"""

import shlex
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bootvm.crash.explore import Verdict
from bootvm.errors import BootvmError

# Each reports only; `%s` is the device.  What is told by status 0 is a sound filesystem.
CHECKS = {
    "ext4": "e2fsck -f -n %s",
    "xfs": "xfs_repair -n %s",
    "btrfs": "btrfs check --readonly %s",
}

# Others may have the same filesystem mounted, from another copy of the image.  XFS has to be
# told; Btrfs may take the device of another mount that begins at the same time.
MOUNTS = {"xfs": "mount -o nouuid", "btrfs": "flock /run mount"}

_XFS_MIB = 512  # mkfs.xfs refuses less than 300


@dataclass(frozen=True, slots=True)
class Place:
    """Where a filesystem is in an image: its type, and the range in bytes (size 0: the rest)."""

    fstype: str
    offset: int = 0
    size: int = 0


class Room:
    """A mount namespace for judges: `with Room() as room`."""

    def __init__(self) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="bootvm-room-")
        self.point = Path(self._scratch.name) / "root"
        self.point.mkdir()
        # It waits for the end of its input, which comes when nobody holds the other side.
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "slave", "sh", "-c", "echo; exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        if not self._holder.stdout.readline():
            self.close()
            raise BootvmError("judge", "mount namespace", "not allowed", "run it as root")

    def __enter__(self) -> "Room":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._holder.send_signal(signal.SIGKILL)
        self._holder.wait()
        for stream in (self._holder.stdin, self._holder.stdout):
            if stream is not None:
                stream.close()
        self._scratch.cleanup()

    @property
    def view(self) -> Path:
        """The mounted filesystem, as seen from outside."""
        return Path(f"/proc/{self._holder.pid}/root{self.point}")

    @property
    def enter(self) -> tuple[str, ...]:
        """The words that start a program in the namespace."""
        return ("nsenter", f"--mount=/proc/{self._holder.pid}/ns/mnt", "--")

    def inside(self, path: Path) -> Path:
        """The same file as programs in the namespace name it."""
        outside = Path(f"/proc/{self._holder.pid}/root")
        return Path("/") / path.relative_to(outside) if path.is_relative_to(outside) else path

    def run(
        self, argv: list[str], env: dict[str, str] | None = None, timeout: float = 300
    ) -> "subprocess.CompletedProcess[str]":
        """Runs a program in the namespace, whatever its status."""
        return subprocess.run(
            [*self.enter, *argv],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
            cwd="/",
            env=env,
        )

    def workspace(self, mib: int) -> Path:
        """A directory in memory, on a filesystem of `mib` MiB that copies images by reference.

        Without xfsprogs it is plain memory, and a copy takes as long as the image has data.
        """
        directory = self.point.with_name("work")
        directory.mkdir()
        self._shell("mount", f"mount -t tmpfs -o size={2 * mib}m,mode=700 work {directory}")
        inner = directory / "images"
        script = (
            f"truncate -s {max(mib, _XFS_MIB)}M {directory}/store; "
            f"mkfs.xfs -q {directory}/store; mkdir {inner}; "
            f"mount -t xfs -o loop {directory}/store {inner}"
        )
        outside = Path(f"/proc/{self._holder.pid}/root")
        if self.run(["sh", "-ec", script]).returncode == 0:
            return Path(f"{outside}{inner}")
        return Path(f"{outside}{directory}")

    def _shell(self, what: str, script: str) -> str:
        done = self.run(["sh", "-euc", script])
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise BootvmError(what, self.point, said[0] if said else f"status {done.returncode}")
        return done.stdout.strip()

    @contextmanager
    def mounted(self, image: Path, place: Place) -> Iterator[str]:
        """Mounts the filesystem at `point`, read-write, so that its journal is replayed.

        Yields the device, which goes when it is unmounted.  Raises BootvmError when the kernel
        refuses.
        """
        range_of = f"--offset={place.offset}"
        range_of += f" --sizelimit={place.size}" if place.size else ""
        name = shlex.quote(str(image))
        device = self._shell("set up", f"losetup --find --show {range_of} {name}")
        try:
            mount = MOUNTS.get(place.fstype, "mount")
            self._shell("mount", f"{mount} -t {place.fstype} {device} {self.point}")
        finally:
            # While it is mounted this only says that it is to go with the mount.
            self._shell("detach", f"losetup --detach {device}")
        try:
            yield device
        finally:
            self._shell("unmount", f"umount {self.point}")

    def look(self, image: Path, place: Place, inside: Callable[[Path], Verdict]) -> Verdict:
        """Recovers the filesystem, asks `inside` about the mounted tree, and checks it.

        A filesystem that cannot be mounted, or that its own check finds damaged, is a fault.
        """
        try:
            with self.mounted(image, place):
                verdict = inside(self.view)
        except BootvmError as error:
            return Verdict(False, str(error))
        fault = self.check(image, place) if verdict.ok else ""
        return Verdict(False, fault) if fault else verdict

    def check(self, image: Path, place: Place) -> str:
        """What the filesystem's own check says when it finds damage; empty when it does not."""
        range_of = f"--offset={place.offset}"
        range_of += f" --sizelimit={place.size}" if place.size else ""
        name = shlex.quote(str(image))
        script = (
            f"device=$(losetup --find --show {range_of} {name}); "
            f"{CHECKS[place.fstype] % '$device'} 2>&1 || status=$?; "
            "losetup --detach $device; exit ${status:-0}"
        )
        done = self.run(["sh", "-uc", script])
        if done.returncode == 0:
            return ""
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        told = lines[1] if len(lines) > 1 else f"status {done.returncode}"
        return f"check {place.fstype}: {told}"
