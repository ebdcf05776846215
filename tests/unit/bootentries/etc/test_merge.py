"""The merge of /etc, on plain directories."""

import os
import sys
import tracemalloc
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from etc_cases import CASES
from etc_model import (
    DEVICE,
    DIRECTORY,
    FIFO,
    FILE,
    LINK,
    SOCKET,
    Conflict,
    Node,
    d,
    edited,
    f,
    ln,
    merged,
    read,
    rooted,
    times,
    write,
)
from etc_trees import deployments
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bootentries.errors import BootentriesError


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(trees, case):
    write(trees.default, case.default)
    write(trees.local, case.local)
    write(trees.merged, case.new)
    before = read(trees.local)
    if case.fails is not None:
        with pytest.raises(BootentriesError) as caught:
            trees.merge()
        assert str(caught.value) == "merge /etc: " + case.fails.format("")
        assert caught.value.hint is not None
        # Nothing was begun.
        assert read(trees.merged) == dict(case.new)
    else:
        trees.merge()
        assert read(trees.merged) == dict(case.expect)
        assert times(read(trees.merged)) == times(case.expect)
    assert trees.notes == [text.format("") for text in case.notes]
    assert read(trees.local) == before


def test_what_a_merge_says_of_itself(trees):
    write(trees.default, {"m": f("a"), "r": f()})
    write(trees.local, {"m": f("b"), "a": d(), "a/b": f()})
    assert str(trees.merge()) == "Copying /etc changes: 1 modified, 1 removed, 2 added"


@pytest.mark.parametrize("text", ["../usr/share", "/usr/share", "../../outside", "/../../outside"])
@pytest.mark.parametrize("edit", [{"x/y": f("mine")}, {"x/s": d(), "x/s/y": f()}, {"x/old": None}])
def test_a_link_out_of_etc_is_not_followed(trees, text, edit):
    default = {"x": d(), "x/old": f()}
    # From the root of the deployment `..` leads nowhere else: /../../outside is /outside.
    outside = [trees.new / "usr/share", trees.new / "outside", trees.new.parent / "outside"]
    for place in outside:
        place.mkdir(parents=True)
        (place / "old").write_text("keep")
    write(trees.default, default)
    write(trees.local, edited(default, edit))
    write(trees.merged, {"x": ln(text)})
    with pytest.raises(BootentriesError) as caught:
        trees.merge()
    assert str(caught.value) == (
        "merge /etc: etc/x: in the new tree this is a link out of /etc, so local changes below "
        "cannot be merged"
    )
    for place in outside:
        assert [found.name for found in place.iterdir()] == ["old"]


def test_an_absolute_link_leads_into_the_new_deployment(trees):
    write(trees.default, {"x": d()})
    write(trees.local, {"x": d(), "x/mine": f("mine")})
    write(trees.merged, {"x": ln("/etc/t"), "t": d()})
    trees.merge()
    assert (trees.merged / "t/mine").read_text() == "mine"


def test_the_top_directory_keeps_owner_and_mode_of_the_new_tree(trees):
    write(trees.local, {"x": f()})
    trees.local.chmod(0o700)
    trees.merged.chmod(0o751)
    trees.merge()
    assert trees.merged.stat().st_mode & 0o7777 == 0o751


def test_what_vanishes_between_plan_and_copy(trees):
    """A note is the moment in between: the plan has passed "m" then, and copied nothing."""
    write(trees.default, {"m": f("a")})
    write(trees.local, {"m": f("b"), "n": f("mine"), "z": Node(FIFO)})
    write(trees.merged, {"m": f("c"), "n": f("theirs")})

    class Notes(list):
        def append(self, text):
            super().append(text)
            (trees.local / "m").unlink()
            (trees.local / "n").unlink()

    trees.notes = Notes()
    trees.merge()
    # A changed default that was deleted stays deleted; an added file was never there.
    assert read(trees.merged) == {"n": f("theirs")}


@pytest.mark.parametrize(
    ("missing", "error"),
    [
        ("old/usr/etc", "merge /etc: usr/etc: No such file or directory"),
        ("old/etc", "merge /etc: etc: No such file or directory"),
        ("new/etc", "merge /etc: etc of the new deployment: No such file or directory"),
    ],
)
def test_a_missing_tree(trees, missing, error):
    (trees.old.parent / missing).rmdir()
    with pytest.raises(BootentriesError) as caught:
        trees.merge()
    assert str(caught.value) == error
    (trees.old.parent / missing).write_text("")
    with pytest.raises(BootentriesError, match="Not a directory"):
        trees.merge()


def test_nothing_stays_open(trees):
    write(trees.default, {"x": d(), "x/y": f("a"), "c": f("a")})
    write(trees.local, {"x": d(), "x/y": f("b"), "c": f("b"), "n": d(), "n/m": f()})
    before = os.listdir("/proc/self/fd")  # noqa: PTH208
    trees.merge()
    write(trees.local, {"z": f()})
    write(trees.merged, {"z": d()})
    with pytest.raises(BootentriesError):
        trees.merge()
    assert os.listdir("/proc/self/fd") == before  # noqa: PTH208


def test_twenty_thousand_files_in_little_memory():
    """A list of their paths alone would be larger than what a merge may use."""
    with TemporaryDirectory(dir="/dev/shm") as top:
        trees = deployments(Path(top))
        first = trees.local / "directory0"
        first.mkdir()
        for number in range(200):
            (first / f"a-file-with-a-name-of-a-common-length-{number}").write_text("content")
        for directory in range(1, 100):
            (trees.local / f"directory{directory}").mkdir()
            for path in first.iterdir():
                (trees.local / f"directory{directory}" / path.name).hardlink_to(path)
        tracemalloc.start()
        try:
            counts = trees.merge()
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert counts.added == 20_100
        assert sum(1 for _ in trees.merged.rglob("*")) == 20_100
    paths = [f"directory99/a-file-with-a-name-of-a-common-length-{n}" for n in range(200)]
    assert peak < sum(map(sys.getsizeof, paths)) * 100 / 4


KINDS = st.sampled_from([
    d(), d(), d(0o700), d(0o755, (1, 2)), f("a"), f("b"), f("aa"), f("a", 0o600), f("a", mine=b"1"),
    f("a", owner=(3, 0)), ln("nowhere"), ln("elsewhere"), ln("nowhere", (1, 1)),
])  # fmt: skip
LOCAL_ONLY = st.sampled_from([Node(FIFO), Node(SOCKET), Node(DEVICE)])
NAMES = st.lists(st.sampled_from("ab"), min_size=1, max_size=3).map("/".join)
TREES = st.dictionaries(NAMES, KINDS, max_size=7).map(rooted)
EDITS = st.dictionaries(NAMES, st.none() | KINDS | KINDS | LOCAL_ONLY, max_size=5)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(default=TREES, edits=EDITS, others=EDITS)
def test_it_is_what_the_model_says(default, edits, others):
    """The new tree is the default one with edits of its own, so that the two are alike."""
    local = rooted(edited(default, edits))
    new = rooted({
        path: node for path, node in edited(default, others).items()
        if node.kind in (DIRECTORY, FILE, LINK)
    })  # fmt: skip
    with TemporaryDirectory() as top:
        trees = deployments(Path(top))
        write(trees.default, default)
        write(trees.local, local)
        write(trees.merged, new)
        findings = trees.check()
        try:
            expected = merged(default, local, new)
        except Conflict:
            with pytest.raises(BootentriesError):
                trees.merge()
            assert any(item.conflict for item in findings)
            assert read(trees.merged) == new
        else:
            trees.merge()
            result = read(trees.merged)
            assert result == expected
            assert trees.notes == [item.text for item in findings]
            said = {item.path for item in findings}
            for item in findings:
                # Where a file became a directory, the new tree may happen to have its content.
                assert "not merged" in item.text or is_lost(item.path, local, result), item
            for path, node in local.items():
                if path not in default or default[path].plain != node.plain:
                    noted = any(path == top or path.startswith(f"{top}/") for top in said)
                    assert noted or not is_lost(path, {path: node}, result), path


def is_lost(path, local, result):
    """Whether something at or below a path is not in the merged tree as it is locally."""
    return any(
        name not in result or result[name].plain != node.plain
        for name, node in local.items()
        if name == path or name.startswith(f"{path}/")
    )
