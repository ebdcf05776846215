"""What a sweep found, as numbers for each verb: for people, for programs, and for the page."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from callfaults.judge import EITHER, NEW, OLD
from callfaults.sweep import Try

HEADINGS = (
    "verb", "calls", "tried here", "faults", "old list", "new list", "the same", "inexact",
    "problems",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One case.

    `calls` are its write-class calls, `sites` those that no other case makes as well, `todo`
    the faults of these; `tries` is what came of those that were tried.
    """

    case: str
    calls: int
    sites: int
    todo: int
    tries: tuple[Try, ...] = ()

    @property
    def problems(self) -> tuple[Try, ...]:
        return tuple(item for item in self.tries if item.verdict.problems)

    @property
    def cells(self) -> tuple[str, ...]:
        """The numbers under `HEADINGS`."""
        ended = Counter(item.verdict.ended for item in self.tries)
        done = len(self.tries)
        numbers = (
            self.calls, self.sites, f"{done} of {self.todo}" if done < self.todo else done,
            ended[OLD], ended[NEW], ended[EITHER],
            sum(not item.exact for item in self.tries), len(self.problems),
        )  # fmt: skip
        return (self.case, *map(str, numbers))


def total(rows: Sequence[Row]) -> tuple[str, ...]:
    """Return the last line of the table."""
    tries = tuple(item for row in rows for item in row.tries)
    sums = (sum(getattr(row, name) for row in rows) for name in ("calls", "sites", "todo"))
    return Row("all", *sums, tries).cells


def markdown(rows: Sequence[Row], versions: str, command: str) -> str:
    """Return the part of the page that a command writes."""
    lines = [
        f"| {' | '.join(HEADINGS)} |",
        f"|---|{'---:|' * (len(HEADINGS) - 1)}",
        *(f"| {' | '.join(cells)} |" for cells in [*(row.cells for row in rows), total(rows)]),
    ]
    kinds = Counter(item.kind for row in rows for item in row.tries)
    faults = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))
    reasons = Counter(
        item.verdict.reason for row in rows for item in row.tries if item.verdict.reason
    )
    passed = "\n".join(f"- {reason}: {count}" for reason, count in sorted(reasons.items()))
    return "\n".join(
        [
            f"Written by `{command}`; {versions}.",
            "",
            *lines,
            "",
            f"By kind: {faults}.",
            "",
            "Faults after which the verb reports success, and why:",
            "",
            passed,
        ]
    )


def to_json(rows: Sequence[Row], versions: str, seed: int) -> dict[str, object]:
    """Return everything for programs."""
    return {
        "versions": versions,
        "seed": seed,
        "cases": [
            {
                "case": row.case,
                "calls": row.calls,
                "sites": row.sites,
                "faults": row.todo,
                "tries": [_try(item) for item in row.tries],
            }
            for row in rows
        ],
    }


def _try(item: Try) -> dict[str, object]:
    return {
        "fault": asdict(item.fault),
        "call": item.call,
        "exact": item.exact,
        "ended": item.verdict.ended,
        "status": item.verdict.status,
        "said": item.verdict.said,
        "reason": item.verdict.reason,
        "problems": item.verdict.problems,
    }


def describe(item: Try) -> str:
    """Return a problem in few lines, and how to see it again."""
    fault = item.fault
    who = "ours" if fault.process == 0 else f"ostree {fault.process}"
    lines = [
        f"{item.case}: {item.kind} at {who}'s {fault.name} {fault.number}",
        f"    {item.call[:300]}",
        f"    status {item.verdict.status}, list {item.verdict.ended}",
        *(f"    PROBLEM: {problem}" for problem in item.verdict.problems),
        *(f"    said: {line}" for line in item.verdict.said.splitlines()[:5]),
        f"    strace: {fault.inject}",
    ]
    return "\n".join(lines)
