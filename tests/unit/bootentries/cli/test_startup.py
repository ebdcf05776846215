"""What a start of the program loads: scripts run it by the hundred."""

import subprocess
import sys

import pytest

from bootentries.cli import cli, run
from bootentries.cli.common import Settings

# What writes, and libraries that take long.
LATE = ("bootentries.txn.ops", "bootentries.txn.write", "bootentries.deploy.make")
HEAVY = ("hashlib", "subprocess", "json", "pathlib", "rich", "tempfile", "shutil")
VERBS = (
    "--version",
    "status --help",
    "deploy --help",
    "upgrade --help",
    "switch --help",
    "undeploy --help",
    "set-default --help",
    "pin --help",
    "cleanup --help",
    "set-origin --help",
    "kargs edit-in-place --help",
    "instutil set-kargs --help",
    "instutil grub2-stub --help",
)
CODE = """
import sys
before = set(sys.modules)
from bootentries.cli import cli, run
from bootentries.cli.common import Settings
for line in sys.argv[1:]:
    run(line.split())
print("loaded", *(set(sys.modules) - before))
"""


def loaded(*lines: str) -> set[str]:
    """Return the modules that the program loads for some command lines."""
    argv = [sys.executable, "-c", CODE, *lines]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    head, *names = done.stdout.splitlines()[-1].split()
    assert head == "loaded"
    assert "bootentries.cli.common" in names
    return set(names)


def test_help_waits_for_nothing_that_writes() -> None:
    assert loaded(*VERBS) & {*LATE, *HEAVY} == set()


def test_help_of_status_waits_for_nothing_that_reads() -> None:
    read = {"bootentries.sysroot", "bootentries.deployment"}
    assert loaded("status --help") & read == set()
    assert loaded("status --sysroot /nowhere") & read == read


@pytest.mark.parametrize("columns", ["200", "102", "90", "60", "3", None])
def test_help_is_as_wide_as_click_makes_it(columns, monkeypatch, capsys) -> None:
    if columns is None:
        monkeypatch.delenv("COLUMNS", raising=False)
    else:
        monkeypatch.setenv("COLUMNS", columns)
    assert run(["deploy", "--help"]) == 0
    ours = capsys.readouterr().out
    wide = {"terminal_width": None, "max_content_width": 100, "obj": Settings()}
    cli.main(["deploy", "--help"], prog_name="bootentries", standalone_mode=False, **wide)
    assert capsys.readouterr().out == ours
    assert len(ours.splitlines()) > 30


def test_a_width_that_is_no_number_is_the_usual_one(monkeypatch, capsys) -> None:
    monkeypatch.setenv("COLUMNS", "x")
    assert run(["deploy", "--help"]) == 0
    wide = capsys.readouterr().out
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["deploy", "--help"]) == 0
    assert capsys.readouterr().out == wide


@pytest.mark.parametrize("name", LATE)
def test_they_are_there_to_be_loaded(name: str) -> None:
    """A module that is renamed must not make the test above pass."""
    assert subprocess.run([sys.executable, "-c", f"import {name}"], check=True).returncode == 0


def test_a_dry_run_starts_and_hashes_nothing(tmp_path) -> None:
    (tmp_path / "ostree/repo").mkdir(parents=True)
    (tmp_path / "boot").mkdir()
    (tmp_path / "ostree/repo/config").write_text("[core]\nrepo_version=1\nmode=bare\n")
    names = loaded(f"--sysroot {tmp_path} cleanup --dry-run")
    assert "bootentries.txn.ops" in names
    assert names & {"hashlib", "subprocess", "json"} == set()
