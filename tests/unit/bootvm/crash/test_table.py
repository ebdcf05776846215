"""Results as a table."""

import json
from pathlib import Path

import pytest

from bootvm.crash.explore import Findings
from bootvm.crash.report import as_json
from bootvm.crash.table import main


def test_rows_and_sums(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = as_json(Findings(requests=1200, flushes=3, states=40), ())
    one["cuts"] |= {"flush": 4, "sample": 1000}
    one["verdicts"] = {"old": 30, "new": 10}
    for name in ("ext4-ours", "xfs-ours"):
        (tmp_path / f"{name}.json").write_text(json.dumps(one))
    assert main([str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == "| ext4 ours | 1,200 | 3 | 1,004 | 1,000 | 40 | 10 new, 30 old |"
    assert lines[3].startswith("| xfs ours |")
    assert lines[-1] == "2,008 cuts in all, 80 different disks."


def test_nothing_to_show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        f"bootvm: read results: {tmp_path}: no *.json there\nhint: run `make crash` first\n"
    )
    (tmp_path / "x.json").write_text("{}")
    assert main([str(tmp_path)]) == 1
    assert "x.json: not an exploration ('verdicts')" in capsys.readouterr().err
    assert main([]) == 2
