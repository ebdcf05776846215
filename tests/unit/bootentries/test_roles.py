"""Pending, rollback and merge deployments."""

import pytest

from bootentries.deployment import Deployment
from bootentries.repo import RepoConfig
from bootentries.roles import merge_deployment, roles
from bootentries.sysroot import Sysroot


def present(text: str) -> Sysroot:
    items = tuple(
        Deployment("other" if "@" in word else "os", word[0], 0, "", index=index,
                   booted="*" in word)
        for index, word in enumerate(text.split())
    )  # fmt: skip
    return Sysroot(0, 0, items, RepoConfig(), "*" in text)


@pytest.mark.parametrize(
    ("text", "pending", "rollback", "merge"),
    [
        ("", None, None, None),
        ("a b", "a", None, "a"),
        ("a b*", "a", None, "b"),
        ("a* b", None, "b", "a"),
        ("a b c* d e", "a", "d", "c"),
        ("a@ b* c@", None, None, "b"),
        ("a@* b c", "b", None, "b"),
    ],
)
def test_roles(text, pending, rollback, merge):
    found = roles(present(text), "os")
    names = [item and item.checksum for item in (found.pending, found.rollback)]
    assert names == [pending, rollback]
    chosen = merge_deployment(present(text), "os")
    assert (chosen and chosen.checksum) == merge
