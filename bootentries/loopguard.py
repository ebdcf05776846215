"""A guard against updates that are staged, fail at shutdown, and are staged again, for ever.

A file in /boot counts how often in a row finalisation of the same commit failed, and keeps
the last reason: libostree removes its own once it was told.  A finalisation that succeeds,
and a deploy that is not staged, remove it; a failure of another commit begins to count anew.
"""

from dataclasses import dataclass

from bootentries import fs
from bootentries.deployment import parse_directory
from bootentries.errors import BootentriesError, from_os_error
from bootentries.root import Root
from bootentries.sysroot import Sysroot

RECORD = "ostree/finalize-attempts.stamp"
LIMIT = 3


@dataclass(frozen=True, slots=True)
class Attempts:
    """Whose finalisation failed last (`name` is CHECKSUM.SERIAL), how often, and why."""

    stateroot: str
    name: str
    count: int
    reason: str

    @property
    def checksum(self) -> str:
        """The commit: a new try may have another serial."""
        return self.name.partition(".")[0]

    def encode(self) -> str:
        """Return the text of the record."""
        reason = " ".join(self.reason.split())
        return f"target={self.stateroot}/{self.name}\ncount={self.count}\nreason={reason}\n"

    @staticmethod
    def decode(text: str) -> "Attempts | None":
        """Return what a record says, or None where it says nothing that counts."""
        found = dict(line.partition("=")[::2] for line in text.split("\n"))
        stateroot, _, name = found.get("target", "").partition("/")
        count = found.get("count", "")
        if not stateroot or parse_directory(name) is None:
            return None
        if not count.isascii() or not count.isdigit() or len(count) > 6:
            return None
        return Attempts(stateroot, name, int(count), found.get("reason", ""))


def count_failure(root: Root, stateroot: str, name: str, reason: str) -> Attempts:
    """Count one more failure of the staged deployment `name`; raises OSError."""
    data = fs.read_optional(root.boot(), RECORD)
    before = None if data is None else Attempts.decode(data.decode(errors="replace"))
    found = Attempts(stateroot, name, 1, reason)
    if before is not None and (before.stateroot, before.checksum) == (stateroot, found.checksum):
        found = Attempts(stateroot, name, before.count + 1, reason)
    fs.make_dirs(root.boot(), "ostree", 0o775)
    fs.write_file(root.boot(), RECORD, found.encode().encode(errors="replace"))
    return found


def forget_failures(root: Root) -> None:
    """Remove the record: a deployment became active; raises OSError."""
    fs.remove_tree(root.boot(), RECORD)


def read_failures(root: Root, present: Sysroot) -> Attempts | None:
    """Return the record, or None without one, or where its deployment became active since.

    Raises BootentriesError.
    """
    try:
        data = None if root.boot_fd is None else fs.read_optional(root.boot_fd, RECORD)
    except OSError as error:
        raise from_os_error("read attempts", error, f"boot/{RECORD}") from error
    found = None if data is None else Attempts.decode(data.decode(errors="replace"))
    if found is None:
        return None
    serial = int(found.name.rpartition(".")[2])
    for item in present.on_disk:
        same = (item.stateroot, item.checksum) == (found.stateroot, found.checksum)
        # An older deployment of the same commit has a smaller serial.
        if same and item.serial >= serial:
            return None
    return found


def check_loop(root: Root, present: Sysroot, stateroot: str, checksum: str) -> None:
    """Raise BootentriesError when this commit failed too often to stage it once more."""
    found = read_failures(root, present)
    if found is None or found.count < LIMIT:
        return
    if (found.stateroot, found.checksum) == (stateroot, checksum):
        raise BootentriesError(
            "stage", checksum,
            f"its finalisation failed {found.count} times in a row: {found.reason}",
            hint="mend what the reason names, then stage it with --retry-failed; "
            "or deploy it without --stage",
        )  # fmt: skip
