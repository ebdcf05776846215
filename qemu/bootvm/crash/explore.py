"""Every chosen cut, once for each disk that it leaves, put before a judge.

What is found is a value; `report` shows it.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bootvm.crash.contents import Contents
from bootvm.crash.cuts import Cut, Kind, simpler
from bootvm.crash.log import Log
from bootvm.crash.replay import Replay
from bootvm.crash.sampling import Choice, plan
from bootvm.errors import BootvmError

_SIMPLER = 200  # judgements spent at most on a shorter trace of the first failure


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge says of a disk: `state` names what it found there, such as old or new.

    Not `ok`: then `state` is the fault, in a line.
    """

    ok: bool
    state: str


@dataclass(frozen=True, slots=True)
class Judge:
    """Looks at the image of a disk.  With `reads_only` it writes nothing into it."""

    look: Callable[[Path], Verdict]
    reads_only: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """A cut whose disk was found at fault."""

    cut: Cut
    fault: str
    image: Path | None = None


@dataclass(slots=True)
class Findings:
    """What was looked at, and what came of it.

    `looked` counts the cuts by kind, `states` the different disks, `verdicts` the different
    disks by what the judge named.  `failures` are in the order of the log; `shortest` is the
    first of them with as little lost and torn as still fails.
    """

    requests: int = 0
    flushes: int = 0
    looked: Counter[Kind] = field(default_factory=Counter)
    states: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    shortest: Failure | None = None
    seconds: float = 0.0

    @property
    def duplicates(self) -> int:
        return self.looked.total() - self.states


Progress = Callable[[int, int, Findings], None]


def _quiet(done: int, total: int, findings: Findings) -> None:
    """No progress is shown."""


@dataclass(frozen=True, slots=True)
class Span:
    """The requests `start` to `stop` (not included): what one command of the guest wrote."""

    start: int
    stop: int


def explore(
    base: Path,
    log: Log,
    span: Span,
    judge: Judge,
    work: Path,
    *,
    choice: Choice | None = None,
    keep: Path | None = None,
    enough: int | None = None,
    progress: Progress = _quiet,
) -> Findings:
    """Judges the disks that a cut between the span's first and last request can leave.

    `base` is the raw image before the log's first request, `work` a directory for images of
    its size.  `keep` is a directory where the disk of the shortest failing trace is left.
    With `enough`, so many disks at fault end the search.
    `progress` is called after each cut with how many are done, of how many.
    """
    choice = choice or Choice()
    if not 0 <= span.start <= span.stop <= len(log.writes):
        raise BootvmError(
            "explore", f"requests {span.start} to {span.stop}", f"the log has {len(log.writes)}"
        )
    began = time.monotonic()
    planned = list(plan(log.writes, span.start, span.stop, choice))
    total = sum(len(cuts) for _, cuts in planned)
    writes = log.writes[span.start : span.stop]
    findings = Findings(len(writes), sum(one.is_flush for one in writes))
    replay = Replay(base, log, work)
    seen: set[int] = set()
    with base.open("rb") as disk:

        def read(offset: int, length: int) -> bytes:
            disk.seek(offset)
            return disk.read(length)

        contents = Contents(log.writes, log.data, read)
        for window, cuts in planned:
            contents.advance(window.first)
            replay.advance(window.first)
            for cut in cuts:
                findings.looked[cut.kind] += 1
                mark = contents.fingerprint(cut)
                if mark not in seen:
                    seen.add(mark)
                    _judge(cut, judge, replay, findings, keep)
                progress(findings.looked.total(), total, findings)
                if enough is not None and len(findings.failures) >= enough:
                    findings.seconds = time.monotonic() - began
                    return findings
    findings.seconds = time.monotonic() - began
    return findings


def _judge(cut: Cut, judge: Judge, replay: Replay, findings: Findings, keep: Path | None) -> None:
    findings.states += 1
    verdict = _look(cut, judge, replay)
    findings.verdicts[verdict.state if verdict.ok else "FAULT"] += 1
    if verdict.ok:
        return
    findings.failures.append(Failure(cut, verdict.state))
    if findings.shortest is None:
        found = shorten(findings.failures[0], lambda one: _look(one, judge, replay))
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            image = keep / "failing.img"
            replay.make(found.cut, image)
            found = Failure(found.cut, found.fault, image)
        findings.shortest = found


def _look(cut: Cut, judge: Judge, replay: Replay) -> Verdict:
    with replay.image(cut, reads_only=judge.reads_only) as image:
        return judge.look(image)


def shorten(failure: Failure, look: Callable[[Cut], Verdict]) -> Failure:
    """Takes away what is lost or torn, one by one, as long as the disk still fails.

    What is left has nothing that can be taken away alone.
    """
    spent = 0
    again = True
    while again and spent < _SIMPLER:
        again = False
        for cut in simpler(failure.cut):
            spent += 1
            verdict = look(cut)
            if not verdict.ok:
                failure, again = Failure(cut, verdict.state), True
                break
            if spent >= _SIMPLER:
                break
    return failure
