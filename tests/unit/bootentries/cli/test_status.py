"""`status` for people, for scripts and for programs."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bootentries.cli import run

CHECKOUT = Path(__file__).resolve().parents[4]
_STYLE = re.compile(r"\x1b\[[0-9;]*m")


def at_a_terminal(fake, *argv: str, without: str = "") -> list[str]:
    """What is printed to a terminal of 120 columns, with a module made unimportable."""
    reader, terminal = os.openpty()
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({without!r}.split()))\n"
        "from bootentries.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "--sysroot", fake.path, "status", *argv],
        cwd=CHECKOUT, stdout=terminal, check=False,
        env={**os.environ, "COLUMNS": "120", "TERM": "xterm"},
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
    return [_STYLE.sub("", line) for line in found.decode().splitlines()]


@pytest.mark.parametrize("without", ["", "rich"])
def test_a_terminal_gets_a_table(fake, without):
    lines = [line.strip() for line in at_a_terminal(fake, without=without)]
    header, *rows = [line for line in lines if line and "─" not in line]
    assert header.split() == [
        "#", "stateroot", "version", "deployment", "bootcsum", "entry", "state",
    ]  # fmt: skip
    assert [row.split()[:4] for row in rows] == [
        ["0", "testos", "1.0", "a" * 12 + ".0"], ["1", "testos", "0.9", "b" * 12 + ".0"],
    ]  # fmt: skip
    assert rows[0].split()[-2:] == ["ostree-2.conf", "default"]


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
