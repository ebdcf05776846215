"""A program, its stamp, and its time limit."""

import pytest

from bootentries import run as programs
from bootentries.txn.context import Context
from bootentries.txn.run_ops import ProgramFailed, RunProgram

STAMP = "boot/stamp"


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Make a program of a name with a script's body."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setattr(programs, "SEARCH", (str(directory), *programs.SEARCH))

    def make(name, body):
        (directory / name).write_text(f"#!/bin/sh\n{body}\n")
        (directory / name).chmod(0o755)

    return make


@pytest.fixture
def context(root):
    return Context(root, print, lambda fd: None)


def test_it_runs_in_the_sysroot_and_forgets(fake, context, program):
    program("tool", 'pwd > log; for a; do echo "[$a]"; done >> log')
    (fake.path / STAMP).touch()
    op = RunProgram(("tool", "a b", ""), STAMP)
    assert op.describe() == "run tool 'a b' '' (for 90 s at most)"
    op.apply(context)
    assert (fake.path / "log").read_text() == f"{fake.path}\n[a b]\n[]\n"
    assert not (fake.path / STAMP).exists()
    (fake.path / "log").unlink()
    op.apply(context)
    assert not (fake.path / "log").exists()


@pytest.mark.parametrize(
    "case",
    [
        ("echo no space >&2; exit 3", 5, "tool: tool failed (3): no space"),
        ("sleep 60", 0.2, "tool: not done after 0.2 s, killed"),
        (None, 5, "tool: program not found"),
    ],
)
def test_a_failure_leaves_the_stamp(fake, context, program, case):
    body, limit_s, text = case
    if body is not None:
        program("tool", body)
    (fake.path / STAMP).touch()
    with pytest.raises(ProgramFailed) as caught:
        RunProgram(("tool",), STAMP, limit_s).apply(context)
    assert str(caught.value) == f"update bootloader: {text}"
    assert caught.value.hint
    assert (fake.path / STAMP).exists()
