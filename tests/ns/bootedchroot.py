"""A chroot that looks booted, for the verbs that do other things in a running system.

Its root is an overlay over the Debian chroot with /sysroot, /boot and /var bound into it,
and a process namespace of its own: PID 1 there is the shell that runs the verbs.  /sysroot is
mounted read-only, and mounts are shared, as systemd has them.  `systemctl` there writes down
what it is asked for, and fails while /run/broken is there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sidebyside import OURS, THEIRS, Facts, Pair, facts

from prepare_root.formats.booted import BootedMetadata

SETUP = r"""
set -e
mkdir -p $BASE; mount -t tmpfs -o mode=0755 layers $BASE; mkdir $BASE/upper $BASE/work $BASE/root
options=lowerdir=$CHROOT,upperdir=$BASE/upper,workdir=$BASE/work
mount -t overlay -o $options booted $BASE/root
mount --make-shared $BASE/root
cd $BASE/root
mkdir sysroot; ln -s sysroot/ostree ostree
mount --bind $SYSROOT sysroot; mount -o remount,bind,ro sysroot; mount --bind $SYSROOT/boot boot
mount -t tmpfs -o mode=0755 run run; mount --bind $SYSROOT/ostree/deploy/testos/var var
printf '#!/bin/sh\necho "$@" >> /run/systemctl; [ ! -e /run/broken ]\n' > usr/bin/systemctl
chmod 755 usr/bin/systemctl; mkdir -p tmp/checkout; mount --bind $CHECKOUT tmp/checkout
"""
# After the overlay is there this tree's /usr has no programs: built-in commands only.
SCRIPT = """
mount -t proc proc /proc
export PYTHONPATH=/tmp/checkout PYTHONDONTWRITEBYTECODE=1
while read -r verb; do $verb; echo "status $?"; done <<< "$VERBS"
if echo content > /usr/new; then echo writable; else echo read-only; fi 2>/dev/null
if [ -e /usr/bin/tool ]; then echo tree; else echo system; fi
while read -r line; do case $line in *" /sysroot "*) echo "$line";; esac
done < /proc/self/mountinfo
"""


PROGRAMS = {THEIRS: "ostree admin", OURS: "python3 -P -m bootentries", "sh": ""}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a verb said and left; `run` are the files in /run/ostree."""

    output: list[str]
    errors: str
    usr: list[str]
    run: list[str]
    sysroot: Facts


def run_booted(
    both: Pair, who: str, *verbs: str, index: int = 0, files: Mapping[str, bytes] | None = None
) -> Outcome:
    """Run verbs, as words with blanks between, in the sysroot of one program.

    A verb that begins with `theirs:`, `ours:` or `sh:` is for that program.
    `index` says which of its deployments is the booted one; `files` lie in /run then.
    """
    base = both.box.sysroot.parent / f"booted-{who}"
    sysroot = both.box.sysroot / Path(both.sysroot(who)).name
    environ = {
        "BASE": str(base), "CHROOT": str(both.box.root), "SYSROOT": str(sysroot),
        "CHECKOUT": f"{both.box.root}/tmp/checkout",
    }  # fmt: skip
    both.box.run(["bash", "-c", SETUP], environ)
    status = deployment(both.view(who), index).stat()
    root = Path(f"/proc/{both.box.pid}/root{base}/root")
    metadata = BootedMetadata(device=status.st_dev, inode=status.st_ino)
    (root / "run/ostree-booted").write_bytes(metadata.encode())
    for name, content in (files or {}).items():
        (root / "run" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "run" / name).write_bytes(content)
    (root / "tmp/script").write_text(SCRIPT)
    lines = "\n".join(_command(who, verb) for verb in verbs)
    inside = ["unshare", "-m", "--propagation", "unchanged", "-p", "-f", "chroot", f"{base}/root"]
    done = both.box.attempt([*inside, "bash", "/tmp/script"], {"VERBS": lines})
    output = done.stdout.splitlines()
    at = max(number for number, line in enumerate(output) if line.startswith("status "))
    left = sorted(path.name for path in (root / "run/ostree").rglob("*"))
    assert " ro,relatime " in output[-1], f"{done.stdout}\n{done.stderr}"
    return Outcome(output[: at + 1], done.stderr, output[at + 1 : -1], left, facts(both.view(who)))


def _command(who: str, verb: str) -> str:
    first, _, rest = verb.partition(": ")
    return f"{PROGRAMS[first]} {rest}" if first in PROGRAMS else f"{PROGRAMS[who]} {verb}"


def deployment(sysroot: Path, index: int) -> Path:
    """A path that leads to a deployment, by its place in the list."""
    entries = sorted((sysroot / "boot/loader/entries").iterdir(), reverse=True)
    words = entries[index].read_text().split()
    link = next(word for word in words if word.startswith("ostree="))
    return sysroot / link.removeprefix("ostree=/")
