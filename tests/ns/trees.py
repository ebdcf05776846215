"""Small trees in the shape of a deployment, with kernels of every layout."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

KVER = "6.1.0-test"


@dataclass(frozen=True, slots=True)
class Tree:
    """`modules` are files of usr/lib/modules/KVER, `legacy` those of usr/lib/ostree-boot."""

    name: str
    modules: dict[str, str] = field(default_factory=dict)
    legacy: dict[str, str] = field(default_factory=dict)
    pretty: str = "Test OS"


def build(top: Path, tree: Tree) -> Path:
    """Write the tree below `top`; returns its root."""
    root = top / tree.name
    directories = ("boot", "dev", "proc", "run", "sys", "sysroot", "usr/bin", "usr/etc", "var")
    for directory in (*directories, "usr/lib"):
        (root / directory).mkdir(parents=True)
    (root / "ostree").symlink_to("sysroot/ostree")
    (root / "usr/etc/example.conf").write_text("a=1\n")
    (root / "usr/lib/os-release").write_text(f'ID=test\nPRETTY_NAME="{tree.pretty}"\n')
    for base, files in (
        (f"usr/lib/modules/{KVER}", tree.modules),
        ("usr/lib/ostree-boot", tree.legacy),
    ):
        for name, content in files.items():
            path = root / base / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
    return root


_LEGACY_SUM = hashlib.sha256(b"old kernelold initramfs").hexdigest()

PLAIN = Tree("plain", {"vmlinuz": "kernel", "initramfs.img": "initramfs"})
TREES = (
    PLAIN,
    Tree("initramfs", {"vmlinuz": "kernel 2", "initramfs": "initramfs without img"}),
    Tree("bare", {"vmlinuz": "kernel that needs no initramfs"}),
    Tree("devicetree", {"vmlinuz": "k", "initramfs.img": "i", "devicetree": "dt"}),
    Tree(
        "dtb",
        {
            "vmlinuz": "k",
            "initramfs.img": "i",
            "dtb/b.dtb": "second",
            "dtb/a/z.dtb": "nested",
            "dtb/B.dtb": "first",
        },
    ),
    Tree("hmac", {"vmlinuz": "k", "initramfs.img": "i", ".vmlinuz.hmac": "h"}),
    Tree(
        "legacy",
        legacy={
            f"vmlinuz-{KVER}-{_LEGACY_SUM}": "old kernel",
            f"initramfs-{KVER}-{_LEGACY_SUM}": "old initramfs",
        },
        pretty="It's \\$5 (old)",
    ),
)
