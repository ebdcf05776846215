"""The names that are ours on an EFI partition, in ASCII and lower case: FAT keeps no case.

An entry is `bootchain-GENERATION-NUMBER[+LEFT-DONE].conf`, with more digits than will be
needed, so that all of them have the same length.  A later generation sorts before an earlier
one, and so does a higher number in it.  A kernel file is `STEM-DIGEST`, named by its content.
"""

import re
from dataclasses import dataclass

PREFIX = "bootchain"
# Kernels lie here, relative to the top of the partition.
PAYLOAD = PREFIX
ENTRIES = "loader/entries"
DIGEST_LENGTH = 32
_ENTRY = re.compile(
    rf"{PREFIX}-([0-9]{{6,9}})-([0-9]{{2,4}})(?:\+([0-9]{{1,9}})(?:-([0-9]{{1,9}}))?)?\.conf"
)
_PAYLOAD = re.compile(rf".+-[0-9a-f]{{{DIGEST_LENGTH}}}")
_STEM_LENGTH = 100
_NOT_PLAIN = re.compile(r"[^a-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class EntryName:
    """The parts of an entry's name; `tries` are those left and done, None when not counted."""

    generation: int
    number: int
    tries: tuple[int, int] | None = None

    @property
    def file(self) -> str:
        """The file's name."""
        counters = "" if self.tries is None else f"+{self.tries[0]}-{self.tries[1]}"
        return f"{self.stem}{counters}.conf"

    @property
    def stem(self) -> str:
        """The name without counters and ending."""
        return f"{PREFIX}-{self.generation:06}-{self.number:02}"

    @property
    def version(self) -> str:
        """What the key `version` has to be, so that every sort comes out the same."""
        return f"{self.generation}.{self.number}"


def parse_entry_name(name: str) -> EntryName | None:
    """Return the parts of a name that is ours, whatever its case, else None."""
    found = _ENTRY.fullmatch(name.lower())
    if found is None:
        return None
    tries = None if found[3] is None else (int(found[3]), int(found[4] or 0))
    return EntryName(int(found[1]), int(found[2]), tries)


def payload_name(file: str, digest: str) -> str:
    """Return the name for a file of the boot directory with this sha256."""
    stem = _NOT_PLAIN.sub("_", file.lower())[:_STEM_LENGTH]
    return f"{stem or 'file'}-{digest[:DIGEST_LENGTH]}"


def is_payload_name(name: str) -> bool:
    """Return whether a file below `PAYLOAD` is ours."""
    return _PAYLOAD.fullmatch(name.lower()) is not None
