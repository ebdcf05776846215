"""Misuse of `prepare-soft-reboot`, and what it refuses without a system that runs."""

import pytest

from bootentries.cli import run

MISUSE = [
    ([], "usage: Missing argument 'INDEX'."),
    (["--reset", "0"], "usage: --reset takes no INDEX, and no --reboot."),
    (["--reset", "--reboot"], "usage: --reset takes no INDEX, and no --reboot."),
]


@pytest.mark.parametrize(("words", "said"), MISUSE)
def test_misuse(words, said, capsys):
    assert run(["prepare-soft-reboot", *words]) == 1
    assert capsys.readouterr().err.splitlines()[0] == f"bootentries: {said}"


def test_nothing_runs(fake, capsys):
    argv = ["--sysroot", str(fake.path), "prepare-soft-reboot", "1", "--dry-run"]
    assert run(argv) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("bootentries: prepare soft reboot: ")
    assert first.endswith(": not booted into an OSTree system")
    assert second.startswith("hint: ")


def test_reset_can_be_rehearsed(fake, capsys):
    argv = ["--sysroot", str(fake.path), "prepare-soft-reboot", "--reset", "--dry-run"]
    assert run(argv) == 0
    assert capsys.readouterr().out == "undo what is prepared at /run/nextroot\n"
