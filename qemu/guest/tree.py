"""The Debian tree that guests are made of: an ordinary root directory, made by mmdebstrap.

It is not yet OSTree-shaped (`shape` does that to a copy), so that its own programs (ostree,
dracut, python3) run in it by `chroot.run_in`.  The kernel already is where OSTree wants it.
"""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from guest import cache
from guest.chroot import run_in
from guest.errors import GuestError
from guest.shell import run, say, step

SUITE = "trixie"
RECIPE = "1"  # raise it when the steps below change what is in the tree

PACKAGES = (
    *("systemd-sysv", "udev", "dbus", "libpam-systemd", "libpam-runtime", "passwd", "login"),
    *("e2fsprogs", "kmod", "util-linux", "zstd"),
    *("ostree", "ostree-boot", "dracut-core", "linux-image-cloud-amd64"),
    *("python3-minimal", "python3-click", "python3-rich"),
)
PRUNED = (
    *("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*"),
    *("/usr/share/lintian/*", "/usr/share/bash-completion/*"),
)
# What mmdebstrap needs beside a suite's name: sid's base has no merged /usr of its own yet for
# older tools, and a snapshot of it may be past its date.
SUITE_OPTIONS = {
    "sid": (
        "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
        '--aptopt=Acquire::Check-Valid-Until "false"',
    )
}
# Periodic work of a server that a guest must not start in the middle of a test.
MASKED = (
    *("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer"),
    *("e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer"),
)


@dataclass(frozen=True, slots=True)
class Tree:
    """A finished Debian tree: where it is, its kernel's release, and what it was made of."""

    path: Path
    kernel: str
    manifest: str = field(repr=False)

    @property
    def key(self) -> str:
        """Names the exact packages; whatever is made from this tree has it in its own key."""
        return cache.digest(RECIPE, self.manifest)

    @property
    def programs(self) -> str:
        """The versions that matter, for people."""
        versions = dict(line.split("=", 1) for line in self.manifest.split())
        return (
            f"{len(versions)} packages, kernel {self.kernel}, ostree {versions['ostree']}, "
            f"systemd {versions['systemd']}"
        )

    @property
    def vmlinuz(self) -> Path:
        return self.path / "usr/lib/modules" / self.kernel / "vmlinuz"


def kernel_release(root: Path) -> str:
    """The one kernel release under `root`; more or fewer than one is an error."""
    found = sorted(path.parent.name for path in root.glob("usr/lib/modules/*/vmlinuz"))
    if len(found) != 1:
        raise GuestError("find kernel", root, f"expected one kernel, found {found or 'none'}")
    return found[0]


def _settle_kernel(root: Path) -> None:
    """Moves the kernel to usr/lib/modules/K, with its configuration, and empties /boot."""
    images = sorted((root / "boot").glob("vmlinuz-*"))
    if len(images) != 1:
        raise GuestError("settle kernel", root / "boot", f"expected one vmlinuz, found {images}")
    release = images[0].name.removeprefix("vmlinuz-")
    modules = root / "usr/lib/modules" / release
    shutil.move(images[0], modules / "vmlinuz")
    shutil.move(root / "boot" / f"config-{release}", modules / "config")
    for left in (root / "boot").iterdir():
        cache.remove(left)
    for name in ("vmlinuz", "vmlinuz.old", "initrd.img", "initrd.img.old"):
        (root / name).unlink(missing_ok=True)
    run(["chroot", root, "depmod", release])


def _settle_system(root: Path) -> None:
    """A quiet machine of its own: no network names, empty root password, nothing periodic."""
    etc = root / "etc"
    (etc / "hostname").write_text("guest\n")
    (etc / "hosts").write_text("127.0.0.1 localhost guest\n::1 localhost guest\n")
    (etc / "fstab").write_text("# The root filesystem is mounted by the initramfs.\n")
    # Empty, not missing: the identity is made at first boot without first-boot questions.
    (etc / "machine-id").write_text("")
    (root / "var/lib/dbus/machine-id").unlink(missing_ok=True)
    (etc / "resolv.conf").unlink(missing_ok=True)
    run(["chroot", root, "passwd", "--delete", "root"])
    for unit in MASKED:
        link = etc / "systemd/system" / unit
        link.unlink(missing_ok=True)
        link.symlink_to("/dev/null")


def _compile_python(root: Path) -> None:
    """Bytecode that stays valid when a checkout sets every modification time to 0."""
    places = sorted(f"/usr/lib/{path.name}" for path in (root / "usr/lib").glob("python3*"))
    command = ["python3", "-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash"]
    run(["chroot", root, *command, *places])


def _manifest(root: Path) -> str:
    form = "${Package}=${Version}\n"
    return run(["dpkg-query", f"--admindir={root}/var/lib/dpkg", "-W", "-f", form])


def _build(suite: str, unfinished: Path) -> None:
    unfinished.mkdir()
    root = unfinished / "tree"
    with step(f"tree: Debian {suite} by mmdebstrap, {len(PACKAGES)} packages and what they need"):
        run(
            ["mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}"]
            + [*SUITE_OPTIONS.get(suite, ())]
            + [f"--dpkgopt=path-exclude={pattern}" for pattern in PRUNED]
            + [suite, root],
            env={"INITRD": "No"},
        )
    with step("tree: kernel, identity, bytecode"):
        _settle_kernel(root)
        _settle_system(root)
        _compile_python(root)
    (unfinished / "manifest").write_text(_manifest(root))


def _load(place: Path) -> Tree:
    root = place / "tree"
    return Tree(root, kernel_release(root), (place / "manifest").read_text())


def get(suite: str = SUITE, *, fresh: bool = False) -> Tree:
    """The tree of `suite`, from the cache, or made now (about 40 s).

    `fresh` makes it again from the mirror's present packages.
    """
    if os.geteuid() != 0:
        raise GuestError("make tree", suite, "not root", "mmdebstrap and chroot need root")
    name = cache.digest(RECIPE, *PACKAGES, *PRUNED, *MASKED)
    place = cache.root() / f"tree-{suite}-{name}"
    reused = place.exists() and not fresh
    cache.obtain(place, lambda unfinished: _build(suite, unfinished), fresh=fresh)
    tree = _load(place)
    if reused:
        say(f"tree: reusing {place}: {tree.programs}")
    return tree


def base_tree(suite: str = SUITE) -> Path:
    """Where the Debian tree is (made when missing).  Treat it as read-only."""
    return get(suite).path


def check_runs(tree: Tree) -> str:
    """Runs the tree's own ostree; returns its version line."""
    return run_in(tree.path, ["ostree", "--version"]).splitlines()[1].strip()
