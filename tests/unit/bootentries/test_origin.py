"""Origin files."""

import pytest

from bootentries.origin import Origin, parse, with_pinned
from prepare_root.formats import FormatError


def test_keys():
    data = b"[origin]\nrefspec=r:b\nunlocked=hotfix\n\n[libostree-transient]\npinned=true\n"
    assert parse(data) == Origin(data, refspec="r:b", unlocked="hotfix", pinned=True)
    image = parse(b"[origin]\ncontainer-image-reference=ostree-unverified-image:x\n")
    assert image.container_image == "ostree-unverified-image:x"
    assert not image.pinned


def test_a_bad_file():
    with pytest.raises(FormatError, match="line 2: \\[libostree-transient\\] pinned: 'yes'"):
        parse(b"[libostree-transient]\npinned=yes\n")


@pytest.mark.parametrize(
    ("before", "pinned", "after"),
    [
        (
            b"# c\n[origin]\nrefspec=a\n",
            True,
            b"# c\n[origin]\nrefspec=a\n\n[libostree-transient]\npinned=true\n",
        ),
        (b"[libostree-transient]\n", True, b"[libostree-transient]\npinned=true\n"),
        (b"[libostree-transient]\npinned=0\n", True, b"[libostree-transient]\npinned=true\n"),
        (b"[libostree-transient]\npinned=true\nx=1\n", False, b"[libostree-transient]\nx=1\n"),
        (b"[origin]\nrefspec=a\n", False, b"[origin]\nrefspec=a\n"),
        (b"[o]\nrefspec=a", True, b"[o]\nrefspec=a\n\n[libostree-transient]\npinned=true\n"),
        (b"", True, b"[libostree-transient]\npinned=true\n"),
    ],
)  # fmt: skip
def test_pinning_keeps_every_other_line(before, pinned, after):
    assert with_pinned(before, pinned) == after
    assert parse(after).pinned is pinned
