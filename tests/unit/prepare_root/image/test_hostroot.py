"""Roots by a sysfs of the test's own, laid out as the kernel lays it out."""

from pathlib import Path

import pytest

from prepare_root.image import hostroot
from prepare_root.image.errors import ImageError

MOUNTS = "20 1 0:5 / /proc rw - proc proc rw\n25 1 {number} / {point} rw,relatime - {rest} rw\n"
PCI = "sys/devices/pci0000:00"


def put(host: Path, path: str, text: str = "") -> Path:
    place = host / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(f"{text}\n")
    return place


def link(host: Path, path: str, target: str) -> None:
    """A link as sysfs has them: relative ones."""
    place = host / path
    place.parent.mkdir(parents=True, exist_ok=True)
    (host / target).mkdir(parents=True, exist_ok=True)
    up = "../" * (len(Path(path).parts) - 1)
    place.symlink_to(up + target)


def machine(
    host: Path, device: str, rest: str = "ext4 /dev/vda2", point: str = "/", number: str = "254:2"
) -> Path:
    """The root is on the block device at `device`, which is a partition where it has a number."""
    put(host, f"{device}/size", "1")
    link(host, f"sys/dev/block/{number}", device)
    link(host, f"sys/class/block/{Path(device).name}", device)
    mountinfo = MOUNTS.format(number=number, point=point, rest=rest)
    put(host, "proc/self/mountinfo", mountinfo)
    return host


def virtio(host: Path) -> str:
    put(host, f"{PCI}/0000:00:02.0/modalias", "pci:v00001AF4d00001042")
    put(host, f"{PCI}/0000:00:02.0/virtio1/modalias", "virtio:d00000002v00001AF4")
    link(host, f"{PCI}/0000:00:02.0/virtio1/driver", "sys/bus/virtio/drivers/virtio_blk")
    link(host, "sys/bus/virtio/drivers/virtio_blk/module", "sys/module/virtio_blk")
    disk = f"{PCI}/0000:00:02.0/virtio1/block/vda"
    put(host, f"{disk}/vda2/partition", "2")
    return f"{disk}/vda2"


def test_from_the_device_up(tmp_path: Path) -> None:
    found = hostroot.find(machine(tmp_path, virtio(tmp_path)))
    assert (found.device, found.fstype) == ("vda2", "ext4")
    assert found.aliases == ("virtio:d00000002v00001AF4", "pci:v00001AF4d00001042")
    assert found.drivers == ("virtio_blk",)


def test_the_physical_root_counts(tmp_path: Path) -> None:
    """In a deployment, / is a bind of it, or an overlay."""
    machine(tmp_path, virtio(tmp_path), rest="xfs /dev/vda2", point="/sysroot")
    with (tmp_path / "proc/self/mountinfo").open("a") as file:
        file.write("30 1 0:30 / / rw - overlay composefs rw\n")
    assert hostroot.find(tmp_path).fstype == "xfs"


def test_what_lies_on_top_counts(tmp_path: Path) -> None:
    machine(tmp_path, virtio(tmp_path))
    mountinfo = tmp_path / "proc/self/mountinfo"
    mountinfo.write_text("19 1 0:2 / / rw - rootfs rootfs rw\n" + mountinfo.read_text())
    assert hostroot.find(tmp_path).fstype == "ext4"


def test_a_filesystem_with_a_number_of_its_own(tmp_path: Path) -> None:
    device = virtio(tmp_path)
    machine(tmp_path, device, rest="btrfs /dev/vda2", number="0:31")
    put(tmp_path, "sys/fs/btrfs/1-2/devices/vda2")
    assert hostroot.find(tmp_path).device == "vda2"
    put(tmp_path, "sys/fs/btrfs/1-2/devices/vdb1")
    with pytest.raises(ImageError) as caught:
        hostroot.find(tmp_path)
    assert str(caught.value) == (
        "look at root of this machine: vda: it is a btrfs on several devices,"
        " which this image cannot reach"
    )


def test_a_name_with_a_slash(tmp_path: Path) -> None:
    device = f"{PCI}/0000:00:03.0/cciss!c0d0"
    put(tmp_path, f"{PCI}/0000:00:03.0/modalias", "pci:v0E11")
    machine(tmp_path, device, rest="btrfs /dev/cciss/c0d0", number="0:31")
    assert hostroot.find(tmp_path).device == "cciss/c0d0"


def test_what_a_device_waits_for(tmp_path: Path) -> None:
    """An SoC's clock or regulator is no parent of the controller that needs it."""
    put(tmp_path, "sys/devices/platform/soc/mmc/modalias", "of:NmmcTCvendor,sdhci")
    put(tmp_path, "sys/devices/platform/clock/modalias", "of:NclockTCvendor,clk")
    put(tmp_path, "sys/devices/platform/pmic/modalias", "of:NpmicTCvendor,pmic")
    for one, other in (("soc/mmc", "clock"), ("clock", "pmic"), ("pmic", "clock")):
        name = other.replace("/", "-")
        inner = f"sys/devices/virtual/devlink/platform:{name}--platform:{Path(one).name}"
        link(tmp_path, f"{inner}/supplier", f"sys/devices/platform/{other}")
        link(tmp_path, f"sys/devices/platform/{one}/supplier:platform:{name}", inner)
    device = "sys/devices/platform/soc/mmc/mmc_host/mmc0/mmc0:0001/block/mmcblk0"
    card = "sys/devices/platform/soc/mmc/mmc_host/mmc0/mmc0:0001"
    put(tmp_path, f"{card}/uevent", "DRIVER=mmcblk\nMMC_TYPE=SD\nMODALIAS=mmc:block")
    found = hostroot.find(machine(tmp_path, device))
    assert found.aliases == (
        "mmc:block", "of:NmmcTCvendor,sdhci", "of:NclockTCvendor,clk", "of:NpmicTCvendor,pmic",
    )  # fmt: skip


def nvme_subsystem(host: Path, transport: str) -> str:
    put(host, f"{PCI}/0000:00:04.0/modalias", "pci:nvme")
    controller = f"{PCI}/0000:00:04.0/nvme/nvme0"
    put(host, f"{controller}/transport", transport)
    subsystem = "sys/devices/virtual/nvme-subsystem/nvme-subsys0"
    link(host, f"{subsystem}/nvme0", controller)
    put(host, f"{subsystem}/nvme0n1/nvme0n1p1/partition", "1")
    return f"{subsystem}/nvme0n1/nvme0n1p1"


def test_nvme_with_multipath(tmp_path: Path) -> None:
    found = hostroot.find(machine(tmp_path, nvme_subsystem(tmp_path, "pcie")))
    assert found.aliases == ("pci:nvme",)


ISCSI = "sys/devices/platform/host3/session1/target3:0:0/3:0:0:1/block/sda"
FIBRE = f"{PCI}/0000:00:05.0/host1/rport-1:0-0/target1:0:0/1:0:0:0/block/sda"


@pytest.mark.parametrize(
    ("device", "file", "text", "what"),
    [
        ("sys/devices/virtual/block/dm-0", "dm/uuid", "CRYPT-LUKS2-1-x", "encrypted with LUKS"),
        ("sys/devices/virtual/block/dm-0", "dm/uuid", "LVM-abc", "on LVM"),
        ("sys/devices/virtual/block/dm-0", "dm/uuid", "mpath-1", "on device-mapper"),
        ("sys/devices/virtual/block/md0", "md/level", "raid1", "on a RAID"),
        ("sys/devices/virtual/block/bcache0", "bcache/state", "clean", "on bcache"),
        ("sys/devices/virtual/block/loop0", "loop/offset", "0", "on a loop device"),
        ("sys/devices/virtual/block/nbd0", "pid", "1", "on a network"),
        (ISCSI, "ro", "0", "on a network"),
        (FIBRE, "ro", "0", "on a network"),
        ("sys/devices/virtual/block/ram0", "ro", "0", "on no device that sysfs shows a driver of"),
    ],
)
def test_what_an_image_cannot_reach(
    tmp_path: Path, device: str, file: str, text: str, what: str
) -> None:
    put(tmp_path, f"{device}/{file}", text)
    with pytest.raises(ImageError) as caught:
        hostroot.find(machine(tmp_path, device))
    assert str(caught.value) == (
        f"look at root of this machine: {Path(device).name}: it is {what},"
        " which this image cannot reach"
    )
    assert caught.value.hint == "make the image with dracut, and prepare-root in it"


def test_a_partition_of_a_raid(tmp_path: Path) -> None:
    put(tmp_path, "sys/devices/virtual/block/md0/md/level", "raid1")
    put(tmp_path, "sys/devices/virtual/block/md0/md0p1/partition", "1")
    with pytest.raises(ImageError, match=r": md0: it is on a RAID, "):
        hostroot.find(machine(tmp_path, "sys/devices/virtual/block/md0/md0p1"))


def test_nvme_over_a_network(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r": nvme0n1: it is on a network, "):
        hostroot.find(machine(tmp_path, nvme_subsystem(tmp_path, "tcp")))


@pytest.mark.parametrize(
    ("rest", "text", "hint"),
    [
        ("btrfs /dev/mapper/luks\\0401", "/dev/mapper/luks 1: it is on device-mapper (LUKS, LVM),"
         " which this image cannot reach", hostroot.USE_DRACUT),
        ("overlay overlay", "/: overlay is mounted there, which is on no block device",
         "name drivers with --driver and --fs"),
        ("btrfs /dev/vdx", "/dev/vdx: no such device in sysfs: {host}/sys/class/block/vdx", ""),
    ],
)  # fmt: skip
def test_no_device(tmp_path: Path, rest: str, text: str, hint: str) -> None:
    machine(tmp_path, virtio(tmp_path), rest=rest, number="0:31")
    with pytest.raises(ImageError) as caught:
        hostroot.find(tmp_path)
    expected = text.replace("{host}", str(tmp_path))
    assert str(caught.value) == f"look at root of this machine: {expected}"
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("text", "reason"), [("", "no root is mounted"), (None, "No such file or directory")]
)
def test_no_root(tmp_path: Path, text: str | None, reason: str) -> None:
    if text is not None:
        put(tmp_path, "proc/self/mountinfo", text)
    with pytest.raises(ImageError) as caught:
        hostroot.find(tmp_path)
    place = tmp_path / "proc/self/mountinfo"
    assert str(caught.value) == f"look at root of this machine: {place}: {reason}"
