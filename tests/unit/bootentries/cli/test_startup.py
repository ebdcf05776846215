"""What a start of the program loads: scripts run it by the hundred."""

import subprocess
import sys

import pytest

# What writes, and libraries that take long.
LATE = ("bootentries.txn.ops", "bootentries.txn.write", "bootentries.deploy.make")
HEAVY = ("hashlib", "subprocess", "json", "pathlib", "rich", "tempfile")
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
from bootentries.cli import run
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
