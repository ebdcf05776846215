"""The smallest system that OSTree can deploy and a machine can boot: busybox and a kernel.

About thirty files.  Two versions differ in everything that a boot needs, so that a mixture
of them is seen: kernel, initramfs, and what the deployment says of itself.
"""

import shutil
import tempfile
from pathlib import Path

from guest import cache
from guest.busybox import BUSYBOX
from guest.chroot import WORK, Bind, run_in
from guest.commit import Commit
from guest.shell import run, step
from guest.tree import Tree

RECIPE = "2"
NAME = "tiny"

# Said on the console by the deployment itself, with its version.
GREETING = "tiny system is up, version"
_INIT = f"""\
#!/usr/bin/busybox sh
/usr/bin/busybox echo "{GREETING} $(/usr/bin/busybox cat /usr/share/guest/version)" >/dev/ttyS0
/usr/bin/busybox echo "told: $(/usr/bin/busybox cat /proc/cmdline)" >/dev/ttyS0
while :; do /usr/bin/busybox sleep 60; done
"""
_DIRECTORIES = (
    *("boot", "dev", "etc", "proc", "run", "sys", "sysroot", "tmp", "var"),
    *("usr/bin", "usr/etc/sub", "usr/lib", "usr/sbin", "usr/share/guest"),
)


def _fill(root: Path, tree: Tree, initramfs: Path, version: str, kernel: str) -> None:
    """Writes the whole tree; `kernel` marks kernel and initramfs, which work the same."""
    for name in _DIRECTORIES:
        (root / name).mkdir(parents=True)
    (root / "etc").rmdir()  # it comes from usr/etc
    (root / "ostree").symlink_to("sysroot/ostree")
    for name in ("bin", "lib", "lib64", "sbin"):
        (root / name).symlink_to(f"usr/{name}")
    shutil.copy(BUSYBOX, root / "usr/bin/busybox")
    (root / "usr/sbin/init").write_text(_INIT)
    (root / "usr/sbin/init").chmod(0o755)
    (root / "usr/share/guest/version").write_text(f"{version}\n")
    (root / "usr/lib/os-release").write_text(f'ID={NAME}\nPRETTY_NAME="Tiny {version}"\n')
    for number in range(8):
        text = f"{number} of version {version}\n" * 40
        (root / f"usr/etc/sub/{number}.conf").write_text(text)
    modules = root / "usr/lib/modules" / tree.kernel
    modules.mkdir(parents=True)
    # A kernel's own header says where it ends, so a mark behind it does no harm.
    mark = f"{NAME} kernel {kernel}\n".encode()
    (modules / "vmlinuz").write_bytes(tree.vmlinuz.read_bytes() + mark.rjust(512, b"\0"))
    image = initramfs.read_bytes()
    image += bytes(-len(image) % 4) + _archive(f"kernel-{kernel}", mark)
    (modules / "initramfs.img").write_bytes(image)


def _archive(name: str, content: bytes) -> bytes:
    """A cpio archive of one file, which the kernel unpacks after the image before it."""
    with tempfile.TemporaryDirectory(prefix="tiny-") as scratch:
        (Path(scratch) / name).write_bytes(content)
        words = ["cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0", "-D", scratch]
        run([*words, "-F", f"{scratch}/archive"], stdin=f"{name}\n".encode())
        return (Path(scratch) / "archive").read_bytes()


def commits(tree: Tree, initramfs: Path, versions: dict[str, str]) -> list[Commit]:
    """Commits of the tiny system by the tree's own ostree, in a cached repository.

    `versions` gives for each version the mark of its kernel: with the same mark two
    versions share it.
    """
    parts = [word for pair in versions.items() for word in pair]
    key = cache.digest(RECIPE, tree.key, _INIT, initramfs.read_bytes(), *parts)
    place = cache.root() / f"tiny-{key}"

    def build(unfinished: Path) -> None:
        repo = unfinished / "repo"
        repo.mkdir(parents=True)
        with (
            step(f"commit: the tiny system, versions {', '.join(versions)}"),
            tempfile.TemporaryDirectory(prefix="tiny-", dir=cache.root()) as scratch,
        ):
            lines = [f"ostree --repo={WORK}/repo init --mode=bare"]
            for version, kernel in versions.items():
                top = Path(scratch) / version
                top.mkdir()
                top.chmod(0o755)
                _fill(top, tree, initramfs, version, kernel)
                lines.append(
                    f"ostree --repo={WORK}/repo commit --branch={NAME}/{version} --no-xattrs "
                    f"--no-bindings --owner-uid=0 --owner-gid=0 --timestamp=2026-01-01T00:00:00Z "
                    f"--add-metadata-string=version={version} --tree=dir={WORK}/trees/{version}"
                )
            run_in(
                tree.path,
                ["sh", "-ec", "\n".join(lines)],
                mounts=[Bind(repo, f"{WORK}/repo"), Bind(Path(scratch), f"{WORK}/trees")],
            )

    cache.obtain(place, build)
    cache.keep_newest(cache.root().glob("tiny-????????????????"), 4)
    repo = place / "repo"
    heads = repo / "refs/heads" / NAME
    return [Commit(repo, (heads / one).read_text().strip(), one) for one in versions]
