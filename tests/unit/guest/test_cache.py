"""The cache gives whole objects, built once, whatever happens to a builder."""

import os
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guest import cache


def test_root_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.root() == tmp_path / "bootchain/guest"
    assert cache.root().is_dir()


def test_built_once(tmp_path: Path) -> None:
    built: list[Path] = []

    def build(unfinished: Path) -> None:
        built.append(unfinished)
        unfinished.write_text("whole")

    for _ in range(2):
        assert cache.obtain(tmp_path / "object", build).read_text() == "whole"
    assert len(built) == 1
    assert built[0] != tmp_path / "object"


def test_fresh_replaces(tmp_path: Path) -> None:
    for text in ("old", "new"):
        cache.obtain(tmp_path / "object", lambda path, t=text: path.write_text(t), fresh=True)
    assert (tmp_path / "object").read_text() == "new"


def test_failed_build_leaves_nothing_under_the_name(tmp_path: Path) -> None:
    def fail(unfinished: Path) -> None:
        unfinished.mkdir()
        (unfinished / "half").touch()
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        cache.obtain(tmp_path / "object", fail)
    assert not (tmp_path / "object").exists()
    cache.obtain(tmp_path / "object", lambda path: path.mkdir())
    assert list((tmp_path / "object").iterdir()) == []


def test_concurrent_callers_wait_for_one_builder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    built: list[int] = []

    def build(unfinished: Path) -> None:
        built.append(1)
        time.sleep(0.3)
        unfinished.touch()

    callers = [
        threading.Thread(target=cache.obtain, args=(tmp_path / "object", build)) for _ in range(3)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert built == [1]
    assert "waiting for another process to finish object" in capsys.readouterr().err


def test_oldest_go_first(tmp_path: Path) -> None:
    for age in range(5):
        path = tmp_path / f"disk-{age}"
        path.mkdir()
        os.utime(path, (1000 - age, 1000 - age))
    cache.keep_newest(tmp_path.glob("disk-*"), 2)
    assert sorted(path.name for path in tmp_path.glob("disk-*")) == ["disk-0", "disk-1"]


@given(st.lists(st.text(max_size=3), min_size=1, max_size=4))
def test_digest_keeps_parts_apart(parts: list[str]) -> None:
    assert cache.digest(*parts) != cache.digest(*parts, "")
    joined = "".join(parts)
    assert (cache.digest(*parts) == cache.digest(joined)) == (parts == [joined])


def test_digest_of_a_tree_sees_names_modes_contents_and_links(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    seen = {cache.digest_tree(tmp_path)}
    (tmp_path / "a").write_text("2")
    seen.add(cache.digest_tree(tmp_path))
    (tmp_path / "a").chmod(0o700)
    seen.add(cache.digest_tree(tmp_path))
    (tmp_path / "l").symlink_to("a")
    seen.add(cache.digest_tree(tmp_path))
    (tmp_path / "l").unlink()
    (tmp_path / "l").symlink_to("b")
    seen.add(cache.digest_tree(tmp_path))
    assert len(seen) == 5
    os.utime(tmp_path / "a", (0, 0))
    assert cache.digest_tree(tmp_path) in seen
