"""`python3 -m bootentries` is the program, and so is the installed one."""

import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import bootentries

CHECKOUT = Path(__file__).resolve().parent.parent.parent.parent


def test_it_runs() -> None:
    argv = [sys.executable, "-m", "bootentries", "--version"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"bootentries, version {bootentries.__version__}\n"


def test_its_exit_status_is_that_of_the_verb(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "bootentries", "--sysroot", str(tmp_path), "verify"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"bootentries: open sysroot: {tmp_path}: no ostree directory")


def test_the_entry_point_is_the_same_function() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    module, _, function = project["project"]["scripts"]["bootentries"].partition(":")
    assert getattr(import_module(module), function).__module__ == "bootentries.__main__"


def test_importing_it_starts_nothing() -> None:
    code = "import sys, bootentries.__main__; print('click' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
