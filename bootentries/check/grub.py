"""GRUB's three files: the menu of the active list, the stub that reads it, the last good one."""

import re

from bootentries import fs
from bootentries.check.finding import Report
from bootentries.loaders import Menu
from bootentries.loaders.grub_menu import HEADER, grub_menu
from bootentries.loaders.grub_stub import LAST_GOOD, MARKER
from bootentries.root import Root

# The ids of menu entries name deployments; all else of the menu comes from the entries.
_ID = re.compile(r" --id '[^']*'")
_LAST_LINE = re.compile(r"set bootchain_bootversion='([01])'\n")
_TARGET = re.compile(r"ostree=(/ostree/boot\.[01]/[^\s'\"]+)")
# What a stub or link of anybody's names that reads the menu.
_MENU = "loader/grub.cfg"
# The command by which GRUB reads the entries themselves.
_READS_ENTRIES = "blscfg"


def check_grub(root: Root, directory: str, menu: Menu, report: Report) -> None:
    """Look whether GRUB shows the list; `directory` is its own.  Raises OSError."""
    wanted = grub_menu(menu)
    path = find_menu(root, directory, menu.bootversion, report)
    if path is not None:
        data = fs.read_optional(root.boot(), path)
        if data is None:
            report.add("menu-missing", f"boot/{path}", "no such file")
        else:
            _check_menu(f"boot/{path}", data.decode("utf-8", "replace"), wanted, report)
    if _read_text(root, f"{directory}/grub.cfg").startswith(MARKER):
        _check_last_good(root, directory, wanted, report)


def find_menu(root: Root, directory: str, bootversion: int, report: Report) -> str | None:
    """Return which file has the menu, or None where GRUB reads the entries themselves.

    It is named by GRUB's own file, which may be a stub, a link, or the menu.  Raises OSError.
    """
    own, menu = f"{directory}/grub.cfg", f"loader.{bootversion}/grub.cfg"
    if fs.stat_optional(root.boot(), own) is None:
        report.add("stub-missing", f"boot/{own}", "no such file")
        return menu
    text = _read_text(root, own)
    if text.startswith(MARKER):
        return menu
    if _READS_ENTRIES in text:
        return None
    if _MENU in text or _is_link_to_menu(root, own):
        return menu
    if _TARGET.search(text):
        return own
    report.add("stub-foreign", f"boot/{own}", f"it names neither {_MENU} nor {_READS_ENTRIES}")
    return menu


def check_target(root: Root, path: str, link: str, report: Report) -> None:
    """Look whether a menu boots what one entry's `ostree=` names; raises OSError."""
    if fs.stat_optional(root.boot(), path) is None:
        report.add("menu-missing", f"boot/{path}", "no such file")
    elif link not in _TARGET.findall(_read_text(root, path)):
        report.add("menu-stale", f"boot/{path}", f"{link} is not in it")


def _read_text(root: Root, path: str) -> str:
    return (fs.read_optional(root.boot(), path) or b"").decode("utf-8", "replace")


def _is_link_to_menu(root: Root, path: str) -> bool:
    try:
        return (fs.readlink_optional(root.boot(), path) or "").endswith(_MENU)
    except OSError:
        return False  # not a link


def _check_menu(place: str, text: str, wanted: str, report: Report) -> None:
    """Compare a menu with the one that the entries give.

    Other programs' menus have another form: they have to boot the same deployments.
    """
    named, due = set(_TARGET.findall(text)), set(_TARGET.findall(wanted))
    if text.startswith(HEADER):
        last = _LAST_LINE.search(text)
        if last is None or last.end() != len(text):
            report.add("menu-incomplete", place, "its last line, with the boot version, is missing")
        elif not wanted.endswith(last[0]):
            report.add("menu-stale", place, f"it says that it is for boot version {last[1]}")
        elif _ID.sub("", text) != _ID.sub("", wanted):
            report.add("menu-differs", place, _first_difference(text, wanted))
        elif text != wanted:
            report.add("menu-ids", place, _first_difference(text, wanted))
    elif named != due:
        reason = f"no entry has {min(named - due)}" if named - due else f"{min(due - named)} lacks"
        report.add("menu-stale", place, reason)


def _first_difference(text: str, wanted: str) -> str:
    lines, others = text.split("\n"), wanted.split("\n")
    for number, (line, other) in enumerate(zip(lines, others, strict=False), 1):
        if line != other:
            return f"line {number} is not what the entries give: {line.strip()[:80]!r}"
    return f"it has {len(lines)} lines, the entries give {len(others)}"


def _check_last_good(root: Root, directory: str, wanted: str, report: Report) -> None:
    place = f"{directory}/{LAST_GOOD}"
    data = fs.read_optional(root.boot(), place)
    if data is None:
        report.add("last-good-missing", f"boot/{place}", "no such file")
    elif data.decode("utf-8", "replace") != wanted:
        report.add("last-good-stale", f"boot/{place}", "it is not the menu of the active list")
