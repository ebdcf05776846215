"""A guest that can be updated: later versions in a repository on its own disk, as its remote.

The repository is /sysroot/updates in the guest, the remote is `updates`, and the branch
followed is `stable`; it leads to the first version until somebody moves it.
"""

import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from guest import cache
from guest.chroot import WORK, Bind, run_in
from guest.disk import REF, TARGET, Disk
from guest.shape import File, write_files
from guest.shell import run, say, step
from guest.tree import Tree

REMOTE = "updates"
BRANCH = "stable"
REPOSITORY = "updates"  # on the physical root, so no mount of the guest hides it
_RECIPE = "2"
_KEPT = 8


@dataclass(frozen=True, slots=True)
class Update:
    """A version, and what it has over the disk's first one; its branch is `v` + version."""

    version: str
    files: tuple[File, ...]


def _script(updates: Sequence[Update]) -> str:
    place = f"{TARGET}/{REPOSITORY}"
    system = f"ostree --repo={TARGET}/ostree/repo"
    first = '"$first"'
    lines = [
        "set -e",
        f"first=$({system} rev-parse {REF})",
        f"ostree --repo={place} init --mode=bare",
        # One filesystem: the objects are shared by hard links.
        f"ostree --repo={place} pull-local {TARGET}/ostree/repo {first}",
        f"ostree --repo={place} refs --create={BRANCH} {first}",
    ]
    for number, one in enumerate(updates):
        metadata = shlex.quote(f"--add-metadata-string=version={one.version}")
        lines.append(
            f"ostree --repo={place} commit --branch=v{one.version} --no-xattrs --no-bindings "
            f"--timestamp='2026-01-01 00:00:00 +0000' {metadata} "
            f"--tree=ref={first} --tree=dir={WORK}/updates/{number}"
        )
    lines += [
        f"ostree admin --sysroot={TARGET} set-origin --index=0 "
        f"{REMOTE} file:///sysroot/{REPOSITORY} {BRANCH} --set=gpg-verify=false",
        f"{system} refs --create={REMOTE}:{BRANCH} {first}",
        f"{system} refs --delete {REF}",
    ]
    return "\n".join([*lines, f"sync -f {TARGET} {TARGET}/boot", ""])


def add(tree: Tree, disk: Disk, updates: Sequence[Update]) -> Disk:
    """A disk like `disk`, whose one deployment follows a remote with `updates`; cached."""
    parts = [
        word
        for one in updates
        for word in (one.version, *(w for file in one.files for w in (file.path, file.data())))
    ]
    key = cache.digest(_RECIPE, str(disk.path), *parts)
    place = cache.root() / f"updates-{key}"

    def build(unfinished: Path) -> None:
        unfinished.mkdir()
        copy = disk.copy(unfinished / "disk.img")
        with (
            tempfile.TemporaryDirectory(prefix="updates-") as scratch,
            step(f"disk: a remote with {len(updates)} later versions, by the guest's ostree"),
        ):
            for number, one in enumerate(updates):
                write_files(one.files, Path(scratch) / str(number))
            run(["chmod", "-R", "u+rwX,go+rX", scratch])
            run_in(
                tree.path,
                ["sh", "-c", _script(updates)],
                mounts=[*copy.sysroot(), Bind(Path(scratch), f"{WORK}/updates")],
            )

    if place.exists():
        say(f"disk: reusing {place}")
    cache.obtain(place, build)
    cache.keep_newest(cache.root().glob("updates-????????????????"), _KEPT)
    return Disk(place / "disk.img", disk.layout, disk.root_uuid)
