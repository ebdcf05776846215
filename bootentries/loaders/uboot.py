"""U-Boot: an environment file, `loader.N/uEnv.txt`, imported by a boot script.

The first entry's variables are `kernel_image`, `ramdisk_image`, `fdt_file`, `fdtdir` and
`bootargs`; the next ones have a number after the name, from 2 on.  Names and order are
libostree's.  There is one `ramdisk_image`, so overlay initrds do not reach U-Boot.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from bootentries import fs
from bootentries.deployment import parse_directory
from bootentries.errors import BootentriesError
from bootentries.loaders import Menu, MenuItem
from bootentries.loaders.files import join_lines, read_text
from bootentries.root import Root
from bootentries.sysroot import DEPLOY
from bootentries.txn import ops
from bootentries.txn.ops import Op

FILE = "uEnv.txt"
# A tree's own variables, below the deployment root.
TREE_FILE = "usr/lib/ostree-boot/uEnv.txt"
# U-Boot reads the filesystem of /boot from its top, where `boot` is a link to `.`.
_PREFIX = "/boot"
_KEYS = (
    ("kernel_image", "linux"),
    ("ramdisk_image", "initrd"),
    ("fdt_file", "devicetree"),
    ("fdtdir", "fdtdir"),
)


@dataclass(frozen=True, slots=True)
class UbootLoader:
    """`tree_texts` maps a deployment's path to its TREE_FILE, or to why it cannot be read.

    Only the default's is used, so only the default's can be an error.
    """

    tree_texts: Mapping[str, str | BootentriesError] = field(default_factory=dict)
    name: str = "uboot"
    atomic: bool = True

    def resume(self) -> tuple[Op, ...]:
        """Return nothing: the swap does all."""
        return ()

    def before_swap(self, menu: Menu) -> tuple[Op, ...]:
        """Write the environment beside the entries; raises BootentriesError."""
        tree_text = self.tree_texts.get(menu.items[0].deployment.path) if menu.items else None
        if isinstance(tree_text, BootentriesError):
            raise tree_text
        text = uboot_environment(menu, tree_text)
        return (ops.WriteFile(f"boot/loader.{menu.bootversion}/{FILE}", text),)

    def after_swap(self, menu: Menu) -> tuple[Op, ...]:
        """Return nothing: the swap does all."""
        del menu
        return ()

    def after_relink(self, menu: Menu) -> tuple[Op, ...]:
        """Return nothing: the entries are the same."""
        return ()


def read_tree_texts(root: Root) -> dict[str, str | BootentriesError]:
    """Return what `UbootLoader` needs, for every deployment that has such a file."""
    texts: dict[str, str | BootentriesError] = {}
    for stateroot in fs.list_optional(root.fd, DEPLOY) or []:
        base = f"{DEPLOY}/{stateroot}/deploy"
        for name in fs.list_optional(root.fd, base) or []:
            if parse_directory(name) is None:
                continue
            path = f"{base}/{name}"
            try:
                text = _read_tree_text(root, path)
            except BootentriesError as error:
                texts[path] = error
            else:
                if text is not None:
                    texts[path] = text
    return texts


def _read_tree_text(root: Root, path: str) -> str | None:
    with fs.opened(root.fd, path, os.O_RDONLY | os.O_DIRECTORY) as fd:
        return read_text(fd, TREE_FILE, f"{path}/{TREE_FILE}")


def uboot_environment(menu: Menu, tree_text: str | None) -> str:
    """Return the text of `uEnv.txt`."""
    lines: list[str] = []
    for index, item in enumerate(menu.items):
        lines += _variables(item, "" if not index else str(index + 1))
        if not index and tree_text is not None:
            lines.append(tree_text)
    return join_lines(lines)


def _variables(item: MenuItem, suffix: str) -> list[str]:
    bls = item.entry.bls
    lines = [f"{name}{suffix}={_PREFIX}{value}" for name, key in _KEYS if (value := bls.get(key))]
    return [*lines, f"bootargs{suffix}={item.entry.options}"]
