"""What can be wrong with a sysroot that is read: a way to make it so, and the error for it.

A case works on any sysroot with two deployments of the stateroot `testos`, and one kernel.
Content that is wrong lies in `tests/data/should-fail-KIND/NAME`, with what has to be said
about it in `NAME.error`; what cannot be stored in files is made by the functions here.
"""

import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from victims import Victim, away, put, relink

DATA = Path(__file__).resolve().parent.parent / "data"
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Case:
    """`error` is a template of the line (see `fields`), with the hint, if any, below it.

    `accepted` says that the verbs that only read have nothing against it.
    """

    name: str
    spoil: Callable[[Victim], None]
    error: str
    accepted: bool = False

    def lines(self, victim: Victim) -> list[str]:
        """What has to be said; has to be asked before the sysroot is spoiled."""
        first, *hints = self.error.format_map(fields(victim)).split("\n")
        return [f"bootentries: {first}", *(f"hint: {hint}" for hint in hints if hint)]


CASES: list[Case] = []


def fields(victim: Victim) -> dict[str, str]:
    """What an error, or a stored file, may name."""
    item = victim.item()
    return {
        "entry": victim.entry().name,
        "entries": f"boot/loader.{victim.n}/entries",
        "n": str(victim.n),
        "link": f"/{victim.bootlink().relative_to(victim.top)}".replace(
            f"boot.{victim.n}.{victim.m}", f"boot.{victim.n}"
        ),
        "path": item.path,
        "name": item.name,
        "checksum": item.checksum,
        "bootcsum": item.bootcsum,
        "kver": victim.modules().name,
        "top": str(victim.top),
    }


def case(error: str, *, accepted: bool = False):
    """Register a function that spoils a sysroot."""

    def register(function: Callable[[Victim], None]) -> Callable[[Victim], None]:
        CASES.append(Case(function.__name__, function, error, accepted))
        return function

    return register


def special(kind: str) -> Callable[[Path], None]:
    """What can stand in place of a file or directory, by its name."""
    return {
        "directory": lambda path: path.mkdir(),
        "pipe": os.mkfifo,
        "device": lambda path: os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5)),
        "file": lambda path: path.write_bytes(b""),
        "loop": lambda path: path.symlink_to(path.name),
        "dangling": lambda path: path.symlink_to("nowhere"),
        "outside": lambda path: path.symlink_to("../../../../../../../../../../../etc/passwd"),
        "huge": lambda path: sparse(path, 64 * MIB),
        "vast": lambda path: sparse(path, 1024 * MIB),
    }[kind]


def sparse(path: Path, size: int) -> None:
    """A file without a block of its own, that is read as so many zeros."""
    with path.open("wb") as file:
        file.truncate(size)


# What stands where a file belongs

FILES: dict[str, Callable[[Victim], Path]] = {
    "entry": lambda victim: victim.entry(),
    "origin": lambda victim: victim.deployment().with_name(f"{victim.item().name}.origin"),
    "config": lambda victim: victim.top / "ostree/repo/config",
    "commit": lambda victim: victim.commit(),
    "os-release": lambda victim: victim.deployment() / "usr/lib/os-release",
}
WHERE = {
    "entry": "read entry: {entries}/{entry}",
    "origin": "read origin: {path}.origin",
    "config": "read repository: ostree/repo/config",
    "commit": "read commit: {checksum}",
    "os-release": "read os-release: {path}/usr/lib/os-release",
}
REASONS = {
    "directory": "Is a directory",
    "pipe": "Not a regular file",
    "device": "Not a regular file",
    "loop": "Too many levels of symbolic links",
    "huge": "Larger than 4194304 bytes",
    "vast": "Larger than 134217728 bytes",
}
# A directory, pipe or device among the entries is passed by; libostree does so, too.  Only
# commits may be large.
LEFT_OUT = {("entry", kind) for kind in ("directory", "pipe", "device")}
LEFT_OUT |= {("commit", "huge"), *((what, "vast") for what in FILES if what != "commit")}


def _replaced(what: str, kind: str) -> Callable[[Victim], None]:
    def spoil(victim: Victim) -> None:
        path = FILES[what](victim)
        away(path)
        special(kind)(path)

    return spoil


for _what in FILES:
    for _kind, _reason in REASONS.items():
        if (_what, _kind) not in LEFT_OUT:
            CASES.append(
                Case(
                    f"{_what} {_kind}", _replaced(_what, _kind), f"{WHERE[_what]}: {_reason}",
                    accepted=_what == "os-release",
                )
            )  # fmt: skip


def _stored(what: str, path: Path) -> Callable[[Victim], None]:
    def spoil(victim: Victim) -> None:
        data = path.read_bytes()
        for key, value in fields(victim).items():
            data = data.replace(f"{{{key}}}".encode(), value.encode())
        put(FILES[what](victim), data)

    return spoil


for _what in FILES:
    for _path in sorted((DATA / f"should-fail-{_what}").glob("*")):
        if _path.suffix != ".error":
            _text = _path.with_name(f"{_path.name}.error").read_text()
            CASES.append(
                Case(
                    f"{_what}/{_path.name}", _stored(_what, _path), _text.rstrip("\n"),
                    accepted=_what == "os-release",
                )
            )  # fmt: skip


# Links


@case("load sysroot: boot/loader: invalid target 'loader.2'")
def a_loader_that_leads_elsewhere(victim):
    relink(victim.top / "boot/loader", "loader.2")


@case("load sysroot: boot/loader: invalid target '../boot/loader.{n}'")
def a_loader_that_leads_up_and_back(victim):
    relink(victim.top / "boot/loader", f"../boot/loader.{victim.n}")


@case("load sysroot: boot/loader: invalid target 'loader'")
def a_loader_that_is_a_circle(victim):
    relink(victim.top / "boot/loader", "loader")


@case("load sysroot: boot/loader: not a symbolic link")
def a_loader_that_is_a_directory(victim):
    away(victim.top / "boot/loader")
    (victim.top / "boot/loader").mkdir()


@case("load sysroot: boot/loader: not a symbolic link")
def a_loader_that_is_a_pipe(victim):
    away(victim.top / "boot/loader")
    os.mkfifo(victim.top / "boot/loader")


@case("load sysroot: loader.{n}/entries: Too many levels of symbolic links")
def entries_that_are_a_circle(victim):
    relink(victim.loader / "entries", "entries")


@case("load sysroot: loader.{n}/entries: Not a directory")
def entries_that_are_a_file(victim):
    away(victim.loader / "entries")
    (victim.loader / "entries").touch()


@case("load sysroot: loader.{n}/entries: Not a directory")
def entries_that_are_a_pipe(victim):
    away(victim.loader / "entries")
    os.mkfifo(victim.loader / "entries")


@case("read entry: {entries}/ostree-9.conf: dangling symbolic link")
def an_entry_that_dangles(victim):
    relink(victim.loader / "entries/ostree-9.conf", "nowhere")


@case("read entry: {entries}/ostree-9.conf: dangling symbolic link")
def an_entry_that_leads_out_of_the_boot_directory(victim):
    outside = victim.top.parent / "outside.conf"
    outside.write_text("options ostree=/x\n")
    relink(victim.loader / "entries/ostree-9.conf", str(outside))


@case("open boot directory: boot: it is a link that leads nowhere in the sysroot")
def a_boot_that_dangles(victim):
    (victim.top / "boot").rename(victim.top / "away")
    (victim.top / "boot").symlink_to("nowhere")


@case("open boot directory: boot: it is a link that leads nowhere in the sysroot")
def a_boot_that_leads_out(victim):
    (victim.top / "boot").rename(victim.top.parent / f"{victim.top.name}-boot")
    (victim.top / "boot").symlink_to(f"../{victim.top.name}-boot")


@case("open boot directory: boot: Too many levels of symbolic links")
def a_boot_that_is_a_circle(victim):
    (victim.top / "boot").rename(victim.top / "away")
    (victim.top / "boot").symlink_to("boot")


@case("open boot directory: boot: Not a directory")
def a_boot_that_is_a_file(victim):
    (victim.top / "boot").rename(victim.top / "away")
    (victim.top / "boot").touch()


@case("load sysroot: ostree/boot.{n}: invalid target 'boot.{n}.7'")
def a_boot_version_that_there_is_not(victim):
    relink(victim.top / f"ostree/boot.{victim.n}", f"boot.{victim.n}.7")


@case("load sysroot: ostree/boot.{n}: invalid target '..'")
def a_boot_version_that_leads_up(victim):
    relink(victim.top / f"ostree/boot.{victim.n}", "..")


@case("load sysroot: ostree/boot.{n}: not a symbolic link")
def a_boot_version_that_is_a_directory(victim):
    (victim.top / f"ostree/boot.{victim.n}").unlink()
    shutil.move(victim.links, victim.top / f"ostree/boot.{victim.n}")


@case(
    "read entry: {entry}: {link} does not exist\n"
    "the entry and /ostree/boot.N disagree: write the list again"
)
def a_boot_version_that_is_missing(victim):
    (victim.top / f"ostree/boot.{victim.n}").unlink()


@case(
    "read entry: {entry}: {link} does not exist\n"
    "the entry and /ostree/boot.N disagree: write the list again"
)
def a_bootlink_that_is_missing(victim):
    victim.bootlink().unlink()


@case("read entry: {entry}: {link} is not a symbolic link")
def a_bootlink_that_is_a_directory(victim):
    away(victim.bootlink())
    victim.bootlink().mkdir()


@case("read entry: {entry}: {link} leads to '0', no deployment")
def a_bootlink_that_is_a_circle(victim):
    relink(victim.bootlink(), "0")


@case("read entry: {entry}: {link} leads to '../../../../etc', no deployment")
def a_bootlink_that_leads_out(victim):
    relink(victim.bootlink(), "../../../../etc")


@case(
    "read entry: {entry}: {link} leads to '../../../deploy/testos/deploy/{name}/..', no deployment"
)
def a_bootlink_that_ends_in_dots(victim):
    relink(victim.bootlink(), f"../../../deploy/testos/deploy/{victim.item().name}/..")


@case("read entry: {entry}: /ostree/deploy/testos/deploy/abc.0 is not a directory")
def a_bootlink_to_a_deployment_that_there_is_not(victim):
    relink(victim.bootlink(), "../../../deploy/testos/deploy/abc.0")


@case("read entry: {entry}: /{path} is not a directory")
def a_deployment_that_is_a_file(victim):
    victim.deployment().rename(victim.top / "away")
    victim.deployment().touch()


@case("read entry: {entry}: /{path} is not a directory")
def a_deployment_that_is_a_dangling_link(victim):
    victim.deployment().rename(victim.top / "away")
    victim.deployment().symlink_to("nowhere")


@case("load sysroot: {path}: Too many levels of symbolic links")
def a_deployment_that_is_a_circle(victim):
    victim.deployment().rename(victim.top / "away")
    victim.deployment().symlink_to(victim.item().name)


# The tree, which only writing verbs look at


@case(
    "find kernel: {path}: no kernel in /usr/lib/modules, /usr/lib/ostree-boot or /boot\n"
    "a tree needs usr/lib/modules/KVER/vmlinuz",
    accepted=True,
)
def a_tree_without_a_kernel(victim):
    away(victim.modules() / "vmlinuz")


@case(
    "find kernel: {path}: several kernels in /usr/lib/modules: {kver}, 7.0\n"
    "leave one vmlinuz in the tree: which one boots would be left to chance",
    accepted=True,
)
def a_tree_with_two_kernels(victim):
    shutil.copytree(victim.modules(), victim.modules().with_name("7.0"))


@case(
    "find kernel: {path}: no kernel in /usr/lib/modules, /usr/lib/ostree-boot or /boot\n"
    "a tree needs usr/lib/modules/KVER/vmlinuz",
    accepted=True,
)
def a_kernel_that_leads_out_of_the_tree(victim):
    kernel = victim.modules() / "vmlinuz"
    shutil.move(kernel, victim.top / "vmlinuz")
    kernel.symlink_to("../../../../../../../../../vmlinuz")


@case(
    "find kernel: {path}: no kernel in /usr/lib/modules, /usr/lib/ostree-boot or /boot\n"
    "a tree needs usr/lib/modules/KVER/vmlinuz",
    accepted=True,
)
def a_kernel_that_is_a_pipe(victim):
    away(victim.modules() / "vmlinuz")
    os.mkfifo(victim.modules() / "vmlinuz")


@case(
    "find kernel: usr/lib/modules/{kver}/vmlinuz: Too many levels of symbolic links", accepted=True
)
def a_kernel_that_is_a_circle(victim):
    relink(victim.modules() / "vmlinuz", "vmlinuz")


@case("find kernel: {path}: several vmlinuz files in /usr/lib/ostree-boot", accepted=True)
def a_tree_with_two_kernels_of_the_old_layout(victim):
    for kver in ("1", "2"):
        put(victim.deployment() / f"usr/lib/ostree-boot/vmlinuz-{kver}-{'a' * 64}", "k")


@case(
    "find kernel: {path}: mismatched kernel checksum vs initrd in /usr/lib/ostree-boot",
    accepted=True,
)
def a_tree_with_another_initramfs_of_the_old_layout(victim):
    put(victim.deployment() / f"usr/lib/ostree-boot/vmlinuz-1-{'a' * 64}", "k")
    put(victim.deployment() / f"usr/lib/ostree-boot/initramfs-1-{'b' * 64}", "i")


@case(
    "read os-release: {path}: neither PRETTY_NAME nor ID is set\n"
    "set PRETTY_NAME in the tree's usr/lib/os-release",
    accepted=True,
)
def a_tree_without_os_release(victim):
    away(victim.deployment() / "usr/lib/os-release")
