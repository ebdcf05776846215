"""Finding and mounting the root device that `root=` names, without udev."""

import _bootsys

from prepare_root import blockdev, files, kmodules, log
from prepare_root.blockdev import Device
from prepare_root.constants import (
    MS_DIRSYNC,
    MS_LAZYTIME,
    MS_MANDLOCK,
    MS_NOATIME,
    MS_NODEV,
    MS_NODIRATIME,
    MS_NOEXEC,
    MS_NOSUID,
    MS_RDONLY,
    MS_RELATIME,
    MS_SILENT,
    MS_STRICTATIME,
    MS_SYNCHRONOUS,
    S_IFBLK,
    S_IFMT,
    ST_MODE,
)
from prepare_root.errors import Failure, reason_of, show
from prepare_root.kargs import FOREVER, RootArguments

TELL_AFTER_S = 5.0
_FIRST_PAUSE_S = 0.005
_LONGEST_PAUSE_S = 0.1

# Older habit in fstab and boot entries: udev's links, which do not exist here.
_UDEV_LINKS = (
    (b"/dev/disk/by-uuid/", b"UUID="),
    (b"/dev/disk/by-label/", b"LABEL="),
    (b"/dev/disk/by-partuuid/", b"PARTUUID="),
    (b"/dev/disk/by-partlabel/", b"PARTLABEL="),
)

# mount(8)'s words for mount(2)'s flags: (flags to set, flags to clear)
_OPTIONS = {
    b"ro": (MS_RDONLY, 0),
    b"rw": (0, MS_RDONLY),
    b"nosuid": (MS_NOSUID, 0),
    b"suid": (0, MS_NOSUID),
    b"nodev": (MS_NODEV, 0),
    b"dev": (0, MS_NODEV),
    b"noexec": (MS_NOEXEC, 0),
    b"exec": (0, MS_NOEXEC),
    b"sync": (MS_SYNCHRONOUS, 0),
    b"async": (0, MS_SYNCHRONOUS),
    b"dirsync": (MS_DIRSYNC, 0),
    b"mand": (MS_MANDLOCK, 0),
    b"nomand": (0, MS_MANDLOCK),
    b"noatime": (MS_NOATIME, 0),
    b"atime": (0, MS_NOATIME),
    b"nodiratime": (MS_NODIRATIME, 0),
    b"diratime": (0, MS_NODIRATIME),
    b"relatime": (MS_RELATIME, 0),
    b"norelatime": (0, MS_RELATIME),
    b"strictatime": (MS_STRICTATIME, 0),
    b"lazytime": (MS_LAZYTIME, 0),
    b"nolazytime": (0, MS_LAZYTIME),
    b"defaults": (0, 0),
}


def wanted(root: bytes) -> bytes:
    """`root=` with udev's link names turned into the tags they stand for.

    Raises Failure for an empty or unknown form.
    """
    for prefix, tag in _UDEV_LINKS:
        if root.startswith(prefix):
            return tag + root[len(prefix) :]
    known = (b"/dev/", b"UUID=", b"LABEL=", b"PARTUUID=", b"PARTLABEL=")
    if root.startswith(known):
        return root
    hint = "use root=UUID=, LABEL=, PARTUUID=, PARTLABEL= or /dev/NAME"
    if not root:
        raise Failure("find root device", "kernel command line", "no root= argument", hint)
    raise Failure("find root device", show(root), "not a form of root= that is known here", hint)


def matches(root: bytes, device: Device) -> bool:
    """True when `device` is what `root` (a result of `wanted`) names."""
    tag, _, value = root.partition(b"=")
    if tag == b"UUID":
        found = blockdev.filesystem(device)
        return found is not None and found.uuid.lower() == value.lower()
    if tag == b"LABEL":
        found = blockdev.filesystem(device)
        return found is not None and found.label == value
    if tag == b"PARTUUID":
        entry = blockdev.partition(device)
        return entry is not None and entry.uuid == value.lower()
    if tag == b"PARTLABEL":
        entry = blockdev.partition(device)
        return entry is not None and entry.label == value
    return False


def look(root: bytes) -> bytes | None:
    """The node of the device that `root` (a result of `wanted`) names, if it is there now."""
    if root.startswith(b"/dev/"):
        stat = files.lstat(root)
        there = stat is not None and stat[ST_MODE] & S_IFMT == S_IFBLK
        return root if there else None
    for device in blockdev.present():
        if matches(root, device):
            return device.node
    return None


def wait(arguments: RootArguments) -> bytes:
    """The root device's node, as soon as it is there.

    Says so once when that takes more than a few seconds.  Raises Failure at the time limit,
    with the devices that are there.
    """
    root = wanted(arguments.root)
    if arguments.delay:
        log.info(f"find root device: waiting {arguments.delay:.0f} s, as rootdelay= says")
        _bootsys.sleep(arguments.delay)
    began = _bootsys.monotonic()
    pause = _FIRST_PAUSE_S
    told = False
    while True:
        node = look(root)
        if node is not None:
            return node
        if kmodules.load_next():
            continue
        waited = _bootsys.monotonic() - began
        if arguments.wait != FOREVER and waited >= arguments.wait:
            break
        if not told and waited >= TELL_AFTER_S:
            told = True
            log.warning(f"find root device: {show(root)}: not there yet, {_limit(arguments.wait)}")
            kmodules.load_all()  # whatever no device has asked for
        _bootsys.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_S)
    raise Failure(
        "find root device",
        show(root),
        f"not found within {arguments.wait:.0f} s; there is: "
        + blockdev.describe(blockdev.present()),
        "check root=, and that the image has the module of its disk; rootwait waits longer",
    )


def _limit(wait_s: float) -> str:
    return "waiting on" if wait_s == FOREVER else f"waiting up to {wait_s:.0f} s"


def mount_options(flags: bytes, readonly: bool) -> tuple[int, bytes]:
    """mount(2)'s flags and data for `rootflags=` and `ro`/`rw`."""
    number = MS_SILENT | (MS_RDONLY if readonly else 0)
    data = []
    for option in flags.split(b","):
        known = _OPTIONS.get(option)
        if known is not None:
            number = (number | known[0]) & ~known[1]
        elif option:
            data.append(option)
    return number, b",".join(data)


def mount(node: bytes, where: bytes, arguments: RootArguments) -> None:
    """Mount the root device at `where`.  Raises Failure: root not mountable, and why.

    `rootfstype=` may list several types; without it the type is what is on the device.
    """
    types = [name for name in arguments.fstype.split(b",") if name]
    if not types:
        found = blockdev.filesystem(Device(node.removeprefix(b"/dev/"), b"", 0))
        if found is None:
            raise _unmountable(node, "no filesystem that is known here", "say rootfstype=")
        types = [found.fstype]
    flags, data = mount_options(arguments.flags, arguments.readonly)
    reasons = []
    for fstype in types:
        kmodules.for_filesystem(fstype)
        try:
            _bootsys.mount(node, where, fstype, flags, data)
        except OSError as error:
            reasons.append(f"{show(fstype)}: {reason_of(error)}")
        else:
            return
    raise _unmountable(
        node,
        "; ".join(reasons),
        "check rootfstype= and rootflags=, and that the image has the filesystem's module",
    )


def _unmountable(node: bytes, why: str, hint: str) -> Failure:
    return Failure("mount root device", show(node), f"root not mountable: {why}", hint)
