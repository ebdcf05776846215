"""The saved state of a guest stays with the very disk that it was booted from."""

import subprocess
from pathlib import Path

from bootvm import image
from guest import booted


def test_a_copy_reads_the_disk_beside_the_state(tmp_path: Path) -> None:
    made, unfinished = tmp_path / "disk-1/disk.img", tmp_path / "booted-1.unfinished"
    made.parent.mkdir()
    made.write_bytes(b"old" * 1024)
    state = booted.begin(made, unfinished)
    written = ["qemu-io", "-f", "qcow2", "-c", "write -P 0x41 0 512", state]
    subprocess.run(written, check=True, stdout=subprocess.DEVNULL)
    place = unfinished.rename(tmp_path / "booted-1")
    # The cache drops a disk, and somebody makes it again.
    made.unlink()
    made.write_bytes(b"new" * 1024)

    spec = booted.copy(place, tmp_path / "mine.qcow2")

    assert [disk.path for disk in spec.disks] == [tmp_path / "mine.qcow2"]
    raw = image.flatten(tmp_path / "mine.qcow2", tmp_path / "raw")
    assert raw.read_bytes() == b"A" * 512 + (b"old" * 1024)[512:]
