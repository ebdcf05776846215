"""The verb `explain`."""

import json

import pytest

from bootentries.cli import run


@pytest.fixture
def where(fake):
    """A sysroot whose trees lack nearly everything."""
    return ["--sysroot", str(fake.path)]


def test_the_walk_ends_where_it_is_broken(where, fake, capsys):
    assert run([*where, "explain"]) == 1
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    path = f"ostree/deploy/testos/deploy/{'a' * 64}.0"
    assert lines[0] == "bootloader      ostree/repo/config"
    assert lines[1] == "                none, as what lies in /boot says"
    assert lines[-2:] == [
        f"deployment      {path}/etc",
        "                broken: deployment-etc: no such directory",
    ]
    assert captured.err.splitlines() == [
        f"bootentries: explain: entry 0: broken at {path}/etc: no such directory",
        "hint: deploy again; without `usr/etc` in the tree there is nothing to make it from",
    ]


def test_as_json(where, capsys):
    assert run(["explain", "1", "--json", *where]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["entry"], found["count"], found["whole"]) == (1, 2, False)
    assert found["hops"][2] == {
        "hop": "active list", "place": "boot/loader", "found": "a link to loader.1", "fault": None,
    }  # fmt: skip
    assert found["hops"][-1]["fault"]["code"] == "deployment-etc"


@pytest.mark.parametrize(
    ("argv", "error"),
    [
        (["2"], "Invalid value for N: there is no entry 2: the list has 2"),
        (["-1"], "No such option"),
        (["one"], "Invalid value for '[N]': 'one' is not a whole number of at most nine digits."),
        (["0", "1"], "Got unexpected extra argument (1)"),
    ],
)
def test_misuse_is_2(where, capsys, argv, error):
    assert run([*where, "explain", *argv]) == 2
    assert capsys.readouterr().err.startswith(f"bootentries: usage: {error}")


def test_help_has_an_example(capsys):
    assert run(["explain", "--help"]) == 0
    assert "Example: bootentries explain" in capsys.readouterr().out
