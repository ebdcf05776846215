"""The list of changes in a nameless file."""

import os

import pytest

from bootentries.etc.diff import Change, Kind
from bootentries.etc.spool import Spool

CHANGES = [
    Change(kind, f"{number:05}/{name}")
    for number in range(4000)
    for kind, name in (
        (Kind.ADDED, "a"),
        (Kind.MODIFIED, "new\nline"),
        (Kind.REMOVED, "bad\udcff"),
    )
]


# The kernel's own filesystem keeps no files of ours: that is where memory has to do.
@pytest.mark.parametrize("place", [None, "/proc"])
def test_kinds_come_apart_in_their_order(tmp_path, place):
    fd = os.open(place or tmp_path, os.O_RDONLY)
    try:
        with Spool(fd) as spool:
            for change in CHANGES:
                spool.add(change)
            for kind in (Kind.REMOVED, Kind.ADDED, Kind.MODIFIED, Kind.ADDED):
                assert list(spool.read(kind)) == [item for item in CHANGES if item.kind is kind]
            assert list(tmp_path.iterdir()) == []
    finally:
        os.close(fd)


def test_an_empty_one(tmp_path):
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        with Spool(fd) as spool:
            assert list(spool.read(Kind.ADDED)) == []
    finally:
        os.close(fd)
