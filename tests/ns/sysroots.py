"""Physical roots for namespace tests: small, real ext4 images with one or more deployments.

Written by hand rather than by libostree, so that a test can say exactly what is broken.
"""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import cfsimages

STATEROOT = "testos"
COMMIT = "a" * 64
BOOTCSUM = "b" * 64
DEPLOYMENT = f"ostree/deploy/{STATEROOT}/deploy/{COMMIT}.0"
OSTREE_KARG = f"ostree=/ostree/boot.1/{STATEROOT}/{BOOTCSUM}/0"

MISSING, RIGHT, WRONG, EMPTY, FULL, FILE = "missing", "right", "wrong", "empty", "full", "file"
DEFAULT_LINKS = {
    "home": "var/home",
    "root": "var/roothome",
    "opt": "var/opt",
    "srv": "var/srv",
    "mnt": "var/mnt",
    "media": "run/media",
    "usr/local": "../var/usrlocal",
}
MOUNT_POINTS = ("sysroot", "boot", "dev", "proc", "run", "sys", "var", "tmp")


@dataclass(frozen=True, slots=True)
class Layout:
    """What a physical root looks like.

    `links` says what stands at the names of convenience links (`right` unless said);
    `fstab` is the deployment's etc/fstab; `repo_config` the repository's configuration;
    `remove` are paths of the physical root that are deleted last; `symlinks` are replaced
    or added last, path → text.  With `composefs` the deployment has an image, of what it is
    before that.
    """

    links: dict[str, str] = field(default_factory=dict)
    fstab: str | None = None
    repo_config: str = "[core]\nrepo_version=1\nmode=bare\n"
    generator: bool = True
    boot_loader: bool = True
    hotfix: bool = False
    selinux: bool = False
    composefs: bool = False
    remove: tuple[str, ...] = ()
    symlinks: dict[str, str] = field(default_factory=dict)


def _place_link(deployment: Path, name: str, text: str, kind: str) -> None:
    path = deployment / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == RIGHT:
        path.symlink_to(text)
    elif kind == WRONG:
        path.symlink_to("usr")
    elif kind in (EMPTY, FULL):
        path.mkdir()
        if kind == FULL:
            (path / "kept").write_text("users' file\n")
    elif kind == FILE:
        path.write_text("a file\n")


def build(directory: Path, layout: Layout) -> None:
    """Write the physical root that `layout` describes into the empty `directory`."""
    deployment = directory / DEPLOYMENT
    for name in (*MOUNT_POINTS, "usr/bin", "usr/etc", "etc"):
        (deployment / name).mkdir(parents=True, exist_ok=True)
    (deployment / "etc/hostname").write_text("guest\n")
    # more than what would be kept in a composefs image itself
    (deployment / "usr/bin/tool").write_text("#!/bin/sh\n" + 20 * "# a tool\n")
    (deployment / "ostree").symlink_to("sysroot/ostree")
    for name, text in DEFAULT_LINKS.items():
        _place_link(deployment, name, text, layout.links.get(name, RIGHT))
    if layout.fstab is not None:
        (deployment / "etc/fstab").write_text(layout.fstab)
    if layout.generator:
        path = deployment / "usr/lib/systemd/system-generators/ostree-system-generator"
        path.parent.mkdir(parents=True)
        path.write_text("#!/bin/sh\n")
    if layout.selinux:
        (deployment / "etc/selinux").mkdir()
        (deployment / "etc/selinux/config").write_text("SELINUX=enforcing\n")
    if layout.hotfix:
        (deployment / ".usr-ovl-work").mkdir()
        (deployment / ".usr-ovl-upper").mkdir()
    var = directory / f"ostree/deploy/{STATEROOT}/var"
    var.mkdir()
    (var / "kept").write_text("var\n")
    repo = directory / "ostree/repo"
    repo.mkdir()
    (repo / "config").write_text(layout.repo_config)
    bootlinks = directory / f"ostree/boot.1.1/{STATEROOT}/{BOOTCSUM}"
    bootlinks.mkdir(parents=True)
    (bootlinks / "0").symlink_to(f"../../../deploy/{STATEROOT}/deploy/{COMMIT}.0")
    (directory / "ostree/boot.1").symlink_to("boot.1.1")
    (directory / "boot/loader.1/entries").mkdir(parents=True)
    (directory / "boot/kernel").write_text("boot partition\n")
    if layout.boot_loader:
        (directory / "boot/loader").symlink_to("loader.1")
    if layout.composefs:
        cfsimages.add(directory, DEPLOYMENT, COMMIT, layout.repo_config)
    for path in layout.remove:
        subprocess.run(["rm", "-rf", "--", directory / path], check=True)
    for path, text in layout.symlinks.items():
        (directory / path).unlink(missing_ok=True)
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).symlink_to(text)


def image(directory: Path, layout: Layout) -> Path:
    """An ext4 image of `layout` below `directory`; returns its path."""
    tree = directory / "tree"
    tree.mkdir(parents=True)
    tree.chmod(0o755)
    build(tree, layout)
    return pack(tree, directory / "sysroot.img")


def pack(tree: Path, path: Path, *options: str) -> Path:
    """An ext4 image of the directory `tree` at `path`, which is returned.

    `options` are more words for mke2fs.
    """
    with path.open("wb") as out:
        out.truncate(24 << 20)
    subprocess.run(
        ["mke2fs", "-q", "-t", "ext4", "-L", "sysroot", *options, "-d", tree, path],
        check=True,
        capture_output=True,
    )
    return path
