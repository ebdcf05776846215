"""Names of entry files, and the counters in them."""

import pytest

from bootentries.entries.names import (
    Counters,
    base_name,
    entry_name,
    is_entry_name,
    parse_counters,
)


@pytest.mark.parametrize(
    ("name", "left", "done"),
    [
        ("foo", 0, 0),
        ("foo+1", 1, 0),
        ("foo+1-2", 1, 2),
        ("foo+1-2.conf", 1, 2),
        ("foo+1-", 0, 0),
        ("foo+-1", 0, 0),
        ("foo+1-a", 0, 0),
        ("foo+a-1", 0, 0),
        ("foo+1+2-3", 2, 3),
        ("ostree-1+3-0.conf", 3, 0),
        ("foo+99999999999", 0, 0),
        ("foo+0-3.conf", 0, 3),
    ],
)
def test_counters(name, left, done):
    assert parse_counters(name) == Counters(left, done)


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("ostree-1.conf", "ostree-1"),
        ("ostree-1+3.conf", "ostree-1"),
        ("ostree-1+3-0.conf", "ostree-1"),
        ("a+b.conf", "a+b"),
    ],
)
def test_base_name(name, base):
    assert base_name(name) == base


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"number": 2}, "ostree-2.conf"),
        ({"number": 2, "stateroot": "os"}, "ostree-2-os.conf"),
        ({"number": 1, "tries": 3}, "ostree-1+3.conf"),
        ({"number": 1, "tries": 3, "counters": Counters()}, "ostree-1.conf"),
        ({"number": 1, "tries": 3, "counters": Counters(3, 0)}, "ostree-1+3-0.conf"),
        ({"number": 1, "tries": 3, "counters": Counters(0, 3)}, "ostree-1+0-3.conf"),
        ({"number": 1, "counters": Counters(2, 1)}, "ostree-1.conf"),
    ],
)
def test_entry_name(arguments, name):
    assert entry_name(**arguments) == name


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("ostree-1.conf", True),
        ("ostree-1+3.conf", True),
        ("ostree-1.conf.tmp", False),
        (".ostree-1.conf.tmp", False),
        ("fedora.conf", False),
        ("ostree-1", False),
    ],
)
def test_is_entry_name(name, is_one):
    assert is_entry_name(name) is is_one
