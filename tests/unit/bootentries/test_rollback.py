"""Where a rollback leads to, from every kind of list."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootentries.deployment import Deployment, Entry
from bootentries.entries.bls import new_entry
from bootentries.entries.names import Counters
from bootentries.errors import BootentriesError
from bootentries.repo import RepoConfig
from bootentries.rollback import choose_rollback
from bootentries.sysroot import Sysroot


def present(text: str) -> Sysroot:
    """A list in words: `*` is booted, `@` of another stateroot, `+` staged."""
    items = tuple(
        Deployment("other" if "@" in word else "os", word[0], 0, "", index=index,
                   booted="*" in word, staged="+" in word)
        for index, word in enumerate(text.split())
    )  # fmt: skip
    return Sysroot(0, 0, items, RepoConfig(), "*" in text)


def names(items: tuple[Deployment, ...]) -> str:
    return " ".join(item.checksum for item in items)


WAYS = [
    # The running one is the default: back to the one after it.
    ("a* b", "b a"),
    ("a* b c", "b a c"),
    ("a* x@ b c", "b a x c"),
    # Another one is the default: back to the running one.
    ("a b*", "b a"),
    ("a b* c", "b a c"),
    ("a b c*", "c a b"),
    ("x@ a* b", "a x b"),
    # Nothing is running: the next of the default's stateroot.
    ("a b c", "b a c"),
    ("a x@ b", "b a x"),
    # What is staged is no part of the list.
    ("s+ a* b", "b a"),
    ("s+ a b*", "b a"),
]


@pytest.mark.parametrize(("before", "after"), WAYS)
def test_the_way_back(before, after):
    found = present(before)
    way = choose_rollback(found)
    assert names(way.listed(found)) == after
    assert way.before == found.on_disk[0]
    staged = [item for item in found.deployments if item.staged]
    assert way.dropped == (staged[0] if staged else None)


NO_WAY = [
    ("", "deployments: there are none", "deploy something first"),
    ("a*", "a.0: stateroot os has no other deployment to go back to", "the next deploy or"),
    ("a", "a.0: stateroot os has no other deployment to go back to", "the next deploy or"),
    ("a* x@", "a.0: stateroot os has no other deployment to go back to", "the next deploy or"),
    ("s+ a*", "a.0: stateroot os has no other deployment to go back to", "to give up what is st"),
]


@pytest.mark.parametrize(("text", "reason", "hint"), NO_WAY)
def test_no_way_back(text, reason, hint):
    with pytest.raises(BootentriesError) as caught:
        choose_rollback(present(text))
    assert str(caught.value) == f"roll back: {reason}"
    assert (caught.value.hint or "").startswith(hint)


@given(st.lists(st.sampled_from(["", "@"]), min_size=1, max_size=6), st.data())
def test_a_second_step_leads_back(stateroots, data):
    """From the running system as the default, or with nothing running."""
    words = [f"{chr(ord('a') + place)}{mark}" for place, mark in enumerate(stateroots)]
    if data.draw(st.booleans()):
        words[0] += "*"
    found = present(" ".join(words))
    try:
        once = choose_rollback(found).listed(found)
    except BootentriesError:
        return
    again = Sysroot(0, 0, once, RepoConfig(), found.booted)
    assert choose_rollback(again).target.identity == found.on_disk[0].identity


@pytest.mark.parametrize(
    ("left", "done", "used_up"), [(0, 0, False), (3, 0, False), (1, 2, False), (0, 3, True)]
)
def test_tries_that_are_used_up(left, done, used_up):
    entry = Entry("e", new_entry(), Counters(left, done))
    items = tuple(Deployment("os", name, 0, "", index=place, entry=entry)
                  for place, name in enumerate("ab"))  # fmt: skip
    assert choose_rollback(Sysroot(0, 0, items, RepoConfig())).tries_used_up is used_up
