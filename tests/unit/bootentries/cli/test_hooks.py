"""`hooks` as a command; hooks that follow writes are in tests/ns/test_hooks.py."""

import json

import pytest

from bootentries.cli import hooks as module
from bootentries.cli import run
from bootentries.hooks.find import Hook, Hooks
from bootentries.hooks.stamp import STAMP, Pending

FOUND = Hooks(
    (Hook("10-a", "/h/10-a"), Hook("20-b.shutdown", "/h/20-b.shutdown"), Hook("30-c", "/h/30-c")),
    (("/h/README", "not executable"),),
)
PENDING = Pending("deploy", (("10-a", None), ("20-b.shutdown", "exit status 3")))


def test_what_programs_get():
    found = module.to_json(FOUND, PENDING)
    assert found["hooks"] == [
        {"name": "10-a", "path": "/h/10-a", "at-shutdown": False, "pending": True,
         "failure": None},
        {"name": "20-b.shutdown", "path": "/h/20-b.shutdown", "at-shutdown": True,
         "pending": True, "failure": "exit status 3"},
        {"name": "30-c", "path": "/h/30-c", "at-shutdown": False, "pending": False,
         "failure": None},
    ]  # fmt: skip
    assert found["ignored"] == [{"path": "/h/README", "reason": "not executable"}]


def test_what_people_get():
    assert module._lines(FOUND, PENDING) == [
        "/h/10-a, has to run",
        "/h/20-b.shutdown, also at shutdown, has to run again: exit status 3",
        "/h/30-c",
        "(/h/README: not executable)",
    ]
    assert module._lines(Hooks(), None) == ["there are no hooks"]


@pytest.mark.parametrize("verb", [("run-pending",), ("run",)])
def test_a_dry_run(fake, capsys, verb):
    assert run(["--sysroot", str(fake.path), "hooks", *verb, "--dry-run"]) == 0
    assert capsys.readouterr().out in ("nothing is pending\n", "nothing to do\n")


def test_a_hook_that_there_is_not(fake, capsys):
    (fake.path / STAMP).write_text("reason=deploy\nwaits=no-such-hook\n")
    assert run(["--sysroot", str(fake.path), "hooks", "run", "no-such-hook", "--dry-run"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "bootentries: run hooks: no-such-hook: there is no such hook, or it does not count",
        "hint: bootentries hooks lists them",
    ]
    assert run(["--sysroot", str(fake.path), "hooks", "run-pending", "--dry-run"]) == 0
    said = capsys.readouterr()
    assert said.out == "nothing to do\n"
    assert said.err == (
        "bootentries: no-such-hook was pending, and there is no such hook any more\n"
    )
    assert (fake.path / STAMP).exists()


def test_a_hook_cannot_write_lists(fake, capsys, monkeypatch):
    monkeypatch.setenv("BOOTENTRIES_HOOK", "10-a")
    before = sorted(str(path) for path in fake.path.rglob("*"))
    assert run(["--sysroot", str(fake.path), "set-default", "1"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "bootentries: write deployments: 10-a: a hook cannot wait for the write that it is part of",
        "hint: let a service do it: systemd-run bootentries …",
    ]
    assert run(["--sysroot", str(fake.path), "status"]) == 0
    assert sorted(str(path) for path in fake.path.rglob("*")) == before


def test_a_list_is_json(fake, capsys):
    assert run(["--sysroot", str(fake.path), "hooks", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"hooks", "ignored"}
