"""systemd-boot's order: one rule after the other, and laws."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from ordercases import SETS, entry, named, names, random_set

from bootentries.deployment import Entry
from bootentries.entries.bls import parse
from bootentries.order.sdboot import default, order, tries

EXPECTED = {
    "ours": "ostree-11 ostree-10 ostree-9 ostree-2 ostree-1",
    "several stateroots": "ostree-3-debian ostree-2-other ostree-1-a",
    "another system beside ours": "fedora zz ostree-2 ostree-1 debian-6.1",
    "sort keys": "f c d b a e",
    "machine ids": "c d b e a",
    "counters": (
        "ostree-7+03-00 ostree-4+1 ostree-2+2-1 ostree-1 ostree-6+00-00 ostree-5+0 ostree-3+0-3"
    ),
    "what is no counter": "g+ f+1+2 e+1x d+1-2-3 c+-1 b+1- a+x",
    "counters of one name": "a+3 a+3-1 a+1-1 a+1-2",
    "versions": "g h j e f k d l a b c i",
    "dots and dashes": "ab a1 a.1 a a-1 a-b",
    "how keys are written": "c b a e d",
    "what shows nothing": "a",
}


@pytest.mark.parametrize("name", SETS)
def test_sets(name):
    wanted = [f"{word}.conf" for word in EXPECTED[name].split()]
    assert names(order(SETS[name])) == wanted
    assert default(SETS[name]).name == wanted[0]


@given(st.integers(0, 10_000), st.randoms())
@settings(max_examples=100, deadline=None)
def test_the_order_given_does_not_matter(seed, source):
    entries = list(random_set(seed))
    expected = names(order(entries))
    assert sorted(expected) == sorted(names(entries))
    # What is equal keeps the place that it was given (below): `1-` and `01-+2-1` are.
    pairs = [(a, b) for a in entries for b in entries if a is not b]
    assume(all(names(order([a, b])) == names(order([b, a])) for a, b in pairs))
    source.shuffle(entries)
    assert names(order(entries)) == expected
    assert names(order(order(entries))) == expected


def test_what_is_equal_keeps_its_place():
    assert names(order(named("a_.conf", "a.conf"))) == ["a_.conf", "a.conf"]
    assert names(order(named("a.conf", "a_.conf"))) == ["a.conf", "a_.conf"]


def test_case_does_not_count_in_names():
    assert names(order(named("a.conf", "B.CONF", "c.conf"))) == ["c.conf", "B.CONF", "a.conf"]


def test_names_that_are_not_read():
    assert order(named(".a.conf", "auto-x.conf", "Auto-x.conf", "a.conf.new", "conf")) == []


def test_another_architecture_is_hidden():
    entries = (entry("a.conf", "architecture AA64"), entry("b.conf", "architecture X64"))
    assert names(order(entries, architecture="x64")) == ["b.conf"]
    assert names(order(entries)) == ["b.conf", "a.conf"]


def test_two_payloads_are_one_too_many():
    both = Entry("b.conf", parse("linux /k\nefi /x.efi\n"))
    assert names(order((both, Entry("a.conf", parse("efi /x.efi\n"))))) == ["a.conf"]


def test_quotes_are_taken_off():
    entries = (entry("a.conf", 'sort-key "b"'), entry("b.conf", "sort-key a"))
    assert names(order(entries)) == ["b.conf", "a.conf"]


def test_no_machine_id_comes_before_an_empty_one():
    entries = (entry("b.conf", "sort-key x", 'machine-id ""'), entry("a.conf", "sort-key x"))
    assert names(order(entries)) == ["a.conf", "b.conf"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (None, "ostree-2.conf"),
        ("ostree-1.conf", "ostree-1.conf"),
        ("OSTREE-1.*", "ostree-1.conf"),
        ("ostree-?.conf", "ostree-2.conf"),
        ("ostree-[13].conf", "ostree-1.conf"),
        ("ostree-1", "ostree-2.conf"),
        ("@saved", "ostree-2.conf"),
    ],
)
def test_the_default_of_loader_conf(pattern, expected):
    chosen = default(named("ostree-1.conf", "ostree-2.conf"), pattern)
    assert chosen is not None
    assert chosen.name == expected


def test_counters_are_no_part_of_what_a_pattern_matches():
    chosen = default(named("ostree-1+2-1.conf", "ostree-2.conf"), "ostree-1.conf")
    assert chosen is not None
    assert chosen.name == "ostree-1+2-1.conf"


def test_nothing_boots_where_nothing_is():
    assert default(()) is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.conf", None),
        ("a+3.conf", (3, 0)),
        ("a+3-1.conf", (3, 1)),
        ("a+0.conf", (0, 0)),
        ("a+x+03-01.CONF", (3, 1)),
        ("a+2147483647.conf", (2147483647, 0)),
        ("a+2147483648.conf", None),
        ("a+1-2147483648.conf", None),
        ("a+1.conf.conf", None),
        ("a+1-.conf", None),
        ("a+.conf", None),
    ],
)
def test_tries(name, expected):
    assert tries(name) == expected
