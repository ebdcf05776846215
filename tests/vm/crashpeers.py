"""What libostree makes of a recovered sysroot: `ostree admin status`, and its prepare-root in C.

Both run in a namespace over the Debian tree, as they are packaged.  Their answers depend on
what is in /boot and /ostree; equal sysroots are put before them once.
"""

import hashlib
import os
import re
import shlex
import stat
from dataclasses import dataclass, field
from pathlib import Path

from bootvm.crash.filesystem import Place, Room

GRUB_MODULES = "i386-pc"  # hundreds of files that nothing writes
PREPARE_ROOT = "/usr/lib/ostree/ostree-prepare-root"
_DEPLOYMENT = re.compile(r"^\W*\S+ ([0-9a-f]{64}\.[0-9]+)", re.MULTILINE)
_SCRIPT = """
mount -t tmpfs -o mode=755 peers $at
mkdir $at/upper $at/work $at/root
mount -t overlay -o lowerdir=$tree,upperdir=$at/upper,workdir=$at/work peers $at/root
cd $at/root
mount -t proc proc proc
mount -t tmpfs -o mode=755 run run
mount --rbind /dev dev
mkdir -p sysroot
mount --bind $sysroot sysroot
[ -z "$boot" ] || mount -t ext4 -o $boot $image sysroot/boot
chroot . ostree admin status --sysroot=/sysroot
echo "$options" >cmdline
mount --bind cmdline proc/cmdline
[ -z "$boot" ] || umount sysroot/boot
chroot . $program /sysroot >&2
echo "prepared: $(cat sysroot/usr/share/guest/version)"
"""


@dataclass(slots=True)
class Peers:
    """Judges by libostree's programs from `tree`, in the room that has the sysroot mounted."""

    room: Room
    tree: Path
    asked: int = 0
    _known: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    def fault(
        self,
        state: str,
        options: str,
        expected: dict[str, str],
        image: Path,
        boot: Place | None,
    ) -> str:
        """What one of them says against the mounted sysroot; empty when nothing.

        `state` stands for the sysroot's content; `options` are what the loader passes on.
        `expected` are the deployments that may be the default, each with its version.
        """
        said = self._known.get((state, options))
        if said is None:
            self.asked += 1
            said = self._known[state, options] = self._ask(options, image, boot)
        if said[0]:
            return said[0]
        listed = _DEPLOYMENT.search("\n".join(said))
        if listed is None or listed[1] not in expected:
            return f"ostree admin status: the default is {listed[1] if listed else 'not there'}"
        version = said[-1].removeprefix("prepared: ")
        if version not in expected.values():
            return f"{PREPARE_ROOT}: prepared {version}"
        return ""

    def _ask(self, options: str, image: Path, boot: Place | None) -> tuple[str, ...]:
        """Why they failed, or an empty text; then the lines that they wrote."""
        at = self.room.point.with_name("peers")
        at.mkdir(exist_ok=True)
        where = f"loop,offset={boot.offset},sizelimit={boot.size}" if boot else ""
        values = {
            "at": at, "tree": self.tree, "sysroot": self.room.point, "program": PREPARE_ROOT,
            "options": options, "boot": where, "image": image,
        }  # fmt: skip
        words = [f"{name}={shlex.quote(str(value))}" for name, value in values.items()]
        script = "\n".join([*words, _SCRIPT])
        inner = ["unshare", "--mount", "--propagation", "private", "sh", "-euc", script]
        done = self.room.run(inner)
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()
            return (f"libostree: {said[-1] if said else f'status {done.returncode}'}",)
        return ("", *done.stdout.splitlines())


def content(*tops: Path) -> str:
    """A digest of names, texts of links and content of files below these directories."""
    known = hashlib.blake2b()
    for top in tops:
        for directory, names, files in os.walk(top):
            names[:] = sorted(name for name in names if name != GRUB_MODULES)
            for name in sorted((*names, *files)):
                path = Path(directory) / name
                mode = path.lstat().st_mode
                known.update(f"{path.relative_to(top)}\0{stat.S_IFMT(mode)}\0".encode())
                if stat.S_ISLNK(mode):
                    known.update(os.fsencode(path.readlink()))
                elif stat.S_ISREG(mode):
                    known.update(path.read_bytes())
    return known.hexdigest()
