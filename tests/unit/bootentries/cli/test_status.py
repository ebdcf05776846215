"""`status` for people, for scripts and for programs."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from statusschema import SCHEMA, faults

from bootentries.cli import run
from bootentries.cli.status_report import to_json
from bootentries.condition import Condition, Failure
from bootentries.hooks.stamp import Pending
from bootentries.sysroot import load
from prepare_root.formats.fallback import Fallback

CHECKOUT = Path(__file__).resolve().parents[4]
_STYLE = re.compile(r"\x1b\[[0-9;]*m")


def at_a_terminal(
    fake, *argv: str, environ: dict[str, str] | None = None, plain: bool = True
) -> list[str]:
    """What is printed to a terminal; `plain` takes colours away."""
    reader, terminal = os.openpty()
    program = "from bootentries.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "--sysroot", fake.path, "status", *argv],
        cwd=CHECKOUT, stdout=terminal, check=False,
        env={**os.environ, "TERM": "xterm", "NO_COLOR": "", **(environ or {})},
    )  # fmt: skip
    os.close(terminal)
    found = b""
    try:
        while block := os.read(reader, 4096):
            found += block
    except OSError:  # the other side is closed: that is a terminal's end of file
        pass
    os.close(reader)
    assert done.returncode == 0
    return [_STYLE.sub("", line) if plain else line for line in found.decode().splitlines()]


def test_a_terminal_gets_blocks(fake):
    assert at_a_terminal(fake) == [
        "  0  testos 1.0  (default)",
        f"     Deployment: {'a' * 64}.0",
        "     Origin:     r:b",
        "     Kernel:     6.1",
        "     Entry:      ostree-2.conf",
        "",
        "  1  testos 0.9",
        f"     Deployment: {'b' * 64}.0",
        "     Origin:     r:b",
        "     Kernel:     6.1",
        "     Entry:      ostree-1.conf",
    ]


@pytest.mark.parametrize(
    ("environ", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colours_are_for_terminals_that_want_them(fake, environ, coloured):
    (fake.path / "boot/ostree/finalize-failure.stamp").write_text("no room")
    lines = at_a_terminal(fake, environ=environ, plain=False)
    red = "\x1b[1;31m! The staged deployment did not become active: no room\x1b[0m"
    assert (lines[0] == red) is coloured
    assert ("\x1b" in "".join(lines)) is coloured
    assert lines[1] == "  remedy: mend what the reason names, and stage it again"


def test_what_is_amiss_is_no_part_of_libostrees_lines(fake, capsys):
    (fake.path / "boot/ostree/bootentries-hooks.stamp").write_text("reason=deploy\nwaits=10-a\n")
    (fake.path / "boot/ostree-bootloader-update.stamp").touch()
    assert run(["--sysroot", str(fake.path), "status"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith(f"  testos {'a' * 64}.0\n    Version: 1.0\n")
    assert captured.err.splitlines() == [
        "bootentries: The bootloader's program has still to run for this list; "
        "remedy: bootentries loader run-pending",
        "bootentries: Hooks have still to run after deploy: 10-a; "
        "remedy: bootentries hooks run-pending",
    ]


def test_a_pipe_gets_libostrees_lines(fake, capsys):
    assert run(["--sysroot", str(fake.path), "status"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"  testos {'a' * 64}.0", "    Version: 1.0", "    origin refspec: r:b",
        f"  testos {'b' * 64}.0", "    Version: 0.9", "    origin refspec: r:b",
    ]  # fmt: skip


def test_programs_get_json(fake, capsys, monkeypatch):
    monkeypatch.setenv("OSTREE_SYSROOT", str(fake.path))
    assert run(["--json", "status"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["bootversion"] == 1
    first = found["deployments"][0]
    assert first["checksum"] == "a" * 64
    assert first["default"] is True
    assert first["booted"] is False
    assert first["entry"] == "ostree-2.conf"
    assert first["refspec"] == "r:b"
    assert (first["kernel"], first["label"], first["options-added"]) == ("6.1", None, None)
    assert faults(found) == []


@pytest.mark.parametrize("option", ["-J", "--json"])
def test_json_is_spelled_as_libostree_does(fake, capsys, option):
    assert run(["--sysroot", str(fake.path), "status", option]) == 0
    assert len(json.loads(capsys.readouterr().out)["deployments"]) == 2


def test_without_deployments(fake, capsys):
    (fake.path / "boot/loader").unlink()
    assert run(["status", "--sysroot", str(fake.path)]) == 0
    assert capsys.readouterr().out == "No deployments.\n"


@pytest.mark.parametrize("option", ["-D", "--is-default"])
def test_is_default(fake, capsys, option):
    assert run(["status", option, "--sysroot", str(fake.path)]) == 0
    assert capsys.readouterr().out == "not-default\n"


@pytest.mark.parametrize("options", [("-V",), ("--verify", "-S"), ("-V", "--json")])
def test_verify_fails_for_what_nobody_signed(fake, capsys, options):
    assert run(["--sysroot", str(fake.path), "status", *options]) == 1
    captured = capsys.readouterr()
    assert captured.err == (
        f"bootentries: verify signature: testos {'a' * 64}.0: "
        "the remote 'r' of its origin is not configured\n"
    )
    # The first one is named, and nothing said about what follows.
    assert captured.out.startswith("" if "--json" in options else f"  testos {'a' * 64}.0\n")
    assert "b" * 64 not in captured.out


def test_the_schema_is_one_and_is_strict(fake, capsys):
    Draft202012Validator.check_schema(SCHEMA)
    assert run(["--sysroot", str(fake.path), "status", "-J"]) == 0
    report = json.loads(capsys.readouterr().out)
    for spoil in (
        lambda: report.pop("failure"),
        lambda: report.update(more=1),
        lambda: report["deployments"][0].update(more=1),
        lambda: report["deployments"][0].pop("label"),
        lambda: report["deployments"][1].update(kernel=6),
    ):
        before = len(faults(report))
        spoil()
        assert len(faults(report)) == before + 1


@pytest.mark.parametrize("name", ["failure", "fallback", "pending-hooks", "pending-loader"])
def test_every_state_is_in_the_schema(fake, root, name):
    state = {
        "failure": Condition(failure=Failure("no room", f"os/{'a' * 64}.0", 2)),
        "fallback": Condition(
            fallback=Fallback("/ostree/boot.0/os/b/0", "/ostree/deploy/x", "gone")
        ),
        "pending-hooks": Condition(hooks=Pending("deploy", (("10-a", None), ("20-b", "exit 3")))),
        "pending-loader": Condition(loader=True),
    }[name]
    report = to_json(root, load(root), state)
    assert faults(report) == []
    told = [
        key for key in ("failure", "fallback", "pending-hooks", "pending-loader") if report[key]
    ]
    assert told == [name]
    assert report[name]["remedy"]
