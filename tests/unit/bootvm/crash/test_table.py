"""Results as a table, and in a page."""

import json
from pathlib import Path

from click.testing import CliRunner

from bootvm.crash.explore import Findings
from bootvm.crash.report import as_json
from bootvm.crash.table import main
from bootvm.page import BEGIN, END


def results(place: Path) -> None:
    one = as_json(Findings(requests=1200, flushes=3, states=40), ())
    one["cuts"] |= {"flush": 4, "sample": 1000, "tear": 20}
    one["verdicts"] = {"old": 30, "new": 7, "FAULT": 3}
    one |= {"booted": {"old": 2, "new": 2}, "versions": "Linux 6.12"}
    (place / "ext4-ours.json").write_text(
        json.dumps(one | {"torn blocks": 3, "torn blocks that e2fsck mends": 2})
    )
    (place / "xfs-broken.json").write_text(json.dumps(one | {"torn blocks": 1}))


def test_rows_and_sums(tmp_path: Path) -> None:
    results(tmp_path)
    done = CliRunner().invoke(main, [str(tmp_path)])
    lines = done.output.splitlines()
    cells = "1,200 | 3 | 1,024 | 1,000 | 40 | 4 |"
    assert (
        lines[2] == f"| ext4 ours | {cells} 7 new, 30 old, 1 torn block, "
        "2 torn block (e2fsck mends it) |"
    )
    assert lines[3] == f"| xfs broken | {cells} 2 FAULT, 7 new, 30 old, 1 torn block |"
    assert lines[5:] == [
        "2,048 cuts in all, 2,040 of them samples and tears; 80 different disks, 8 booted.",
        "With Linux 6.12.",
    ]


def test_into_a_page(tmp_path: Path) -> None:
    results(tmp_path)
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nan older table\n{END}\nafter\n")
    done = CliRunner().invoke(main, [str(tmp_path), "--write", str(page)])
    assert page.read_text() == f"before\n{BEGIN}\n\n{done.output.rstrip()}\n\n{END}\nafter\n"
    page.write_text("no place\n")
    done = CliRunner().invoke(main, [str(tmp_path), "--write", str(page)])
    assert done.exit_code == 1
    assert f"bootvm: write results: {page}: the page has no {BEGIN} and {END}\n" in done.output
    assert page.read_text() == "no place\n"


def test_nothing_to_show(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, [str(tmp_path)])
    assert done.exit_code == 1
    assert done.output == (
        f"bootvm: read results: {tmp_path}: no *.json there\nhint: run `make crash` first\n"
    )
    (tmp_path / "x.json").write_text("{}")
    done = CliRunner().invoke(main, [str(tmp_path)])
    assert "x.json: not an exploration ('verdicts')" in done.output
