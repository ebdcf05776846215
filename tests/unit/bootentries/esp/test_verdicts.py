"""Which counters count, where several names have some."""

import pytest

from bootentries.esp.entry import entry_text
from bootentries.esp.names import parse_entry_name
from bootentries.esp.present import Present, PresentEntry
from bootentries.esp.verdicts import left_counters, stubs

from .conftest import entry


def present(*files):
    """Entries of one deployment; a name with `off:` before it is not live."""
    entries = []
    for word in files:
        file = word.removeprefix("off:")
        name = parse_entry_name(file)
        assert name is not None
        text = entry_text(entry("a"), name, live=file == word)
        entries.append(PresentEntry(file, name, text))
    return Present(tuple(entries))


LIVE = "bootchain-000003-01+2-1.conf"


@pytest.mark.parametrize(
    ("files", "left"),
    [
        ([LIVE], (2, 1)),
        (["bootchain-000003-01.conf"], None),
        # An old one that was not yet removed
        (["bootchain-000002-01+3-0.conf", LIVE], (2, 1)),
        # Booted by this name, and not judged; good; bad.
        (["off:bootchain-000002-01+1-1.conf", LIVE], (2, 1)),
        (["off:bootchain-000002-01.conf", LIVE], None),
        (["off:bootchain-000002-01+0-3.conf", LIVE], (0, 3)),
        # Prepared, and never switched on: it says nothing.
        (["off:bootchain-000004-01.conf", LIVE], (2, 1)),
    ],
)
def test_what_counts(files, left):
    assert left_counters(present(*files)) == {"os/a.0": left}


def test_what_is_kept_is_older_than_what_boots():
    found = present("off:bootchain-000002-01.conf", LIVE, "off:bootchain-000004-01.conf")
    assert [item.file for item in stubs(found)] == ["bootchain-000002-01.conf"]
    assert stubs(present("off:bootchain-000002-01.conf")) == ()
