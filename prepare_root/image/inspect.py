"""`prepare-root-image inspect`: what an initramfs image holds, whoever made it.

The format is in `prepare_root.formats.newc`; this says what in it matters for a boot.
"""

import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import click

from prepare_root.formats import FormatError, keys, newc
from prepare_root.formats import config as formats_config
from prepare_root.image.bootside import PROGRAM
from prepare_root.image.contents import CONFIG, ETC_CONFIG, LOAD_LIST, MODULE_INDEX
from prepare_root.image.errors import ImageError
from prepare_root.image.moduletree import SUFFIXES
from prepare_root.image.run import run

PLAIN = "none"
KEY = "etc/ostree/initramfs-root-binding.key"
# Where a prepare-root is, in our images, in dracut's with our module, and with libostree's.
PROGRAMS = ("init", PROGRAM, "usr/lib/ostree/ostree-prepare-root")
# A sentence of its help: nobody else's program has it.
_OURS = b"usage: prepare-root [--dry-run] SYSROOT"
_MICROCODE = "kernel/x86/microcode/"


@dataclass(frozen=True, slots=True)
class Part:
    """One archive: where it begins in what holds it, how it is packed, and its members.

    `size` is what it takes in the image, in bytes.
    """

    offset: int
    size: int
    packing: str
    members: tuple[newc.Member, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Report:
    """What matters for a boot.

    `programs` are (path, whose) of each prepare-root; `modules` the kernel releases with the
    names of their modules; `configuration` (path, text) of the one that counts, `fault` why it
    cannot be used; `keys` how many keys for signed roots there are, None without the file.
    """

    parts: tuple[Part, ...]
    programs: tuple[tuple[str, str], ...]
    modules: dict[str, tuple[str, ...]]
    on_demand: bool
    configuration: tuple[str, str] | None
    fault: str | None
    keys: int | None
    microcode: tuple[str, ...]


def parts(image: bytes, where: str) -> Iterator[Part]:
    """The archives of `image` in order; raises ImageError, naming `where`."""
    at = 0
    try:
        while (at := newc.skip_zeros(image, at)) < len(image):
            if newc.is_archive(image, at):
                members, end = newc.read(image, at)
                yield Part(at, end - at, PLAIN, tuple(members))
                at = end
                continue
            packing = newc.packed(image, at)
            data = run(newc.FILTERS[packing], "unpack", where, stdin=image[at:])
            inner = tuple(parts(data, where))
            for number, part in enumerate(inner):
                size = len(image) - at if number == 0 else 0
                yield Part(at, size, packing, part.members)
            return
    except FormatError as error:
        raise ImageError("read initramfs", where, str(error)) from error


def name_of(member: newc.Member) -> str:
    """A member's path relative to the root."""
    return os.fsdecode(member.name.removeprefix(b"./").lstrip(b"/"))


def inspect(image: bytes, where: str) -> Report:
    """What is in the bytes of an image; raises ImageError, naming `where`."""
    found = tuple(parts(image, where))
    if not found:
        raise ImageError("read initramfs", where, "nothing but zeros is in it")
    members = {name_of(member): member for part in found for member in part.members}
    files = {name: one.data for name, one in members.items() if stat.S_ISREG(one.mode)}
    configuration, fault = _configuration(files)
    material = files.get(KEY)
    return Report(
        parts=found,
        programs=tuple(
            (name, "bootchain" if _OURS in files[name] else "libostree")
            for name in PROGRAMS
            if name in files and (name != "init" or _OURS in files[name])
        ),
        modules=_modules(files),
        on_demand=MODULE_INDEX in files or LOAD_LIST not in files,
        configuration=configuration,
        fault=fault,
        keys=None if material is None else _count_keys(material),
        microcode=tuple(name for name in sorted(files) if name.startswith(_MICROCODE)),
    )


def _modules(files: dict[str, bytes]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for name in files:
        path = PurePosixPath(name)
        words = path.parts
        if "modules" not in words[:-2] or not path.name.endswith(SUFFIXES):
            continue
        release = words[words.index("modules") + 1]
        found.setdefault(release, []).append(path.name.partition(".ko")[0].replace("-", "_"))
    return {release: tuple(sorted(set(names))) for release, names in sorted(found.items())}


def _configuration(files: dict[str, bytes]) -> tuple[tuple[str, str] | None, str | None]:
    """The configuration that counts: the one in /etc replaces the other as a whole."""
    for name in (ETC_CONFIG, CONFIG):
        if name in files:
            text = files[name].decode(errors="replace")
            try:
                formats_config.parse(files[name])
            except FormatError as error:
                return (name, text), str(error)
            return (name, text), None
    return None, None


def _count_keys(material: bytes) -> int:
    try:
        return len(keys.parse(material))
    except FormatError:
        return 0


def lines(report: Report) -> Iterator[str]:
    """The report for people."""
    for number, part in enumerate(report.parts, 1):
        packing = "not packed" if part.packing == PLAIN else part.packing
        yield f"part {number}: at {part.offset}, {part.size} bytes, {packing}, " + (
            f"{len(part.members)} members"
        )
    if report.microcode:
        yield f"microcode: {', '.join(report.microcode)}"
    whose = [f"/{path} ({who})" for path, who in report.programs]
    yield f"prepare-root: {', '.join(whose) or 'none'}"
    for release, names in report.modules.items():
        yield f"modules of {release}: {', '.join(names)}"
    if not report.modules:
        yield "modules: none"
    elif not report.on_demand:
        yield "modules are all loaded at the start"
    if report.keys is not None:
        yield f"keys for signed roots: {report.keys} in /{KEY}"
    if report.configuration is None:
        yield "configuration: none, so nothing is set"
        return
    path, text = report.configuration
    yield f"configuration: /{path}" + (f": {report.fault}" if report.fault else "")
    yield from (f"  {line}" for line in text.splitlines())


def to_json(report: Report) -> dict[str, object]:
    """The report for programs."""
    return {
        "parts": [
            {
                "offset": part.offset,
                "size": part.size,
                "packing": part.packing,
                "members": [
                    {"name": name_of(one), "mode": one.mode, "size": len(one.data)}
                    for one in part.members
                ],
            }
            for part in report.parts
        ],
        "prepare-root": [{"path": path, "of": who} for path, who in report.programs],
        "modules": {release: list(names) for release, names in report.modules.items()},
        "configuration": (
            None
            if report.configuration is None
            else {
                "path": report.configuration[0],
                "text": report.configuration[1],
                "fault": report.fault,
            }
        ),
        "keys": report.keys,
        "microcode": list(report.microcode),
    }


def listing(report: Report) -> Iterator[str]:
    """A line for each member, as `ls -l` has it."""
    for part in report.parts:
        for one in part.members:
            name = name_of(one) or "."
            size = f"{one.rdev[0]}, {one.rdev[1]}" if _is_node(one.mode) else str(len(one.data))
            link = f" -> {os.fsdecode(one.data)}" if stat.S_ISLNK(one.mode) else ""
            yield f"{stat.filemode(one.mode)} {one.uid:>4} {one.gid:>4} {size:>9} {name}{link}"


def _is_node(mode: int) -> bool:
    return stat.S_ISCHR(mode) or stat.S_ISBLK(mode)


@click.command(epilog="Example: prepare-root-image inspect /boot/ostree/debian-4f0.../initramfs")
@click.argument("image", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--list", "with_list", is_flag=True, help="A line for each member, too.")
@click.option("--json", "as_json", is_flag=True, help="Report as JSON, members included.")
def command(image: Path, with_list: bool, as_json: bool) -> None:
    """Say what the initramfs IMAGE holds: ours, dracut's, or any other."""
    try:
        data = image.read_bytes()
    except OSError as error:
        raise ImageError("read initramfs", str(image), error.strerror or str(error)) from error
    report = inspect(data, str(image))
    if as_json:
        click.echo(json.dumps(to_json(report), indent=2))
        return
    for line in lines(report):
        click.echo(line)
    if with_list:
        for line in listing(report):
            click.echo(line)
