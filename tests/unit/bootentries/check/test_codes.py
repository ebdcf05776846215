"""The table of codes, and the page that explains them."""

import re
from pathlib import Path

import pytest

from bootentries.check.codes import CODES, Severity

DOCS = Path(__file__).resolve().parents[4] / "docs/verify.md"
TITLES = {"Faults": Severity.FAULT, "Warnings": Severity.WARNING, "Leftovers": Severity.LEFTOVER}


def test_the_page_lists_every_code():
    """Code, meaning and remedy, in the same order, each below the title of its severity."""
    found = []
    severity = None
    for line in DOCS.read_text().splitlines():
        if line.startswith("### "):
            severity = TITLES[line.removeprefix("### ")]
        row = re.fullmatch(r"\| `([a-z0-9-]+)` \| (.*) \| (.*) \|", line)
        if row is not None:
            found.append((row[1], severity, row[2], row[3]))
    assert found == [
        (code.name, code.severity, code.meaning, code.remedy) for code in CODES.values()
    ]


@pytest.mark.parametrize("code", CODES.values(), ids=lambda code: code.name)
def test_a_code_reads_well(code):
    assert re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", code.name)
    assert re.fullmatch(r"[A-Z`].*\.", code.meaning)
    assert code.remedy
    assert not code.remedy.endswith(".")
    assert "|" not in code.meaning + code.remedy
