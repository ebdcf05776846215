"""The report below an error, as it arrives at fd 2, of a physical root on a real disk."""

from pathlib import Path

import pytest

from prepare_root import blockdev, log, report
from prepare_root.errors import Failure

OS = "stateroot\x9b"
BOOTCSUM = "cd" * 32


@pytest.fixture(autouse=True)
def quiet(tmp_path, monkeypatch):
    """No devices of this machine, and the lines without levels."""
    monkeypatch.setattr(blockdev, "SYSFS", bytes(tmp_path / "no-sysfs"))
    log.to_stderr([])


@pytest.fixture
def sysroot(tmp_path):
    root = tmp_path / "sysroot"
    (root / f"ostree/deploy/{OS}/deploy/ab.0").mkdir(parents=True)
    for version, other in (("0.0", "2"), ("1.1", "0")):
        (root / f"ostree/boot.{version}/{OS}/{BOOTCSUM}").mkdir(parents=True)
        link = root / f"ostree/boot.{version}/{OS}/{BOOTCSUM}/{other}"
        link.symlink_to(f"../../../deploy/{OS}/deploy/ab.{other}")
        (root / f"ostree/boot.{version[0]}").symlink_to(f"boot.{version}")
    return root


def told(capfd, *words, root):
    report.failure(Failure(*words), bytes(root))
    captured = capfd.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert all(line.startswith("prepare-root: ") for line in lines)
    return [line.removeprefix("prepare-root: ") for line in lines]


def test_the_line_comes_first_and_the_hint_second(capfd, tmp_path):
    lines = told(capfd, "mount", "/x", "no such device", "look again", root=tmp_path)
    assert lines[:2] == ["mount: /x: no such device", "hint: look again"]
    assert "hint" not in told(capfd, "mount", "/x", "no such device", root=tmp_path)[1]


def test_mounts_and_devices(capfd, tmp_path):
    lines = told(capfd, "a", "b", "c", root=tmp_path)
    mounts = [line.removeprefix("mount: ") for line in lines if line.startswith("mount: ")]
    assert mounts == Path("/proc/self/mounts").read_text().splitlines()
    assert lines[-1] == "block devices: no block devices at all"


def test_bootlinks_hop_by_hop(capfd, sysroot):
    lines = told(capfd, "a", "b", "c", root=sysroot)
    shown = f"{sysroot}/ostree"
    name = "stateroot\\xc2\\x9b"
    assert lines[lines.index("block devices: no block devices at all") + 1 :] == [
        f"link: {shown}/boot.0 -> boot.0.0",
        f"link: {shown}/boot.0/{name}/{BOOTCSUM}/2: No such file or directory",
        f"link: {shown}/boot.1 -> boot.1.1",
        f"link: {shown}/boot.1/{name}/{BOOTCSUM}/0 -> ../../../deploy/{name}/deploy/ab.0",
    ]


def test_what_is_no_bootlink(capfd, sysroot):
    """A file among them, and a version that leads nowhere."""
    (sysroot / f"ostree/boot.1/{OS}/{BOOTCSUM}/0").unlink()
    (sysroot / f"ostree/boot.1/{OS}/{BOOTCSUM}/0").write_text("")
    (sysroot / "ostree/boot.0").unlink()
    (sysroot / "ostree/boot.0").symlink_to("boot.0.1")
    (sysroot / "ostree/boot.1/file").write_text("")
    lines = [line for line in told(capfd, "a", "b", "c", root=sysroot) if line.startswith("link")]
    assert lines[0] == f"link: {sysroot}/ostree/boot.0 -> boot.0.1"
    assert lines[1] == f"link: {sysroot}/ostree/boot.1 -> boot.1.1"
    assert lines[2].endswith("/0: Invalid argument")
    assert len(lines) == 3
