"""Files of public keys."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prepare_root.formats import keys


@given(
    st.lists(st.binary(min_size=32, max_size=32), min_size=1), st.sampled_from(["\n", " \r\n\n"])
)
def test_all_that_are_there(wanted, end):
    text = "".join(base64.b64encode(key).decode() + end for key in wanted)
    assert keys.parse(text.encode()) == wanted


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "there is no key in it"),
        (b"\n \n", "there is no key in it"),
        (b"\n# a key\n", "line 2: not base64: byte 0x23 in it"),
        (base64.b64encode(bytes(31)), "line 1: a key takes 32 bytes, 31 are there"),
        (base64.b64encode(bytes(32)) + b"\nAA==", "line 2: a key takes 32 bytes, 1 are there"),
    ],
)
def test_refused(text, reason):
    with pytest.raises(keys.KeysError) as caught:
        keys.parse(text)
    assert str(caught.value) == reason
