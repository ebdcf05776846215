"""Finding and mounting the root device that `root=` names, without udev."""

import _bootsys

from prepare_root import blockdev, files, gptauto, kmodules, log
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
from prepare_root.formats import superblock
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

_FORMS = (b"/dev/", b"UUID=", b"LABEL=", b"PARTUUID=", b"PARTLABEL=")
_AUTO = b"gpt-auto"
# What `wanted` makes of it: the loader's partition behind it, or nothing.
_AUTO_TAG = b"GPT-AUTO="

# Roots that somebody else would have to make first, by how `root=` begins.
_MADE = (
    (b"/dev/mapper/", "device-mapper (LUKS, LVM)"),
    (b"/dev/dm-", "device-mapper (LUKS, LVM)"),
    (b"/dev/md", "RAID"),
    (b"/dev/nbd", "the network"),
    (b"/dev/nfs", "the network"),
    (b"nfs", "the network"),
    (b"nbd:", "the network"),
    (b"iscsi:", "the network"),
    (b"dhcp", "the network"),
    (b"live:", "a live system"),
    (b"zfs", "ZFS"),
    (b"ZFS=", "ZFS"),
)
USE_DRACUT = "use an initramfs of dracut's, with prepare-root in it, for this root"

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

    Without a `root=` the loader has to say which disk it is.  Raises Failure for an unknown
    form, and for a root that is on more than a plain disk.
    """
    for prefix, tag in _UDEV_LINKS:
        if root.startswith(prefix):
            return tag + root[len(prefix) :]
    for prefix, what in _MADE:
        if root.startswith(prefix):
            reason = f"a root on {what} is not for this initramfs"
            raise Failure("find root device", show(root), reason, USE_DRACUT)
    if root.startswith(_FORMS):
        return root
    loader = gptauto.loader_partition() if root in (b"", _AUTO) else b""
    if root == _AUTO or loader:
        return _AUTO_TAG + loader
    hint = "use root=UUID=, LABEL=, PARTUUID=, PARTLABEL=, gpt-auto or /dev/NAME"
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
    if root.startswith(_AUTO_TAG):
        return gptauto.look(root[len(_AUTO_TAG) :])
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
            log.warning(
                f"find root device: {_asked(root)}: not there yet, {_limit(arguments.wait)}"
            )
            kmodules.load_all()  # whatever no device has asked for
        _bootsys.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_S)
    devices = blockdev.present()
    raise Failure(
        "find root device",
        _asked(root),
        f"not found within {arguments.wait:.0f} s; there is: " + blockdev.describe(devices),
        _holder_hint(devices)
        or "check root=, and that the image has the module of its disk; rootwait waits longer",
    )


def _asked(root: bytes) -> str:
    """What `root` (a result of `wanted`) was asked for as."""
    if not root.startswith(_AUTO_TAG):
        return show(root)
    loader = root[len(_AUTO_TAG) :]
    return "gpt-auto" + (f" on the disk of PARTUUID={show(loader)}" if loader else "")


def _holder_hint(devices: list[Device]) -> str:
    """Where the root may be inside of something that nobody here opens."""
    for device in devices:
        found = blockdev.filesystem(device)
        if found is not None and found.fstype in superblock.HOLDERS:
            return f"{show(device.node)} is {superblock.HOLDERS[found.fstype]}: {USE_DRACUT}"
    return ""


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
    types = _types(node, [name for name in arguments.fstype.split(b",") if name])
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


def _types(node: bytes, said: list[bytes]) -> list[bytes]:
    """The types to try: those that were `said`, else the one that is on the device.

    Raises Failure for none, and for a device that only holds a part of something.
    """
    device = Device(node.removeprefix(b"/dev/").replace(b"/", b"!"), b"", 0)
    found = blockdev.filesystem(device)
    holder = None if found is None else superblock.HOLDERS.get(found.fstype)
    if blockdev.is_raid_by_end(device):
        holder = superblock.HOLDERS[b"linux_raid_member"]
    if found is not None and found.devices > 1:
        holder = f"a {show(found.fstype)} on {found.devices} devices"
    if holder is not None:
        raise _unmountable(node, f"it is {holder}", USE_DRACUT)
    if found is None and not said:
        raise _unmountable(node, "no filesystem that is known here", "say rootfstype=")
    return said if found is None or said else [found.fstype]


def _unmountable(node: bytes, why: str, hint: str) -> Failure:
    return Failure("mount root device", show(node), f"root not mountable: {why}", hint)
