"""The record of a fallback: written and read back, whatever is in it."""

from hypothesis import given
from hypothesis import strategies as st

from prepare_root.formats.fallback import Fallback

PLAIN = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E))


def fields(record):
    return (record.requested, record.booted, record.reason)


def test_bytes():
    record = Fallback("/ostree/boot.1/os/b/0", "ostree/deploy/os/deploy/c.0", "no such link")
    assert record.encode() == (
        b"requested=/ostree/boot.1/os/b/0\nbooted=ostree/deploy/os/deploy/c.0\n"
        b"reason=no such link\n"
    )


@given(PLAIN, PLAIN, PLAIN)
def test_read_back(requested, booted, reason):
    record = Fallback(requested, booted, reason)
    found = Fallback.decode(record.encode())
    assert found.encode() == record.encode()
    if not any("\\" in text for text in fields(record)):
        assert fields(found) == fields(record)


def test_a_line_feed_makes_no_line():
    assert Fallback("a\nbooted=x", "b", "").encode().count(b"\n") == 3


@given(st.binary())
def test_any_bytes_are_read(data):
    assert all(isinstance(text, str) for text in fields(Fallback.decode(data)))
