"""What lies on a partition already: entries and kernel files of ours, and the room there is."""

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field

from bootentries import fs
from bootentries.deployment import Entry
from bootentries.entries import bls
from bootentries.errors import BootentriesError
from bootentries.esp import entry as esp_entry
from bootentries.esp.grow import is_filler
from bootentries.esp.names import ENTRIES, PAYLOAD, EntryName, is_payload_name, parse_entry_name
from bootentries.esp.places import FAT, OWN_MOUNT
from bootentries.fstype import filesystem_type
from bootentries.order import sdboot

# Far more than an entry has.
_LIMIT = 1 << 20
SREL = "loader/entries.srel"
SREL_TEXT = "type1\n"


@dataclass(frozen=True, slots=True)
class PresentEntry:
    """One of our entries; `file` is its name as the directory has it."""

    file: str
    name: EntryName
    text: str

    @property
    def live(self) -> bool:
        """Whether loaders boot from it."""
        return esp_entry.is_live(self.text)

    @property
    def deployment(self) -> str | None:
        """The `STATEROOT/CHECKSUM.SERIAL` that it boots."""
        return esp_entry.deployment_of(self.text)

    @property
    def payloads(self) -> tuple[str, ...]:
        """Names of the files that it loads."""
        return esp_entry.named_payloads(self.text)


@dataclass(frozen=True, slots=True)
class Present:
    """`entries` are ours, `foreign` all others; `payload` maps names to sizes.

    `odd` are paths that are ours but for capitals: not written here, and the same on FAT.
    `dirs` are the bytes that our directories have for names; None where that is not FAT.
    `fillers` are files that an interrupted run left there.  `beside` is the highest
    generation on another partition that the loader reads as well.
    """

    entries: tuple[PresentEntry, ...] = ()
    foreign: tuple[Entry, ...] = ()
    payload: dict[str, int] = field(default_factory=dict)
    odd: tuple[str, ...] = ()
    has_entries: bool = False
    has_payload: bool = False
    srel: str | None = None
    # bytes of a cluster, and of the whole and what is free of it
    cluster: int = 4096
    size: int = 0
    free: int = 0
    read_only: bool = False
    dirs: dict[str, int] | None = None
    fillers: tuple[str, ...] = ()
    beside: int = 0

    @property
    def live(self) -> tuple[PresentEntry, ...]:
        """Our entries that loaders boot, in systemd-boot's order."""
        by_name = {item.file: item for item in self.entries if item.live}
        order = sdboot.order([Entry(item.file, bls.parse(item.text)) for item in by_name.values()])
        return tuple(by_name[entry.name] for entry in order)

    @property
    def generation(self) -> int:
        """The highest one that any name has, 0 for none.

        Names in capitals count: on FAT the same name in small letters would be that file.
        """
        odd = (parse_entry_name(path.rpartition("/")[2]) for path in self.odd)
        names = (*(item.name for item in self.entries), *(name for name in odd if name))
        return max((self.beside, *(name.generation for name in names)))

    def shown(self) -> list[Entry]:
        """Return all that systemd-boot shows from this directory, in its order."""
        ours = (Entry(item.file, bls.parse(item.text)) for item in self.entries)
        return sdboot.order([*ours, *self.foreign])


def read_present(fd: int) -> Present:
    """Return what is below the top directory `fd`; it only reads.

    Raises OSError, and BootentriesError where something else is in the way of ours.
    """
    for path in ("loader", ENTRIES, PAYLOAD):
        found = fs.stat_optional(fd, path, follow=False)
        if found is not None and not stat.S_ISDIR(found.st_mode):
            raise BootentriesError(
                "read ESP", path, "it is in the way: not a directory",
                hint="move it away; no loader reads entries there as it is",
            )  # fmt: skip
    ours, foreign = _entries(fd)
    kernels = [(name, size) for name, size in _files(fd, PAYLOAD) if is_payload_name(name)]
    odd = [f"{PAYLOAD}/{name}" for name, _ in kernels if name != name.lower()]
    odd += [f"{ENTRIES}/{item.name}" for item in foreign if parse_entry_name(item.name)]
    room = os.fstatvfs(fd)
    srel = fs.read_optional(fd, SREL, _LIMIT)
    return Present(
        entries=ours,
        foreign=foreign,
        payload={name: size for name, size in kernels if name == name.lower()},
        odd=tuple(odd),
        has_entries=fs.is_dir(fd, ENTRIES),
        has_payload=fs.is_dir(fd, PAYLOAD),
        srel=None if srel is None else srel.decode("utf-8", "replace"),
        cluster=room.f_bsize,
        size=room.f_blocks * room.f_frsize,
        free=room.f_bfree * room.f_frsize,
        read_only=bool(room.f_flag & os.ST_RDONLY) and not _is_own_look(fd),
        dirs=_dirs(fd) if filesystem_type(fd) in FAT else None,
        fillers=tuple(
            f"{path}/{name}"
            for path in (PAYLOAD, ENTRIES)
            for name, _ in _files(fd, path)
            if is_filler(name)
        ),
    )


def _dirs(fd: int) -> dict[str, int]:
    """Return the size of each directory of ours that is there."""
    found = ((path, fs.stat_optional(fd, path, follow=False)) for path in (PAYLOAD, ENTRIES))
    return {path: state.st_size for path, state in found if state is not None}


def _is_own_look(fd: int) -> bool:
    """Return whether it is read-only because we mounted it so, to look at it and no more.

    Then it is the device that says whether it could be written.
    """
    if not os.readlink(f"/proc/self/fd/{fd}").startswith(OWN_MOUNT):
        return False
    device = os.fstat(fd).st_dev
    try:
        with open(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/ro") as file:
            return file.read().strip() == "0"
    except OSError:
        return True


def _entries(fd: int) -> tuple[tuple[PresentEntry, ...], tuple[Entry, ...]]:
    ours: list[PresentEntry] = []
    foreign: list[Entry] = []
    for name, size in _files(fd, ENTRIES):
        if not name.lower().endswith(".conf") or size > _LIMIT:
            continue
        text = (fs.read_optional(fd, f"{ENTRIES}/{name}", _LIMIT) or b"").decode("utf-8", "replace")
        parsed = parse_entry_name(name)
        # What has capitals was not written here, and may be somebody's.
        if parsed is not None and name == name.lower():
            ours.append(PresentEntry(name, parsed, text))
        else:
            foreign.append(Entry(name, bls.parse(text)))
    return tuple(ours), tuple(foreign)


def _files(fd: int, path: str) -> Iterable[tuple[str, int]]:
    """Yield (name, size) of the regular files in a directory."""
    for name in fs.list_optional(fd, path) or []:
        found = fs.stat_optional(fd, f"{path}/{name}", follow=False)
        if found is not None and stat.S_ISREG(found.st_mode):
            yield name, found.st_size
