"""The command line of the units, and what is loaded for it; tests/ns runs the rest."""

import os
import socket
import subprocess
import sys

import pytest

from bootentries.units.dropins import TAKEOVERS
from bootentries.units.service import tell_ready, unit_timeout


@pytest.mark.parametrize(("text", "seconds"), [("0", 0), ("120", 120)])
def test_the_timeout_of_the_unit(text, seconds):
    assert unit_timeout([f"--lock-timeout={text}"]) == seconds


@pytest.mark.parametrize(
    "argv", [[], ["--lock-timeout"], ["--lock-timeout=1.5"], ["--lock-timeout=1", "-v"],
             ["--lock-timeout=-1"], ["--lock-timeout="], ["--hold"]],
)  # fmt: skip
def test_everything_else_is_for_click(argv):
    with pytest.raises(ValueError, match="not the unit's command"):
        unit_timeout(argv)


def test_the_unit_s_own_words_are_understood():
    words = {item.unit: item.verb.split(" ") for item in TAKEOVERS}
    assert unit_timeout(words["ostree-finalize-staged.service"][1:]) == 120
    assert words["ostree-finalize-staged-hold.service"] == ["finalize-staged", "--hold"]


@pytest.mark.parametrize("where", ["file", "abstract"])
def test_the_service_manager_is_told(where, tmp_path, monkeypatch):
    place = str(tmp_path / "notify") if where == "file" else f"@bootentries-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(place.replace("@", "\0") if where == "abstract" else place)
        manager.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", place)
        tell_ready()
        assert manager.recv(64) == b"READY=1"


def test_nobody_is_told_where_nobody_listens(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    tell_ready()
    monkeypatch.setenv("NOTIFY_SOCKET", "/no/such/socket")
    with pytest.raises(FileNotFoundError):
        tell_ready()


LOADED = """
import sys
sys.argv = ["bootentries", *sys.argv[1:]]
import os
exists = os.path.exists
os.path.exists = lambda path: False if path == "/run/ostree-booted" else exists(path)
from bootentries.__main__ import main
try:
    main()
finally:
    print("click" in sys.modules)
"""


@pytest.mark.parametrize(
    ("argv", "with_click"),
    [
        (("finalize-staged", "--lock-timeout=120"), "False"),
        (("finalize-staged", "--hold"), "False"),
        (("finalize-staged", "--lock-timeout=120", "--dry-run"), "True"),
        (("--version",), "True"),
    ],
)
def test_a_shutdown_does_not_wait_for_click(argv, with_click):
    environ = {key: value for key, value in os.environ.items() if key != "OSTREE_SYSROOT"}
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *argv], capture_output=True, text=True, check=False,
        env=environ,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == with_click
