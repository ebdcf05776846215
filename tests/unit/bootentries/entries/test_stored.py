"""Entries read from `loader.N`; what can be wrong with them is in tests/ns/badinput.py."""

import pytest

from bootentries.deployment import Bootlink, Entry
from bootentries.entries import bls
from bootentries.entries.names import Counters
from bootentries.entries.stored import bootlink_in, entry_bootlink, read_entries
from bootentries.errors import BootentriesError


def test_the_default_comes_first(fake, root):
    names = ["ostree-3.conf", "ostree-10+2-1.conf", "ostree-9.conf.tmp", "other.conf"]
    for name, version in zip(names, (3, 10, 99, 99), strict=True):
        (fake.entry().parent / name).write_text(f"version {version}\noptions x\n")
    found = read_entries(root, 1)
    assert [entry.name for entry in found] == [
        "ostree-10+2-1.conf", "ostree-3.conf", "ostree-2.conf", "ostree-1.conf",
    ]  # fmt: skip
    assert found[0].counters == Counters(2, 1)
    assert found[0].options == "x"


def test_each_list_has_its_own(fake, root):
    assert read_entries(root, 0) == []
    (fake.path / "boot/loader.0/entries").mkdir(parents=True)
    (fake.path / "boot/loader.0/entries/ostree-1.conf").write_text("options y\n")
    assert [entry.options for entry in read_entries(root, 0)] == ["y"]


@pytest.mark.parametrize(
    ("options", "link"),
    [
        ("ostree=/ostree/boot.1/os/abc/0", Bootlink(1, "os", "abc", 0)),
        ("quiet ostree=/ostree/boot.0/a.b/c/12 rw", Bootlink(0, "a.b", "c", 12)),
        ("ostree=/ostree/boot.0/a/b/1 ostree=/x", Bootlink(0, "a", "b", 1)),
    ],
)
def test_bootlinks(options, link):
    assert bootlink_in(options, "x") == link
    assert entry_bootlink(Entry("x", bls.parse(f"options {options}\n"))) == link


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("quiet", "no ostree= kernel argument"),
        ('"a ostree=/ostree/boot.1/os/abc/0"', "invalid kernel argument"),
        ("ostree=/ostree/boot.2/os/abc/0", "invalid kernel argument 'ostree=/ostree/boot.2/"),
    ],
)
def test_no_bootlink(options, reason):
    with pytest.raises(BootentriesError, match=f"read entry: it.conf: {reason}"):
        bootlink_in(options, "it.conf")
