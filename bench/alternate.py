"""Runs programs in turn and prints what each took, as JSON.

Started inside a chroot by `verbs`, with that system's Python and its standard library only.
The input is a list of {"name", "runs", "programs", "after"}: the programs by label, and by
the same labels what puts things back after one of them, which is not measured.  The output has,
for each name and label, a list of [wall seconds, processor seconds].
"""

import json
import os
import resource
import subprocess
import sys
import time
from typing import TypedDict


class Case(TypedDict):
    """What is compared."""

    name: str
    runs: int
    programs: dict[str, list[str]]
    after: dict[str, list[str]]


def spent() -> float:
    """Return the processor seconds of all programs that have ended, and of theirs."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run(argv: list[str]) -> tuple[float, float]:
    """Return (wall, processor) seconds of a program; ends this one when it fails."""
    before, began = spent(), time.perf_counter()
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    took = (time.perf_counter() - began, spent() - before)
    if done.returncode:
        sys.exit(f"{' '.join(argv)}: exit status {done.returncode}: {done.stderr.strip()}")
    return took


def measure(case: Case) -> dict[str, list[tuple[float, float]]]:
    """Return what each took; a first round fills the caches and does not count."""
    taken: dict[str, list[tuple[float, float]]] = {label: [] for label in case["programs"]}
    labels = list(taken)
    for number in range(case["runs"] + 1):
        # Who comes first changes: what is cached should favour nobody.
        for label in labels[number % len(labels) :] + labels[: number % len(labels)]:
            took = run(case["programs"][label])
            if number:
                taken[label].append(took)
            if label in case["after"]:
                run(case["after"][label])
            os.sync()
    return taken


def main() -> None:
    cases: list[Case] = json.load(sys.stdin)
    json.dump({case["name"]: measure(case) for case in cases}, sys.stdout)


if __name__ == "__main__":
    main()
