"""What an exploration says at its end."""

from collections import Counter
from pathlib import Path

from bootvm.crash.cuts import Cut, Kind
from bootvm.crash.explore import Failure, Findings
from bootvm.crash.log import Write
from bootvm.crash.report import as_json, as_text

WRITES = (Write(0, 1024), Write(is_flush=True), Write(512, 512))
FAILURE = Failure(Cut(Kind.SAMPLE, 3, lost=(2,)), "no kernel", Path("/keep/failing.img"))
FOUND = Findings(
    requests=3,
    flushes=1,
    looked=Counter({Kind.FLUSH: 2, Kind.SAMPLE: 5}),
    states=4,
    verdicts=Counter({"old": 3, "FAULT": 1}),
    failures=[FAILURE],
    shortest=FAILURE,
    seconds=1.25,
)


def test_text() -> None:
    assert as_text(FOUND, WRITES).splitlines() == [
        "recorded: 3 requests, 1 of them flushes",
        "cuts: 7 (2 flush, 0 write, 0 tear, 5 sample)",
        "disks: 4 different, 3 seen before",
        "verdicts: 1 FAULT, 3 old",
        "fault: no kernel",
        "the shortest trace to it:",
        "  power cut after #2 write sectors 1-1 (last finished flush: #1)",
        "  not on the disk: #2 write sectors 1-1",
        "the disk is kept: /keep/failing.img",
    ]


def test_json() -> None:
    value = as_json(FOUND, WRITES)
    assert value["cuts"] == {"flush": 2, "write": 0, "tear": 0, "sample": 5}
    assert value["verdicts"] == {"FAULT": 1, "old": 3}
    assert value["duplicates"] == 3
    assert value["shortest"] == value["failures"][0]
    assert value["shortest"]["cut"] == {"kind": "sample", "end": 3, "lost": [2], "torn": []}
    assert as_json(Findings(), ())["shortest"] is None
