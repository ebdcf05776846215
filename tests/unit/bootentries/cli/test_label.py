"""`label` as a command; what it writes is looked at in tests/ns."""

import pytest

from bootentries.cli import run


@pytest.mark.parametrize(
    ("argv", "status", "error"),
    [
        (("0",), 2, "usage: give either TEXT or --unset"),
        (("0", "x", "--unset"), 2, "usage: give either TEXT or --unset"),
        ((), 2, "usage: Missing argument 'INDEX'."),
        (("2", "x"), 1, "choose deployment: 2: out of range: there are deployments 0 to 1"),
        (("-1", "x"), 2, "usage: No such option"),
        (("one", "x"), 1,
         "label deployment: one: neither a number nor one of booted, pending, rollback"),
        (("booted", "x"), 1, "label deployment: booted: there is no such deployment"),
        (("0", " "), 1, "label deployment: ' ': it is empty"),
        (("0", "a\nb"), 2, "usage: Invalid value for 'text': 'a\\nb': a line feed is in it."),
    ],
)  # fmt: skip
def test_mistakes(fake, capsys, argv, status, error):
    assert run(["--sysroot", str(fake.path), "label", *argv, "--dry-run"]) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"bootentries: {error}")


def test_a_dry_run_swaps_titles_and_menu_in(fake, capsys):
    assert run(["--sysroot", str(fake.path), "label", "1", "old", "--dry-run"]) == 0
    assert "swap boot/loader -> loader.0" in capsys.readouterr().out.splitlines()


def test_what_is_so_already(fake, capsys):
    entry = fake.entry(1)
    entry.write_text(entry.read_text() + f"x-bootchain-label testos/{'b' * 64}.0 old\n")
    before = entry.read_text()
    assert run(["--sysroot", str(fake.path), "label", "1", "old", "--dry-run"]) == 0
    assert run(["--sysroot", str(fake.path), "label", "0", "--unset", "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Deployment 1 is called 'old' already", "Deployment 0 has no label already",
    ]  # fmt: skip
    assert entry.read_text() == before
