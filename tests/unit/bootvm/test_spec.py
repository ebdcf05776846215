"""The QEMU command line is a pure function of the machine."""

import base64
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from bootvm.errors import BootvmError
from bootvm.spec import Disk, Firmware, Interface, Sockets, VmSpec, arguments, check

SOCKETS = Sockets(Path("/s/monitor"), Path("/s/serial"), Path("/s/agent"), Path("/s/vars"))
DIRECT = VmSpec(firmware=Firmware.DIRECT, kernel=Path("/k"), cmdline="a=b c")


def after(words: list[str], option: str) -> list[str]:
    """All values of `option`."""
    return [value for name, value in pairwise(words) if name == option]


def test_same_machine_same_words() -> None:
    spec = replace(DIRECT, disks=(Disk(Path("/d")),), credentials=(("n", b"v"),))
    assert arguments(spec, SOCKETS) == arguments(spec, SOCKETS)


def test_direct_boot_names_kernel_and_command_line() -> None:
    words = arguments(replace(DIRECT, initrd=Path("/i")), SOCKETS)
    assert after(words, "-kernel") == ["/k"]
    assert after(words, "-initrd") == ["/i"]
    assert after(words, "-append") == ["a=b c"]


def test_bios_needs_no_firmware_words() -> None:
    words = arguments(VmSpec(), SOCKETS)
    assert "-kernel" not in words
    assert after(words, "-drive") == []


def test_uefi_variables_are_the_private_copy() -> None:
    spec = VmSpec(firmware=Firmware.UEFI, ovmf=(Path("/CODE"), Path("/VARS")))
    code, variables = after(arguments(spec, SOCKETS), "-drive")
    assert code == "if=pflash,format=raw,unit=0,readonly=on,file=/CODE"
    assert variables == "if=pflash,format=raw,unit=1,file=/s/vars"


@pytest.mark.parametrize(
    ("disk", "device"),
    [
        (Disk(Path("/d")), {"driver": "virtio-blk-pci"}),
        (Disk(Path("/d"), interface=Interface.NVME), {"driver": "nvme", "serial": "nvme0"}),
        (Disk(Path("/d"), interface=Interface.SCSI), {"driver": "scsi-hd", "bus": "scsi0.0"}),
        (Disk(Path("/d"), interface=Interface.AHCI), {"driver": "ide-hd", "bus": "ide.0"}),
        (Disk(Path("/d"), interface=Interface.USB), {"driver": "usb-storage", "bus": "usb0.0"}),
        (Disk(Path("/d"), serial="S1"), {"driver": "virtio-blk-pci", "serial": "S1"}),
    ],
)
def test_disk_interfaces(disk: Disk, device: dict[str, str]) -> None:
    words = arguments(VmSpec(disks=(disk,)), SOCKETS)
    made = [json.loads(value) for value in after(words, "-device") if value.startswith("{")][-1]
    assert device.items() <= made.items()
    assert made["bootindex"] == 1


def test_a_card_has_what_qemu_knows_of_cards() -> None:
    disk = Disk(Path("/d"), interface=Interface.MMC, serial="S1")
    words = arguments(VmSpec(disks=(disk,)), SOCKETS)
    *_, slot, card = [json.loads(one) for one in after(words, "-device") if one.startswith("{")]
    assert slot == {"driver": "sdhci-pci", "id": "sdhci0"}
    assert card == {"driver": "sd-card", "bus": "sd-bus", "drive": "disk0", "id": "dev0"}


def test_disk_paths_may_hold_any_character() -> None:
    words = arguments(VmSpec(disks=(Disk(Path('/a,b "c"=d'), "qcow2", readonly=True),)), SOCKETS)
    file, node = (json.loads(value) for value in after(words, "-blockdev"))
    assert file["filename"] == '/a,b "c"=d'
    assert node["driver"] == "qcow2"
    assert file["read-only"] is node["read-only"] is True


def test_boot_order_is_the_order_of_disks() -> None:
    words = arguments(VmSpec(disks=(Disk(Path("/a")), Disk(Path("/b")))), SOCKETS)
    made = [json.loads(value) for value in after(words, "-device") if value.startswith("{")]
    assert [(one["drive"], one["bootindex"]) for one in made] == [("disk0", 1), ("disk1", 2)]


def test_icount_means_one_processor_and_its_own_clock() -> None:
    words = arguments(replace(DIRECT, icount=0, cpus=4), SOCKETS)
    assert after(words, "-icount") == ["shift=0,sleep=off"]
    assert after(words, "-smp") == ["1"]
    assert after(words, "-accel") == ["tcg,thread=single"]


def test_kvm_only_when_asked_for() -> None:
    assert after(arguments(DIRECT, SOCKETS), "-accel") == ["tcg,thread=multi"]
    assert after(arguments(replace(DIRECT, kvm=True), SOCKETS), "-accel") == ["kvm"]


def test_credentials_travel_as_base64() -> None:
    spec = DIRECT.with_credentials(("one", b"a,b=\0"), ("two", b""))
    first, second = after(arguments(spec, SOCKETS), "-smbios")
    prefix = "type=11,value=io.systemd.credential.binary:one="
    assert first.startswith(prefix)
    assert base64.b64decode(first.removeprefix(prefix)) == b"a,b=\0"
    assert second == "type=11,value=io.systemd.credential.binary:two="


def test_reboot_ends_the_machine_unless_allowed() -> None:
    assert "-no-reboot" in arguments(DIRECT, SOCKETS)
    assert "-no-reboot" not in arguments(replace(DIRECT, allow_reboot=True), SOCKETS)


def test_machine_starts_stopped() -> None:
    assert "-S" in arguments(DIRECT, SOCKETS)


def test_socket_paths_with_commas() -> None:
    odd = replace(SOCKETS, serial=Path("/a,b"))
    assert "socket,id=serial,path=/a,,b,server=on,wait=off" in arguments(DIRECT, odd)


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (VmSpec(firmware=Firmware.DIRECT), "start: direct: no kernel given"),
        (VmSpec(cmdline="x"), "start: bios: kernel, initrd and command line are for direct boots"),
        (VmSpec(firmware=Firmware.UEFI), "start: uefi: no firmware image"),
        (VmSpec(icount=0, kvm=True), "start: icount: KVM cannot count instructions"),
        (VmSpec(disks=(Disk(Path("/not/there")),)), "start: /not/there: no such file"),
        (DIRECT, "start: /k: no such file"),
    ],
)
def test_contradictions_are_named(spec: VmSpec, text: str) -> None:
    with pytest.raises(BootvmError) as caught:
        check(spec)
    assert str(caught.value) == text


def test_icount_leaves_nothing_to_the_host() -> None:
    words = arguments(replace(DIRECT, icount=0), SOCKETS)
    assert "file,id=serial,path=/s/serial" in after(words, "-chardev")
    assert after(words, "-seed") == ["1"]
    assert "virtio-rng-pci,rng=random" in after(words, "-device")


def test_a_recorded_disk_is_seen_through_its_log() -> None:
    disk = Disk(Path("/d"), "qcow2", log=Path("/log"))
    words = arguments(VmSpec(disks=(disk,)), SOCKETS)
    nodes = {one["node-name"]: one for one in map(json.loads, after(words, "-blockdev"))}
    assert nodes["log0"]["filename"] == "/log"
    assert nodes["logged0"] == {
        "driver": "blklogwrites",
        "node-name": "logged0",
        "file": "disk0",
        "log": "log0",
    }
    assert nodes["disk0"]["discard"] == nodes["file0"]["discard"] == "unmap"
    made = [json.loads(value) for value in after(words, "-device") if value.startswith("{")]
    assert made[-1]["drive"] == "logged0"
    assert made[-1]["request-merging"] is False


def test_a_log_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "disk").touch()
    with pytest.raises(BootvmError, match=r"start: .*/none: no such file"):
        check(VmSpec(disks=(Disk(tmp_path / "disk", log=tmp_path / "none"),)))
