"""The shape that OSTree wants a tree to have, and the variations that guests need of it.

`base` turns a copy of the Debian tree into content for a commit; `Variant` describes what a
guest has on top: version, convenience links, our programs, extra files.
"""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from guest import cache
from guest.errors import GuestError

RECIPE = "1"

# Convenience links of a deployment's root, and where each leads.
LINKS = {
    "home": "var/home",
    "root": "var/roothome",
    "opt": "var/opt",
    "srv": "var/srv",
    "mnt": "var/mnt",
    "media": "run/media",
    "usr/local": "../var/usrlocal",
}
KEPT_FILE = "kept-by-the-tree"  # what a non-empty directory of the tree holds


class LinkState(Enum):
    """How a name that could be a convenience link is present in the tree."""

    MISSING = "missing"
    LINK = "link"
    EMPTY = "empty"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class File:
    """A file to add: its path in the tree, its content (or where to copy it from), its mode."""

    path: str
    content: bytes | Path
    mode: int = 0o644

    def data(self) -> bytes:
        return self.content if isinstance(self.content, bytes) else self.content.read_bytes()


@dataclass(frozen=True, slots=True)
class Variant:
    """What one guest has over the base.

    `links` gives the state of names in LINKS that are not ordinary links.  With
    `link_targets`, tmpfiles.d makes the links' targets, as a tree does that cannot rely on
    prepare-root for it.  `fstab` is the text of /etc/fstab.  `checkout` is where our
    programs are copied from; None leaves them out.
    """

    version: str = "1.0"
    links: tuple[tuple[str, LinkState], ...] = ()
    link_targets: bool = True
    fstab: str = ""
    files: tuple[File, ...] = ()
    checkout: Path | None = None


def base(root: Path) -> None:
    """Reshapes the Debian tree at `root` in place: /etc to /usr/etc, /var emptied, and so on.

    No convenience link is left, neither as a link nor as a directory: variants add them.
    """
    sysimage = root / "usr/lib/sysimage"
    sysimage.mkdir()
    shutil.move(root / "var/lib/dpkg", sysimage / "dpkg")
    shutil.move(root / "etc", root / "usr/etc")
    for name in ("var", "dev", "proc", "run", "sys", "tmp", "boot", *LINKS):
        cache.remove(root / name)
    for name in ("var", "dev", "proc", "run", "sys", "tmp", "boot", "sysroot"):
        (root / name).mkdir()
    (root / "tmp").chmod(0o1777)
    (root / "ostree").symlink_to("sysroot/ostree")
    (root / "usr/lib/tmpfiles.d/guest-state.conf").write_text(
        "d /var/lib 0755 root root -\nL /var/lib/dpkg - - - - ../../usr/lib/sysimage/dpkg\n"
    )


def _link_files(variant: Variant, top: Path) -> None:
    states = dict.fromkeys(LINKS, LinkState.LINK) | dict(variant.links)
    unknown = sorted(set(states) - set(LINKS))
    if unknown:
        raise GuestError("make variant", unknown[0], f"not one of {', '.join(LINKS)}")
    for name, state in states.items():
        path = top / name
        if state is LinkState.MISSING:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if state is LinkState.LINK:
            path.symlink_to(LINKS[name])
            continue
        path.mkdir()
        path.chmod(0o700 if name == "root" else 0o755)
        if state is LinkState.FULL:
            (path / KEPT_FILE).write_text(f"{name}\n")


def _tmpfiles() -> bytes:
    lines = []
    for target in LINKS.values():
        place = "/" + target.removeprefix("../")
        lines.append(f"d {place} {'0700' if place.endswith('roothome') else '0755'} root root -\n")
    return "".join(lines).encode()


def program_files(checkout: Path) -> list[File]:
    """Our packages as a Debian package would install them, and their executables."""
    packages = "usr/lib/python3/dist-packages"
    files = []
    for package in ("bootentries", "prepare_root"):
        for path in sorted((checkout / package).rglob("*")):
            if path.is_file() and path.suffix not in (".pyc", ".so"):
                files.append(File(f"{packages}/{path.relative_to(checkout)}", path))
    for name, module in (
        ("bootentries", "bootentries.cli"),
        ("bootentries-grub2-exec", "bootentries.cli.grub2_exec"),
    ):
        text = (
            f"#!/usr/bin/python3 -I\nimport sys\n\nfrom {module} import main\n\nsys.exit(main())\n"
        )
        files.append(File(f"usr/bin/{name}", text.encode(), 0o755))
    # libostree inside the guest writes its GRUB menu through us, in services and in shells.
    generator = "OSTREE_GRUB2_EXEC=/usr/bin/bootentries-grub2-exec"
    manager = f"[Manager]\nDefaultEnvironment={generator}\n".encode()
    files.append(File("usr/lib/systemd/system.conf.d/50-bootchain.conf", manager))
    files.append(File("usr/etc/environment", f"{generator}\n".encode()))
    return files


def write_files(files: Iterable[File], top: Path) -> None:
    """Writes `files` below `top`, making their directories."""
    for file in files:
        path = top / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data())
        path.chmod(file.mode)


def write_variant(variant: Variant, base_release: str, top: Path) -> None:
    """Writes everything that `variant` adds into the empty directory `top`.

    `base_release` is the base's os-release text, which gains the version.
    """
    _link_files(variant, top)
    files = [
        File("usr/lib/os-release", f"{base_release}IMAGE_VERSION={variant.version}\n".encode()),
        File("usr/share/guest/version", f"{variant.version}\n".encode()),
    ]
    if variant.fstab:
        files.append(File("usr/etc/fstab", variant.fstab.encode()))
    if variant.link_targets:
        files.append(File("usr/lib/tmpfiles.d/guest-links.conf", _tmpfiles()))
    if variant.checkout is not None:
        files += program_files(variant.checkout)
    write_files((*files, *variant.files), top)
    for path in top.rglob("*"):
        if path.is_dir() and not path.is_symlink() and path.relative_to(top).as_posix() != "root":
            path.chmod(0o755)
