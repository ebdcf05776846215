"""The archive: what GNU cpio wrote, read back by GNU cpio and by us."""

import os
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prepare_root.image import cpio
from prepare_root.image.cpio import Member
from prepare_root.image.errors import ImageError

CONSOLE = Member("dev/console", stat.S_IFCHR | 0o600, rdev=(5, 1))


def stage(root: Path, when: int = 7) -> list[str]:
    (root / "dev").mkdir(parents=True)
    (root / "b").mkdir()
    (root / "b/file").write_bytes(b"content")
    (root / "b/link").symlink_to("file")
    (root / "a-first").write_bytes(b"")
    names = ["b", "b/file", "b/link", "dev", "a-first"]
    for name in names[::-1]:
        if name != "b/link":
            (root / name).chmod(0o755 if (root / name).is_dir() else 0o644)
        os.utime(root / name, (when, when), follow_symlinks=False)
    return names


def test_pack_is_read_by_gnu_cpio(tmp_path: Path) -> None:
    archive = cpio.pack(tmp_path, stage(tmp_path), [CONSOLE])
    listing = subprocess.run(
        ["cpio", "-itv", "--quiet", "--numeric-uid-gid"],
        input=archive,
        capture_output=True,
        check=True,
        env={"LC_ALL": "C", "TZ": "UTC", "PATH": os.environ["PATH"]},
    ).stdout.decode()
    shown = [line.split() for line in listing.splitlines()]
    assert [(row[0], row[1], row[2], row[3], row[-1]) for row in shown] == [
        ("-rw-r--r--", "1", "0", "0", "a-first"),
        ("drwxr-xr-x", "2", "0", "0", "b"),
        ("-rw-r--r--", "1", "0", "0", "b/file"),
        ("lrwxrwxrwx", "1", "0", "0", "file"),
        ("drwxr-xr-x", "2", "0", "0", "dev"),
        ("crw-------", "1", "0", "0", "dev/console"),
    ]
    assert shown[-1][4:6] == ["5,", "1"]


def test_pack_reads_back(tmp_path: Path) -> None:
    found = list(cpio.members(cpio.pack(tmp_path, stage(tmp_path), [CONSOLE])))
    assert [(m.name, m.data) for m in found] == [
        ("a-first", b""),
        ("b", b""),
        ("b/file", b"content"),
        ("b/link", b"file"),
        ("dev", b""),
        ("dev/console", b""),
    ]
    # An inode number twice would be a hard link to the kernel.
    assert len({m.ino for m in found}) == len(found)
    assert {m.mtime for m in found} == {0, 7}
    assert all((m.uid, m.gid) == (0, 0) for m in found)


def test_pack_is_the_same_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    names = stage(tmp_path / "one")
    # One more link to a directory, and members in another order.
    other = tmp_path / "elsewhere/deeper"
    other.mkdir(parents=True)
    stage(other)
    (other / "b/more").mkdir()
    os.utime(other / "b", (7, 7))
    one = cpio.pack(tmp_path / "one", names, [CONSOLE])
    assert one == cpio.pack(other, names[::-1], [CONSOLE])


def test_size_is_whole_blocks(tmp_path: Path) -> None:
    assert len(cpio.pack(tmp_path, stage(tmp_path))) % 512 == 0


def test_pack_fails_on_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"^write archive: .*cpio failed .*nothing: Cannot stat"):
        cpio.pack(tmp_path, ["nothing"])


TEXT = st.text(st.characters(codec="ascii", exclude_characters="\0"), min_size=1, max_size=40)
WORD = st.integers(0, 0xFFFFFFFF)


@given(
    st.lists(
        st.builds(
            Member,
            name=TEXT.filter(lambda name: name != cpio.TRAILER),
            mode=WORD,
            ino=WORD,
            uid=WORD,
            gid=WORD,
            nlink=WORD,
            mtime=WORD,
            rdev=st.tuples(WORD, WORD),
            data=st.binary(max_size=20),
        ),
        max_size=4,
    )
)
def test_members_are_what_was_encoded(members: list[Member]) -> None:
    archive = b"".join(m.encode() for m in [*members, Member(cpio.TRAILER, 0)])
    assert list(cpio.members(archive)) == members


@pytest.mark.parametrize(
    ("archive", "reason"),
    [
        (b"", "no newc header at 0"),
        (b"070707" + b"0" * 200, "no newc header at 0"),
        (b"070701" + b"x" * 200, "bad header at 0: not hexadecimal"),
        (Member("a", 0, data=b"12345678").encode()[:-4], "cut short in the member at 0"),
        (Member("a", 0).encode(), "no newc header at 112"),
    ],
)
def test_members_of_something_else(archive: bytes, reason: str) -> None:
    with pytest.raises(ImageError, match=f"^read archive: archive: {reason}$"):
        list(cpio.members(archive))
