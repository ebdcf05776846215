"""Partitions, beside sgdisk."""

import subprocess
from pathlib import Path

import pytest

from bootvm.crash.parts import Part, part
from bootvm.errors import BootvmError


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disk that is only read; made once, since sgdisk takes its second."""
    path = tmp_path_factory.mktemp("gpt") / "disk"
    with path.open("wb") as file:
        file.truncate(8 << 20)
    words = ["--set-alignment=1", "--new=1:2048:4095", "--new=3:4096:8191"]
    env = {"PATH": "/usr/sbin:/usr/bin"}
    subprocess.run(["sgdisk", *words, path], check=True, capture_output=True, env=env)
    return path


def test_ranges(image: Path) -> None:
    assert part(image, 1) == Part(1 << 20, 1 << 20)
    assert part(image, 3) == Part(2 << 20, 2 << 20)
    assert part(image, 0) == Part(0, 8 << 20)


@pytest.mark.parametrize("number", [2, 4, 128, 129, -1])
def test_no_such_partition(image: Path, number: int) -> None:
    with pytest.raises(BootvmError, match=f"find partition: .*/disk: no partition {number}"):
        part(image, number)


def test_no_table(tmp_path: Path) -> None:
    (tmp_path / "disk").write_bytes(bytes(4096))
    with pytest.raises(BootvmError, match=r"find partition: .*/disk: no GPT"):
        part(tmp_path / "disk", 1)
