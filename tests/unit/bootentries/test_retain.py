"""Which deployments stay when a new one joins: a table of lists, and laws over any list."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootentries.deployment import Deployment
from bootentries.origin import Origin
from bootentries.repo import RepoConfig
from bootentries.retain import Keep, retain
from bootentries.sysroot import Sysroot

NEW = Deployment("os", "f" * 64, 0, "0" * 64)


def present(text: str) -> Sysroot:
    """One word a deployment: its name; `*` booted, `!` pinned, `@` other stateroot, `s` staged."""
    items = []
    for index, word in enumerate(text.split()):
        marks = word[1:]
        items.append(
            Deployment(
                stateroot="other" if "@" in marks else "os",
                checksum=word[0] * 64,
                serial=0,
                bootcsum="0" * 64,
                index=index,
                origin=Origin(pinned="!" in marks),
                booted="*" in marks,
                staged="s" in marks,
            )
        )
    return Sysroot(0, 0, tuple(items), RepoConfig(), "*" in text)


def result(text: str, merge: str | None, *words: str) -> str:
    sysroot = present(text)
    found = next((item for item in sysroot.deployments if item.checksum[0] == merge), None)
    keep = Keep(**dict.fromkeys(words, True))
    names = {NEW.checksum: "N"}
    return " ".join(
        names.get(item.checksum, item.checksum[0]) for item in retain(sysroot, NEW, found, keep)
    )


TABLE = [
    ("", None, (), "N"),
    ("a", "a", (), "N a"),
    ("a b", "a", (), "N a"),
    ("a b c", "a", ("retain",), "N a b c"),
    ("a b! c", "a", (), "N a b"),
    ("a b@ c", "a", (), "N a b"),
    # Booted in the middle: pending before it, rollback after it.
    ("a b* c", "b", (), "N b"),
    ("a b* c", "b", ("retain_pending",), "N a b"),
    ("a b* c", "b", ("retain_rollback",), "N b c"),
    ("a b* c", "b", ("retain_pending", "retain_rollback"), "N a b c"),
    # Booted in another stateroot: the merge deployment stays as well.
    ("a b@* c", "a", (), "N a b"),
    ("a b c@*", "a", ("retain_pending",), "N a b c"),
    # Booted, but nothing of it is carried over.
    ("a b* c", None, (), "N b"),
    ("a b* c", None, ("not_as_default",), "b N"),
    # Nothing booted: the merge deployment parts them.
    ("a b c", "b", ("retain_pending",), "N a b"),
    ("a b c", "b", ("retain_rollback",), "N b c"),
    # Nothing to part them: all stay.
    ("a b", None, ("retain_pending",), "N a b"),
    ("a b", None, ("retain_rollback",), "N a b"),
    ("a b", None, (), "N"),
    # Not as default: behind the one that parts them, or at the end.
    ("a b* c", "b", ("not_as_default", "retain"), "a b N c"),
    ("a b* c", "b", ("not_as_default",), "b N"),
    ("a b", None, ("not_as_default", "retain"), "a b N"),
    # A staged one is not on disk: it goes.
    ("as b*", "b", ("retain",), "N b"),
]


@pytest.mark.parametrize(("text", "merge", "words", "wanted"), TABLE)
def test_table(text, merge, words, wanted):
    assert result(text, merge, *words) == wanted


LISTS = st.lists(
    st.tuples(st.sampled_from("abcde"), st.sampled_from(["", "!", "@", "!@"])),
    max_size=5,
    unique_by=lambda item: item[0],
).map(lambda items: [name + marks for name, marks in items])


@given(LISTS, st.integers(0, 4), st.frozensets(st.sampled_from(["retain", "retain_pending",
       "retain_rollback", "not_as_default"])))  # fmt: skip
def test_booted_pinned_and_others_stay_in_order(items, booted, words):
    if booted < len(items):
        items[booted] += "*"
    sysroot = present(" ".join(items))
    keep = Keep(**dict.fromkeys(words, True))
    found = retain(sysroot, NEW, sysroot.booted_deployment, keep)
    assert found.count(NEW) == 1
    rest = [item for item in found if item is not NEW]
    assert rest == [item for item in sysroot.deployments if item in rest]
    for item in sysroot.deployments:
        if item.booted or item.pinned or item.stateroot != NEW.stateroot:
            assert item in rest
    assert (found[0] is NEW) == (not keep.not_as_default or not rest)
