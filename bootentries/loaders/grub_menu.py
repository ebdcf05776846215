"""The GRUB menu, generated from the entries; GRUB 2.06 to 2.12, without `blscfg`.

The file sets `bootchain_bootversion` in its last line: a stub that has sourced it and does
not find the variable knows that the file is missing, damaged or cut off.
"""

import re

from bootentries.loaders import Menu, MenuItem
from bootentries.loaders.grub_script import kernel_words, quote

HEADER = "# The boot menu, written by bootentries with every deployment list: do not edit.\n"
_NOT_ID = re.compile(r"[^A-Za-z0-9_-]")


def grub_menu(menu: Menu) -> str:
    """Return the text of `loader.N/grub.cfg`."""
    where = "a directory of the root filesystem" if menu.boot_on_root else "a filesystem of its own"
    ids = unique([menu_id(item) for item in menu.items], "-{}")
    titles = unique(
        [item.entry.bls.get("title") or item.entry.name for item in menu.items], " [{}]"
    )
    parts = [
        HEADER,
        f"# bootversion {menu.bootversion}, /boot is {where}\n",
        *(
            _menuentry(item, ident, title, menu.boot_on_root)
            for item, ident, title in zip(menu.items, ids, titles, strict=True)
        ),
        f"set bootchain_bootversion={quote(str(menu.bootversion))}\n",
    ]
    return "\n".join(parts)


def menu_id(item: MenuItem) -> str:
    """Return an id that names the deployment, not its place: a saved choice stays right."""
    deployment = item.deployment
    stateroot = _NOT_ID.sub("_", deployment.stateroot)
    return f"ostree-{stateroot}-{deployment.checksum[:16]}-{deployment.serial}"


def unique(names: list[str], suffix: str) -> list[str]:
    """Return the names with a number on each one that was there before."""
    result: list[str] = []
    for name in names:
        candidate, number = name, 2
        while candidate in result:
            candidate = name + suffix.format(number)
            number += 1
        result.append(candidate)
    return result


def boot_path(path: str, boot_on_root: bool) -> str:
    """Return an entry's path as GRUB sees it.

    `/boot/…` (from `bootprefix`) works on both layouts: `/boot/boot` is a link to `.`.
    """
    path = "/" + path.lstrip("/")
    if boot_on_root and not path.startswith("/boot/"):
        return f"/boot{path}"
    return path


def _menuentry(item: MenuItem, ident: str, title: str, boot_on_root: bool) -> str:
    bls = item.entry.bls
    linux = boot_path(bls.get("linux") or "", boot_on_root)
    words = [linux, *kernel_words(item.entry.options)]
    lines = [
        f"menuentry {quote(title)} --class gnu-linux --class os --unrestricted "
        f"--id {quote(ident)} {{",
        "    linux " + " ".join(quote(word) for word in words),
    ]
    initrds = [boot_path(path, boot_on_root) for path in bls.initrds()]
    if initrds:
        lines.append("    initrd " + " ".join(quote(path) for path in initrds))
    devicetree = bls.get("devicetree")
    if devicetree:
        lines.append(f"    devicetree {quote(boot_path(devicetree, boot_on_root))}")
    lines.append("}\n")
    return "\n".join(lines)
