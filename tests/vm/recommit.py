"""A commit made of another one by a script: what laying files over a tree cannot do."""

from collections.abc import Sequence
from pathlib import Path

from guest import cache
from guest.chroot import WORK, Bind, run_in
from guest.commit import Commit
from guest.tree import Tree

_KEPT = 8  # refs; the objects of others go when the repository is pruned for its variants


def recommit(
    tree: Tree,
    made: Commit,
    script: str,
    *,
    version: str,
    key: str,
    layers: Sequence[Path] = (),
    mounts: Sequence[Bind] = (),
) -> Commit:
    """Run `script` by the tree's shell in a checkout of `made`, and commit what is there then.

    Files are links into the repository: the script makes new ones, and changes none.  `key`
    stands for everything that the script reads, `layers` and `mounts` are for it.
    """
    name = f"again-{cache.digest(made.checksum, script, version, key)}"
    head = made.repo / "refs/heads/again" / name
    repo = f"--repo={WORK}/repo"
    top = f"{WORK}/repo/{name}"  # on the filesystem of the repository, so that links can be made
    lines = [
        f"rm -rf {top}",
        f"ostree {repo} checkout -H {made.checksum} {top}",
        f"cd {top}",
        script,
        f"cd /; ostree {repo} commit --branch=again/{name} --no-xattrs --no-bindings "
        "--link-checkout-speedup --timestamp=2026-01-01T00:00:00Z "
        f"--add-metadata-string=version={version} --tree=dir={top} >&2",
        f"rm -rf {top}",
    ]
    with cache.locked(made.repo):
        if not head.exists():
            run_in(
                tree.path,
                ["sh", "-ec", "\n".join(lines)],
                layers=layers,
                mounts=[Bind(made.repo, f"{WORK}/repo"), *mounts],
            )
        head.touch()
        refs = sorted(head.parent.iterdir(), key=lambda path: path.stat().st_mtime)
        for old in refs[:-_KEPT]:
            old.unlink()
        return Commit(made.repo, head.read_text().strip(), version)
