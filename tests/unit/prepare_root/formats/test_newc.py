"""Archives and what lies around them: read back whatever was written, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prepare_root.formats import FormatError, newc
from prepare_root.image.cpio import TRAILER, Member

NAMES = st.from_regex(r"[a-z./]{1,12}", fullmatch=True).filter(lambda name: name != TRAILER)
MEMBERS = st.lists(
    st.builds(
        Member,
        name=NAMES,
        mode=st.integers(0, 0o177777),
        ino=st.integers(0, 2**32 - 1),
        mtime=st.integers(0, 2**32 - 1),
        rdev=st.tuples(st.integers(0, 255), st.integers(0, 255)),
        data=st.binary(max_size=40),
    ),
    max_size=5,
)


def archive(members) -> bytes:
    return b"".join(member.encode() for member in (*members, Member(TRAILER, 0)))


@given(MEMBERS, st.integers(0, 9), st.binary(max_size=9))
def test_read_back(members, blocks, after):
    data = bytes(4 * blocks) + archive(members)
    found, end = newc.read(data + after, newc.skip_zeros(data, 0))
    assert end == len(data)
    assert [
        (one.name.decode(), one.mode, one.ino, one.mtime, one.rdev, one.data) for one in found
    ] == [(one.name, one.mode, one.ino, one.mtime, one.rdev, one.data) for one in members]


@given(st.binary(max_size=300), st.integers(0, 300))
def test_anything_else_is_a_format_error(data, at):
    for text in (data, b"070701" + data):
        try:
            found, end = newc.read(text, at)
        except FormatError:
            continue
        assert end <= len(text) + 3
        assert all(isinstance(one.name, bytes) for one in found)


@given(MEMBERS.filter(bool), st.data())
def test_a_part_of_an_archive_is_none(members, data):
    whole = archive(members)
    with pytest.raises(FormatError):
        newc.read(whole[: data.draw(st.integers(0, len(whole) - 5))], 0)


@given(st.integers(0, 9000), st.binary(max_size=3))
def test_zeros(count, after):
    image = bytes(count) + after
    assert newc.skip_zeros(image, 0) == len(image) - len(image.lstrip(b"\0"))


@pytest.mark.parametrize(("magic", "name"), newc.PACKED)
def test_packed(magic, name):
    assert newc.packed(b"xx" + magic + b"rest", 2) == name
    assert newc.FILTERS[name]


def test_packed_otherwise():
    with pytest.raises(FormatError, match="neither an archive nor packed"):
        newc.packed(b"hello", 0)


def test_both_magics():
    assert newc.is_archive(b"070701", 0)
    assert newc.is_archive(b" 070702", 1)
    assert not newc.is_archive(b"070707", 0)
