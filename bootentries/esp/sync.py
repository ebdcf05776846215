"""Bringing every partition in step with the list; one that fails does not stop the others."""

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from bootentries import fs
from bootentries.errors import BootentriesError, from_os_error
from bootentries.esp import entry as esp_entry
from bootentries.esp.binaries import Program
from bootentries.esp.config import read_esp_config
from bootentries.esp.find import EspPlace, Source, find_places
from bootentries.esp.install import plan_install, plan_remove
from bootentries.esp.links import make_link, remove_links, sync_links, unused_links
from bootentries.esp.ops import EspOp, Place
from bootentries.esp.places import PlaceGone, opened_place
from bootentries.esp.plan import EspPlan, NoRoom, Wanted
from bootentries.esp.present import Present, read_present
from bootentries.esp.split import plan_split
from bootentries.esp.wanted import read_wanted
from bootentries.kargs import KernelArgs
from bootentries.root import Root
from bootentries.sysroot import Sysroot

# A failed or interrupted sync is known by it; relative to the sysroot.
STAMP = "boot/bootentries-esp.stamp"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one partition: what was done, or would be, or why it failed."""

    label: str
    plan: EspPlan | None = None
    error: BootentriesError | None = None
    # It could not even be opened.
    missing: bool = False

    @property
    def gone(self) -> bool:
        """Whether nothing can boot from it; one that could not be mounted may still boot."""
        return isinstance(self.error, PlaceGone)


def sync_all(
    root: Root,
    present: Sysroot,
    note: Callable[[str], None],
    *,
    told: tuple[str, ...] = (),
    dry_run: bool = False,
    reread: bool = False,
) -> tuple[Outcome, ...]:
    """Bring the partitions in step; returns what became of each, in order.

    `told` replaces what the configuration says; then nothing is known about the others, and
    boot links and the stamp stay as they are.  Raises BootentriesError for what concerns them
    all: none is found, or the list itself cannot be read.
    """
    config = read_esp_config(root.fd)
    places = find_places(root, told or config.places)
    if not dry_run:
        _links(root, present)
    with ExitStack() as stack:
        opened = [_open(stack, root, place, None if dry_run else note) for place in places]
        found = [one for one in opened if not isinstance(one, Outcome)]
        known = {} if reread else known_sources(root, [one.present for one in found])
        wanted = read_wanted(root, present, known)
        outcomes = tuple(
            one
            if isinstance(one, Outcome)
            else _sync_one(one, root, wanted, note, dry_run=dry_run, reread=reread)
            for one in opened
        )
        if not dry_run and not told:
            if all(outcome.error is None for outcome in outcomes):
                _clean_links(root, [one.fd for one in found])
                fs.remove_tree(root.boot(), os.path.basename(STAMP))
            elif config.enabled:
                fs.write_file(root.boot(), os.path.basename(STAMP), b"")
    return outcomes


def install_all(
    root: Root,
    programs: tuple[Program, ...],
    note: Callable[[str], None],
    *,
    told: tuple[str, ...],
    timeout: int,
    labels: frozenset[str],
    dry_run: bool,
) -> tuple[Outcome, ...]:
    """Put systemd-boot on the places in `labels`; returns what became of each."""

    def act(place: EspPlace, write: bool) -> EspPlan:
        with opened_place(root, place.esp, write=write, note=note) as fd:
            todo = plan_install(fd, place, programs, timeout, note)
            return _done(EspPlan(todo, not todo), Place(fd, root.boot(), note), write)

    return _each(root, told, dry_run, act, labels)


def remove_all(
    root: Root, note: Callable[[str], None], *, told: tuple[str, ...], dry_run: bool
) -> tuple[Outcome, ...]:
    """Take all that is ours from the places, and, unless they are told, the boot links."""

    def act(place: EspPlace, write: bool) -> EspPlan:
        todo: list[EspOp] = []
        for source in dict.fromkeys((place.boot, place.esp)):
            with opened_place(root, source, write=write, note=note) as fd:
                found = plan_remove(fd, read_present(fd))
                _done(EspPlan(found, not found), Place(fd, root.boot(), note), write)
                todo += found
        return EspPlan(tuple(todo), not todo)

    outcomes = _each(root, told, dry_run, act)
    if not dry_run and not told and all(outcome.error is None for outcome in outcomes):
        remove_links(root, unused_links(root, frozenset()))
        fs.remove_tree(root.boot(), os.path.basename(STAMP))
    return outcomes


def _done(todo: EspPlan, place: Place, write: bool) -> EspPlan:
    if write:
        apply(todo.ops, place)
    return todo


def _each(
    root: Root,
    told: tuple[str, ...],
    dry_run: bool,
    act: Callable[[EspPlace, bool], EspPlan],
    labels: frozenset[str] | None = None,
) -> tuple[Outcome, ...]:
    outcomes = []
    for place in find_places(root, told or read_esp_config(root.fd).places):
        if labels is not None and place.label not in labels:
            continue
        try:
            outcomes.append(Outcome(place.label, act(place, not dry_run)))
        except OSError as error:
            named = from_os_error("change ESP", error, place.label)
            outcomes.append(Outcome(place.label, error=named))
        except BootentriesError as error:
            outcomes.append(Outcome(place.label, error=_about(place, error)))
    return tuple(outcomes)


@dataclass(frozen=True, slots=True)
class _Opened:
    """A place that is open; `esp_fd` and `stale` are what the loader's own partition has.

    They are None where entries are on that one.
    """

    place: EspPlace
    fd: int
    present: Present
    esp_fd: int | None = None
    stale: Present | None = None


def _open(
    stack: ExitStack, root: Root, place: EspPlace, note: Callable[[str], None] | None
) -> _Opened | Outcome:
    def enter(source: Source) -> int:
        if note is None:
            return stack.enter_context(opened_place(root, source, write=False))
        return stack.enter_context(opened_place(root, source, write=True, note=note))

    try:
        fd = enter(place.boot)
        esp_fd = None if place.esp == place.boot else enter(place.esp)
    except BootentriesError as error:
        return Outcome(place.label, error=error, missing=True)
    try:
        stale = None if esp_fd is None else read_present(esp_fd)
        return _Opened(place, fd, read_present(fd), esp_fd, stale)
    except OSError as error:
        return Outcome(place.label, error=from_os_error("read ESP", error, place.label))
    except BootentriesError as error:
        return Outcome(place.label, error=_about(place, error))


def _sync_one(
    one: _Opened,
    root: Root,
    wanted: Wanted,
    note: Callable[[str], None],
    *,
    dry_run: bool,
    reread: bool,
) -> Outcome:
    place = one.place
    todo = None
    try:
        todo, others = plan_split(one.present, one.stale, wanted, reread)
        if not dry_run:
            if todo.two_steps:
                note(f"{place.label}: no room for old and new kernels at once: two steps")
            apply(todo.ops, Place(one.fd, root.boot(), note))
            if one.esp_fd is not None:
                apply(others, Place(one.esp_fd, root.boot(), note))
        todo = todo.then(others)
    except BootentriesError as error:
        if isinstance(error, NoRoom) and not dry_run:
            _remove_first(one, root, error.first, note)
        return Outcome(place.label, todo, _about(place, error))
    return Outcome(place.label, todo)


def _remove_first(
    one: _Opened, root: Root, todo: tuple[EspOp, ...], note: Callable[[str], None]
) -> None:
    """Let the default be one that boots, and what room there is be free, with no room for all."""
    try:
        apply(todo, Place(one.fd, root.boot(), note))
    except BootentriesError as error:
        note(str(error))


def _about(place: EspPlace, error: BootentriesError) -> BootentriesError:
    obj = place.label if error.obj == "partition" else f"{place.label}: {error.obj}"
    return BootentriesError(error.operation, obj, error.reason, error.hint)


def apply(todo: tuple[EspOp, ...], place: Place) -> None:
    """Do it; raises BootentriesError with the old list, or the new one, in force."""
    for op in todo:
        try:
            op.apply(place)
        except OSError as error:
            raise from_os_error("sync ESP", error, op.describe()) from error


def _links(root: Root, present: Sysroot) -> None:
    try:
        for item in present.on_disk:
            make_link(root, item)
        sync_links(root)
    except OSError as error:
        raise from_os_error("make boot link", error) from error


def _clean_links(root: Root, fds: list[int]) -> None:
    """Remove the links that no entry names any more."""
    used: set[str] = set()
    for fd in fds:
        for item in read_present(fd).entries:
            used.update(links_in(item.text))
    remove_links(root, unused_links(root, frozenset(used)))


def links_in(text: str) -> list[str]:
    """Return the boot links that an entry's text names: one, or none."""
    options = esp_entry.options_of(text)
    return [value for value in KernelArgs.parse(options).values("ostree") if value]


def known_sources(root: Root, states: list[Present]) -> dict[str, str]:
    """Return the files of the boot directory whose copies need not be hashed again.

    The boot directory's names stand for their content: their directory has the bootcsum.
    """
    known = {}
    for present in states:
        for item in present.live:
            for source, name in esp_entry.sources(item.text).items():
                found = fs.stat_optional(root.boot(), source)
                if found is not None and present.payload.get(name) == found.st_size:
                    known[source] = name
    return known


def is_pending(root: Root) -> bool:
    """Return whether a sync was begun, or due, and did not end well."""
    return fs.stat_optional(root.boot(), os.path.basename(STAMP), follow=False) is not None
