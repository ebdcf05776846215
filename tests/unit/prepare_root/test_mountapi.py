"""Words of the kernel; the calls themselves are in tests/ns/test_composefs.py."""

import os

import pytest

from prepare_root import mountapi


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (b"", ""),
        (b"e overlay: no such layer\n", "overlay: no such layer"),
        (b"w erofs: \x1b[31mred\xff", "erofs: ?[31mred\\xff"),
        (b"nothing-behind-a-blank", ""),
    ],
)
def test_messages(written, text):
    reader, writer = os.pipe()
    try:
        os.set_blocking(reader, False)
        os.write(writer, written)
        assert mountapi._messages(reader) == text
    finally:
        os.close(reader)
        os.close(writer)
