"""`rollback` as a command; what it writes is looked at in tests/ns."""

import json

import pytest

from bootentries.cli import run
from bootentries.cli.rollback import to_json
from bootentries.rollback import choose_rollback
from bootentries.sysroot import load
from bootentries.txn.plan import Plan


def test_a_dry_run_prints_the_plan(fake, capsys):
    before = sorted(str(path) for path in fake.path.rglob("*"))
    assert run(["--sysroot", str(fake.path), "rollback", "--dry-run"]) == 0
    assert "swap boot/loader -> loader.0" in capsys.readouterr().out.splitlines()
    assert sorted(str(path) for path in fake.path.rglob("*")) == before


def test_a_dry_run_for_programs(fake, capsys):
    assert run(["--sysroot", str(fake.path), "--json", "rollback", "--dry-run"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["written"] is False
    assert found["default"] == {
        "stateroot": "testos", "checksum": "b" * 64, "serial": 0, "version": "0.9",
        "booted": False,
    }  # fmt: skip
    assert found["default-before"]["checksum"] == "a" * 64
    assert (found["dropped-staged"], found["bootversion"]) == (None, None)


def test_what_was_written_is_in_the_report(root):
    plan = Plan((), (), swap=True, bootversion=1, subbootversion=0, count_change=0)
    found = to_json(choose_rollback(load(root)), plan)
    assert (found["written"], found["bootconfig-swap"], found["bootversion"]) == (True, True, "1.0")


def test_no_other_deployment(fake, capsys):
    fake.entry(1).unlink()
    assert run(["--sysroot", str(fake.path), "rollback", "--dry-run"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        f"bootentries: roll back: {'a' * 64}.0: "
        "stateroot testos has no other deployment to go back to",
        "hint: the next deploy or upgrade keeps the present one; any other: "
        "bootentries set-default",
    ]


@pytest.mark.parametrize("argv", [("1",), ("--nothing",)])
def test_misuse_exits_2(capsys, argv):
    assert run(["rollback", *argv]) == 2
    assert capsys.readouterr().err.startswith("bootentries: usage: ")
