"""What convenience links end as, written down by hand from the design, and runs to compare.

A case says who mounts /var; a turn spreads the states over the names, so that six turns put
every name in every state.  The tables here are the reference: nothing in them is computed by
the code under test.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import footprint
import namespace
import sysroots
from footprint import Footprint
from namespace import Outcome, Run, python
from prepared import VAR, Expected, basic
from sysroots import EMPTY, FILE, FULL, MISSING, RIGHT, WRONG, Layout

# Name → (text of the link, where it leads, the mode of what is made there).
TABLE = {
    "home": ("var/home", "var/home", "drwxr-xr-x"),
    "root": ("var/roothome", "var/roothome", "drwx------"),
    "opt": ("var/opt", "var/opt", "drwxr-xr-x"),
    "srv": ("var/srv", "var/srv", "drwxr-xr-x"),
    "mnt": ("var/mnt", "var/mnt", "drwxr-xr-x"),
    "media": ("run/media", "run/media", "drwxr-xr-x"),
    "usr/local": ("../var/usrlocal", "var/usrlocal", "drwxr-xr-x"),
}
UNITS = {name: f"{name.replace('/', '-')}.mount" for name in TABLE}
STATES = (RIGHT, MISSING, EMPTY, FULL, WRONG, FILE)

# State → what happens, by who mounts /var:
#   target    the directory that the link leads to is made now
#   tmpfiles  a tmpfiles.d line makes it later, on whatever /var will be
#   link      the symlink is made in the deployment
#   bind      the target is bound over the empty directory
#   unit      a unit binds it once /var is up
#   note      something of it is tried, fails, and is only noted
OUTCOMES: dict[str, dict[str, str]] = {
    RIGHT: {
        "prepare-root": "target",
        "system": "target",
        "fstab": "tmpfiles",
        "volatile": "tmpfiles",
        "nobody": "target",
        "labelled": "",
        "read-only": "note tmpfiles",
    },
    MISSING: {
        "prepare-root": "link target",
        "system": "link target",
        "fstab": "link tmpfiles",
        "volatile": "link tmpfiles",
        "nobody": "link target",
        "labelled": "link",
        "read-only": "note tmpfiles",
    },
    EMPTY: {
        "prepare-root": "bind target",
        "system": "unit target",
        "fstab": "unit tmpfiles",
        "volatile": "unit tmpfiles",
        "nobody": "unit target",
        "labelled": "unit",
        "read-only": "note unit tmpfiles",
    },
}
# The same for targets below /run, where /var does not count.
BELOW_RUN = {
    RIGHT: {"labelled": "", "*": "target"},
    MISSING: {"labelled": "link", "read-only": "target note", "*": "link target"},
    EMPTY: {"labelled": "unit", "*": "bind target"},
}
# What is left alone → how it is reported; the same whoever mounts /var.
LEFT = {
    FULL: "a directory with content stands there",
    WRONG: "a link to usr stands there",
    FILE: "a file stands there",
}

FSTAB = "LABEL=var /var ext4 defaults 0 2\n"


@dataclass(frozen=True, slots=True)
class Case:
    """Who mounts /var, or what else is special, and what brings that about."""

    layout: dict[str, object]
    config: str
    var: bool = False
    cmdline: str = ""
    filesystem_ro: bool = False


OURS = "[var]\nmount=yes\n"
CASES = {
    "prepare-root": Case({}, OURS, var=True),
    "system": Case({}, ""),
    "fstab": Case({"fstab": FSTAB}, OURS),
    "volatile": Case({}, OURS, cmdline="systemd.volatile=state "),
    "nobody": Case({"generator": False}, "[var]\nmount=no\n"),
    "labelled": Case({"selinux": True}, OURS, var=True),
    "read-only": Case({}, OURS, var=True, filesystem_ro=True),
}


def states(turn: int) -> dict[str, str]:
    """What stands at each name in `turn`, 0 to 5."""
    return {name: STATES[(turn + n) % len(STATES)] for n, name in enumerate(TABLE)}


def outcome_of(name: str, state: str, case: str) -> set[str]:
    """The words of OUTCOMES for one name."""
    if state in LEFT:
        return {"left"}
    row = OUTCOMES[state] if TABLE[name][1].startswith("var/") else BELOW_RUN[state]
    return set((row[case] if case in row else row["*"]).split())


def expect(case: str, standing: dict[str, str]) -> Expected:
    """What `case` must leave behind when `standing` says what stands at each name."""
    what = CASES[case]
    expected = basic(var=what.var, filesystem_ro=what.filesystem_ro)
    add_links(expected, case, standing)
    return expected


def add_links(expected: Expected, case: str, standing: dict[str, str]) -> None:
    """The same for the links alone, added to `expected`."""
    for name, state in standing.items():
        text, target, mode = TABLE[name]
        words = outcome_of(name, state, case)
        below_var = target.startswith("var/")
        if "target" in words and below_var:
            expected.make_target(f"{VAR}/{target.removeprefix('var/')}", mode)
        elif "target" in words:
            expected.run[target.removeprefix("run/")] = mode
        if "tmpfiles" in words:
            digits = "0700" if mode == "drwx------" else "0755"
            expected.write("tmpfiles.d/bootchain-links.conf", f"d /{target} {digits} root root -")
        if "link" in words:
            expected.make_link(name, text)
        if "bind" in words and below_var:
            expected.mounts[name] = (f"/{VAR}/{target.removeprefix('var/')}", False, "shared")
        elif "bind" in words:
            expected.mounts[name] = (f"/{target.removeprefix('run/')}", False, "private")
        if "unit" in words:
            _expect_unit(expected, name)
        if "note" in words:
            expected.notes.add(f"link {name}")
        if "left" in words:
            where = f"/{name}: left alone, not made to lead to /{target}: {LEFT[state]}"
            expected.reports.add(f"link: {where}")


def _expect_unit(expected: Expected, name: str) -> None:
    _, target, mode = TABLE[name]
    expected.write(
        f"systemd/system/{UNITS[name]}",
        f"RequiresMountsFor=/{target}",
        "Before=local-fs.target",
        f"What=/{target}",
        f"Where=/{name}",
        "Type=none",
        "Options=bind",
        f"DirectoryMode={'0700' if mode == 'drwx------' else '0755'}",
    )
    wants = f"systemd/system/local-fs.target.d/50-{UNITS[name]}.conf"
    expected.write(wants, "[Unit]", f"Wants={UNITS[name]}")


def run(
    work: Path, case: str, standing: dict[str, str], omit: Sequence[str] = ()
) -> tuple[Outcome, Footprint]:
    """Prepares a root of that case in the empty directory `work`; `omit` is for `mutant.py`."""
    what = CASES[case]
    image = sysroots.image(work / "image", Layout(links=standing, **what.layout))
    asked = Run(
        python(*omit),
        config=what.config,
        cmdline=what.cmdline + sysroots.OSTREE_KARG,
        filesystem_ro=what.filesystem_ro,
        wrapper=footprint.wrapper(work / "run"),
    )
    return namespace.execute(work / "run", image, asked), footprint.read(work / "run")
