"""Putting systemd-boot on the partitions, and taking away what is ours."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bootentries import fs
from bootentries.errors import BootentriesError, from_os_error
from bootentries.esp import loaderconf, ops
from bootentries.esp.binaries import (
    Program,
    owned_digests,
    owned_path,
    read_installed,
    read_programs,
)
from bootentries.esp.find import EspPlace
from bootentries.esp.install_ops import Overwrite, PutProgram, RemoveEmpty
from bootentries.esp.names import ENTRIES, PAYLOAD
from bootentries.esp.ops import EspOp
from bootentries.esp.present import SREL, SREL_TEXT, Present
from bootentries.root import Root
from bootentries.sysroot import Sysroot

_BOOT = re.compile(r"boot[a-z0-9]+\.efi")


@contextmanager
def opened_tree(root: Root, present: Sysroot, told: str | None) -> Iterator[tuple[int, str]]:
    """Yield (fd, name) of the tree that systemd-boot comes from.

    It is the default deployment, or what is told.  Raises BootentriesError.
    """
    items = present.on_disk
    if told is None and not items:
        raise BootentriesError("read systemd-boot", root.path, "there are no deployments")
    try:
        if told is not None:
            fd, where = os.open(told, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), told
        else:
            fd = fs.open_in(root.fd, items[0].path, os.O_RDONLY | os.O_DIRECTORY)
            where = items[0].path
    except OSError as error:
        raise from_os_error("read systemd-boot", error, told) from error
    try:
        yield fd, where
    finally:
        os.close(fd)


def read_tree(root: Root, present: Sysroot, told: str | None) -> tuple[Program, ...]:
    """Return the programs to install; raises BootentriesError."""
    with opened_tree(root, present, told) as (fd, where):
        return read_programs(fd, where)


def plan_install(
    esp_fd: int, place: EspPlace, programs: tuple[Program, ...], timeout: int,
    note: Callable[[str], None],
) -> tuple[EspOp, ...]:  # fmt: skip
    """Return what puts the programs and loader.conf on an ESP; what is not ours stays.

    Raises OSError.
    """
    todo: list[EspOp] = []
    for program in programs:
        for path in program.paths:
            found = read_installed(esp_fd, path)
            if found.digest == program.digest:
                continue
            if found.state == "foreign":
                note(
                    f"{place.label}: {path}: somebody else's ({found.info or 'unknown'}): it stays"
                )
                continue
            if not fs.is_dir(esp_fd, PAYLOAD) and not todo:
                todo.append(ops.MakeDir(PAYLOAD))
            mark = ops.WriteFile(owned_path(program.digest), "")
            if mark not in todo:
                todo.append(mark)
            todo.append(PutProgram(path, program.data))
    wanted = loaderconf.loader_conf(timeout)
    text = read_text(esp_fd, loaderconf.PATH)
    if text is not None and not loaderconf.is_ours(text):
        note(f"{place.label}: {loaderconf.PATH}: somebody else's: it stays")
    elif text != wanted:
        todo.append(Overwrite(loaderconf.PATH, wanted))
    return (*todo, ops.Sync()) if todo else ()


def plan_remove(fd: int, present: Present) -> tuple[EspOp, ...]:
    """Return what takes everything that is ours from a partition; raises OSError.

    The entries go first: none may name a kernel that is gone.
    """
    entries = tuple(f"{ENTRIES}/{item.file}" for item in present.entries)
    programs = tuple(path for path in _programs(fd) if read_installed(fd, path).owned)
    files = tuple(f"{PAYLOAD}/{name}" for name in sorted(present.payload))
    marks = tuple(owned_path(digest) for digest in owned_digests(fd))
    text = read_text(fd, loaderconf.PATH)
    conf = (loaderconf.PATH,) if text is not None and loaderconf.is_ours(text) else ()
    groups = (entries, programs + conf, files + marks)
    todo: list[EspOp] = [ops.RemoveFiles(paths) for paths in groups if paths]
    if not todo:
        return ()
    if present.srel == SREL_TEXT and not present.foreign:
        todo.append(ops.RemoveFiles((SREL,)))
    empty = (PAYLOAD, ENTRIES, "loader", "EFI/systemd", "EFI/BOOT", "EFI")
    return (*todo, *(RemoveEmpty(path) for path in empty), ops.Sync())


def read_text(fd: int, path: str) -> str | None:
    """Return a small text file, or None; raises OSError."""
    data = fs.read_optional(fd, path)
    return None if data is None else data.decode("utf-8", "replace")


def _programs(fd: int) -> list[str]:
    """Return the places where a program of ours can be."""
    found = [f"EFI/systemd/{name}" for name in fs.list_optional(fd, "EFI/systemd") or []]
    names = fs.list_optional(fd, "EFI/BOOT") or []
    return found + [f"EFI/BOOT/{name}" for name in names if _BOOT.fullmatch(name.lower())]
