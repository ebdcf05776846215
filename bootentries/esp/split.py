"""Entries on one partition and the loader on another, where entries were on the latter before.

So it is when a disk gets an XBOOTLDR partition later.  systemd-boot shows the entries of both
as one list, so what was written to the EFI partition has to go, and not before the new default
is the first of that list.
"""

from dataclasses import replace

from bootentries.esp import ops
from bootentries.esp.names import ENTRIES, PAYLOAD
from bootentries.esp.ops import EspOp
from bootentries.esp.plan import EspPlan, Wanted, plan, with_counters
from bootentries.esp.present import Present


def plan_split(
    present: Present, stale: Present | None, wanted: Wanted, reread: bool = False
) -> tuple[EspPlan, tuple[EspOp, ...]]:
    """Return the plan for where entries belong, and what is done after it where they do not.

    `stale` is what the partition with the loader has, None where that is the same one.  New
    entries get names that sort before those there, and their counters.  Raises as `plan` does.
    """
    if stale is None or not wanted.entries:
        return plan(present, wanted, reread), ()
    beside = replace(present, beside=stale.generation)
    entries = tuple(f"{ENTRIES}/{item.file}" for item in reversed(stale.entries))
    files = tuple(f"{PAYLOAD}/{name}" for name in sorted(stale.payload))
    strip = tuple(ops.RemoveFiles(paths) for paths in (entries, files) if paths)
    return plan(beside, with_counters(stale, wanted), reread), strip
