"""What systemd-boot would do with an EFI partition as it lies there, without any repair."""

import hashlib
import mmap
from dataclasses import dataclass
from pathlib import Path

from crashlab import Step

from bootentries.deployment import Entry
from bootentries.entries.bls import parse
from bootentries.esp.loaderconf import default_pattern
from bootentries.order import sdboot
from bootvm.crash.explore import Verdict
from bootvm.crash.fat import Fat, FatError

ENTRIES = "loader/entries"


@dataclass(frozen=True, slots=True)
class Choice:
    """The default: its entry's name and arguments, and what its kernel and initramfs hash to."""

    entry: str
    options: str
    digests: tuple[str, ...]


def choice(image: Path, offset: int) -> Choice:
    """What boots by default; raises FatError when nothing does, or a file of it is broken."""
    with image.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        fat = Fat(data, offset)
        entries = [
            Entry(node.name, parse(fat.read(node.path).decode("utf-8", "replace")))
            for node in fat.listing(ENTRIES)
            if not node.is_directory and node.name.lower().endswith(".conf")
        ]
        shown = [one for one in entries if _starts(fat, one)]
        entry = sdboot.default(shown, _pattern(fat), architecture="x64")
        if entry is None:
            raise FatError("boot", ENTRIES, f"no entry of {len(entries)} can be booted")
        left = sdboot.tries(entry.name)
        if left is not None and left[0] == 0:
            raise FatError("boot", entry.name, "the default is a bad entry")
        files = (entry.bls.get("linux") or "", *entry.bls.initrds())
        digests = tuple(hashlib.sha256(fat.read(path)).hexdigest() for path in files)
        return Choice(entry.name, entry.options, digests)


def _pattern(fat: Fat) -> str | None:
    """What `loader.conf` says is the default."""
    try:
        return default_pattern(fat.read("loader/loader.conf").decode("utf-8", "replace"))
    except FatError:
        return None


def _starts(fat: Fat, entry: Entry) -> bool:
    """The program hides an entry whose kernel it cannot find."""
    try:
        return not fat.find(entry.bls.get("linux") or "").is_directory
    except FatError:
        return False


def stored(image: Path, offset: int, path: str) -> bytes:
    """A file of the partition; raises FatError when it is not there, or broken."""
    with image.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return Fat(data, offset).read(path)


def judge(image: Path, offset: int, step: Step) -> Verdict:
    """Old or new, and whole; all else is a fault."""
    try:
        found = choice(image, offset)
    except FatError as error:
        return Verdict(False, str(error))
    state = step.state_of(found.options, found.digests)
    if state is None:
        return Verdict(False, f"{found.entry}: neither old nor new: {found.options}")
    return Verdict(True, state)
