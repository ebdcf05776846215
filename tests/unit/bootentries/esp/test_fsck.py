"""Real FAT images that were left dirty, and the real fsck.fat."""

import subprocess

import pytest

from bootentries.esp import fsck
from bootentries.esp.fsck import is_dirty, mend

SIZES = {"12": 1 << 20, "16": 16 << 20, "32": 64 << 20}
FLAGS = {"12": 0x25, "16": 0x25, "32": 0x41}


@pytest.fixture(params=SIZES)
def image(request, tmp_path):
    path = tmp_path / "image"
    with path.open("wb") as file:
        file.truncate(SIZES[request.param])
    subprocess.run(
        ["/usr/sbin/mkfs.vfat", "-F", request.param, str(path)], check=True, capture_output=True
    )
    return path, FLAGS[request.param]


def put(path, offset, data):
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def test_a_clean_one_is_left_alone(image, monkeypatch):
    path, _ = image
    monkeypatch.setattr(fsck, "attempt", None)
    assert not is_dirty(str(path))
    assert mend(str(path)) is None


def test_a_dirty_one_is_mended(image):
    path, flag = image
    put(path, flag, b"\1")
    assert is_dirty(str(path))
    assert mend(str(path)) == f"{path}: fsck.fat has mended what a cut left"
    assert not is_dirty(str(path))


def test_a_file_without_all_of_its_clusters(tmp_path):
    """The name of what was being written, with a chain that the table does not have."""
    path = tmp_path / "image"
    subprocess.run(
        ["/usr/sbin/mkfs.vfat", "-F", "32", "-C", str(path), str(64 << 10)], check=True,
        capture_output=True,
    )  # fmt: skip
    (tmp_path / "kernel").write_bytes(b"k" * 100_000)
    subprocess.run(["mcopy", "-i", str(path), str(tmp_path / "kernel"), "::kernel"], check=True)
    data = path.read_bytes()
    reserved = int.from_bytes(data[14:16], "little") * 512
    table = int.from_bytes(data[36:40], "little") * 512
    for copy in range(2):
        # The root directory has cluster 2; the file's chain is cut after a few.
        put(path, reserved + copy * table + 4 * 10, bytes(4 * 400))
    put(path, 0x41, b"\1")
    assert mend(str(path)) == f"{path}: fsck.fat has mended what a cut left"
    again = subprocess.run(["/usr/sbin/fsck.fat", "-n", str(path)], check=False)
    assert again.returncode == 0


@pytest.mark.parametrize("data", [b"", bytes(512), b"\1" * 512])
def test_what_is_no_fat(tmp_path, data):
    path = tmp_path / "image"
    path.write_bytes(data)
    assert mend(str(path)) is None


def test_what_cannot_be_done_is_told(image, monkeypatch):
    path, flag = image
    put(path, flag, b"\1")
    monkeypatch.setattr(fsck, "which", lambda program: None)
    assert mend(str(path)) == (
        f"{path}: it was not unmounted, and fsck.fat is not there to look at it"
    )
    assert "could not be looked at" in (mend(f"{path}.gone") or "")
