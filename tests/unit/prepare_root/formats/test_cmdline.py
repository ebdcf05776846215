"""Kernel command lines: the kernel's reading and libostree's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prepare_root.formats import cmdline
from prepare_root.formats.cmdline import CmdlineError, find_ostree_target


@pytest.mark.parametrize(
    ("line", "target"),
    [
        (b"", None),
        (b"foo", None),
        (b"foo=bar baz  sometest", None),
        (b"xostree foo", None),
        (b"xostree=blah bar", None),
        (b"blah baz=blah ostree=/foo/bar somearg", b"/foo/bar"),
        (b"ostree=/a ostree=/b", b"/a"),
        (b"quiet ostree=/a\n", b"/a"),
        (b'"x ostree=/a"', b'/a"'),
        (b"a\tostree=/a", None),
        (b"ostree=", b""),
        (b"blah androidboot.slot_suffix=_a ostree=/foo/bar", b"/ostree/root.a"),
        (b"blah androidboot.slot_suffix=_b ostree=/foo/bar", b"/ostree/root.b"),
        (b"ostree=/foo androidboot.x androidboot.slot_suffix=_b", b"/ostree/root.b"),
        (b"blah androidboot.somethingelse somearg", b"/ostree/root.a"),
        (b"ostree=/foo androidboot.somethingelse=1", b"/ostree/root.a"),
    ],
)
def test_find_ostree_target(line, target):
    assert find_ostree_target(line) == target


def test_unknown_android_slot():
    with pytest.raises(CmdlineError) as caught:
        find_ostree_target(b"blah androidboot.slot_suffix=_c ostree=/foo")
    assert str(caught.value) == "androidboot.slot_suffix: _c: not a known slot (_a or _b)"


def test_unknown_android_slot_that_a_terminal_would_obey():
    with pytest.raises(CmdlineError) as caught:
        find_ostree_target(b"androidboot.slot_suffix=\x1b[2J\xc2\x9b")
    assert str(caught.value) == (
        "androidboot.slot_suffix: \\x1b[2J\\xc2\\x9b: not a known slot (_a or _b)"
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"", []),
        (b"  a  b ", [b"a", b"b"]),
        (b"a\tb\n", [b"a", b"b"]),
        (b'foo="1 2" bar', [b'foo="1 2"', b"bar"]),
        (b'"foo=1 2" bar', [b'"foo=1 2"', b"bar"]),
        (b'a "b c', [b"a", b'"b c']),
    ],
)
def test_split(line, words):
    assert cmdline.split(line) == words


@pytest.mark.parametrize(
    ("line", "pairs"),
    [
        (b"quiet root=UUID=ab ro", [(b"quiet", None), (b"root", b"UUID=ab"), (b"ro", None)]),
        (b'a="1 2"', [(b"a", b"1 2")]),
        (b'"a=1 2"', [(b"a", b"1 2")]),
        (b'"a b"', [(b"a b", None)]),
        (b'a=x"y z"', [(b"a", b'x"y z"')]),
        (b"a=", [(b"a", b"")]),
    ],
)
def test_parse(line, pairs):
    assert cmdline.parse(line) == pairs


def test_lookups():
    pairs = cmdline.parse(b"root=/dev/sda ro root=/dev/sdb rootwait")
    assert cmdline.get(pairs, b"root") == b"/dev/sdb"
    assert cmdline.get_first(pairs, b"root") == b"/dev/sda"
    assert cmdline.get(pairs, b"rootwait") == b""
    assert cmdline.get_first(pairs, b"rootwait") == b""
    assert cmdline.get(pairs, b"rootfstype") is None
    assert cmdline.get_first(pairs, b"rootfstype") is None
    assert cmdline.has(pairs, b"ro")
    assert not cmdline.has(pairs, b"rw")


@given(st.binary(max_size=80))
def test_split_loses_nothing_but_blanks(line):
    words = cmdline.split(line)
    assert cmdline.split(b" ".join(words)) == words
    blanks = b" \t\n\v\f\r"
    assert b"".join(words).translate(None, blanks) == line.translate(None, blanks)
