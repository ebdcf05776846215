"""The entry files of the active list, each on its own and beside the others."""

import re
import stat
from collections.abc import Sequence

from bootentries import fs
from bootentries.check.finding import Report
from bootentries.deployment import Bootlink, Entry, overlay_checksums
from bootentries.entries import bls
from bootentries.entries.names import base_name, is_entry_name, parse_counters
from bootentries.entries.stored import entry_bootlink
from bootentries.errors import BootentriesError
from bootentries.order import newest_first
from bootentries.root import Root

# Letters, digits, `+`, `-`, `_` and `.` are safe on every filesystem and in every loader.
_NAME = re.compile(r"ostree-([0-9]+)(?:-[A-Za-z0-9._-]+?)?(?:\+[0-9]+(?:-[0-9]+)?)?\.conf")
# Far more than any entry has; it would be held in memory.
_SIZE_LIMIT = 1 << 20
# COMMAND_LINE_SIZE of x86 and arm64, without the NUL.
_OPTIONS_LIMIT = 2047
_NEEDED = ("title", "version", "linux")


def check_entries(root: Root, bootversion: int, report: Report) -> tuple[Entry, ...]:
    """Return every entry of `loader.N` that can be read, the default first."""
    directory = f"loader.{bootversion}/entries"
    found = []
    for name in fs.list_optional(root.boot(), directory) or []:
        if is_entry_name(name):
            entry = None
            with report.guard(f"boot/{directory}/{name}"):
                entry = read_entry(root, directory, name, report)
            if entry is not None:
                found.append(entry)
    entries = in_order(found)
    for entry in entries:
        check_text(f"boot/{directory}/{entry.name}", entry, report)
    _check_together(f"boot/{directory}", entries, report)
    return entries


def read_entry(root: Root, directory: str, name: str, report: Report) -> Entry | None:
    """Return one entry, or None after saying why there is none; raises OSError."""
    place = f"boot/{directory}/{name}"
    found = fs.stat_optional(root.boot(), f"{directory}/{name}")
    if found is None:
        report.add("entry-dangling", place, "dangling symbolic link")
        return None
    if not stat.S_ISREG(found.st_mode):
        report.add("entry-not-a-file", place, "not a regular file")
        return None
    if found.st_size > _SIZE_LIMIT:
        report.add("entry-too-large", place, f"it has {found.st_size} bytes")
        return None
    try:
        text = fs.read_bytes(root.boot(), f"{directory}/{name}").decode("utf-8")
    except UnicodeDecodeError as error:
        report.add("entry-not-utf8", place, f"not UTF-8 at byte {error.start}")
        return None
    return Entry(name, bls.parse(text), parse_counters(name))


def in_order(entries: list[Entry]) -> tuple[Entry, ...]:
    """Return the entries in list order."""
    by_value = {id(entry.bls): entry for entry in entries}
    return tuple(by_value[id(item)] for item in newest_first([entry.bls for entry in entries]))


def bootlink_of(entry: Entry) -> Bootlink | None:
    """Return what an entry's `ostree=` names, or None."""
    try:
        return entry_bootlink(entry)
    except BootentriesError:
        return None


def check_text(place: str, entry: Entry, report: Report) -> None:
    """Look at one entry alone; `place` is its file."""
    lines, keys = entry.bls.lines, [key for key, _ in entry.bls.pairs()]
    if not _NAME.fullmatch(entry.name):
        report.add("entry-name", place, "not ostree-N[-STATEROOT][+LEFT[-DONE]].conf")
    for key in _NEEDED:
        if not entry.bls.get(key):
            report.add("entry-key-missing", place, f"no {key!r}")
    if keys.count("options") > 1:
        report.add("entry-options-repeated", place, f"{keys.count('options')} lines of options")
    length = len(entry.options.encode())
    if length > _OPTIONS_LIMIT:
        report.add("entry-options-long", place, f"{length} bytes of options")
    # Blank lines at the end cut nothing off.
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    blank = next((number for number, line in enumerate(lines, 1) if not line.strip()), None)
    if blank is not None:
        report.add("entry-blank-line", place, f"line {blank} is blank")
    if not any(word.startswith("ostree=") for word in entry.options.split(" ")):
        report.add("entry-no-ostree", place, "no ostree= kernel argument")
    else:
        with report.guard(place, "entry-ostree-form"):
            entry_bootlink(entry)
    with report.guard(place, "entry-overlay-name"):
        overlay_checksums(entry.bls, entry.name)


def _check_together(directory: str, entries: tuple[Entry, ...], report: Report) -> None:
    """Say which entries get in each other's way; a file that is one too many only once."""
    distinct = _without_equals(directory, entries, report)
    before = len(report.findings)
    for code, key in (("entry-version-duplicate", "version"), ("entry-title-duplicate", "title")):
        for first, second in _equals(distinct, [entry.bls.get(key) for entry in distinct]):
            value = second.bls.get(key)
            reason = f"{key} {value!r} is that of {first.name}, too"
            report.add(code, f"{directory}/{second.name}", reason)
    if len(report.findings) == before:
        _check_order(directory, distinct, report)


def _without_equals(
    directory: str, entries: tuple[Entry, ...], report: Report
) -> tuple[Entry, ...]:
    doubled = set()
    for what, keys in (
        ("its name but for the counters", [base_name(entry.name) for entry in entries]),
        ("its ostree=", [bootlink_of(entry) for entry in entries]),
    ):
        for first, second in _equals(entries, keys):
            if second.name not in doubled:
                doubled.add(second.name)
                reason = f"{what} is that of {first.name}"
                report.add("entry-duplicate", f"{directory}/{second.name}", reason)
    return tuple(entry for entry in entries if entry.name not in doubled)


def _equals(entries: tuple[Entry, ...], keys: Sequence[object]) -> list[tuple[Entry, Entry]]:
    """Return (first one, further one) of the entries with equal keys; None equals nothing."""
    seen: dict[object, Entry] = {}
    pairs = []
    for entry, value in zip(entries, keys, strict=True):
        if value is None:
            continue
        first = seen.setdefault(value, entry)
        if first is not entry:
            pairs.append((first, entry))
    return pairs


def _check_order(directory: str, entries: tuple[Entry, ...], report: Report) -> None:
    """Loaders sort by the number in the name or by `version`; the default has to be one."""
    if not all(_NAME.fullmatch(entry.name) and entry.bls.get("version") for entry in entries):
        return
    numbers = [int(found[1]) for entry in entries if (found := _NAME.fullmatch(entry.name))]
    for entry, number, wanted in zip(entries, numbers, sorted(numbers, reverse=True), strict=True):
        if number != wanted:
            reason = f"version {entry.bls.get('version')} puts it where ostree-{wanted} belongs"
            report.add("entry-order", f"{directory}/{entry.name}", reason)
            return
