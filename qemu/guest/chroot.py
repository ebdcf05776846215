"""Running a guest's own programs on its tree, in namespaces of their own.

The tree is the lower layer of an overlay whose upper layer is thrown away, so a cached tree
is never changed.  Mounts, loop devices and left-over processes go with the namespace: there
is no clean-up that a kill could skip.
"""

import shlex
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from guest.shell import run

WORK = "/run/work"  # a tmpfs of the namespace: the place for binds inside the tree
UNSHARE = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private")


@dataclass(frozen=True, slots=True)
class Bind:
    """A host directory or file made visible, writable, at `inside` (an absolute path)."""

    source: Path
    inside: str

    def commands(self, root: str) -> list[str]:
        target = shlex.quote(root + self.inside)
        source = shlex.quote(str(self.source))
        make = "mkdir -p" if self.source.is_dir() else "touch"
        return [f"{make} {target}", f"mount --rbind {source} {target}"]


@dataclass(frozen=True, slots=True)
class Filesystem:
    """A filesystem at a byte range of a disk image, mounted read-write at `inside`.

    An offset loop is used because not every kernel has a partition parser.  `options` are the
    filesystem's own, e.g. `subvol=root`.
    """

    image: Path
    offset: int
    size: int
    inside: str
    fstype: str = "ext4"
    options: str = ""

    def commands(self, root: str) -> list[str]:
        target = shlex.quote(root + self.inside)
        options = f"loop,offset={self.offset},sizelimit={self.size}"
        if self.options:
            options += "," + shlex.quote(self.options)
        return [
            f"mkdir -p {target}",
            f"mount -t {self.fstype} -o {options} {shlex.quote(str(self.image))} {target}",
        ]


def script(
    tree: Path,
    argv: Sequence[str],
    scratch: str,
    layers: Sequence[Path] = (),
    mounts: Sequence[Bind | Filesystem] = (),
) -> str:
    """The shell text that builds the root below `scratch` and runs `argv` in it."""
    root = f"{scratch}/root"
    lower = ":".join(str(layer) for layer in (*reversed(layers), tree))
    overlay = f"lowerdir={lower},upperdir={scratch}/upper,workdir={scratch}/work"
    lines = [
        f"mount -t tmpfs -o mode=755 scratch {scratch}",
        f"mkdir {scratch}/upper {scratch}/work {root}",
        f"mount -t overlay -o {shlex.quote(overlay)} overlay {root}",
        *(f"mkdir -p {root}/{name}" for name in ("proc", "sys", "dev", "run", "tmp", "var/tmp")),
        f"mount -t proc proc {root}/proc",
        f"mount -t sysfs sysfs {root}/sys",
        f"mount --rbind /dev {root}/dev",
        f"mount -t tmpfs -o mode=755 run {root}/run",
        f"mkdir {root}{WORK}",
    ]
    for mount in mounts:
        lines += mount.commands(root)
    # Not exec: as PID 1 of the namespace the shell also reaps what the program leaves behind.
    lines.append(f"chroot {root} {shlex.join(argv)}")
    return "\n".join(lines)


def run_in(
    tree: Path,
    argv: Sequence[str],
    *,
    layers: Sequence[Path] = (),
    mounts: Sequence[Bind | Filesystem] = (),
    env: Mapping[str, str] | None = None,
    timeout: float = 900,
) -> str:
    """Runs `argv` with `tree` as root; returns its standard output.

    `layers` are directories laid over the tree, later ones on top.  Raises GuestError when
    a mount or the program fails.
    """
    with tempfile.TemporaryDirectory(prefix="guest-") as scratch:
        text = script(tree, argv, scratch, layers, mounts)
        return run(
            [*UNSHARE, "sh", "-euc", text],
            env={
                "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME": "/root",
                "TMPDIR": "/tmp",  # noqa: S108 - inside the tree, not the host's
                **(env or {}),
            },
            timeout=timeout,
        )
