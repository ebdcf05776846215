"""The premises of `premises.py`, each in a process and a mount namespace of its own."""

import subprocess
import sys
from pathlib import Path

import premises
import pytest

pytestmark = pytest.mark.ns

LIMIT_S = 60


def run(name: str, directory: Path) -> "subprocess.CompletedProcess[str]":
    unshare = ("unshare", "--mount", "--propagation", "private")
    return subprocess.run(
        [*unshare, sys.executable, "-B", premises.__file__, name, str(directory)],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


@pytest.mark.parametrize("name", premises.PREMISES)
def test_premise(tmp_path: Path, name: str) -> None:
    done = run(name, tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_premise_that_does_not_hold_fails(tmp_path: Path) -> None:
    """The way that failures take to the test: a directory that cannot be mounted on."""
    done = run("memory_filesystems_have_these_types", tmp_path / "none")
    assert done.returncode == 1
    assert "No such file or directory" in done.stderr


def test_each_premise_says_what_rests_on_it() -> None:
    assert all(function.__doc__ for function in premises.PREMISES.values())
    assert len(premises.PREMISES) == 31
