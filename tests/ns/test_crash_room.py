"""Filesystems after a cut, mounted and checked by their own programs, in a namespace."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bootvm.crash.explore import Verdict
from bootvm.crash.filesystem import Place, Room
from bootvm.errors import BootvmError

pytestmark = pytest.mark.ns

MKFS = {
    "ext4": (["mkfs.ext4", "-q"], 16),
    "xfs": (["mkfs.xfs", "-q"], 320),
    "btrfs": (["mkfs.btrfs", "-q"], 128),
}
OFFSET = 1 << 20


def make(fstype: str, path: Path) -> Place:
    """A filesystem at an offset in an image, with other bytes before and after it."""
    words, mib = MKFS[fstype]
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed")
    size = mib << 20
    bare = path.with_name("bare")
    with bare.open("wb") as file:
        file.truncate(size)
    subprocess.run([*words, bare], check=True, capture_output=True)
    with path.open("wb") as file:
        file.write(b"\xff" * OFFSET)
        file.write(bare.read_bytes())
        file.write(b"\xff" * 4096)
    bare.unlink()
    return Place(fstype, OFFSET, size)


@pytest.mark.parametrize("fstype", MKFS)
def test_a_mount_recovers_and_the_check_is_content(fstype: str, tmp_path: Path) -> None:
    image = tmp_path / "image"
    place = make(fstype, image)
    with Room() as room:
        with room.mounted(image, place):
            (room.view / "old").write_text("old\n")
        assert not any(room.view.iterdir())

        def inside(root: Path) -> Verdict:
            (root / "new").write_text("a judge may write\n")
            return Verdict(True, (root / "old").read_text().strip())

        assert room.look(image, place, inside) == Verdict(True, "old")
        refused = room.look(image, place, lambda _: Verdict(False, "not what it has to be"))
        assert refused == Verdict(False, "not what it has to be")


@pytest.mark.parametrize("fstype", ["ext4", "xfs"])
def test_damage_is_a_fault(fstype: str, tmp_path: Path) -> None:
    image = tmp_path / "image"
    place = make(fstype, image)
    with Room() as room:
        assert room.check(image, place) == ""
        with image.open("r+b") as file:
            # Block and inode bitmaps of the first group; the free space trees.
            file.seek(OFFSET + (4096 if fstype == "xfs" else 16 * 1024))
            file.write(b"\x5a" * 200 * 1024)
        assert room.check(image, place).startswith(f"check {fstype}: ")
        fault = room.look(image, place, lambda _: Verdict(True, "mounted"))
        assert not fault.ok


def test_what_is_no_filesystem_cannot_be_mounted(tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(bytes(1 << 20))
    with Room() as room:
        fault = room.look(image, Place("ext4"), lambda _: Verdict(True, "mounted"))
        assert not fault.ok
        assert re.match(r"mount: .*: wrong fs type, bad option, bad superblock on", fault.state)
        missing = room.mounted(tmp_path / "none", Place("ext4"))
        with pytest.raises(BootvmError, match="set up: "), missing:
            pass


KILLED = """
import os, signal, sys
from pathlib import Path
from bootvm.crash.filesystem import Place, Room
room = Room()
room.workspace(512)
with room.mounted(Path(sys.argv[1]), Place("ext4", int(sys.argv[2]), int(sys.argv[3]))):
    print(room.point, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("fstype", MKFS)
def test_two_copies_of_a_filesystem_at_once(fstype: str, tmp_path: Path) -> None:
    image, other = tmp_path / "image", tmp_path / "other"
    place = make(fstype, image)
    with Room() as room:
        with room.mounted(image, place):
            (room.view / "name").write_text("first\n")
        shutil.copy(image, other)
        with Room() as second:
            with room.mounted(image, place), second.mounted(other, place):
                (second.view / "name").write_text("second\n")
            for path, text in ((image, "first\n"), (other, "second\n")):
                with room.mounted(path, place):
                    assert (room.view / "name").read_text() == text


def test_nothing_is_left_by_a_killed_one(tmp_path: Path) -> None:
    image = tmp_path / "image"
    place = make("ext4", image)
    words = [sys.executable, "-c", KILLED, image, str(place.offset), str(place.size)]
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environ)
    assert done.returncode == -signal.SIGKILL
    point = Path(done.stdout.strip())
    assert point.name == "root"
    try:
        for _ in range(100):
            loops = subprocess.run(
                ["losetup", "--list"], capture_output=True, text=True, check=True
            )
            if str(image) not in loops.stdout:
                break
            time.sleep(0.05)
        assert str(image) not in loops.stdout
    finally:
        shutil.rmtree(point.parent)


def test_nothing_is_left(tmp_path: Path) -> None:
    image = tmp_path / "image"
    place = make("ext4", image)
    with Room() as room:
        work = room.workspace(512)
        shutil.copy(image, work / "copy")
        with room.mounted(work / "copy", place):
            assert room.view.is_dir()
    words = ["losetup", "--list", "--noheadings", "--output", "BACK-FILE"]
    loops = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split("\n")
    # Of a store whose mount is gone, only the name is left; other rooms may be open.
    mine = (str(tmp_path), room.point.parent.name)
    assert not [one for one in loops if one.strip() == "/store" or any(m in one for m in mine)]
    assert str(room.point) not in Path("/proc/self/mountinfo").read_text()
