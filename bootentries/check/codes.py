"""Every code that a finding can have.  A code keeps its name and meaning for good.

`docs/verify.md` lists the same table.
"""

from dataclasses import dataclass
from enum import Enum

from bootentries.check import codes_esp

_WRITE_LIST = (
    "write the list again: by a deploy, or `bootentries instutil set-kargs` with a new argument"
)
_WRITE_GRUB_MENU = "run `bootentries instutil grub2-generate > /boot/loader/grub.cfg`"
_WRITE_MENU = f"GRUB: {_WRITE_GRUB_MENU}; all others: {_WRITE_LIST}"


class Severity(Enum):
    """A fault keeps something from booting or from being updated.

    A warning is about what works today; a leftover goes with the next write.
    """

    FAULT = "fault"
    WARNING = "warning"
    LEFTOVER = "leftover"


@dataclass(frozen=True, slots=True)
class Code:
    """A kind of finding, and what to do about it."""

    name: str
    severity: Severity
    meaning: str
    remedy: str


def _table(severity: Severity, rows: dict[str, tuple[str, str]]) -> dict[str, Code]:
    return {name: Code(name, severity, meaning, remedy) for name, (meaning, remedy) in rows.items()}


_FAULTS = _table(
    Severity.FAULT,
    {
        "unreadable": (
            "A file or directory of the chain cannot be read.",
            "run it as root; else look at its permissions and its filesystem (dmesg, fsck)",
        ),
        # Where everything starts
        "repo-config": (
            "The repository's configuration is missing or cannot be used.",
            "correct the file; `ostree init --mode=bare` makes one",
        ),
        "boot-missing": (
            "The sysroot has no boot directory.",
            "mount it, or name it with --boot",
        ),
        "run-state": (
            "What /run/ostree says about the booted or staged deployment cannot be used.",
            "remove the file that is named, or reboot: /run is made anew",
        ),
        "booted-not-listed": (
            "The deployment that runs has no entry.",
            "mount /boot if it is not; else deploy the running commit again",
        ),
        # boot/loader
        "loader-missing": (
            "There are deployments, and no `boot/loader` that makes a list of them active.",
            "mount /boot if it is not; else link it to the `loader.N` that holds the entries",
        ),
        "loader-not-a-link": (
            "`boot/loader` is no symbolic link, so no list can be swapped in.",
            "move it away, and make a link `loader` to `loader.0` or `loader.1`",
        ),
        "loader-target": (
            "`boot/loader` leads to something else than `loader.0` or `loader.1`.",
            "make it a link to the `loader.N` that holds entries, with just that text",
        ),
        "loader-dangling": (
            "The active `loader.N` has no directory of entries.",
            "link `boot/loader` to the other one if that has entries, or deploy again",
        ),
        # Entries
        "entry-dangling": (
            "An entry is a link that leads nowhere; libostree reads no list at all then.",
            "remove the link",
        ),
        "entry-not-utf8": (
            "An entry is not UTF-8; libostree reads no list at all then.",
            "correct the file, or remove it when another entry boots the deployment",
        ),
        "entry-too-large": (
            "An entry is larger than any entry can be.",
            "remove the file, or restore it",
        ),
        "entry-duplicate": (
            "Two entries are the same one: one name with two counters, or one `ostree=`.",
            "remove one of the two files",
        ),
        "entry-version-duplicate": (
            "Two entries have the same `version`: which one is the default is open.",
            "set `version` to the number in the file's name",
        ),
        "entry-order": (
            "The names of the entries and their `version` keys disagree about the order.",
            "set `version` to the number in the file's name, or rename the files",
        ),
        "entry-key-missing": (
            "An entry lacks a key that every loader or libostree needs.",
            "add the line to the entry",
        ),
        "entry-no-ostree": (
            "An entry's options have no `ostree=`: it names no deployment.",
            "add `ostree=/ostree/boot.N/STATEROOT/BOOTCSUM/SERIAL`, as the links are",
        ),
        "entry-ostree-form": (
            "An entry's `ostree=` has not the form /ostree/boot.N/STATEROOT/BOOTCSUM/SERIAL.",
            "correct the argument, as the links below /ostree/boot.N are",
        ),
        "entry-bootversion": (
            "An entry's `ostree=` names another boot version than the active one.",
            "correct the number: the links of the other version go with the next write",
        ),
        "entry-overlay-name": (
            "An overlay `initrd` is not named by 64 hex digits and `.img`.",
            "rename the file by its sha256, and correct the line",
        ),
        # Boot links
        "bootversion-missing": (
            "The link `ostree/boot.N` of the active list is not there.",
            "make it a link to the `boot.N.M` that holds the list's links",
        ),
        "bootversion-not-a-link": (
            "`ostree/boot.N` is no symbolic link.",
            "move it away, and make a link to `boot.N.M`",
        ),
        "bootversion-target": (
            "`ostree/boot.N` leads to something else than `boot.N.0` or `boot.N.1`.",
            "make it a link to the `boot.N.M` that holds the list's links",
        ),
        "bootversion-dangling": (
            "`ostree/boot.N` leads to a directory that is not there.",
            "link it to the other `boot.N.M` if that has the links, or deploy again",
        ),
        "bootlink-missing": (
            "The link that an entry's `ostree=` names is not there.",
            "make the link again, to ../../../deploy/STATEROOT/deploy/CHECKSUM.SERIAL",
        ),
        "bootlink-not-a-link": (
            "What an entry's `ostree=` names is no symbolic link.",
            "move it away, and make the link again",
        ),
        "bootlink-target": (
            "A boot link leads to something that is no deployment of its stateroot.",
            "make the link again, to ../../../deploy/STATEROOT/deploy/CHECKSUM.SERIAL",
        ),
        # Deployments
        "deployment-missing": (
            "A deployment that a boot link leads to, or that is staged, is not there.",
            "undeploy it, or deploy the commit again",
        ),
        "deployment-name": (
            "A directory among the deployments is not named CHECKSUM.SERIAL.",
            "move it elsewhere: libostree refuses to work with it",
        ),
        "deployment-mount-point": (
            "A deployment lacks a directory that something is mounted on at boot.",
            "add the empty directory to the tree, commit and deploy it",
        ),
        "deployment-link": (
            "A deployment's `/ostree` is not the link `sysroot/ostree`.",
            "add the link to the tree, commit and deploy it",
        ),
        "deployment-usr": (
            "A deployment has no directory `usr`.",
            "deploy the commit again; `ostree fsck` says whether it is whole",
        ),
        "deployment-etc": (
            "A deployment has no directory `etc`.",
            "deploy again; without `usr/etc` in the tree there is nothing to make it from",
        ),
        "deployment-os-release": (
            "A deployment's os-release gives no name: no new list can be written with it.",
            "set PRETTY_NAME in the tree's usr/lib/os-release",
        ),
        "stateroot-var": (
            "A stateroot has no directory `var`.",
            "make the directory ostree/deploy/STATEROOT/var",
        ),
        "origin-form": (
            "An origin file is no key file; libostree reads no list at all then.",
            "correct it, or write it anew with `bootentries set-origin`",
        ),
        "commit-missing": (
            "The repository lacks a deployment's commit: no new list can be written with it.",
            "pull the commit again",
        ),
        "commit-damaged": (
            "A commit's bytes do not have the checksum that names it.",
            "remove the object and pull the commit again; then `ostree fsck`",
        ),
        # Kernels
        "kernel-layout": (
            "A deployment has no kernel, several, or files whose names disagree.",
            "leave one kernel in the tree, commit and deploy it",
        ),
        "kernel-missing": (
            "The kernel of an entry is not in the boot directory.",
            "copy it from the deployment to the place that is named",
        ),
        "initramfs-missing": (
            "The initramfs of an entry is not in the boot directory.",
            "copy it from the deployment to the place that is named",
        ),
        "devicetree-missing": (
            "The device tree of an entry is not in the boot directory.",
            "copy it from the deployment to the place that is named",
        ),
        "overlay-missing": (
            "An overlay initrd of an entry is not in the boot directory.",
            "put the file back, or take the `initrd` line out of the entry",
        ),
        "overlay-damaged": (
            "An overlay initrd has not the sha256 that names it.",
            "put the file back: a loader hands over whatever is there",
        ),
        "payload-missing": (
            "A file that belongs to a kernel (hmac, aboot) is not in the boot directory.",
            "copy it from the deployment to the place that is named",
        ),
        "payload-elsewhere": (
            "An entry names a file that is not its deployment's own copy.",
            "correct the line to the path that is named",
        ),
        "payload-differs": (
            "A file in the boot directory is not the same as the deployment's.",
            f"copy it from the deployment, or {_WRITE_LIST}",
        ),
        "bootcsum-mismatch": (
            "A deployment's kernel files do not have the checksum that names them.",
            "`ostree fsck` says whether the repository is damaged, too; deploy again",
        ),
        "initramfs-config": (
            "The prepare-root.conf in an initramfs cannot be used, or demands what its deployment"
            " has not got: it would not boot.",
            "build the initramfs with the right configuration, commit and deploy it",
        ),
        "initramfs-not-named": (
            "A deployment has an initramfs, and its entry has no `initrd`.",
            "add the line to the entry",
        ),
        # The bootloader in force
        "loader-backend": (
            "What is known of the bootloader is not enough to write a list for it.",
            "mend what the reason names, or set sysroot.bootloader to the right one",
        ),
        "menu-missing": (
            "The list has no menu for its bootloader, which boots what it was told last.",
            _WRITE_MENU,
        ),
        "menu-incomplete": (
            "The GRUB menu is cut off: its last line is not there.",
            _WRITE_GRUB_MENU,
        ),
        "menu-stale": (
            "The GRUB menu is that of another list.",
            _WRITE_GRUB_MENU,
        ),
        "menu-differs": (
            "The bootloader's menu does not say what the entries say.",
            _WRITE_MENU,
        ),
        "stub-missing": (
            "GRUB has no `grub.cfg` of its own that would read the menu.",
            "write it with `bootentries instutil grub2-stub -o`",
        ),
        "stub-foreign": (
            "GRUB's own `grub.cfg` reads neither the menu nor the entries.",
            "write it with `bootentries instutil grub2-stub -o`, and keep update-grub from it",
        ),
        **codes_esp.FAULTS,
    },
)

_WARNINGS = _table(
    Severity.WARNING,
    {
        "boot-self-link": (
            "The link `boot/boot` to `.` is not there: paths with `/boot` before them fail.",
            "make the link: `ln -s . /boot/boot`",
        ),
        "finalize-failed": (
            "The last staged deployment could not be finalised at shutdown.",
            "mend what the reason names, and deploy again",
        ),
        "finalize-loop": (
            "A commit failed at so many shutdowns in a row that it is not staged again.",
            "mend what the reason names; then stage it with --retry-failed, or deploy it at once",
        ),
        "hooks-pending": (
            "Hooks have still to run for the active list.",
            "run `bootentries hooks run-pending`; `bootentries hooks` tells why they did not",
        ),
        "entry-not-a-file": (
            "Something among the entries has an entry's name, and is no file.",
            "remove it",
        ),
        "entry-name": (
            "An entry's name is not ostree-N.conf, with counters or a stateroot at most.",
            "rename the file: loaders sort by it",
        ),
        "entry-title-duplicate": (
            "Two entries have the same title: nobody can tell them apart, and zipl refuses.",
            _WRITE_LIST,
        ),
        "entry-options-repeated": (
            "An entry has several `options` lines: libostree takes the last, GRUB the first.",
            "join them in one line",
        ),
        "entry-options-long": (
            "An entry's options are longer than the 2047 bytes that the kernel takes on x86.",
            "shorten them: what is cut off is the end, often `ostree=`",
        ),
        "entry-blank-line": (
            "A blank line in an entry: GRUB's blscfg reads no further.",
            "take the line out",
        ),
        "entry-init": (
            "A deployment without initramfs, and no `init=` that would prepare its root.",
            "add `init=` with the path in `ostree=` and /usr/lib/ostree/ostree-prepare-root",
        ),
        "permissions": (
            "Loaders that run as programs, and other users' tools, cannot read it.",
            "chmod 644 for files, 755 for directories",
        ),
        "origin-missing": (
            "A deployment has no origin: nothing says where its updates come from.",
            "write one with `bootentries set-origin`",
        ),
        "menu-ids": (
            "The ids in GRUB's menu name other deployments than the list: `grub-reboot ID` is"
            " off. libostree leaves them so when it changes the boot links alone.",
            _WRITE_GRUB_MENU,
        ),
        "last-good-missing": (
            "GRUB's stub has no last good menu to fall back to.",
            "copy /boot/loader/grub.cfg to the place that is named",
        ),
        **codes_esp.WARNINGS,
    },
)

_NEXT_WRITE = "none needed: it goes with the next write"
_LEFTOVERS = _table(
    Severity.LEFTOVER,
    {
        "temporary-file": (
            "A temporary file of a write that did not end.",
            "remove it; no loader reads it",
        ),
        "loader-unused": ("A `loader.N` that is not the active one.", _NEXT_WRITE),
        "bootversion-unused": (
            "Boot links of a list that is not the active one.",
            _NEXT_WRITE,
        ),
        "bootlink-unused": ("A boot link that no entry uses.", _NEXT_WRITE),
        "deployment-unused": (
            "A deployment that no entry boots.",
            "`bootentries cleanup` removes it",
        ),
        "deployment-remains": (
            "An origin file or a backing directory without a deployment.",
            "remove it",
        ),
        "last-good-stale": (
            "The last good menu is that of another list; libostree does not keep it.",
            "copy /boot/loader/grub.cfg to the place that is named, or write a list",
        ),
        "loader-pending": (
            "The bootloader's program has still to run: until then the list before boots.",
            "run `bootentries loader run-pending`; the next write does it, too",
        ),
        "payload-unused": ("Kernel files that no entry uses.", _NEXT_WRITE),
        "overlay-unused": ("An overlay initrd that no entry uses.", _NEXT_WRITE),
        "refs-out-of-step": (
            "The refs that keep the deployments' commits do not name them all.",
            "`bootentries cleanup` writes them; do not prune before",
        ),
        "ref-unused": (
            "A ref that keeps a commit for a list that is not the active one.",
            "`bootentries cleanup` removes it",
        ),
        **codes_esp.LEFTOVERS,
    },
)

CODES = _FAULTS | _WARNINGS | _LEFTOVERS
