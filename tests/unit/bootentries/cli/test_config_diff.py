"""`config-diff` on a sysroot written by hand."""

import json
import os

import pytest

from bootentries.cli import run


@pytest.fixture
def etc(fake):
    """The /etc of the default deployment, with a change of each kind."""
    tree = fake.deployment()
    for top in (tree / "usr/etc", tree / "etc"):
        (top / "dir").mkdir(parents=True)
        (top / "dir/changed").write_text("1")
        (top / "gone").write_text("1")
        (top / "same").write_text("1")
    (tree / "etc/dir/changed").write_text("2")
    (tree / "etc/gone").unlink()
    (tree / "etc/added").mkdir()
    (tree / "etc/added/a file").write_text("")
    return tree / "etc"


def command(fake, *args):
    return ["--sysroot", str(fake.path), "config-diff", "--os=testos", *args]


@pytest.mark.parametrize("args", [(), ("arguments", "mean nothing")])
def test_lines(fake, etc, capfdbinary, args):
    (etc / os.fsdecode(b"bad\xff")).write_text("")
    assert run(command(fake, *args)) == 0
    assert capfdbinary.readouterr().out == (
        b"M    dir/changed\nD    gone\nA    added\nA    bad\xff\nA    added/a file\n"
    )


def test_json(fake, etc, capsys):
    (etc / os.fsdecode(b"bad\xff")).write_text("")
    assert run(command(fake, "--json")) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["stateroot"], found["checksum"], found["serial"]) == ("testos", "a" * 64, 0)
    assert found["changes"] == [
        {"kind": "modified", "path": "dir/changed"},
        {"kind": "removed", "path": "gone"},
        {"kind": "added", "path": "added"},
        {"kind": "added", "path": "bad\udcff"},
        {"kind": "added", "path": "added/a file"},
    ]


def test_nothing_changed(fake, capsys):
    for name in ("usr/etc", "etc"):
        (fake.deployment() / name).mkdir()
    assert run(command(fake)) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("args", "lines"),
    [
        (["--os=none"], [
            "bootentries: compare /etc: none: no deployment of this stateroot",
            "hint: stateroots with deployments: testos",
        ]),
        ([], [
            "bootentries: compare /etc: deployments: not currently booted into an OSTree system",
            "hint: name the stateroot with --os",
        ]),
        (["--os=testos"], ["bootentries: compare /etc: usr/etc: No such file or directory"]),
    ],
)  # fmt: skip
def test_errors(fake, capsys, args, lines):
    assert run(["--sysroot", str(fake.path), "config-diff", *args]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == lines


def test_help_has_an_example(capsys):
    assert run(["config-diff", "--help"]) == 0
    assert "Example: bootentries config-diff" in capsys.readouterr().out
