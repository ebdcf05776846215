"""What is no filesystem but holds one, as the real tools write it on a device."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from guest import firmware
from prepare_root.formats import superblock

pytestmark = pytest.mark.ns

UUID = "0f1e2d3c-4b5a-4968-8778-695a4b3c2d1e"
FAST = ("--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000")
# No daemon, no list of devices, nothing of this machine's device-mapper.
LVM = "devices { use_devicesfile=0 obtain_device_list_from_udev=0 } activation { udev_sync=0 }"


def program(package: str, name: str) -> list[str | Path]:
    """The words that start a program of a Debian package where it was unpacked."""
    top = firmware.unpacked(package)
    loader = top / "usr/lib64/ld-linux-x86-64.so.2"
    return [loader, "--library-path", top / "usr/lib/x86_64-linux-gnu", top / "usr/sbin" / name]


def found(path: Path) -> superblock.Superblock:
    with path.open("rb") as file:
        holder = superblock.identify(file.read(superblock.PROBE_SIZE))
    assert holder is not None
    return holder


@pytest.mark.parametrize(("version", "label"), [("luks1", ""), ("luks2", "cellar")])
def test_luks(tmp_path: Path, version: str, label: str) -> None:
    path = tmp_path / "disk"
    with path.open("wb") as file:
        file.truncate(32 << 20)
    words = [*program("cryptsetup-bin", "cryptsetup"), "luksFormat", "-q", "--type", version]
    words += [*FAST, "--uuid", UUID, *(["--label", label] if label else []), path, "-"]
    subprocess.run(words, input=b"secret", check=True)
    holder = found(path)
    assert (holder.fstype, holder.uuid, holder.label) == (
        b"crypto_LUKS", UUID.encode(), label.encode(),
    )  # fmt: skip


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "disk"
    with path.open("wb") as file:
        file.truncate(32 << 20)
    words = ["losetup", "--find", "--show", path]
    device = subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()
    yield Path(device)
    subprocess.run(["losetup", "--detach", device], check=True)


def test_lvm(loop: Path, tmp_path: Path) -> None:
    words = [*program("lvm2", "lvm"), "pvcreate", "-y", "--config", LVM, loop]
    subprocess.run(words, check=True, capture_output=True, env={"LVM_SYSTEM_DIR": str(tmp_path)})
    assert found(loop).fstype == b"LVM2_member"
