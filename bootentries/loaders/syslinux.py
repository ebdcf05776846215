"""syslinux and extlinux: a menu among lines that are somebody else's.

`boot/syslinux/syslinux.cfg` is a link to `../loader/syslinux.cfg`, so the swap of
`boot/loader` activates the file in `loader.N`.  It begins as a copy of the active one
without the blocks that boot from `/ostree`; the new entries follow.  The format is the one
that libostree writes, byte for byte, but for what it would lose (see `foreign_lines`).
"""

from dataclasses import dataclass

from bootentries.errors import BootentriesError
from bootentries.loaders import Menu, MenuItem
from bootentries.loaders.files import join_lines, read_text
from bootentries.root import Root
from bootentries.txn import ops
from bootentries.txn.ops import Op

CONFIG = "syslinux/syslinux.cfg"
FILE = "syslinux.cfg"
_OPERATION = "read bootloader configuration"
_KERNEL = "\tKERNEL "
_LABEL, _DEFAULT = "LABEL ", "DEFAULT "
# What a block of ours boots, without and with a /boot in front of it.
_OURS = ("/ostree/", "/boot/ostree/")


@dataclass(frozen=True, slots=True)
class SyslinuxLoader:
    """`text` is the active configuration; `bootprefix` says that entries begin with /boot."""

    text: str
    bootprefix: bool = False
    name: str = "syslinux"
    atomic: bool = True

    def resume(self) -> tuple[Op, ...]:
        """Return nothing: the swap does all."""
        return ()

    def before_swap(self, menu: Menu) -> tuple[Op, ...]:
        """Write the configuration beside the entries; raises BootentriesError."""
        text = syslinux_config(self.text, menu, self.bootprefix)
        return (ops.WriteFile(f"boot/loader.{menu.bootversion}/{FILE}", text),)

    def after_swap(self, menu: Menu) -> tuple[Op, ...]:
        """Return nothing: the swap does all."""
        del menu
        return ()

    def after_relink(self, menu: Menu) -> tuple[Op, ...]:
        """Return nothing: the entries are the same."""
        return ()


def read_syslinux(root: Root) -> str:
    """Return the active configuration; raises BootentriesError when there is none."""
    text = read_text(root.boot(), CONFIG, f"boot/{CONFIG}")
    if text is None:
        raise BootentriesError(
            _OPERATION, f"boot/{CONFIG}", "no such file",
            hint=f"put your configuration into boot/loader/{FILE}, "
            f"and make boot/{CONFIG} a link to ../loader/{FILE}",
        )  # fmt: skip
    return text


def syslinux_config(text: str, menu: Menu, bootprefix: bool) -> str:
    """Return the configuration for `menu`, made from the one before.

    The first item becomes the default unless the text before names a default that is not
    ours.  Raises BootentriesError for a text that libostree refuses, too.
    """
    foreign = foreign_lines(text)
    lines = list(foreign.before)
    for index, item in enumerate(menu.items):
        if not index and not foreign.name_default:
            lines.append(f"{_DEFAULT}{_title(item)}")
        lines += _block(item, "" if bootprefix else "/boot")
    return join_lines([*lines, *foreign.after])


@dataclass(frozen=True, slots=True)
class Foreign:
    """The lines that are not ours, before and after where ours go.

    `name_default` says that they alone name the default.
    """

    before: tuple[str, ...]
    after: tuple[str, ...]
    name_default: bool


def foreign_lines(text: str) -> Foreign:
    """Return what is not ours in a configuration; raises BootentriesError.

    A block is a `LABEL` line with the lines after it that begin with a tab.  It is ours
    when its last `KERNEL` lies in `/ostree`.  Unlike libostree this keeps a block without
    `KERNEL` that follows one of ours, and a DEFAULT that is not ours.
    """
    kept: list[list[str]] = []
    dropped: set[str] = set()
    for block in _blocks(text):
        if _is_label(block) and (_last_kernel(block) or "").startswith(_OURS):
            dropped.add(block[0].removeprefix(_LABEL).strip())
        else:
            kept.append(block)
    foreign = _without_our_defaults(kept, dropped)
    named = any(block[0].startswith(_DEFAULT) for block in foreign)
    at = _split(foreign)
    before, after = (
        tuple(line for block in part for line in block) for part in (foreign[:at], foreign[at:])
    )
    ours = any(_is_our_default(block[0], dropped) for block in kept)
    return Foreign(before, after, named and not ours)


def _without_our_defaults(blocks: list[list[str]], dropped: set[str]) -> list[list[str]]:
    """Return the blocks but for each DEFAULT that is ours.

    A comment takes its place where it parts a block from lines that begin with a tab: those
    would become that block's own.
    """
    kept: list[list[str]] = []
    for index, block in enumerate(blocks):
        if not _is_our_default(block[0], dropped):
            kept.append(block)
            continue
        after = blocks[index + 1 : index + 2]
        if kept and _is_label(kept[-1]) and after and after[0][0].startswith("\t"):
            kept.append(["#"])
    return kept


def _split(blocks: list[list[str]]) -> int:
    """Return where ours go: at the end, or before a first block without a KERNEL.

    libostree refuses a file that begins with such a block.
    """
    for index, block in enumerate(blocks):
        if _is_label(block):
            return len(blocks) if _last_kernel(block) is not None else index
    return len(blocks)


def _is_label(block: list[str]) -> bool:
    return block[0].startswith(_LABEL)


def _is_our_default(line: str, dropped: set[str]) -> bool:
    if not line.startswith(_DEFAULT):
        return False
    value = line.removeprefix(_DEFAULT)
    return value.startswith("ostree:") or "(ostree" in value or value.strip() in dropped


def _blocks(text: str) -> list[list[str]]:
    """Return the blocks and the other lines, each of these as a block of its own."""
    blocks: list[list[str]] = []
    inside = False
    started = 0
    has_kernel = False
    for number, line in enumerate([*text.split("\n"), ""], start=1):
        if inside and line.startswith("\t"):
            blocks[-1].append(line)
            continue
        if inside:
            has_kernel = has_kernel or _last_kernel(blocks[-1]) is not None
            if not has_kernel:
                raise BootentriesError(
                    _OPERATION, f"boot/{CONFIG}", f"line {started}: LABEL without a KERNEL",
                    hint="the first LABEL needs a line that begins with a tab and KERNEL",
                )  # fmt: skip
        inside = line.startswith(_LABEL)
        started = number
        blocks.append([line])
    return blocks[:-1]


def _last_kernel(block: list[str]) -> str | None:
    found = [line.removeprefix(_KERNEL) for line in block if line.startswith(_KERNEL)]
    return found[-1] if found else None


def _title(item: MenuItem) -> str:
    return item.entry.bls.get("title") or "(Untitled)"


def _block(item: MenuItem, prefix: str) -> list[str]:
    bls = item.entry.bls
    lines = [f"{_LABEL}{_title(item)}", f"{_KERNEL}{prefix}{bls.get('linux') or ''}"]
    initrds = ",".join(f"{prefix}{path}" for path in bls.initrds())
    if initrds:
        # libostree names the first one only, and overlays would not be loaded.
        lines.append(f"\tINITRD {initrds}")
    devicetree = bls.get("devicetree")
    if devicetree:
        lines.append(f"\tDEVICETREE {prefix}{devicetree}")
    lines.append(f"\tAPPEND {item.entry.options}")
    return lines
