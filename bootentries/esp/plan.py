"""From what lies on a partition, and what shall, to the operations between them.

The order is what makes it safe, and `docs/esp.md` has it with what a power cut leaves:
files that nothing names; entries without effect; the switch; the other entries; then what
the list before had.  Systemd-boot's default is the old one up to the switch, and the new one
from it on, because the new names sort before all old ones.
"""

from dataclasses import dataclass, replace

from bootentries.errors import BootentriesError
from bootentries.esp import ops
from bootentries.esp.entry import EspEntry, Payload, entry_text, same_but_version
from bootentries.esp.grow import ENTRY_SLOTS, PAYLOAD_SLOTS, Grow, room
from bootentries.esp.lost import without_lost
from bootentries.esp.names import ENTRIES, PAYLOAD, EntryName
from bootentries.esp.ops import EspOp
from bootentries.esp.present import SREL, SREL_TEXT, Present
from bootentries.esp.verdicts import left_counters, stubs


class NoRoom(BootentriesError):
    """Old and new do not fit, and no way keeps a default bootable all along.

    `first` is what can be removed all the same.
    """

    first: tuple[EspOp, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a partition shall hold: the list's entries, the default first.

    `extra` are files for a list that comes later; they are copied when there is room.
    `keep` is the deployment that runs: it stays bootable on the way.  `counted` is the file
    name by which it was booted, while nobody has judged that boot.  `there` are the deployments
    that are there, None when nobody has looked.  `counting` says that boots are counted: then
    what is counted on a partition goes on to be, though the list may have lost the counters,
    as libostree does with other arguments.
    """

    entries: tuple[EspEntry, ...]
    extra: tuple[Payload, ...] = ()
    keep: str | None = None
    counted: str | None = None
    there: frozenset[str] | None = None
    counting: bool = False

    @property
    def payloads(self) -> tuple[Payload, ...]:
        """The files of the entries, each once."""
        found = (payload for entry in self.entries for payload in entry.payloads)
        return tuple({payload.name: payload for payload in found}.values())


@dataclass(frozen=True, slots=True)
class EspPlan:
    """Operations for one partition; none where it is `in_step` already."""

    ops: tuple[EspOp, ...]
    in_step: bool
    two_steps: bool = False

    def describe(self) -> list[str]:
        """Return one line for each operation."""
        return [op.describe() for op in self.ops]

    def then(self, others: tuple[EspOp, ...]) -> "EspPlan":
        """Return the plan with what is done on another partition after it."""
        return replace(self, ops=(*self.ops, *others), in_step=self.in_step and not others)


def plan(present: Present, wanted: Wanted, reread: bool = False) -> EspPlan:
    """Return what makes a partition hold what is wanted; it only compares.

    With `reread` files that are there are read and compared, too.  Raises NoRoom, and
    BootentriesError for a partition that is read-only.
    """
    if present.read_only:
        raise BootentriesError(
            "sync ESP", "partition", "it is read-only",
            hint="look why (dmesg, fsck.fat); then mount it writable: mount -o remount,rw",
        )  # fmt: skip
    if not wanted.entries:
        # A list that boots nothing is no reason to take away what does.
        return EspPlan((), not present.live)
    wanted = with_counters(present, wanted)
    present, lost = without_lost(present, wanted.there)
    same = in_step(present, wanted)
    todo: list[EspOp] = [*lost, *_remove_unused(present, wanted, same)]
    if same and not reread:
        copies = _extra_copies(present, wanted, todo)
        return EspPlan((*todo, *copies), not todo)
    step = _make_room(present, wanted, todo) if not same else ()
    todo += step
    todo += _directories(present)
    todo += _rooms(present, wanted)
    todo += _copies(present, wanted.payloads, reread)
    if not same:
        todo += _entries(present, wanted)
        todo += _remove_old(present, wanted, step)
    if not step:
        todo += _extra_copies(present, wanted, todo)
    return EspPlan(tuple(todo), False, bool(step))


def with_counters(present: Present, wanted: Wanted) -> Wanted:
    """Return the wanted list with the counters that the loader and the system left."""
    left = left_counters(present)
    return replace(
        wanted,
        entries=tuple(
            replace(entry, tries=left[entry.deployment])
            if (entry.tries is not None or wanted.counting) and entry.deployment in left
            else entry
            for entry in wanted.entries
        ),
    )


def in_step(present: Present, wanted: Wanted) -> bool:
    """Return whether our entries are those that are wanted, and their files are there."""
    kept = stubs(present)
    entries = [item for item in present.entries if item not in kept]
    found = sorted(entries, key=lambda item: -item.name.number)
    if len(found) != len(wanted.entries) or len({item.name.generation for item in found}) > 1:
        return False
    for item, entry in zip(found, wanted.entries, strict=True):
        if item.name.tries != entry.tries:
            return False
        if not same_but_version(item.text, entry_text(entry, item.name)):
            return False
    return all(present.payload.get(item.name) == item.size for item in wanted.payloads)


def clusters(size: int, cluster: int) -> int:
    """Return the bytes that a file of `size` takes."""
    return -(-size // cluster) * cluster


def needed(present: Present, wanted: Wanted) -> int:
    """Return the bytes that the new files take, in whole clusters, entries included.

    Two clusters are for directories that grow; one for each that is made.
    """
    cluster = present.cluster
    copies = [item.size for item in wanted.payloads if present.payload.get(item.name) != item.size]
    entries = [len(entry_text(entry, EntryName(999999, 99))) for entry in wanted.entries]
    made = 2 + (not present.has_payload) + 2 * (not present.has_entries)
    grown = [op.size for op in _rooms(present, wanted)]
    return sum(clusters(size, cluster) for size in (*copies, *entries, *grown)) + made * cluster


def _remove_unused(present: Present, wanted: Wanted, same: bool) -> tuple[EspOp, ...]:
    """Remove first what an interrupted run left: no entry that boots names it.

    What a verdict can be read from stays until the new entries have it.
    """
    kept = [item for item in stubs(present) if not same or item.file == wanted.counted]
    named = {name for item in present.live for name in item.payloads}
    due = {item.name: item.size for item in (*wanted.payloads, *wanted.extra)}
    dead = [
        f"{ENTRIES}/{item.file}" for item in present.entries if not item.live and item not in kept
    ]
    dead += [
        f"{PAYLOAD}/{name}"
        for name, size in sorted(present.payload.items())
        if name not in named and due.get(name) != size
    ]
    dead += present.fillers
    return (ops.RemoveFiles(tuple(dead)),) if dead else ()


def _gained(present: Present, paths: tuple[str, ...]) -> int:
    """Return the bytes that removing these kernel files frees."""
    names = [path.removeprefix(f"{PAYLOAD}/") for path in paths]
    sizes = [present.payload[name] for name in names if name in present.payload]
    return sum(clusters(size, present.cluster) for size in sizes)


def _free(present: Present, todo: list[EspOp]) -> int:
    removed = (op.paths for op in todo if isinstance(op, ops.RemoveFiles))
    return present.free + sum(_gained(present, paths) for paths in removed)


def _make_room(present: Present, wanted: Wanted, todo: list[EspOp]) -> tuple[ops.RemoveFiles, ...]:
    """Take entries away that are neither the default nor what runs, where room is short."""
    due, free = needed(present, wanted), _free(present, todo)
    if due <= free:
        return ()
    live = present.live
    kept = [item for item in live if item is live[0] or item.deployment == wanted.keep]
    dropped = [item for item in live if item not in kept]
    names = {name for item in kept for name in item.payloads}
    names |= {payload.name for payload in wanted.payloads}
    files = tuple(
        f"{PAYLOAD}/{name}"
        for name in sorted({name for item in dropped for name in item.payloads} - names)
        if name in present.payload
    )
    gained = _gained(present, files)
    if due > free + gained:
        error = NoRoom(
            "sync ESP", "partition",
            f"{_mib(due)} are needed, {_mib(free)} are free"
            + (f", and {_mib(gained)} could be freed" if gained else ""),
            hint="undeploy what is not needed, use a larger partition, or remove what others "
            f"keep there; it holds {_mib(present.size)}",
        )  # fmt: skip
        error.first = tuple(todo)
        raise error
    entries = tuple(f"{ENTRIES}/{item.file}" for item in dropped)
    return (ops.RemoveFiles(entries), ops.RemoveFiles(files))


def _directories(present: Present) -> list[EspOp]:
    todo: list[EspOp] = []
    if not present.has_payload:
        todo.append(ops.MakeDir(PAYLOAD))
    if not present.has_entries:
        todo.append(ops.MakeDir(ENTRIES))
        # It says whose semantics the directory has, which nobody may say for others.
        if present.srel is None:
            todo.append(ops.WriteFile(SREL, SREL_TEXT))
    return todo


def _rooms(present: Present, wanted: Wanted) -> list[Grow]:
    """Let the directories grow where two lists have no room in them; see `grow`."""
    if present.dirs is None:
        return []
    names = len(present.payload) + len(wanted.payloads) + len(wanted.extra)
    entries = len(present.entries) + len(present.foreign) + len(wanted.entries)
    slots = {PAYLOAD: names * PAYLOAD_SLOTS, ENTRIES: entries * ENTRY_SLOTS}
    sizes = {path: room(due, present.dirs.get(path, 0)) for path, due in slots.items()}
    return [Grow(path, size) for path, size in sizes.items() if size is not None]


def _copies(present: Present, payloads: tuple[Payload, ...], reread: bool) -> list[EspOp]:
    named = {name for item in present.live for name in item.payloads}
    copied = [
        item
        for item in payloads
        if reread or item.name not in named or present.payload.get(item.name) != item.size
    ]
    if not copied:
        return []
    return [
        *(ops.CopyPayload(item.source, item.path) for item in copied),
        ops.Sync(),
        *(ops.CheckPayload(item.path) for item in copied),
    ]


def _entries(present: Present, wanted: Wanted) -> list[EspOp]:
    """Write the entries without effect; then switch on the default, then the others."""
    generation = present.generation + 1
    count = len(wanted.entries)
    files = []
    for index, entry in enumerate(wanted.entries):
        name = EntryName(generation, count - index, entry.tries)
        files.append((f"{ENTRIES}/{name.file}", entry_text(entry, name, live=False), entry))
    # An entry without tries left sorts last, so it is not what will be booted.
    good = [path for path, _, entry in files if entry.tries is None or entry.tries[0]]
    first = good[0] if good else files[0][0] if files else None
    todo: list[EspOp] = [ops.WriteFile(path, text) for path, text, _ in files]
    todo.append(ops.Sync())
    todo += [ops.CheckFile(path, text) for path, text, _ in files]
    if first is not None:
        todo += [ops.Enable(first), ops.Sync()]
    others = [path for path, _, _ in files if path != first]
    todo += [ops.Enable(path) for path in others]
    return [*todo, ops.Sync()] if others else todo


def _remove_old(present: Present, wanted: Wanted, done: tuple[ops.RemoveFiles, ...]) -> list[EspOp]:
    """Remove the entries of the list before, then the files that only they named.

    What `done` removes is gone already.
    """
    due = {item.name for item in (*wanted.payloads, *wanted.extra)}
    names = {name for item in present.live for name in item.payloads if name in present.payload}
    gone = {path for op in done for path in op.paths}
    # The default goes last: where all new entries are bad, it is what boots until then.
    old = [*stubs(present), *reversed(present.live)]
    paths = [f"{ENTRIES}/{item.file}" for item in old if item.file != wanted.counted]
    entries = tuple(path for path in paths if path not in gone)
    todo: list[EspOp] = [ops.RemoveFiles(entries)] if entries else []
    held = [item for item in present.live if item.file == wanted.counted]
    off = [ops.Disable(f"{ENTRIES}/{item.file}") for item in held]
    todo = [*todo, *off] if held and held[0] is present.live[0] else [*off, *todo]
    files = (f"{PAYLOAD}/{name}" for name in sorted(names - due))
    left = tuple(path for path in files if path not in gone)
    return [*todo, ops.RemoveFiles(left)] if left else todo


def _extra_copies(present: Present, wanted: Wanted, todo: list[EspOp]) -> list[EspOp]:
    """Copy what a later list will need, if it fits beside all that is there."""
    due = {item.name for item in wanted.payloads}
    extra = tuple(
        item
        for item in wanted.extra
        if item.name not in due and present.payload.get(item.name) != item.size
    )
    if not extra:
        return []
    size = sum(clusters(item.size, present.cluster) for item in extra) + 2 * present.cluster
    if not in_step(present, wanted):
        size += needed(present, wanted)
    return _copies(present, extra, False) if size <= _free(present, todo) else []


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.1f} MiB"
