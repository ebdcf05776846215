"""base64 beside Python's own."""

import base64 as reference

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prepare_root.formats import base64


@given(st.binary(max_size=100))
def test_same_as_pythons(data):
    text = reference.b64encode(data)
    assert base64.decode(text) == data
    assert base64.decode(text.rstrip(b"=")) == data


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"A", "not base64: it is too short or too long"),
        (b"AAAAA", "not base64: it is too short or too long"),
        (b"AA===", "not base64: it is too short or too long"),
        (b"AA A", "not base64: byte 0x20 in it"),
        (b"AA=A", "not base64: byte 0x3d in it"),
        (b"AA-_", "not base64: byte 0x2d in it"),
        (b"\xffAAA", "not base64: byte 0xff in it"),
    ],
)
def test_refused(text, reason):
    with pytest.raises(base64.Base64Error) as caught:
        base64.decode(text)
    assert str(caught.value) == reason


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(text):
    try:
        base64.decode(text)
    except base64.Base64Error as error:
        assert str(error).startswith("not base64: ")
