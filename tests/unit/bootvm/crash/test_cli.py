"""The command line of `bootvm crash`, as far as it goes without a guest."""

from pathlib import Path

import pytest

from bootvm.cli import main


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "usage: Missing argument 'DISK...'."),
        (["DISK", "--run", "x"], "usage: Missing option '--judge'."),
        (["DISK", "--run", "x", "--judge", "y", "--record", "2"], "usage: --record 2: there are 1"),
        (["DISK", "--run", "x", "--judge", "y", "--mount", "2:vfat"], "--mount 2:vfat: not NUMBER"),
        (
            ["DISK", "--run", "x", "--judge", "y", "--mount", "0:ext4", "--fat", "1"],
            "--mount and --fat: one of them",
        ),
        (["DISK", "--run", "x", "--judge", "y", "--mount", "1:ext4"], "find partition: "),
        (["/none", "--run", "x", "--judge", "y"], "open disk: /none: no such file"),
    ],
)
def test_misuse(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(4096))
    assert main(["crash", *(str(disk) if word == "DISK" else word for word in words)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("bootvm: ")
    assert said in err
    assert "Traceback" not in err


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["crash", "--help"]) == 0
    assert "bootvm crash disk.img --run" in capsys.readouterr().out
