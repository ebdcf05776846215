"""Trying everything: the faults of a case, each on a sysroot that was put back."""

import random
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from callfaults import judge
from callfaults.calls import EIO, ENOSPC, NAMES, Call, parse_trace, writes
from callfaults.cases import Bases, Case, case
from callfaults.judge import Baseline, Verdict
from callfaults.lab import Fault, Lab

KILL = "kill"
_DISK = (EIO, ENOSPC)


@dataclass(frozen=True, slots=True)
class Try:
    """One fault and what came of it; `exact` is false when another call, or none, was hit."""

    case: str
    fault: Fault
    call: str
    exact: bool
    verdict: Verdict

    @property
    def kind(self) -> str:
        """The error, or `kill`."""
        return self.fault.error or KILL


@dataclass(frozen=True, slots=True)
class Sites:
    """The write-class calls of a case by process, and which of them are tried here."""

    calls: dict[int, list[Call]]
    tried: tuple[tuple[int, Call], ...]

    @property
    def count(self) -> int:
        return sum(map(len, self.calls.values()))

    def faults(self) -> list[tuple[Fault, Call]]:
        """What is to be tried here: every error, and a kill before the call."""
        return [found for process, call in self.tried for found in _faults(process, call)]


class Sweep:
    """The sweep of one lab; cases are prepared on first use."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.bases = Bases(lab)
        self._sites: dict[str, Sites] = {}
        self._baselines: dict[str, Baseline] = {}

    def sites(self, item: Case) -> Sites:
        """Return the calls of a case; what it shares with `item.like` is tried there."""
        if item.name not in self._sites:
            calls = self._trace(item)
            known = set()
            if item.like is not None:
                like = self.sites(case(item.like))
                known = {
                    (bool(process), _name(call))
                    for process, found in like.calls.items()
                    for call in found
                }
            tried = tuple(
                (process, call)
                for process, found in calls.items()
                for call in found
                if (bool(process), _name(call)) not in known
            )
            self._sites[item.name] = Sites(calls, tried)
        return self._sites[item.name]

    def every(self, item: Case) -> list[tuple[Fault, Call]]:
        """Return all faults of a case, those that are tried elsewhere included."""
        return [
            found
            for process, calls in self.sites(item).calls.items()
            for call in calls
            for found in _faults(process, call)
        ]

    def _trace(self, item: Case) -> dict[int, list[Call]]:
        self.lab.restore(self.bases.get(item.base))
        done, traces = self.lab.trace(item.argv, NAMES)
        if done.status != 0:
            raise RuntimeError(f"{item.name}: {done.stderr}")
        return {
            number: [
                call for found in parse_trace(text).values() for call in found if writes(call)
            ]
            for number, text in traces.items()
        }  # fmt: skip

    def baseline(self, item: Case) -> Baseline:
        """Return what a case does without a fault."""
        if item.name not in self._baselines:
            state = self.bases.get(item.base)
            self._baselines[item.name] = judge.measure(self.lab, item, state)
        return self._baselines[item.name]

    def attempt(self, item: Case, fault: Fault, call: Call) -> Try:
        """Try one fault."""
        base = self.baseline(item)
        self.lab.restore(self.bases.get(item.base))
        mounts = set(self.lab.mounts())
        done = self.lab.inject(item.argv, fault)
        marks = ("(INJECTED)", "+++ killed by SIGKILL") if fault.error is None else ("(INJECTED)",)
        fired = any(mark in done.trace for mark in marks)
        hit = _hit(done.trace)
        # An `ostree` with threads does not make its calls in the same order each time.
        exact = fired and (hit is None or _name(hit) == _name(call))
        verdict = judge.judge(self.lab, item, base, (fault, call, mounts), done, exact=exact)
        if fault.process == 0 and not exact:
            problem = "the call was not made" if hit is None else f"hit instead: {hit.known_by}"
            verdict = replace(verdict, problems=(problem, *verdict.problems))
        return Try(item.name, fault, call.known_by, exact, verdict)


def _hit(trace: str) -> Call | None:
    """Return the call of a trace that strace answered itself."""
    line = next((line for line in trace.splitlines() if "(INJECTED)" in line), "")
    return next((call for found in parse_trace(line).values() for call in found), None)


def _name(call: Call) -> str:
    """What is the same in another case: without checksums, numbers of fds, and where it is."""
    text = re.sub(r"[0-9a-f]{40,}", "SUM", call.known_by)
    text = re.sub(r"\b\d+<", "FD<", text)
    return re.sub(r"(?<=<)/tmp(?=/sysroot)|(?<=<)(/tmp)?/sysroot(?=/boot)", "", text)


def _faults(process: int, call: Call) -> list[tuple[Fault, Call]]:
    """A program that ours starts can only fail, whatever it was: two errors are enough."""
    errors = call.errors if process == 0 else [name for name in _DISK if name in call.errors]
    return [(Fault(process, call.name, call.number, error), call) for error in (*errors, None)]


@contextmanager
def opened(suite: str) -> Iterator[Sweep]:
    """Hold a sweep; this process is in a mount namespace of its own from then on."""
    memory = Path("/dev/shm")
    place = memory if memory.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="faults-", dir=place) as work:
        lab = Lab(suite, Path(work))
        try:
            yield Sweep(lab)
        finally:
            lab.end()


def chosen(
    sweep: Sweep, item: Case, sample: int | None = None, seed: int = 0
) -> list[tuple[Fault, Call]]:
    """Return a case's faults in an order of chance, all of them or as many as asked for."""
    found = sweep.sites(item).faults()
    random.Random(f"{seed} {item.name}").shuffle(found)
    return found[:sample]
