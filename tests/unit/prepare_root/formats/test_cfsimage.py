"""The head of composefs images.  A real one is read in tests/ns/test_composefs.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prepare_root.formats import cfsimage


def head(magic=0xD078629A, flags=0, erofs=0xE0F5E1E2):
    front = b"".join(number.to_bytes(4, "little") for number in (magic, 1, flags))
    return front.ljust(1024, b"\0") + erofs.to_bytes(4, "little")


@pytest.mark.parametrize(("flags", "acl"), [(0, False), (1, True), (2, False), (3, True)])
def test_acl(flags, acl):
    assert cfsimage.has_acl(head(flags=flags)) is acl


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a composefs image: it ends after 0 bytes"),
        (head()[:-1], "not a composefs image: it ends after 1027 bytes"),
        (head(magic=0xE0F5E1E2), "not a composefs image: no header of one"),
        (head(erofs=0), "not a composefs image: no EROFS superblock in it"),
    ],
)
def test_refused(data, reason):
    with pytest.raises(cfsimage.ImageError) as caught:
        cfsimage.has_acl(data)
    assert str(caught.value) == reason


@given(st.binary(max_size=cfsimage.HEAD_SIZE + 1))
def test_any_bytes_are_read_or_refused(data):
    with pytest.raises(cfsimage.ImageError):
        cfsimage.has_acl(data)
