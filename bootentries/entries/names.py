"""Names of entry files: `ostree-N[-STATEROOT][+LEFT[-DONE]].conf`."""

import re
from dataclasses import dataclass

_INT_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Counters:
    """Boot counting: tries left and tries done; both zero means "not counted"."""

    left: int = 0
    done: int = 0


def is_entry_name(name: str) -> bool:
    """Return whether libostree reads a file of this name as an entry."""
    return name.startswith("ostree-") and name.endswith(".conf")


def parse_counters(name: str) -> Counters:
    """Return the counters that a file name carries."""
    stem = name.removesuffix(".conf")
    head, plus, tail = stem.rpartition("+")
    if not plus or not head:
        return Counters()
    found = re.fullmatch(r"([0-9]+)(?:-([0-9]+))?", tail)
    if found is None:
        return Counters()
    left, done = int(found[1]), int(found[2] or 0)
    if left > _INT_MAX or done > _INT_MAX:
        return Counters()
    return Counters(left, done)


def base_name(name: str) -> str:
    """Return a file name without `.conf` and counters: what names the entry for good."""
    stem = name.removesuffix(".conf")
    head, plus, tail = stem.rpartition("+")
    if plus and head and re.fullmatch(r"[0-9]+(?:-[0-9]+)?", tail):
        return head
    return stem


def entry_name(
    number: int, stateroot: str | None = None, tries: int = 0, counters: Counters | None = None
) -> str:
    """Return the file name of the entry with this `number` (list length minus index).

    `stateroot` is given for the naming of `bootloader-naming-1` only.  `tries` is the
    configured count, 0 when counting is off; `counters` are those of the file that the
    entry was loaded from, None for an entry that was never on disk.
    """
    base = f"ostree-{number}" if stateroot is None else f"ostree-{number}-{stateroot}"
    if not tries or counters == Counters():
        return f"{base}.conf"
    if counters is None:
        return f"{base}+{tries}.conf"
    return f"{base}+{counters.left}-{counters.done}.conf"
