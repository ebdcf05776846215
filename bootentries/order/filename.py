"""The order of readers that sort file names by strverscmp(3): zipl and Petitboot.

Source: `scan.c` of s390-tools (zipl) and `blscfg.c` of Petitboot, which both walk a list
sorted by that function from its end.  Neither is asked by our tests.
"""

from collections.abc import Sequence
from functools import cmp_to_key

from bootentries.deployment import Entry
from bootentries.order.libostree import strverscmp


def order(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries whose names end in `.conf`, the highest name first."""
    read = [entry for entry in entries if entry.name.endswith(".conf")]
    return sorted(read, key=cmp_to_key(_compare))


def _compare(left: Entry, right: Entry) -> int:
    return strverscmp(_bytes(right), _bytes(left))


def _bytes(entry: Entry) -> bytes:
    return entry.name.encode("utf-8", "surrogateescape")
