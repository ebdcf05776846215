"""The same sysroot, configuration and command line, given to libostree's C program and to ours.

The peer is `ostree-prepare-root` 2025.2 of Debian trixie, in the tree that guests are made
of.  Ours runs as the static executable in that same tree, with convenience links off.
"""

import shutil
from dataclasses import replace
from itertools import product
from pathlib import Path

import namespace
import pytest
import sysroots
from namespace import Mount, Outcome, Run
from sysroots import DEPLOYMENT, Layout

from guest import tree
from prepare_root.formats.booted import BootedMetadata
from prepare_root.image import binary

pytestmark = pytest.mark.ns

PEER = ("/usr/lib/ostree/ostree-prepare-root", "/sysroot")
OURS = ("/run/prepare-root", "/sysroot", "/cmdline")
READONLY = {
    "absent": "",
    "true": "[sysroot]\nreadonly=true\n",
    "false": "[sysroot]\nreadonly=false\n",
}
REPO = {
    "absent": "[core]\nrepo_version=1\nmode=bare\n",
    "true": "[core]\nrepo_version=1\nmode=bare\n[sysroot]\nreadonly=true\n",
}
NO_LINKS = "[links]\nenabled=no\n"
MATRIX = list(product(READONLY, REPO, (True, False), (True, False), (True, False)))


@pytest.fixture(scope="session")
def debian() -> tree.Tree:
    return tree.get()


@pytest.fixture(scope="session")
def executable() -> Path:
    return binary.cached()


def both(work: Path, lower: Path, executable: Path, layout: Layout, run: Run) -> list[Outcome]:
    """The outcomes of the peer and of ours, each on its own copy of one image."""
    image = sysroots.image(work / "image", layout)
    outcomes = []
    for name, program, files in (("peer", PEER, {}), ("ours", OURS, {"prepare-root": executable})):
        own = work / f"{name}.img"
        shutil.copyfile(image, own)
        wanted = replace(run, program=program, lower=str(lower), programs=files)
        if name == "ours":
            wanted = replace(wanted, config=(run.config or "") + NO_LINKS)
        outcomes.append(namespace.execute(work / name, own, wanted))
    return outcomes


def table(outcome: Outcome) -> list[Mount]:
    return sorted(outcome.below("/sysroot").values())


def run_tree(outcome: Outcome) -> dict[str, str]:
    """/run without our own program and without the bytes that name device and inode."""
    return {
        name: what
        for name, what in outcome.run.items()
        if name not in ("prepare-root", "ostree-booted")
    }


def compare(peer: Outcome, ours: Outcome) -> None:
    assert (ours.status == 0) == (peer.status == 0), (peer.stderr, ours.stderr)
    assert table(ours) == table(peer)
    assert run_tree(ours) == run_tree(peer)
    if peer.booted is None:
        assert ours.booted is None
        return
    # One image, two loop devices: the device number is the only difference there may be.
    # 2025.2 without composefs does not write root.transient and root.transient-ro yet;
    # 2026.4 always does, and so does ours (both false, which is what their absence means).
    assert ours.booted is not None
    assert ours.run["ostree-booted"].split(" ")[0] == peer.run["ostree-booted"].split(" ")[0]
    theirs, mine = BootedMetadata.decode(peer.booted), BootedMetadata.decode(ours.booted)
    assert (theirs.device, theirs.inode) == (peer.device, peer.inode)
    assert (mine.device, mine.inode) == (ours.device, ours.inode)
    assert ours.inode == peer.inode
    for field in (
        "root_transient",
        "root_transient_ro",
        "composefs",
        "sysroot_ro",
        "transient_etc",
    ):
        assert getattr(mine, field) == getattr(theirs, field), field


@pytest.mark.parametrize(
    "case", MATRIX, ids=["-".join(str(value).lower() for value in case) for case in MATRIX]
)
def test_same_as_the_peer(
    tmp_path: Path,
    debian: tree.Tree,
    executable: Path,
    case: tuple[str, str, bool, bool, bool],
) -> None:
    readonly, repo, boot, hotfix, marker = case
    layout = Layout(repo_config=REPO[repo], boot_loader=boot, hotfix=hotfix)
    run = Run(PEER, config=READONLY[readonly])
    if marker:
        run = replace(run, run_files=("ostree/initramfs-mount-var",))
    peer, ours = both(tmp_path, debian.path, executable, layout, run)
    if marker:
        # The peer cannot make /run/ostree a second time: it fails where the marker that it
        # documents exists.  Ours keeps the directory and mounts /var.
        assert peer.status != 0
        assert ours.status == 0
        assert "var" in ours.below("/sysroot")
        return
    assert peer.status == 0, peer.stderr
    compare(peer, ours)


@pytest.mark.parametrize(
    ("layout", "cmdline"),
    [
        (Layout(), "quiet"),
        (Layout(), "ostree=/nowhere"),
        (Layout(), "ostree=/" + DEPLOYMENT),
        (Layout(remove=(DEPLOYMENT,)), f"quiet {sysroots.OSTREE_KARG}"),
        (Layout(), f"ostree=/nowhere {sysroots.OSTREE_KARG}"),
        (Layout(), f"xostree=/nowhere {sysroots.OSTREE_KARG} ostree=/nowhere"),
    ],
)
def test_same_verdict(
    tmp_path: Path, debian: tree.Tree, executable: Path, layout: Layout, cmdline: str
) -> None:
    run = Run(PEER, cmdline=cmdline, immutable=False)
    peer, ours = both(tmp_path, debian.path, executable, layout, run)
    compare(peer, ours)
