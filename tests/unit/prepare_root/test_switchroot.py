"""What of switching root runs without one: becoming init.

The switch itself is in `tests/ns/test_switchroot.py`.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from prepare_root import switchroot
from prepare_root.errors import Failure

ROOT = Path(__file__).resolve().parents[3]


BECOME = """
import os, sys
from prepare_root import switchroot
switchroot.DEFAULT_INITS = tuple(os.fsencode(path) for path in sys.argv[2:])
switchroot.hand_over(os.fsencode(sys.argv[1]), [b"single", b"a b"], [b"HOME=/", b"TERM=linux"])
"""


def become(init, *defaults):
    paths = os.pathsep.join([str(ROOT), *(path for path in sys.path if path)])
    return subprocess.run(
        [sys.executable, "-c", BECOME, init, *map(str, defaults)],
        env=os.environ | {"PYTHONPATH": paths},
        check=False,
        capture_output=True,
        text=True,
    )


def script(path):
    path.write_text('#!/bin/sh\necho "$0 $# $1/$2"; /usr/bin/env\n')
    path.chmod(0o755)
    return path


def check_became(done, path):
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert lines[0] == f"{path} 2 single/a b"
    assert {"HOME=/", "TERM=linux"} <= set(lines[1:])
    assert not any(line.startswith("PYTHONPATH=") for line in lines)  # not our environment


def test_hand_over_to_what_init_says(tmp_path):
    path = script(tmp_path / "init")
    check_became(become(str(path), script(tmp_path / "default")), path)


def test_hand_over_to_the_first_default_that_runs(tmp_path):
    (tmp_path / "not-executable").write_text("")
    path = script(tmp_path / "third")
    check_became(become("", tmp_path / "none", tmp_path / "not-executable", path), path)


def test_no_init(tmp_path, monkeypatch):
    (tmp_path / "a").write_text("")
    monkeypatch.setattr(switchroot, "DEFAULT_INITS", (bytes(tmp_path / "a"), bytes(tmp_path / "b")))
    with pytest.raises(Failure) as caught:
        switchroot.hand_over(b"", [], [])
    assert str(caught.value) == (
        f"start init: {tmp_path}/a: {tmp_path}/a: Permission denied;"
        f" {tmp_path}/b: No such file or directory"
    )
    assert caught.value.hint == "the deployment has no init"


def test_no_such_init_is_no_reason_for_another_one(tmp_path, monkeypatch):
    """`init=` was asked for: a default in its place would be a surprise."""
    monkeypatch.setattr(switchroot, "DEFAULT_INITS", (b"/bin/true",))
    with pytest.raises(Failure) as caught:
        switchroot.hand_over(bytes(tmp_path / "in\x1bit"), [], [])
    assert str(caught.value) == (
        f"start init: {tmp_path}/in\\x1bit: {tmp_path}/in\\x1bit: No such file or directory"
    )
    assert caught.value.hint == "check init= on the kernel command line"


def test_an_init_of_another_machine(tmp_path, monkeypatch):
    (tmp_path / "init").write_bytes(b"\x7fELF" + bytes(60))
    (tmp_path / "init").chmod(0o755)
    with pytest.raises(Failure) as caught:
        switchroot.hand_over(bytes(tmp_path / "init"), [], [])
    assert str(caught.value).endswith(": Exec format error")


def test_the_usual_places():
    """kernel doc admin-guide/init.rst, without the shell that nobody wants here."""
    assert switchroot.DEFAULT_INITS == (b"/sbin/init", b"/etc/init", b"/bin/init")
