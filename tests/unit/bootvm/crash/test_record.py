"""The machine whose writes are recorded; real recordings are in the VM tests."""

from pathlib import Path

from bootvm.crash.record import recorded
from bootvm.spec import Disk, VmSpec


def test_only_the_named_disk_is_recorded(tmp_path: Path) -> None:
    spec = VmSpec(disks=(Disk(Path("/a"), overlay=False), Disk(Path("/b"), overlay=False)))
    log = tmp_path / "log"
    log.write_text("of an earlier run")
    found = recorded(spec, 1, log)
    assert found.disks[0] == spec.disks[0]
    assert found.disks[1] == Disk(Path("/b"), overlay=True, log=log)
    assert log.read_bytes() == b""
