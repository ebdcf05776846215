"""Whole preparations and all that each may leave behind, for tests of nothing more and less.

Together they have every step of the plan and every rule for links in them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import footprint
import namespace
from footprint import Footprint
from linkcases import FSTAB, OURS, TABLE, add_links
from namespace import Outcome, Run
from prepared import DIRECTORY, Expected, basic
from sysroots import DEPLOYMENT, EMPTY, FILE, FULL, MISSING, RIGHT, WRONG, Layout

MIXED = {
    "home": MISSING,
    "root": RIGHT,
    "opt": FULL,
    "srv": EMPTY,
    "mnt": WRONG,
    "media": EMPTY,
    "usr/local": MISSING,
}
ALL_EMPTY = dict.fromkeys(TABLE, EMPTY)
ALL_MISSING = dict.fromkeys(TABLE, MISSING)
ALL_LEFT = dict(zip(TABLE, (FULL, WRONG, FILE, FULL, WRONG, FILE, FULL), strict=True))
READONLY = "[sysroot]\nreadonly=true\n"
RECORD = "[record]\nmounts=yes\n"


@dataclass(frozen=True, slots=True)
class Scenario:
    """A layout, how prepare-root is run on it, and what that leaves behind."""

    layout: Layout
    expected: Expected
    options: dict[str, object] = field(default_factory=dict)


def _linked(case: str, standing: dict[str, str], **how: bool) -> Expected:
    expected = basic(**how)
    add_links(expected, case, standing)
    return expected


def _default() -> Scenario:
    right = dict.fromkeys(TABLE, RIGHT)
    return Scenario(Layout(), _linked("system", right))


def _everything() -> Scenario:
    expected = _linked("prepare-root", MIXED, readonly=True, var=True)
    expected.write("bootchain/mounts")
    return Scenario(Layout(links=MIXED), expected, {"config": READONLY + OURS + RECORD})


def _admins_var() -> Scenario:
    expected = _linked("fstab", ALL_EMPTY, readonly=True)
    layout = Layout(links=ALL_EMPTY, fstab=FSTAB)
    return Scenario(layout, expected, {"config": READONLY + OURS})


def _all_missing() -> Scenario:
    expected = _linked("fstab", ALL_MISSING)
    return Scenario(Layout(links=ALL_MISSING, fstab=FSTAB), expected)


def _all_empty() -> Scenario:
    expected = _linked("prepare-root", ALL_EMPTY, var=True)
    return Scenario(Layout(links=ALL_EMPTY, generator=False), expected)


def _all_left() -> Scenario:
    expected = _linked("prepare-root", ALL_LEFT, var=True)
    return Scenario(Layout(links=ALL_LEFT), expected, {"config": OURS})


def _labelled() -> Scenario:
    expected = _linked("labelled", MIXED, var=True)
    return Scenario(Layout(links=MIXED, selinux=True), expected, {"config": OURS})


def _read_only_filesystem() -> Scenario:
    """The mounts that must be writable are, whatever the filesystem says now."""
    expected = _linked("read-only", MIXED, readonly=True, var=True, filesystem_ro=True)
    options = {"config": READONLY + OURS, "filesystem_ro": True}
    return Scenario(Layout(links=MIXED), expected, options)


def _links_off() -> Scenario:
    config = OURS + "[links]\nenabled=no\n"
    return Scenario(Layout(links=MIXED), basic(var=True), {"config": config})


def _hotfix() -> Scenario:
    """overlayfs makes a directory of its own in the work directory, and marks the upper one."""
    expected = basic()
    expected.mounts["usr"] = ("/", False, "private")
    work = f"{DEPLOYMENT}/.usr-ovl-work"
    expected.make_target(f"{work}/work", "d---------")
    expected.physical[f"{DEPLOYMENT}/.usr-ovl-upper"] = "changed ctime xattrs"
    config = "[links]\nenabled=no\n"
    return Scenario(Layout(hotfix=True), expected, {"config": config})


def _no_boot() -> Scenario:
    config = "[boot]\nmount=no\n[links]\nenabled=no\n"
    return Scenario(Layout(), basic(boot=False), {"config": config})


def _image(transient: bool) -> Scenario:
    """An image, read-only or with a root that forgets; links that it lacks."""
    expected = basic(readonly=True)
    del expected.mounts["usr"]
    expected.mounts["."] = ("/", not transient, "private")
    expected.run["ostree/.private/cfsroot-lower"] = "drwx------"
    expected.run.update({"systemd": DIRECTORY, "systemd/volatile-root": "lrwxrwxrwx"})
    expected.metadata.update(composefs=True, root_transient=transient)
    config = "[composefs]\nenabled=yes\n[links]\nenabled=no\n"
    if transient:
        config += "[root]\ntransient=true\n"
        top = "ostree/.private/root"
        expected.run.update({top: DIRECTORY, f"{top}/upper": DIRECTORY})
        expected.run[f"{top}/work"] = "drwx------"
        expected.run[f"{top}/work/work"] = "d---------"
    return Scenario(Layout(composefs=True), expected, {"config": config})


SCENARIOS = {
    "default": _default(),
    "everything": _everything(),
    "admin's var": _admins_var(),
    "all missing": _all_missing(),
    "all empty": _all_empty(),
    "all left alone": _all_left(),
    "labelled": _labelled(),
    "read-only filesystem": _read_only_filesystem(),
    "links off": _links_off(),
    "hotfix": _hotfix(),
    "no boot": _no_boot(),
    "image": _image(transient=False),
    "transient root": _image(transient=True),
}


def prepare(
    work: Path, image: Path, scenario: Scenario, program: Sequence[str], **more: object
) -> tuple[Outcome, Footprint]:
    """Runs `program` on the image of the scenario, in the directory `work`."""
    asked = Run(tuple(program), wrapper=footprint.wrapper(work), **scenario.options)
    return namespace.execute(work, image, replace(asked, **more)), footprint.read(work)
