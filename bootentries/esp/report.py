"""What lies on each partition, and what systemd-boot makes of it: for `esp status` and checks."""

from contextlib import ExitStack
from dataclasses import dataclass

from bootentries import fs
from bootentries.check.finding import shown
from bootentries.deployment import Entry
from bootentries.entries import bls
from bootentries.errors import BootentriesError, from_os_error
from bootentries.esp import loaderconf
from bootentries.esp.binaries import Installed, read_installed
from bootentries.esp.config import read_esp_config
from bootentries.esp.entry import deployment_of
from bootentries.esp.find import EspPlace, find_places
from bootentries.esp.install import read_text
from bootentries.esp.names import PAYLOAD, parse_entry_name
from bootentries.esp.ops import is_whole
from bootentries.esp.places import opened_place
from bootentries.esp.plan import EspPlan, Wanted
from bootentries.esp.present import Present, read_present
from bootentries.esp.split import plan_split
from bootentries.esp.sync import known_sources
from bootentries.esp.wanted import read_wanted
from bootentries.order import sdboot
from bootentries.root import Root
from bootentries.sysroot import Sysroot, load

# What `esp install` can have put there, for each architecture that systemd-boot has.
_PLACES = ("EFI/systemd", "EFI/BOOT")


@dataclass(frozen=True, slots=True)
class Shown:
    """One entry as systemd-boot shows it; `deployment` is None for what is not ours."""

    file: str
    title: str
    deployment: str | None
    tries: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class EspReport:
    """What is known of one place; with `error` it is all that is known.

    `entries` are in the order of the menu; `default` is the file of the one that boots when
    nobody chooses; `plan` is what a sync would do, None where it cannot.
    """

    place: EspPlace
    error: BootentriesError | None = None
    missing: bool = False
    present: Present | None = None
    entries: tuple[Shown, ...] = ()
    default: str | None = None
    programs: tuple[Installed, ...] = ()
    loader_conf: str = "absent"
    plan: EspPlan | None = None
    # Names of kernel files whose content is not what the name says; only when looked for.
    damaged: frozenset[str] = frozenset()
    # Where entries go to another partition than the loader's: what the loader's own has.
    stale: Present | None = None

    @property
    def state(self) -> str:
        """One of in step, out of step, failed, missing."""
        if self.error is not None or self.plan is None:
            return "missing" if self.missing else "failed"
        return "in step" if self.plan.in_step else "out of step"


def read_reports(
    root: Root, present: Sysroot, told: tuple[str, ...] = (), *, reread: bool = False
) -> tuple[tuple[EspReport, ...], Wanted]:
    """Return what is on each place, and what shall be; it changes nothing.

    With `reread` the kernel files here and there are read, too.

    Raises BootentriesError where no place is found, or the list cannot be read.
    """
    places = find_places(root, told or read_esp_config(root.fd).places)
    with ExitStack() as stack:
        opened = [_open(stack, root, place) for place in places]
        states = [one[2] for one in opened if not isinstance(one, EspReport)]
        wanted = read_wanted(root, present, {} if reread else known_sources(root, states))
        reports = tuple(
            one if isinstance(one, EspReport) else _report(*one, wanted, reread) for one in opened
        )
    return reports, wanted


_Opened = tuple[EspPlace, tuple[int, int], Present]


def _open(stack: ExitStack, root: Root, place: EspPlace) -> _Opened | EspReport:
    try:
        fd = stack.enter_context(opened_place(root, place.boot, write=False))
        esp_fd = fd
        if place.esp != place.boot:
            esp_fd = stack.enter_context(opened_place(root, place.esp, write=False))
    except BootentriesError as error:
        return EspReport(place, error, missing=True)
    try:
        return place, (fd, esp_fd), read_present(fd)
    except OSError as error:
        return EspReport(place, from_os_error("read ESP", error, place.label))
    except BootentriesError as error:
        return EspReport(place, error)


def orders(root: Root) -> list[tuple[str, str | None, bool, tuple[str, ...]]]:
    """Return for each place that can be read what systemd-boot makes of the entries there.

    That is: who reads what, its default, whether that is the list's, and the entries in its
    order.  Raises BootentriesError.
    """
    reports, wanted = read_reports(root, load(root))
    first = wanted.entries[0].deployment if wanted.entries else None
    rows = []
    for report in reports:
        if report.present is not None:
            boots = {item.file: item.deployment for item in report.entries}
            agrees = report.default is not None and boots[report.default] == first
            names = tuple(item.file for item in report.entries)
            reader = f"systemd-boot on {report.place.label}"
            rows.append((reader, report.default, agrees, names))
    return rows


def _report(
    place: EspPlace, fds: tuple[int, int], present: Present, wanted: Wanted, reread: bool
) -> EspReport:
    fd, esp_fd = fds
    try:
        todo: EspPlan | None = None
        error = None
        stale = None
        try:
            stale = None if fd == esp_fd else read_present(esp_fd)
            own, others = plan_split(present, stale, wanted)
            todo = own.then(others)
        except BootentriesError as caught:
            error = caught
        # systemd-boot shows the entries of both partitions as one list.
        listed = sdboot.order([*present.shown(), *(stale.shown() if stale else ())])
        text = read_text(esp_fd, loaderconf.PATH)
        pattern = None if text is None else loaderconf.default_pattern(text)
        default = sdboot.default(listed, pattern)
        return EspReport(
            place,
            error,
            present=present,
            entries=tuple(_shown(entry) for entry in listed),
            default=None if default is None else shown(default.name),
            programs=tuple(read_installed(esp_fd, path) for path in _programs(esp_fd)),
            loader_conf=_owner(text),
            plan=todo,
            damaged=_damaged(fd, present) if reread else frozenset(),
            stale=stale,
        )
    except OSError as caught_os:
        return EspReport(place, from_os_error("read ESP", caught_os, place.label))


def _damaged(fd: int, present: Present) -> frozenset[str]:
    return frozenset(name for name in present.payload if not is_whole(fd, f"{PAYLOAD}/{name}"))


def _shown(entry: Entry) -> Shown:
    text = bls.format_entry(entry.bls)
    ours = parse_entry_name(entry.name) is not None
    title = entry.bls.get("title") or entry.name
    deployment = deployment_of(text) if ours else None
    return Shown(shown(entry.name), shown(title), deployment, sdboot.tries(entry.name))


def _owner(text: str | None) -> str:
    if text is None:
        return "absent"
    return "ours" if loaderconf.is_ours(text) else "foreign"


def _programs(fd: int) -> list[str]:
    return [
        f"{directory}/{name}"
        for directory in _PLACES
        for name in fs.list_optional(fd, directory) or []
        if name.lower().endswith(".efi")
    ]


def tries_by_deployment(reports: tuple[EspReport, ...]) -> dict[str, tuple[int, int]]:
    """Return the counters of each deployment on the first place that counts it."""
    found: dict[str, tuple[int, int]] = {}
    for report in reports:
        for item in report.entries:
            if item.deployment is not None and item.tries is not None:
                found.setdefault(item.deployment, item.tries)
    return found
