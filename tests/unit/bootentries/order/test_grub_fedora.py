"""The order of Fedora's GRUB: names taken for those of packages."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ordercases import SETS, VERSIONS, check_chain, check_preorder, entry, named, names

from bootentries.deployment import Entry
from bootentries.entries.bls import parse
from bootentries.order.grub_fedora import compare, compare_versions, order

EXPECTED = {
    "ours": "ostree-11 ostree-10 ostree-9 ostree-2 ostree-1",
    "several stateroots": "ostree-3-debian ostree-2-other ostree-1-a",
    "another system beside ours": "zz ostree-2 ostree-1 fedora debian-6.1",
    "sort keys": "f e d c b a",
    "counters of one name": "a+3-1 a+3 a+1-2 a+1-1",
    "dots and dashes": "ab a.1 a-1 a-b a",
    "what shows nothing": "a",
}


@pytest.mark.parametrize("name", EXPECTED)
def test_sets(name):
    assert names(order(SETS[name])) == [f"{word}.conf" for word in EXPECTED[name].split()]


def test_a_chain_of_versions():
    chain = ("~", "", "a", "a+", "a+1", "a1", "b", "0", "1~", "1", "1+", "1+x", "1.0")
    check_chain(compare_versions, chain)


def test_a_chain_of_names():
    chain = ("a.conf", "a-1.conf", "a-1-1.conf", "a-1-2.conf", "a-2.conf", "a-1-b-1.conf", "b.conf")
    check_chain(compare, chain)


def test_a_dash_in_a_version_moves_the_parts():
    """`6.1-rc2` is version and release, so that the release candidate is the higher one."""
    assert compare("debian-6.1-rc2.conf", "debian-6.1.conf") > 0


@given(st.tuples(VERSIONS, VERSIONS, VERSIONS))
@settings(max_examples=300, deadline=None)
def test_laws(texts):
    check_preorder(compare_versions, texts)
    check_preorder(compare, tuple(f"{text}.conf" for text in texts))


def test_equal_names_hide_each_other():
    assert names(order(named("ostree-01.conf", "ostree-1.conf", "ostree_1.conf"))) == [
        "ostree_1.conf", "ostree-01.conf",
    ]  # fmt: skip


def test_names_that_are_not_read():
    assert order(named(".a.conf", ".conf", "a.CONF", "a")) == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("linux /k\n", True),
        ("efi /x.efi\n", True),
        ("linux /k\nefi /x.efi\n", False),
        ("title x\n\nlinux /k\n", False),
        ("linux\t/k\n", True),
        ("# note\nlinux /k\r\n", True),
        ("options \nlinux /k\n", False),
    ],
)
def test_what_starts_nothing_is_hidden(text, shown):
    assert bool(order((Entry("a.conf", parse(text)),))) == shown


def test_nothing_in_a_file_counts():
    entries = (entry("a-1.conf", "sort-key a", "version 9"), entry("a-2.conf", "version 1"))
    assert names(order(entries)) == ["a-2.conf", "a-1.conf"]
