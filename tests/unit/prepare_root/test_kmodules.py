"""The image's list of kernel modules."""

import pytest

from prepare_root import kmodules


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", []),
        (b"\n\n  \n# comment\n  # another\n", []),
        (b"/m/a.ko", [(b"/m/a.ko", b"")]),
        (b"/m/a.ko\n/m/b.ko\n", [(b"/m/a.ko", b""), (b"/m/b.ko", b"")]),
        (b"/m/b.ko\n/m/a.ko\n/m/b.ko", [(b"/m/b.ko", b""), (b"/m/a.ko", b""), (b"/m/b.ko", b"")]),
        (b"  /m/a.ko   x=1 y=2  \r\n", [(b"/m/a.ko", b"x=1 y=2")]),
        (b'/m/a.ko dyndbg="file x +p"', [(b"/m/a.ko", b'dyndbg="file x +p"')]),
        (b"/m/a#b.ko", [(b"/m/a#b.ko", b"")]),
        (b"/m/\xff.ko", [(b"/m/\xff.ko", b"")]),
    ],
)
def test_parse(text, expected):
    assert kmodules.parse(text) == expected
