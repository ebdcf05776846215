"""What machine to start: a frozen value, and the QEMU command line it stands for.

`arguments` is pure: the same value gives the same words.  Sockets, overlays and the process
belong to `vm`.
"""

import base64
import json
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path

from bootvm.errors import BootvmError

AGENT_PORT = "bootvm.agent"


class Firmware(Enum):
    """What runs first.  DIRECT: QEMU itself loads a kernel."""

    DIRECT = "direct"
    BIOS = "bios"
    UEFI = "uefi"


class Interface(Enum):
    """How the guest sees a disk."""

    VIRTIO = "virtio"
    NVME = "nvme"
    SCSI = "scsi"
    AHCI = "ahci"
    USB = "usb"
    MMC = "mmc"


@dataclass(frozen=True, slots=True)
class Disk:
    """One disk.  With `overlay`, the file stays untouched and writes go to a private qcow2.

    `log` is an empty file into which QEMU records every write, flush and discard
    (`bootvm.crash` reads it).
    """

    path: Path
    format: str = "raw"
    interface: Interface = Interface.VIRTIO
    overlay: bool = True
    readonly: bool = False
    serial: str = ""
    log: Path | None = None


@dataclass(frozen=True, slots=True)
class VmSpec:
    """A whole machine.

    `kernel`, `initrd` and `cmdline` are for DIRECT firmware only.  `memory` is in MiB.
    `icount` is QEMU's shift: the guest's clock then counts instructions, on one processor;
    its serial line cannot be typed on.
    `ovmf` are the code and variable images for UEFI.  `credentials` are systemd credentials
    (name, content), brought in by SMBIOS.  Without `allow_reboot` a reset ends the machine.
    `kvm` asks for KVM, which must have been proved to work (`kvm.usable`).  One processor is
    what emulation takes without harm: with two, a kernel that changes its own code meanwhile
    was seen to end in `Oops: int3`.
    """

    firmware: Firmware = Firmware.BIOS
    disks: tuple[Disk, ...] = ()
    kernel: Path | None = None
    initrd: Path | None = None
    cmdline: str = ""
    memory: int = 1024
    cpus: int = 1
    icount: int | None = None
    ovmf: tuple[Path, Path] | None = None
    credentials: tuple[tuple[str, bytes], ...] = ()
    allow_reboot: bool = False
    kvm: bool = False
    extra: tuple[str, ...] = ()

    def with_credentials(self, *more: tuple[str, bytes]) -> "VmSpec":
        return replace(self, credentials=(*self.credentials, *more))


@dataclass(frozen=True, slots=True)
class Sockets:
    """Unix sockets on which QEMU listens, and the private copy of the UEFI variables.

    With icount, `serial` is a file that QEMU writes.
    """

    monitor: Path
    serial: Path
    agent: Path
    variables: Path | None = field(default=None)


def check(spec: VmSpec) -> None:
    """Raises BootvmError when the machine contradicts itself or a file is missing."""
    if spec.firmware is Firmware.DIRECT and spec.kernel is None:
        raise BootvmError("start", "direct", "no kernel given", "name one, or use bios or uefi")
    if spec.firmware is not Firmware.DIRECT and (spec.kernel or spec.initrd or spec.cmdline):
        raise BootvmError(
            "start", spec.firmware.value, "kernel, initrd and command line are for direct boots"
        )
    if spec.firmware is Firmware.UEFI and spec.ovmf is None:
        raise BootvmError("start", "uefi", "no firmware image", "install the Debian package ovmf")
    if spec.icount is not None and spec.kvm:
        raise BootvmError("start", "icount", "KVM cannot count instructions")
    logs = [disk.log for disk in spec.disks]
    files = (
        [disk.path for disk in spec.disks] + logs + [spec.kernel, spec.initrd, *(spec.ovmf or ())]
    )
    for path in files:
        if path is not None and not path.is_file():
            raise BootvmError("start", path, "no such file")


def _disk(disk: Disk, number: int) -> list[str]:
    """Block nodes and the device; JSON, so that no character of a path is special."""
    file: dict[str, object] = {
        "driver": "file",
        "node-name": f"file{number}",
        "filename": str(disk.path),
        "read-only": disk.readonly,
    }
    node: dict[str, object] = {
        "driver": disk.format,
        "node-name": f"disk{number}",
        "file": f"file{number}",
        "read-only": disk.readonly,
    }
    device: dict[str, object] = {
        "drive": f"disk{number}",
        "bootindex": number + 1,
        "id": f"dev{number}",
    }
    nodes = [file, node]
    if disk.log is not None:
        file["discard"] = node["discard"] = "unmap"  # else QEMU drops them, unrecorded
        log, logged = f"log{number}", f"logged{number}"
        nodes.append({"driver": "file", "node-name": log, "filename": str(disk.log)})
        nodes.append(
            {"driver": "blklogwrites", "node-name": logged, "file": f"disk{number}", "log": log}
        )
        device["drive"] = logged
        if disk.interface is Interface.VIRTIO:
            # Merged ones can have more pieces than one call writes together with the log's
            # own header, and then are missing in the log.
            device["request-merging"] = False
    words = [word for one in nodes for word in ("-blockdev", json.dumps(one))]
    match disk.interface:
        case Interface.VIRTIO:
            device["driver"] = "virtio-blk-pci"
        case Interface.NVME:
            device["driver"] = "nvme"
            device["serial"] = f"nvme{number}"  # the device refuses to exist without one
        case Interface.SCSI:
            words += ["-device", json.dumps({"driver": "virtio-scsi-pci", "id": f"scsi{number}"})]
            device |= {"driver": "scsi-hd", "bus": f"scsi{number}.0"}
        case Interface.AHCI:
            device |= {"driver": "ide-hd", "bus": f"ide.{number}"}  # the machine's own has six
        case Interface.USB:
            words += ["-device", json.dumps({"driver": "qemu-xhci", "id": f"usb{number}"})]
            device |= {"driver": "usb-storage", "bus": f"usb{number}.0"}
        case Interface.MMC:
            words += ["-device", json.dumps({"driver": "sdhci-pci", "id": f"sdhci{number}"})]
            # One card: its bus has one name.  Its size has to be a power of two.
            device |= {"driver": "sd-card", "bus": "sd-bus"}
            del device["bootindex"]  # no firmware boots from it
    if disk.serial and disk.interface is not Interface.MMC:
        device["serial"] = disk.serial
    return [*words, "-device", json.dumps(device)]


def _firmware(spec: VmSpec, variables: Path | None) -> list[str]:
    if spec.firmware is Firmware.DIRECT:
        words = ["-kernel", str(spec.kernel)]
        if spec.initrd:
            words += ["-initrd", str(spec.initrd)]
        return [*words, "-append", spec.cmdline]
    if spec.firmware is Firmware.UEFI:
        assert spec.ovmf is not None
        code, own = spec.ovmf[0], variables or spec.ovmf[1]
        return [
            *("-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={code}"),
            *("-drive", f"if=pflash,format=raw,unit=1,file={own}"),
        ]
    return []


def _clock(spec: VmSpec) -> list[str]:
    if spec.kvm:
        return ["-accel", "kvm", "-cpu", "host", "-smp", str(spec.cpus)]
    # qemu64 and max are AMD's by vendor: without that, page table isolation costs 30 %.
    if spec.icount is None:
        return ["-accel", "tcg,thread=multi", "-cpu", "qemu64", "-smp", str(spec.cpus)]
    return [
        *("-accel", "tcg,thread=single", "-cpu", "qemu64", "-smp", "1"),
        *("-icount", f"shift={spec.icount},sleep=off"),
        *("-rtc", "base=2026-01-01T00:00:00,clock=vm"),
    ]


def _socket(name: str, path: Path) -> list[str]:
    value = {"id": name, "path": str(path)}
    text = ",".join(f"{key}={word.replace(',', ',,')}" for key, word in value.items())
    return ["-chardev", f"socket,{text},server=on,wait=off"]


def _serial(spec: VmSpec, path: Path) -> list[str]:
    """A socket; with icount a file, for the reason that `tail` gives."""
    words = _socket("serial", path)
    if spec.icount is not None:
        words = ["-chardev", f"file,id=serial,path={str(path).replace(',', ',,')}"]
    return [*words, "-device", "isa-serial,chardev=serial"]


def _randomness(spec: VmSpec) -> list[str]:
    """The host's; with icount QEMU's own from a fixed seed, so that runs are alike."""
    if spec.icount is None:
        return ["-device", "virtio-rng-pci"]
    words = ["-seed", "1", "-object", "rng-builtin,id=random"]
    return [*words, "-device", "virtio-rng-pci,rng=random"]


def arguments(spec: VmSpec, sockets: Sockets) -> list[str]:
    """The words after `qemu-system-x86_64`.

    The machine starts stopped (`-S`): nothing of the console is lost before somebody reads.
    """
    words = ["-nodefaults", "-no-user-config", "-S", "-machine", "q35,hpet=off"]
    words += _clock(spec)
    words += ["-m", str(spec.memory), "-display", "none", "-device", "VGA"]
    words += _randomness(spec)
    words += [*_socket("monitor", sockets.monitor), "-mon", "chardev=monitor,mode=control"]
    words += _serial(spec, sockets.serial)
    words += ["-device", "virtio-serial-pci", *_socket("agent", sockets.agent)]
    words += ["-device", f"virtserialport,chardev=agent,name={AGENT_PORT}"]
    if not spec.allow_reboot:
        words.append("-no-reboot")
    words += _firmware(spec, sockets.variables)
    for number, disk in enumerate(spec.disks):
        words += _disk(disk, number)
    for name, content in spec.credentials:
        coded = base64.b64encode(content).decode()
        words += ["-smbios", f"type=11,value=io.systemd.credential.binary:{name}={coded}"]
    return [*words, *spec.extra]
