"""The merge of /etc, on plain directories."""

import stat

import pytest

from bootentries.errors import BootentriesError


def test_local_changes_are_carried_over(trees):
    trees.everywhere("same", "1")
    trees.everywhere("changed", "1")
    trees.everywhere("gone", "1")
    (trees.local / "changed").write_text("mine")
    (trees.local / "gone").unlink()
    (trees.local / "sub").mkdir(mode=0o700)
    (trees.local / "sub/file").write_text("new")
    (trees.merged / "same").write_text("2")
    counts = trees.merge()
    assert str(counts) == "Copying /etc changes: 1 modified, 1 removed, 2 added"
    assert sorted(found.name for found in trees.merged.iterdir()) == ["changed", "same", "sub"]
    assert (trees.merged / "same").read_text() == "2"
    assert (trees.merged / "changed").read_text() == "mine"
    assert (trees.merged / "sub/file").read_text() == "new"
    assert stat.S_IMODE((trees.merged / "sub").stat().st_mode) == 0o700
    assert trees.notes == []


def test_a_local_file_against_a_new_directory_is_a_conflict(trees):
    trees.everywhere("other", "1")
    trees.both("x", "1")
    (trees.merged / "x").mkdir()
    (trees.local / "x").write_text("mine")
    (trees.local / "other").unlink()
    with pytest.raises(BootentriesError) as caught:
        trees.merge()
    assert str(caught.value) == (
        "merge /etc: etc/x: Modified config file newly defaults to directory 'x', cannot merge"
    )
    assert (trees.merged / "other").exists()
