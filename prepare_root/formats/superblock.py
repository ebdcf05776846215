"""What filesystem a block device holds, and its UUID and label.

Read without udev or libblkid, for `root=UUID=` and `root=LABEL=`.  Offsets are those of the
filesystems' own on-disk documentation: ext4 (kernel doc `filesystems/ext4/super.rst`), XFS
(`xfs_format.h`), btrfs (`btrfs_tree.h`), F2FS (`f2fs_fs.h`), FAT (Microsoft's FAT
specification), EROFS (`erofs_fs.h`).

Known, too, is what is no filesystem but holds one, when something else has opened it: LUKS
(its on-disk format, versions 1 and 2), LVM (`lib/format_text/layout.h`), MD (`md_p.h`) and
bcache (`bcache_ondisk.h`).  Named as libblkid names them.
"""

from prepare_root.errors import show
from prepare_root.formats import utf16

# The first bytes of the device that `identify` wants: up to and with btrfs's superblock.
PROBE_SIZE = 0x10000 + 0x200


# What is no filesystem, in the words of an error.
HOLDERS = {
    b"crypto_LUKS": "encrypted with LUKS",
    b"LVM2_member": "part of an LVM volume group",
    b"linux_raid_member": "part of a RAID",
    b"bcache": "part of a bcache",
}
# Where MD's older formats are, from a device's end: 1.0 and 0.90, each at a multiple of `step`.
RAID_MAGIC = b"\xfc\x4e\x2b\xa9"
RAID_ENDS = ((0x2000, 0x1000), (0x10000, 0x10000))


class Superblock:
    """`fstype` as mount(2) names it, `uuid` and `label` as people write them in `root=`.

    `devices` is how many the filesystem is on.
    """

    __slots__ = ("devices", "fstype", "label", "uuid")

    def __init__(self, fstype: bytes, uuid: bytes, label: bytes, devices: int = 1) -> None:
        self.fstype = fstype
        self.uuid = uuid
        self.label = label
        self.devices = devices

    def describe(self) -> str:
        """One phrase for the list of devices in an error."""
        text = self.fstype.decode("ascii")
        if self.uuid:
            text += " UUID=" + show(self.uuid)
        if self.label:
            text += " LABEL=" + show(self.label)
        return text


def _hex(data: bytes) -> bytes:
    return data.hex().encode("ascii")


def _uuid(data: bytes) -> bytes:
    if not any(data):
        return b""
    h = _hex(data)
    return b"-".join((h[0:8], h[8:12], h[12:16], h[16:20], h[20:32]))


def _text(data: bytes) -> bytes:
    return data.split(b"\0", 1)[0]


def _ext(data: bytes) -> Superblock:
    incompat = int.from_bytes(data[0x460:0x464], "little")
    compat = int.from_bytes(data[0x45C:0x460], "little")
    # extents, 64bit, flex_bg, metadata checksums' csum_seed: any of these needs ext4
    older = b"ext3" if compat & 0x4 else b"ext2"
    fstype = b"ext4" if incompat & (0x40 | 0x80 | 0x200 | 0x2000) else older
    return Superblock(fstype, _uuid(data[0x468:0x478]), _text(data[0x478:0x488]))


def _xfs(data: bytes) -> Superblock:
    return Superblock(b"xfs", _uuid(data[0x20:0x30]), _text(data[0x6C:0x78]))


def _btrfs(data: bytes) -> Superblock:
    base = 0x10000
    return Superblock(
        b"btrfs",
        _uuid(data[base + 0x20 : base + 0x30]),
        _text(data[base + 0x12B : base + 0x12B + 256]),
        int.from_bytes(data[base + 0x88 : base + 0x90], "little"),
    )


def _f2fs(data: bytes) -> Superblock:
    base = 0x400
    return Superblock(
        b"f2fs",
        _uuid(data[base + 0x6C : base + 0x7C]),
        utf16.label(data[base + 0x7C : base + 0x7C + 1024]),
    )


def _erofs(data: bytes) -> Superblock:
    base = 0x400
    return Superblock(
        b"erofs",
        _uuid(data[base + 0x30 : base + 0x40]),
        _text(data[base + 0x40 : base + 0x50]),
    )


def _fat(data: bytes) -> Superblock:
    at = 0x43 if data[0x52:0x57] == b"FAT32" else 0x27
    serial = _hex(data[at : at + 4][::-1]).upper()
    label = data[at + 4 : at + 15].rstrip(b" ")
    return Superblock(
        b"vfat", serial[:4] + b"-" + serial[4:], b"" if label == b"NO NAME" else label
    )


def _luks(data: bytes) -> Superblock:
    version2 = data[6:8] == b"\0\2"
    return Superblock(
        b"crypto_LUKS", _text(data[0xA8:0xD0]), _text(data[0x18:0x48]) if version2 else b""
    )


def _lvm(data: bytes) -> Superblock:
    return Superblock(b"LVM2_member", b"", b"")


def _raid(data: bytes) -> Superblock:
    base = 0 if data[:4] == RAID_MAGIC else 0x1000
    return Superblock(
        b"linux_raid_member",
        _uuid(data[base + 0x10 : base + 0x20]),
        _text(data[base + 0x20 : base + 0x40]),
    )


def _bcache(data: bytes) -> Superblock:
    return Superblock(b"bcache", _uuid(data[0x1028:0x1038]), b"")


def raid_offsets(size: int) -> tuple[int, ...]:
    """Where on a device of `size` bytes the superblocks are that MD keeps at the end."""
    return tuple((size - back) // step * step for back, step in RAID_ENDS if size > 2 * back)


# (offset, magic, reader); what holds a filesystem first, since an older one's superblock may
# still be there; no two can match one device by accident except FAT, hence last.
_SIGNATURES = (
    (0x0, b"LUKS\xba\xbe", _luks),
    *((0x200 * sector, b"LABELONE", _lvm) for sector in range(4)),
    (0x0, RAID_MAGIC + b"\1\0\0\0", _raid),
    (0x1000, RAID_MAGIC + b"\1\0\0\0", _raid),
    (0x1018, b"\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81", _bcache),
    (0x0, b"XFSB", _xfs),
    (0x10040, b"_BHRfS_M", _btrfs),
    (0x400, b"\xe2\xe1\xf5\xe0", _erofs),
    (0x400, b"\x10\x20\xf5\xf2", _f2fs),
    (0x438, b"\x53\xef", _ext),
    (0x52, b"FAT32", _fat),
    (0x36, b"FAT1", _fat),
)


def identify(data: bytes) -> Superblock | None:
    """The filesystem whose superblock is in `data`, the device's first `PROBE_SIZE` bytes.

    A shorter `data` (a small device) is fine; `None` when no signature is known.
    """
    for offset, magic, read in _SIGNATURES:
        if data[offset : offset + len(magic)] == magic:
            return read(data.ljust(PROBE_SIZE, b"\0"))
    return None
