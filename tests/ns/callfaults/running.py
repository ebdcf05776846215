"""What looks like a running system around a sysroot, for the verbs that need one.

Its root is an overlay over the chroot, with /sysroot, /boot and /var bound into it, /sysroot
read-only, and mounts shared, as systemd has them.  Programs run in a process namespace of their
own, whose PID 1 is a shell in a mount namespace of its own.  `systemctl` there does nothing.
"""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from prepare_root.formats.booted import BootedMetadata

_VAR = "ostree/deploy/testos/var"
_METADATA = "ostree-booted"
_NEXT = "ostree/nextroot-booted"
_SHELL = 'mount -t proc proc /proc && "$@"; exit $?'


@dataclass(frozen=True, slots=True)
class State:
    """Where a case begins: an image, and for a running system more.

    `booted` is then the directory of the booted deployment in the sysroot, and `run` has the
    files of /run.
    """

    image: Path
    booted: str | None = None
    run: Mapping[str, bytes] = field(default_factory=dict)


class Running:
    """A running system of `chroot` and the sysroot mounted at `view`, until `end`."""

    def __init__(self, chroot: Path, view: Path, state: State) -> None:
        base = chroot / "tmp/running"
        self.root = base / "root"
        if not self.root.is_dir():
            for name in ("upper", "work", "root"):
                (base / name).mkdir(parents=True)
            self._make(chroot, base)
        for source, name in ((view, "sysroot"), (view / "boot", "boot"), (view / _VAR, "var")):
            command(["mount", "--bind", str(source), str(self.root / name)])
        command(["mount", "-o", "remount,bind,ro", str(self.root / "sysroot")])
        self.run = self.root / "run"
        command(["mount", "-t", "tmpfs", "-o", "mode=0755", "run", str(self.run)])
        assert state.booted is not None
        status = (view / state.booted).stat()
        metadata = BootedMetadata(device=status.st_dev, inode=status.st_ino)
        # Numbers of devices change with every mount.
        present = {_METADATA, *({_NEXT} & set(state.run))}
        files = {**state.run, **dict.fromkeys(present, metadata.encode())}
        for name, content in files.items():
            (self.run / name).parent.mkdir(parents=True, exist_ok=True)
            (self.run / name).write_bytes(content)

    def _make(self, chroot: Path, base: Path) -> None:
        options = f"lowerdir={chroot},upperdir={base}/upper,workdir={base}/work"
        command(["mount", "-t", "overlay", "-o", options, "running", str(self.root)])
        command(["mount", "--make-shared", str(self.root)])
        (self.root / "sysroot").mkdir()
        (self.root / "ostree").symlink_to("sysroot/ostree")
        systemctl = self.root / "usr/bin/systemctl"
        systemctl.write_text("#!/bin/sh\n")
        systemctl.chmod(0o755)
        command(["mount", "--bind", str(chroot / "tmp"), str(self.root / "tmp")])

    @property
    def prefix(self) -> list[str]:
        """The words in front of a command line."""
        namespaces = ["unshare", "-m", "--propagation", "unchanged", "-p", "-f", "--kill-child"]
        return [*namespaces, "chroot", str(self.root), "/bin/sh", "-c", _SHELL, "sh"]

    def files(self) -> dict[str, bytes]:
        """Return what is in /run, without what says what is booted."""
        paths = [path for path in self.run.rglob("*") if path.is_file()]
        found = {str(path.relative_to(self.run)): path.read_bytes() for path in paths}
        return {name: data for name, data in found.items() if name != _METADATA}

    def uncover(self) -> None:
        """Take an overlay from /usr: the tree below it has no programs."""
        if (self.root / "usr").is_mount():
            command(["umount", "-l", str(self.root / "usr")])

    def end(self) -> None:
        """Unmount all but the root itself; an overlay on /usr goes, too."""
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
        points = [line.split(" ")[4] for line in lines]
        kept = (str(self.root), f"{self.root}/tmp")
        for point in reversed(points):
            if point.startswith(f"{self.root}/") and point not in kept:
                command(["umount", "-l", point])


def command(argv: Sequence[str]) -> str:
    """Run a program of the host; raises RuntimeError with what it said."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd="/")
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip()}")
    return done.stdout
