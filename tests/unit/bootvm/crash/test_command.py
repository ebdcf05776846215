"""A judge that is a command, and the files of a FAT filesystem for it."""

import subprocess
from pathlib import Path

import pytest

from bootvm.crash.command import unpack_fat, verdict
from bootvm.crash.explore import Verdict


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("true", Verdict(True, "sound")),
        ("echo new; echo more", Verdict(True, "new")),
        ('cat "$IMAGE"', Verdict(True, "a disk")),
        ('echo "$ROOT"', Verdict(True, "/root")),
        ("false", Verdict(False, "status 1")),
        ("echo first; echo last; exit 3", Verdict(False, "last")),
        ("echo said; echo 'no kernel' >&2; exit 1", Verdict(False, "no kernel")),
    ],
)
def test_verdict(command: str, expected: Verdict, tmp_path: Path) -> None:
    (tmp_path / "image").write_text("a disk\n")
    assert verdict(command, tmp_path / "image", ROOT=Path("/root")) == expected


def test_unpack_fat_leaves_out_what_firmware_cannot_read(tmp_path: Path) -> None:
    image, file = tmp_path / "image", tmp_path / "file"
    image.write_bytes(bytes(2 << 20))
    file.write_bytes(b"x" * 10000)
    for words in (
        ["mkfs.vfat", "-F", "12", image],
        ["mmd", "-i", image, "::d"],
        ["mcopy", "-i", image, file, "::d/one"],
        ["mcopy", "-i", image, file, "::two"],
    ):
        path = "/usr/sbin:/usr/bin"
        subprocess.run(words, check=True, capture_output=True, env={"PATH": path})
    assert unpack_fat(image, 0, tmp_path / "out") == []
    assert (
        (tmp_path / "out/d/one").read_bytes()
        == (tmp_path / "out/two").read_bytes()
        == (b"x" * 10000)
    )
    data = bytearray(image.read_bytes())
    at = data.index(b"TWO        ")
    data[at + 26 : at + 28] = b"\x00\x0e"
    image.write_bytes(data)
    assert unpack_fat(image, 0, tmp_path / "again") == [
        "read: two: a chain that leads to cluster 3584"
    ]
    assert not (tmp_path / "again/two").exists()
