"""`rollback` beside `ostree admin set-default`, offline and in a system that looks booted."""

import json
import os
from dataclasses import replace

import pytest
from bootedchroot import run_booted
from richtrees import rich
from sidebyside import OURS, THEIRS, pair
from trees import PLAIN

pytestmark = pytest.mark.ns

SUITES = os.environ.get("BOOTCHAIN_SUITES", "trixie").split(",")
OTHER = replace(PLAIN, name="other", modules={"vmlinuz": "kernel 2", "initramfs.img": "i 2"})


@pytest.fixture(params=SUITES)
def both(request, tmp_path):
    """Three deployments; the first two differ in kernel and version, the third is pinned."""
    with pair(request.param, tmp_path) as found:
        found.commit(rich(tmp_path / "trees"), "one", "1.0")
        found.commit(rich(tmp_path / "trees", OTHER), "two", "2.0")
        for args in (("--karg=old", "one"), ("--karg=root=UUID=abc", "one"), ("two",)):
            found.by_theirs("deploy", "--os=testos", "--retain", *args)
        found.by_theirs("pin", "2")
        yield found


def default(done):
    """The last line says what the default is; the lines before are those of set-default."""
    *lines, last = done.stdout.splitlines()
    assert last.startswith("The default is now testos "), done.stderr
    return lines, last


def test_it_is_a_toggle_and_writes_what_set_default_writes(both):
    for version in ("1.0", "2.0", "1.0"):
        theirs, ours = both.theirs("set-default", "1"), both.ours("rollback")
        assert (theirs.returncode, ours.returncode) == (0, 0), ours.stderr
        lines, last = default(ours)
        assert lines == theirs.stdout.splitlines()
        assert last.endswith(f"({version})")
        both.compare()
    # Each goes on with what the other one wrote.
    both.swapped = True
    both.both("set-default", "1")


def test_in_a_running_system(both):
    """With the second running: to it, as another is the default; on to the third by set-default."""
    status = "theirs: status"
    theirs = ("set-default 1", status, "set-default 1", status, "set-default 2", status)
    ours = ("rollback", status, "rollback", status, "set-default 2", status)
    found = [run_booted(both, who, *steps, index=1)
             for who, steps in ((THEIRS, theirs), (OURS, ours))]  # fmt: skip
    said = [line for line in found[1].output if not line.startswith("The default is now")]
    assert said == found[0].output, found[1].errors
    assert found[1].errors == ""
    both.compare()


def test_what_is_staged_is_given_up_with_a_warning(both):
    steps = ("deploy --stage one", "rollback --json", "theirs: status")
    ours = run_booted(both, OURS, *steps)
    begin, end = ours.output.index("{"), ours.output.index("}")
    found = json.loads("\n".join(ours.output[begin : end + 1]))
    assert found["written"] is True
    assert found["dropped-staged"]["version"] == "1.0"
    assert (found["default"]["version"], found["default"]["booted"]) == ("1.0", False)
    assert (found["default-before"]["version"], found["default-before"]["booted"]) == ("2.0", True)
    name = f"{found['dropped-staged']['checksum']}.{found['dropped-staged']['serial']}"
    assert f"bootentries: the staged deployment testos {name} is given up\n" in ours.errors
    assert ours.run == []
    shown = "\n".join(ours.output[end:])
    assert "(staged)" not in shown
    assert "(pending)" in shown
    assert shown.count("Pinned: yes") == 1
