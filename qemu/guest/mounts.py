"""A guest's mount table as values that two boots can be compared by.

Numbers that the kernel hands out as it goes (mount IDs, peer groups, anonymous devices) are
replaced by what they stand for: the mount point of the parent, of the group's master.  Sizes
that follow from the memory are given as its share.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

# Options that hold a descriptor, a process or a pipe of the one who mounted.
_PASSING = re.compile(r"(fd|pgrp|pipe_ino)=")
_SMALL_KIB = 16 * 1024
_PAGE_KIB = 4


@dataclass(frozen=True, slots=True, order=True)
class Mount:
    """One mount.

    `under` is the parent's mount point, empty for the root; `level` counts the mounts that
    it lies on at the same point; `device` is `MAJOR:MINOR` of a block device, else empty.
    `propagation` is `private`, `shared`, `slave of POINT` or `slave of POINT, shared`.
    """

    point: str
    level: int
    under: str
    root: str
    fstype: str
    source: str
    device: str
    options: str
    super_options: str
    propagation: str

    def describe(self) -> str:
        """Everything in one line, for failures."""
        stacked = f" (over {self.level})" if self.level else ""
        return (
            f"{self.point}{stacked} under {self.under or 'nothing'}: {self.fstype} {self.source}"
            f" {self.device} root {self.root}, {self.options}; {self.super_options};"
            f" {self.propagation}"
        )


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of mountinfo (proc_pid_mountinfo(5)), taken apart and not interpreted."""

    number: str
    parent: str
    device: str
    root: str
    point: str
    options: str
    tags: dict[str, str]
    fstype: str
    source: str
    super_options: str


def _parse(line: str) -> _Line:
    before, _, after = line.partition(" - ")
    number, parent, device, root, point, options, *optional = before.split(" ")
    tags = {name: group for name, _, group in (field.partition(":") for field in optional)}
    fstype, source, super_options = after.split(" ", 2)
    return _Line(number, parent, device, root, point, options, tags, fstype, source, super_options)


def _memory_option(option: str, memory_kib: int) -> str:
    """A tmpfs limit as a share of the memory; empty when it is the kernel's default.

    By default that is half of the memory, and an inode for every second page; the kernel
    shows it only where the memory has grown since, as it does when an initramfs is freed.
    """
    name, _, value = option.partition("=")
    if name == "size" and int(value.removesuffix("k")) > _SMALL_KIB:
        share = round(int(value.removesuffix("k")) * 20 / memory_kib) * 5
        return "" if share == 50 else f"size={share}%"
    if name == "nr_inodes":
        default = memory_kib / _PAGE_KIB / 2
        return "" if abs(int(value) - default) < default * 0.05 else option
    return option


def _super_options(line: _Line, memory_kib: int) -> str:
    options = [word for word in line.super_options.split(",") if not _PASSING.match(word)]
    if line.fstype in ("tmpfs", "devtmpfs"):
        options = [_memory_option(word, memory_kib) for word in options]
    return ",".join(word for word in options if word)


def _propagation(line: _Line, masters: dict[str, str]) -> str:
    kinds = []
    if "master" in line.tags:
        kinds.append(f"slave of {masters.get(line.tags['master'], 'a mount out of sight')}")
    if "shared" in line.tags:
        kinds.append("shared")
    if "unbindable" in line.tags:
        kinds.append("unbindable")
    return ", ".join(kinds) or "private"


def table(mountinfo: str, memory_kib: int, passing: re.Pattern[str] | None = None) -> list[Mount]:
    """The mounts of a mountinfo text, sorted by mount point.

    `memory_kib` is the machine's memory (MemTotal).  Mount points that match `passing` as a
    whole are left out: they come and go while the system runs.
    """
    lines = [_parse(line) for line in mountinfo.splitlines()]
    by_number = {line.number: line for line in lines}
    masters = {line.tags["shared"]: line.point for line in lines if "shared" in line.tags}

    def level(line: _Line) -> int:
        parent = by_number.get(line.parent)
        return 1 + level(parent) if parent and parent.point == line.point else 0

    return sorted(
        Mount(
            point=line.point,
            level=level(line),
            under=by_number[line.parent].point if line.parent in by_number else "",
            root=line.root,
            fstype=line.fstype,
            source=line.source,
            # Major 0: the kernel's next free number, for a filesystem without a device.
            device="" if line.device.startswith("0:") else line.device,
            options=line.options,
            super_options=_super_options(line, memory_kib),
            propagation=_propagation(line, masters),
        )
        for line in lines
        if not (passing and passing.fullmatch(line.point))
    )


def differences(one: Iterable[Mount], other: Iterable[Mount]) -> list[str]:
    """What only one of two tables has: `- ` for the first, `+ ` for the second."""
    left, right = set(one), set(other)
    marked = [("-", mount) for mount in left - right] + [("+", mount) for mount in right - left]
    marked.sort(key=lambda pair: (pair[1].point, pair[0] == "+", pair[1]))
    return [f"{mark} {mount.describe()}" for mark, mount in marked]
