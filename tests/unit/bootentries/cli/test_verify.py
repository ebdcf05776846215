"""The verb `verify`."""

import json

import pytest

from bootentries.cli import run


@pytest.fixture
def where(fake):
    """A sysroot with faults: its trees lack nearly everything."""
    return ["--sysroot", str(fake.path)]


def test_faults_are_listed_and_the_exit_status_is_1(where, fake, capsys):
    (fake.path / f"ostree/deploy/testos/deploy/{'a' * 64}.0.origin").unlink()
    assert run([*where, "verify"]) == 1
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[:3] == [
        "fault: stateroot-var: ostree/deploy/testos/var",
        "    no such directory",
        "    remedy: make the directory ostree/deploy/STATEROOT/var",
    ]
    # The worst first.
    severities = [line.partition(":")[0] for line in lines if not line.startswith(" ")]
    assert severities == sorted(severities, key=["fault", "warning", "leftover"].index)
    assert "warning" in severities
    error, hint = captured.err.splitlines()
    faults = severities.count("fault")
    assert error == f"bootentries: verify: {fake.path}: not sound: {faults} faults"
    assert hint.startswith("hint: `bootentries explain N`")


def test_as_json(where, fake, capsys):
    assert run(["verify", "--json", *where]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["sound"] is False
    assert found["bootversion"] == 1
    assert found["deployments"] == [
        f"/ostree/deploy/testos/deploy/{checksum}.0" for checksum in fake.checksums
    ]
    assert found["findings"][0] == {
        "code": "stateroot-var",
        "severity": "fault",
        "place": "ostree/deploy/testos/var",
        "reason": "no such directory",
        "remedy": "make the directory ostree/deploy/STATEROOT/var",
    }


@pytest.mark.parametrize("leftover", [False, True])
def test_sound_is_said(tmp_path, capsys, leftover):
    """Leftovers alone are no fault."""
    (tmp_path / "boot").mkdir()
    (tmp_path / "ostree/repo").mkdir(parents=True)
    (tmp_path / "ostree/repo/config").write_text("[core]\nrepo_version=1\nmode=bare\n")
    if leftover:
        (tmp_path / "boot/loader.tmp").symlink_to("loader.1")
    assert run(["verify", "--sysroot", str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    lines = captured.out.splitlines()
    assert lines[-1] == "sound: no deployments"
    assert ("leftover: temporary-file: boot/loader.tmp" in lines) is leftover


@pytest.mark.parametrize("argv", [["verify", "--bad"], ["verify", "extra"]])
def test_misuse_is_2(capsys, argv):
    assert run(argv) == 2
    assert capsys.readouterr().err.startswith("bootentries: usage: ")


def test_help_has_an_example(capsys):
    assert run(["verify", "--help"]) == 0
    assert "Example: bootentries verify" in capsys.readouterr().out
