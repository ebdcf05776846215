"""UTF-16LE labels, held against Python's own codec."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prepare_root.formats import utf16


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_same_as_the_codec(text):
    assert utf16.label(text.encode("utf-16-le")) == text.encode()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", b""),
        (b"a", b""),  # half a unit
        (b"a\0b", b"a"),
        (b"a\0\0\0b\0", b"a"),
        (b"\x00\xd8", b"\xef\xbf\xbd"),  # a high surrogate at the end
        (b"\x00\xd8a\0", b"\xef\xbf\xbda"),
        (b"\x00\xdca\0", b"\xef\xbf\xbda"),  # a low surrogate first
        (b"\x00\xd8\x00\xd8\x00\xdc", b"\xef\xbf\xbd\xf0\x90\x80\x80"),
        (b"\xff\xdb\xff\xdf", b"\xf4\x8f\xbf\xbf"),  # the last code point
    ],
)
def test_edges(data, expected):
    assert utf16.label(data) == expected


@given(st.binary(max_size=80))
def test_any_bytes_give_utf8(data):
    assert b"\0" not in utf16.label(data).decode("utf-8").encode()
