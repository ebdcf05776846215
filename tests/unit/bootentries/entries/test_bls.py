"""Entry texts: lossless, and edited one line at a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootentries.entries.bls import KEY_ORDER, format_entry, new_entry, parse

TEXT = """# a comment
title Test OS (ostree:0)
version 1
options root=/dev/sda quiet
linux /ostree/a/vmlinuz

initrd /ostree/a/initramfs.img
initrd /ostree/initramfs-overlays/o.img
x-options-source-me quiet
grub_class\tfedora
"""


@pytest.mark.parametrize(
    "text", ["", "\n", TEXT, TEXT.rstrip("\n"), "no separator", "title x\r\nlinux y\r\n"]
)
def test_lossless(text):
    assert format_entry(parse(text)) == text


@given(st.text(st.sampled_from("ab #\t\r\n="), max_size=60))
def test_any_text_is_lossless(text):
    assert format_entry(parse(text)) == text


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("title  two blanks", [("title", " two blanks")]),
        ("title trailing ", [("title", "trailing ")]),
        ("options ", [("options", "")]),
        ("options", []),
        ("title\ttab", [("title", "tab")]),
        (" title x", []),
        ("1title x", []),
        ("étitle x", []),
        ("title x\r", [("title", "x\r")]),
        ("title x\fversion 2\x85linux y", [("title", "x\fversion 2\x85linux y")]),
    ],
)
def test_lines(text, pairs):
    assert parse(text).pairs() == pairs


def test_values():
    entry = parse(TEXT + "title Later\n")
    assert entry.get("title") == "Later"
    assert entry.get("initrd") == "/ostree/a/initramfs.img"
    assert len(entry.initrds()) == 2
    assert entry.extras() == {"x-options-source-me": "quiet", "grub_class": "fedora"}
    assert entry.get("machine-id") is None


def test_an_edit_changes_one_line():
    edited = format_entry(parse(TEXT).with_value("options", "new"))
    assert edited == TEXT.replace("root=/dev/sda quiet", "new")


def test_the_same_value_keeps_even_the_separator():
    entry = parse(TEXT)
    assert entry.with_value("grub_class", "fedora") is entry


def test_an_edit_leaves_one_line_where_the_last_one_was():
    entry = parse("options a\ntitle t\noptions b\nlinux l\n").with_value("options", "c")
    assert format_entry(entry) == "title t\noptions c\nlinux l\n"


def test_lists():
    entry = parse(TEXT).with_values("initrd", ("/one", "/two", "/three"))
    assert entry.initrds() == ("/one", "/two", "/three")
    assert format_entry(entry).count("initrd") == 3
    assert "initrd" not in format_entry(entry.without("initrd"))


def test_new_keys_come_in_the_fixed_order():
    entry = new_entry().with_value("x-own", "1")
    for key in reversed(KEY_ORDER):
        entry = entry.with_value(key, f"{key}-value")
    text = "".join(f"{key} {key}-value\n" for key in KEY_ORDER)
    assert format_entry(entry) == text + "x-own 1\n"


def test_a_comment_above_stays_above():
    assert (
        format_entry(parse("# c\nlinux l\n").with_value("title", "t")) == "# c\ntitle t\nlinux l\n"
    )


def test_a_line_feed_is_no_value():
    with pytest.raises(ValueError, match="title: a value cannot hold a line feed"):
        new_entry().with_value("title", "a\nlinux /evil")


_KEYS = st.sampled_from([*KEY_ORDER, "x-own", "sort-key"])
_TEXTS = st.text(st.sampled_from("ab #\n\t"), max_size=40)


@given(_TEXTS, _KEYS, st.text(st.sampled_from("ab "), max_size=6))
def test_what_is_set_is_read_and_nothing_else_changes(text, key, value):
    before = parse(text)
    after = before.with_value(key, value)
    assert after.get(key) == value
    others = [pair for pair in before.pairs() if pair[0] != key]
    assert [pair for pair in after.pairs() if pair[0] != key] == others
    assert parse(format_entry(after)) == after
