"""The command refuses bad input in one line, with status 2, and starts nothing."""

from pathlib import Path

import pytest

from bootvm.cli import main

TABLE = [
    ([], "bootvm: start: bootvm: nothing to boot"),
    (["/not/there.img"], "bootvm: open disk: /not/there.img: No such file or directory"),
    (["/"], "bootvm: open disk: /: Is a directory"),
    (["--firmware", "coreboot", "x"], "bootvm: usage: Invalid value for '--firmware'"),
    (["--kernel", "/k", "--append", "x"], "bootvm: start: bios: kernel, initrd and command line"),
    (["--firmware", "direct", "--kernel", "/not/k"], "bootvm: start: /not/k: no such file"),
    (["--no-such-option"], "bootvm: usage: No such option"),
    (["--memory", "lots", "x"], "bootvm: usage: Invalid value for '--memory'"),
]


@pytest.mark.parametrize(("words", "text"), TABLE)
def test_misuse(words: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(text)
    assert len(said.err.splitlines()) <= 2


def test_direct_firmware_needs_a_kernel(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    disk = tmp_path / "d"
    disk.write_bytes(b"")
    assert main(["--firmware", "direct", str(disk)]) == 2
    assert "bootvm: start: direct: no kernel given" in capsys.readouterr().err


def test_help_has_an_example_and_the_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert "bootvm disk.img --until login:" in text
    assert "Exit status: 0" in text
