"""Images of cut disks; their contents are compared with a model in test_contents."""

from pathlib import Path

import pytest
from blklog import A_FLUSH, fill, log, write

from bootvm.crash.cuts import Cut, Kind
from bootvm.crash.replay import Replay, copy
from bootvm.errors import BootvmError


def test_copy_keeps_holes_and_content(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    with source.open("wb") as file:
        file.truncate(64 << 20)
        for at in (0, 5 << 20, (64 << 20) - 4096):
            file.seek(at)
            file.write(b"x" * 4096)
    copy(source, target)
    assert target.read_bytes() == source.read_bytes()
    assert target.stat().st_blocks * 512 < 1 << 20


def test_a_kept_disk_is_the_cut_one(tmp_path: Path) -> None:
    (tmp_path / "base").write_bytes(fill(".", 4))
    with log([write(0, fill("a")), A_FLUSH, write(1, fill("b", 2))], tmp_path) as opened:
        replay = Replay(tmp_path / "base", opened, tmp_path)
        replay.advance(2)
        replay.make(Cut(Kind.SAMPLE, 3, lost=(2,)), tmp_path / "kept")
        assert (tmp_path / "kept").read_bytes() == fill("a") + fill(".", 3)
        replay.make(Cut(Kind.WRITE, 3), tmp_path / "kept")
        assert (tmp_path / "kept").read_bytes() == fill("a") + fill("b", 2) + fill(".")


def test_a_missing_disk_is_named(tmp_path: Path) -> None:
    with (
        log([A_FLUSH], tmp_path) as opened,
        pytest.raises(BootvmError, match=r"copy disk: .*/none: No such file or directory"),
    ):
        Replay(tmp_path / "none", opened, tmp_path)
