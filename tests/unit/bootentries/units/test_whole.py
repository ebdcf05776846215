"""Whole units: what they run is what the drop-ins let libostree's run."""

import pytest

from bootentries.errors import BootentriesError
from bootentries.units.dropins import TAKEOVERS
from bootentries.units.whole import HEAD, whole_unit

PLACE = ("/usr/lib/python3/dist-packages",)


@pytest.mark.parametrize("takeover", TAKEOVERS, ids=lambda item: item.unit)
def test_they_run_what_the_drop_in_says(takeover):
    text = whole_unit(takeover, PLACE)
    lines = text.splitlines()
    wanted = [line for line in takeover.text(PLACE).splitlines() if not line.endswith("=")]
    # The head, [Unit] and [Service] are among them; the order of settings is the unit's own.
    assert set(wanted) <= set(lines)
    assert text.startswith(f"{HEAD}[Unit]\nDescription=")
    assert [line for line in lines if line.startswith("[")] == ["[Unit]", "[Service]"]
    assert lines[-1] == wanted[-1]
    assert "/usr/bin/ostree" not in text


def test_a_place_that_others_may_write_to_is_refused():
    with pytest.raises(BootentriesError, match="not a plain path below /usr"):
        whole_unit(TAKEOVERS[0], ("/usr/local/lib",))
