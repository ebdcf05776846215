"""What an exploration found, as JSON and as text for people."""

from collections.abc import Sequence
from typing import Any

from bootvm.crash.cuts import Cut, Kind
from bootvm.crash.explore import Failure, Findings
from bootvm.crash.log import Write

_SHOWN = 10  # failures written out; more say nothing new


def as_json(findings: Findings, writes: Sequence[Write]) -> dict[str, Any]:
    """A value for `json.dumps`; its keys are stable."""
    return {
        "requests": findings.requests,
        "flushes": findings.flushes,
        "cuts": {kind.value: findings.looked[kind] for kind in Kind},
        "states": findings.states,
        "duplicates": findings.duplicates,
        "verdicts": dict(sorted(findings.verdicts.items())),
        "failures": [_failure(one, writes) for one in findings.failures[:_SHOWN]],
        "shortest": _failure(findings.shortest, writes) if findings.shortest else None,
        "seconds": round(findings.seconds, 1),
    }


def _failure(failure: Failure, writes: Sequence[Write]) -> dict[str, Any]:
    return {
        "fault": failure.fault,
        "trace": failure.cut.describe(writes),
        "cut": _cut(failure.cut),
        "image": str(failure.image) if failure.image else None,
    }


def _cut(cut: Cut) -> dict[str, Any]:
    return {
        "kind": cut.kind.value,
        "end": cut.end,
        "lost": list(cut.lost),
        "torn": [[tear.number, hex(tear.kept)] for tear in cut.torn],
    }


def as_text(findings: Findings, writes: Sequence[Write]) -> str:
    """A few lines; with a fault, the shortest trace that leads to it."""
    looked = ", ".join(f"{findings.looked[kind]} {kind.value}" for kind in Kind)
    verdicts = ", ".join(f"{count} {name}" for name, count in sorted(findings.verdicts.items()))
    lines = [
        f"recorded: {findings.requests} requests, {findings.flushes} of them flushes",
        f"cuts: {findings.looked.total()} ({looked})",
        f"disks: {findings.states} different, {findings.duplicates} seen before",
        f"verdicts: {verdicts or 'none'}",
    ]
    if findings.shortest is not None:
        lines += [f"fault: {findings.shortest.fault}", "the shortest trace to it:"]
        lines += [f"  {line}" for line in findings.shortest.cut.describe(writes)]
        if findings.shortest.image:
            lines.append(f"the disk is kept: {findings.shortest.image}")
    return "\n".join(lines) + "\n"
