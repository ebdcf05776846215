"""libostree's order, against the C library's strverscmp."""

import ctypes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootentries.deployment import Entry
from bootentries.entries.bls import parse
from bootentries.order.libostree import newest_first, order, strverscmp

_libc = ctypes.CDLL(None)


def sign(number):
    return (number > 0) - (number < 0)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (b"1", b"2", -1),
        (b"9", b"10", -1),
        (b"2", b"2", 0),
        (b"", b"1", -1),
        (b"000", b"00", -1),
        (b"00", b"01", -1),
        (b"01", b"010", -1),
        (b"010", b"09", -1),
        (b"09", b"0", -1),
        (b"1.2", b"1.10", -1),
        (b"a", b"b", -1),
    ],
)
def test_known(left, right, expected):
    assert sign(strverscmp(left, right)) == expected
    assert sign(strverscmp(right, left)) == -expected


_TEXT = st.lists(st.sampled_from([b"0", b"1", b"9", b"a", b".", b"-", b"\xff"]), max_size=6)


@given(_TEXT, _TEXT)
@settings(max_examples=1000)
def test_the_c_library_agrees(left, right):
    ours = strverscmp(b"".join(left), b"".join(right))
    assert sign(ours) == sign(_libc.strverscmp(b"".join(left), b"".join(right)))


def test_newest_first():
    entries = [parse(f"version {text}\n") for text in ("2", "10", "1")]
    nameless = parse("title x\n")
    ordered = newest_first([nameless, *entries])
    assert [entry.get("version") for entry in ordered] == ["10", "2", "1", None]


def test_what_libostree_does_not_read_has_no_place():
    names = ("ostree-1.conf", "debian.conf", "ostree-2.conf", "ostree-3.conf.new")
    entries = [Entry(name, parse(f"version {name[7]}\n")) for name in names]
    assert [entry.name for entry in order(entries)] == ["ostree-2.conf", "ostree-1.conf"]
