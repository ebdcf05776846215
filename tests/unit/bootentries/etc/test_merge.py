"""The merge of /etc, on plain directories."""

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
