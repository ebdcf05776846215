"""Commits of the guest's tree, made by the tree's own real `ostree` into a `bare` repository.

The base is committed once; a variant is the base with a small directory laid over it, so a
new one takes a second or two.  Same content, same checksum.
"""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from guest import cache, shape
from guest.chroot import WORK, Bind, run_in
from guest.shape import File, Variant
from guest.shell import run, say, step
from guest.tree import Tree

_TIMESTAMP = "2026-01-01T00:00:00Z"
_KEPT = 24  # variants that stay in the repository


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit in a cached repository: its checksum, and the version in its metadata."""

    repo: Path
    checksum: str
    version: str


def _commit(tree: Tree, repo: Path, ref: str, overlay: Path, words: list[str]) -> str:
    command = ["ostree", f"--repo={WORK}/repo", "commit", f"--branch={ref}", "--no-xattrs"]
    command += [f"--timestamp={_TIMESTAMP}", "--no-bindings", *words, f"--tree=dir={WORK}/overlay"]
    mounts = [Bind(repo, f"{WORK}/repo"), Bind(overlay, f"{WORK}/overlay")]
    return run_in(tree.path, command, mounts=mounts).strip()


def repository(tree: Tree) -> Path:
    """The repository that holds the base commit of `tree`, made when missing."""

    def build(unfinished: Path) -> None:
        unfinished.mkdir()
        with tempfile.TemporaryDirectory(prefix="base-", dir=cache.root()) as scratch:
            root = Path(scratch) / "root"
            with step("commit: reshaping the tree for OSTree"):
                run(["cp", "-a", tree.path, root])
                shape.base(root)
            with step("commit: the base, by the tree's ostree"):
                init = ["ostree", f"--repo={WORK}/repo", "init", "--mode=bare"]
                run_in(tree.path, init, mounts=[Bind(unfinished, f"{WORK}/repo")])
                _commit(tree, unfinished, "base", root, [])

    place = cache.root() / f"repo-{cache.digest(tree.key, shape.RECIPE)}"
    return cache.obtain(place, build)


def _compile_programs(tree: Tree, overlay: Path) -> None:
    """Bytecode beside our modules that a checkout's zeroed times do not make stale."""
    packages = f"{WORK}/overlay/usr/lib/python3/dist-packages"
    command = ["python3", "-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash"]
    command += ["-s", f"{WORK}/overlay", "-p", "/", packages]
    run_in(tree.path, command, mounts=[Bind(overlay, f"{WORK}/overlay")])


def _forget_oldest(tree: Tree, repo: Path) -> None:
    refs = sorted((repo / "refs/heads/variant").glob("*"), key=lambda path: path.stat().st_mtime)
    if len(refs) <= _KEPT:
        return
    for ref in refs[:-_KEPT]:
        ref.unlink()
    prune = ["ostree", f"--repo={WORK}/repo", "prune", "--refs-only"]
    run_in(tree.path, prune, mounts=[Bind(repo, f"{WORK}/repo")])


def make(tree: Tree, variant: Variant, initramfs: Path | None) -> Commit:
    """Commits `variant` of `tree` with the image at `initramfs`, or finds the same commit."""
    repo = repository(tree)
    if initramfs is not None:
        image = File(f"usr/lib/modules/{tree.kernel}/initramfs.img", initramfs)
        variant = replace(variant, files=(*variant.files, image))
    with tempfile.TemporaryDirectory(prefix="variant-", dir=cache.root()) as scratch:
        overlay = Path(scratch)
        overlay.chmod(0o755)
        release = (tree.path / "usr/lib/os-release").read_text()
        shape.write_variant(variant, release, overlay)
        key = cache.digest(variant.version, cache.digest_tree(overlay))
        ref = repo / "refs/heads/variant" / key
        with cache.locked(repo):
            if ref.exists():
                say(f"commit: reusing version {variant.version}, {key}")
                ref.touch()
            else:
                if variant.checkout is not None:
                    _compile_programs(tree, overlay)
                words = [f"--add-metadata-string=version={variant.version}", "--tree=ref=base"]
                with step(f"commit: version {variant.version}, by the tree's ostree"):
                    _commit(tree, repo, f"variant/{key}", overlay, words)
                _forget_oldest(tree, repo)
            return Commit(repo, ref.read_text().strip(), variant.version)
