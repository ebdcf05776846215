"""Words and differences of `status`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootentries.cli.status_report import Difference, difference, kernel_release, state_words
from bootentries.deployment import Deployment, Entry
from bootentries.entries.bls import new_entry
from bootentries.entries.names import Counters
from bootentries.origin import Origin
from bootentries.repo import RepoConfig
from bootentries.sysroot import Sysroot, load


def listed(*items: dict[str, object]) -> Sysroot:
    found = tuple(
        Deployment(**{"stateroot": "os", "checksum": "abcd"[place], "serial": 0, "bootcsum": "",
                      "index": place, **values})
        for place, values in enumerate(items)
    )  # fmt: skip
    return Sysroot(0, 0, found, RepoConfig(), any(item.booted for item in found))


WORDS = [
    ((({}),), ["default"]),
    (({"booted": True}, {}), ["default", "rollback"]),
    (({}, {"booted": True}), ["default, pending", ""]),
    (({"staged": True}, {"booted": True}, {}), ["default, staged", "", "rollback"]),
    (({"staged": True, "finalization_locked": True}, {"booted": True}),
     ["default, staged, locked", ""]),
    (({"booted": True, "unlocked": "hotfix", "origin": Origin(pinned=True)},),
     ["default, pinned, unlocked: hotfix"]),
    (({"soft_reboot_target": True},), ["default, soft reboot target"]),
    (({"entry": Entry("e", new_entry(), Counters(2, 1))},), ["default, tries: 2 left, 1 done"]),
]  # fmt: skip


@pytest.mark.parametrize(("items", "words"), WORDS)
def test_state_words(items, words):
    found = listed(*items)
    assert [", ".join(state_words(found, item)) for item in found.deployments] == words


CHANGES = [
    ("a b ostree=/x", "a b ostree=/y", (), ()),
    ("a b", "b a", (), ()),
    ("a c=1 c=2", "a c=1", ("c=2",), ()),
    ("a", "a a b", (), ("a", "b")),
    ("q=1", "q=2", ("q=1",), ("q=2",)),
    ('k="1 2"', "", ('k="1 2"',), ()),
]


@pytest.mark.parametrize(("options", "running", "added", "removed"), CHANGES)
def test_difference(options, running, added, removed):
    found = listed({"options": options}, {"options": running, "booted": True})
    assert difference(found, found.deployments[0]) == Difference(added, removed)
    assert difference(found, found.deployments[1]) == Difference()


def test_where_nothing_is_running_there_is_none():
    found = listed({"options": "a"})
    assert difference(found, found.deployments[0]) is None


@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abc")))
def test_the_difference_leads_from_one_to_the_other(ours, theirs):
    found = listed({"options": " ".join(ours)}, {"options": " ".join(theirs), "booted": True})
    changed = difference(found, found.deployments[0])
    assert sorted([*theirs, *changed.added]) == sorted([*ours, *changed.removed])


def test_the_kernel_is_that_of_the_tree(root, fake):
    item = load(root).deployments[0]
    assert kernel_release(root, item) == "6.1"
    modules = fake.deployment() / "usr/lib/modules"
    (modules / "6.1").rename(modules / "6.2-other")
    assert kernel_release(root, item) == "6.2-other"
    (modules / "6.2-other/vmlinuz").unlink()
    assert kernel_release(root, item) is None
