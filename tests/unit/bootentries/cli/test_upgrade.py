"""Where `switch` leads; what it does is in tests/ns/test_upgrade.py."""

import pytest

from bootentries.cli.upgrade import Source, switched
from bootentries.errors import BootentriesError

FAR, LOCAL = Source("far", "main"), Source(None, "main")


@pytest.mark.parametrize(
    ("old", "text", "expected"),
    [
        (FAR, "other", "far:other"),
        (FAR, "two:main", "two:main"),
        (FAR, "two:", "two:main"),
        (FAR, "two:a/b", "two:a/b"),
        (LOCAL, "other", "other"),
        (LOCAL, "far:", "far:main"),
    ],
)
def test_where_it_leads(old, text, expected):
    assert str(switched(old, text)) == expected


@pytest.mark.parametrize(
    ("old", "text", "reason"),
    [
        (FAR, "main", "switch: far:main: the deployment follows it already"),
        (FAR, "far:", "switch: far:main: the deployment follows it already"),
        (LOCAL, "main", "switch: main: the deployment follows it already"),
        (FAR, "a b", "switch: a b: not a refspec"),
        (FAR, ":x", "switch: :x: not a refspec"),
    ],
)
def test_where_it_cannot(old, text, reason):
    with pytest.raises(BootentriesError, match=reason):
        switched(old, text)
