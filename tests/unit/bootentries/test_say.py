"""One line for each remark and error, whatever is in it."""

import subprocess
import sys
from pathlib import Path

import pytest

from bootentries.say import note, one_line, print_error

CHECKOUT = Path(__file__).resolve().parents[3]


def test_a_remark(capsys):
    note("left for later")
    assert capsys.readouterr().err == "bootentries: left for later\n"


def test_an_error_and_its_hint(capsys):
    print_error("open: a\nb: no such file", "look\nthere")
    assert capsys.readouterr().err == "bootentries: open: a b: no such file\nhint: look there\n"
    print_error("open: a: busy", None)
    assert capsys.readouterr().err == "bootentries: open: a: busy\n"


@pytest.mark.parametrize(("length", "shown"), [(8000, 8000), (9000, 4000 + 3 + 200)])
def test_a_very_long_one_has_its_ends(length, shown):
    assert len(one_line("x" * length)) == shown


def test_a_note_that_cannot_be_written_stops_nothing():
    program = "from bootentries.say import note; note('left for later'); print('went on')"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=full, text=True,
            cwd=CHECKOUT, check=False,
        )  # fmt: skip
    assert done.stdout == "went on\n"
