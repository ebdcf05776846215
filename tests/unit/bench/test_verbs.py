"""Rows of what verbs take, and the command lines; tests/ns runs them."""

import hashlib
import itertools
from pathlib import Path

import pytest

from bench import verbs
from bench.verbs import Taken, VerbRow
from prepare_root.formats.commit import COMMIT_TYPE, decode_commit, object_path
from prepare_root.formats.gvariant import Variant, encode


@pytest.mark.parametrize(
    ("whole", "start", "beyond"),
    [
        (Taken(0.75, 0.5), Taken(0.5, 0.125), Taken(0.25, 0.375)),
        (Taken(0.1, 0.1), Taken(0.1, 0.2), Taken(1e-5, 1e-5)),
    ],
)
def test_beyond(whole: Taken, start: Taken, beyond: Taken) -> None:
    assert whole - start == beyond


def test_cells() -> None:
    cells = VerbRow("a verb", Taken(0.3, 0.15), Taken(0.2, 0.03)).cells()
    assert cells == ("a verb", "300.00 ms", "200.00 ms", "1.50", "150.00 ms", "30.00 ms", "5.00")
    assert len(cells) == len(verbs.HEADINGS)


def test_medians() -> None:
    taken = {"x": {"ours": [(1.0, 0.1), (3.0, 0.3), (2.0, 0.9)], "peer": [(4.0, 0.4)]}}
    assert verbs.medians(taken) == {"x": {"ours": Taken(2.0, 0.3), "peer": Taken(4.0, 0.4)}}


def test_verb_row_leaves_out_each_ones_own_start() -> None:
    found = {
        "ours": Taken(0.9, 0.5),
        "our start": Taken(0.4, 0.25),
        "peer": Taken(0.5, 0.25),
        "peer's start": Taken(0.25, 0.125),
    }
    assert verbs.verb_row("x", found) == VerbRow("x", Taken(0.5, 0.25), Taken(0.25, 0.125))


def test_start_rows_are_beside_click() -> None:
    case = verbs.start_case(3)
    assert case["runs"] == 3
    found = {label: Taken(number, number) for number, label in enumerate(case["programs"])}
    rows = verbs.start_rows(found)
    assert [row.what for row in rows] == [
        "`bootentries --version` / `python3 -c 'import click'`",
        "`bootentries status --help` / `python3 -c 'import click'`",
        "`bootentries instutil set-kargs --help` / `python3 -c 'import click'`",
        "`bootentries deploy --help` / `python3 -c 'import click'`",
        "`bootentries upgrade --help` / `python3 -c 'import click'`",
    ]
    assert {row.peer for row in rows} == {found["import click"]}
    assert [row.ours for row in rows] == [Taken(n, n) for n in range(1, 6)]


def test_both_get_the_same_words() -> None:
    case = verbs.verb_case("x", 2, "instutil set-kargs", "quiet", undo="undeploy 0")
    ours = ["/tmp/installed/bootentries-program"]
    verb = ["instutil", "set-kargs"]
    assert case["programs"] == {
        "ours": [*ours, *verb, "--sysroot=/tmp/sysroot", "quiet"],
        "our start": [*ours, *verb, "--help"],
        "peer": ["ostree", "admin", *verb, "--sysroot=/tmp/sysroot", "quiet"],
        "peer's start": ["ostree", "admin", *verb, "--help"],
    }
    undo = ["ostree", "admin", "undeploy", "0", "--sysroot=/tmp/sysroot"]
    assert case["after"] == {"ours": undo, "peer": undo}
    assert verbs.verb_case("x", 2, "status")["after"] == {}


def test_commit_copies_are_commits(tmp_path: Path) -> None:
    metadata = {"version": Variant("s", "1.0")}
    data = encode(COMMIT_TYPE, (metadata, b"", [], "s", "", 7, bytes(32), bytes(32)), big=False)
    original = hashlib.sha256(data).hexdigest()
    file = tmp_path / object_path(original, "commit").decode()
    file.parent.mkdir(parents=True)
    file.write_bytes(data)
    found = list(itertools.islice(verbs.commit_copies(tmp_path, original), 300))
    assert len({original, *found}) == 301
    for checksum in found:
        copy = (tmp_path / object_path(checksum, "commit").decode()).read_bytes()
        assert hashlib.sha256(copy).hexdigest() == checksum
        commit = decode_commit(copy)
        assert (commit.version, commit.subject, commit.timestamp) == (
            "1.0",
            "s",
            decode_commit(data).timestamp,
        )


def test_entry_script_is_a_program() -> None:
    assert verbs.entry_script("package.module:run").splitlines() == [
        "#!/usr/bin/python3 -P",
        "import sys",
        "from package.module import run",
        'if __name__ == "__main__":',
        "    sys.exit(run())",
    ]
