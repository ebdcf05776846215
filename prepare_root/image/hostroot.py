"""What a running machine's root is on, by its sysfs: for images that are for that machine.

From the root's block device up to the top of the tree, each device names its bus by a
`modalias`, and the driver that it has.  What these devices wait for beside their parents
(clocks, regulators, PHYs) the kernel records as suppliers.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prepare_root.image.errors import ImageError

OPERATION = "look at root of this machine"
USE_DRACUT = "make the image with dracut, and prepare-root in it"
# Where the physical root is mounted, the best place first.
_PLACES = ("/sysroot", "/")
_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class HostRoot:
    """The root's block device by its kernel name, its filesystem, and what reaches it.

    `aliases` are modaliases and `drivers` names of the modules of drivers that are bound, from
    the device up.
    """

    device: str
    fstype: str
    aliases: tuple[str, ...]
    drivers: tuple[str, ...]


def find(host: Path) -> HostRoot:
    """What the root of the machine whose `sys` and `proc` are below `host` is on.

    Raises ImageError for a root that a plain image cannot reach, and for none.
    """
    point, number, fstype, source = _mount(host / "proc/self/mountinfo")
    place = host / "sys/dev/block" / number
    if number.startswith("0:"):  # a filesystem with a number of its own, such as btrfs
        if source.startswith("/dev/mapper/"):
            raise _beyond(source, "on device-mapper (LUKS, LVM)")
        if not source.startswith("/dev/"):
            reason = f"{fstype} is mounted there, which is on no block device"
            raise ImageError(OPERATION, point, reason, "name drivers with --driver and --fs")
        place = host / "sys/class/block" / source.removeprefix("/dev/").replace("/", "!")
    if not place.exists():
        raise ImageError(OPERATION, source, f"no such device in sysfs: {place}")
    start = place.resolve()
    devices = list(_reach((host / "sys/devices").resolve(), start))
    _check(host / "sys", start, fstype, {_text(device / "transport") for device in devices})
    drivers = (_link_name(device / "driver/module") for device in devices)
    aliases = (_alias(device) for device in devices)
    found = HostRoot(
        start.name.replace("!", "/"),
        fstype,
        tuple(dict.fromkeys(word for word in aliases if word)),
        tuple(dict.fromkeys(word for word in drivers if word)),
    )
    if not found.aliases and not found.drivers:
        raise _beyond(found.device, "on no device that sysfs shows a driver of")
    return found


def _mount(mountinfo: Path) -> tuple[str, str, str, str]:
    """(mount point, MAJOR:MINOR, type, source) of the physical root; proc_pid_mountinfo(5)."""
    try:
        text = mountinfo.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise ImageError(OPERATION, str(mountinfo), error.strerror or str(error)) from error
    found: dict[str, tuple[str, str, str, str]] = {}
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields, rest = before.split(" "), after.split(" ")
        if len(fields) >= 6 and len(rest) >= 2:
            source = _OCTAL.sub(lambda match: chr(int(match[1], 8)), rest[1])
            found[fields[4]] = (fields[4], fields[2], rest[0], source)  # the last one is on top
    for point in _PLACES:
        if point in found:
            return found[point]
    raise ImageError(OPERATION, str(mountinfo), "no root is mounted")


def _reach(top: Path, start: Path) -> Iterator[Path]:
    """`start`, the devices above it up to `top`, and what each of them waits for."""
    seen: set[Path] = set()
    due = [start]
    while due:
        device = due.pop(0)
        if device in seen or not device.is_relative_to(top):
            continue
        seen.add(device)
        yield device
        due.append(device.parent)
        due += [link.resolve() for link in sorted(device.glob("supplier:*/supplier"))]
        if device.name.startswith("nvme-subsys"):
            # With multipath, a namespace is below its subsystem, which links its controllers.
            due += [link.resolve() for link in sorted(device.glob("nvme*")) if link.is_symlink()]


def _check(sys: Path, start: Path, fstype: str, transports: set[str]) -> None:
    """Raises ImageError where the root needs more than modules."""
    disk = start.parent if (start / "partition").exists() else start
    name = disk.name
    if (disk / "dm").is_dir():
        kind = _text(disk / "dm/uuid").partition("-")[0]
        known = {"CRYPT": "encrypted with LUKS", "LVM": "on LVM"}
        raise _beyond(name, known.get(kind, "on device-mapper"))
    if (disk / "md").is_dir():
        raise _beyond(name, "on a RAID")
    if (disk / "bcache").is_dir():
        raise _beyond(name, "on bcache")
    if (disk / "loop").is_dir():
        raise _beyond(name, "on a loop device")
    far = any(part.startswith(("session", "rport-")) for part in disk.parts)
    if far or name.startswith(("nbd", "rbd", "drbd")) or {"tcp", "rdma", "fc"} & transports:
        raise _beyond(name, "on a network")
    members = sys.glob(f"fs/btrfs/*/devices/{start.name}")
    if fstype == "btrfs" and any(len(list(one.parent.iterdir())) > 1 for one in members):
        raise _beyond(name, "a btrfs on several devices")


def _beyond(name: str, what: str) -> ImageError:
    return ImageError(OPERATION, name, f"it is {what}, which this image cannot reach", USE_DRACUT)


def _alias(device: Path) -> str:
    """What a device calls itself; a memory card does so in its event alone."""
    event = re.search(r"^MODALIAS=(.*)$", _text(device / "uevent"), re.MULTILINE)
    return _text(device / "modalias") or (event[1] if event else "")


def _text(path: Path) -> str:
    """A file of sysfs without its newline; empty where there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _link_name(path: Path) -> str:
    return path.readlink().name if path.is_symlink() else ""
