"""Superblocks that the filesystems' own tools wrote, and bytes that nobody wrote."""

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prepare_root.formats import superblock

UUID = "0f1e2d3c-4b5a-4968-8778-695a4b3c2d1e"
MIB = 1 << 20

# (filesystem, size, tool and options before the image, UUID, label)
TOOLS = [
    ("ext2", MIB, ["mke2fs", "-q", "-t", "ext2", "-U", UUID, "-L", "old"], UUID, "old"),
    ("ext3", 8 * MIB, ["mke2fs", "-q", "-t", "ext3", "-U", UUID, "-L", "older"], UUID, "older"),
    ("ext4", 8 * MIB, ["mke2fs", "-q", "-t", "ext4", "-U", UUID, "-L", "sixteen-bytes-ok"], UUID,
     "sixteen-bytes-ok"),
    ("ext4", 8 * MIB, ["mke2fs", "-q", "-t", "ext4", "-U", UUID], UUID, ""),
    ("xfs", 300 * MIB, ["mkfs.xfs", "-q", "-m", f"uuid={UUID}", "-L", "twelve-bytes"], UUID,
     "twelve-bytes"),
    ("btrfs", 120 * MIB, ["mkfs.btrfs", "-q", "-U", UUID, "-L", "b\u00e4ume"], UUID, "b\u00e4ume"),
    ("vfat", MIB, ["mkfs.vfat", "-F", "12", "-i", "12ab34cd", "-n", "ESP"], "12AB-34CD", "ESP"),
    ("vfat", 16 * MIB, ["mkfs.vfat", "-F", "16", "-i", "0000000f", "-n", "A B"], "0000-000F",
     "A B"),
    ("vfat", 64 * MIB, ["mkfs.vfat", "-F", "32", "-i", "deadbeef"], "DEAD-BEEF", ""),
    ("erofs", 0, ["mkfs.erofs", "--quiet", "-U", UUID], UUID, ""),
    ("f2fs", 64 * MIB, ["mkfs.f2fs", "-q", "-U", UUID, "-l", "fl\u00e4sh"], UUID, "fl\u00e4sh"),
]  # fmt: skip


@pytest.mark.parametrize("case", TOOLS, ids=[f"{case[0]}-{case[4]}" for case in TOOLS])
def test_real_image(tmp_path, case):
    fstype, size, command, uuid, label = case
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(size)
    tree = []
    if fstype == "erofs":
        (tmp_path / "tree").mkdir()
        tree = [tmp_path / "tree"]
    subprocess.run([*command, image, *tree], check=True, capture_output=True)
    with image.open("rb") as file:
        found = superblock.identify(file.read(superblock.PROBE_SIZE))
    assert found is not None
    assert (found.fstype, found.uuid, found.label) == (
        fstype.encode(),
        uuid.encode(),
        label.encode(),
    )
    assert found.describe() == f"{fstype} UUID={uuid}" + (f" LABEL={label}" if label else "")


# (start of the device, type, UUID, label), by the formats' own pages
HOLDERS = [
    (b"LUKS\xba\xbe\0\1".ljust(0xA8, b"\0") + UUID.encode(), "crypto_LUKS", UUID, ""),
    ((b"LUKS\xba\xbe\0\2".ljust(0x18, b"\0") + b"cellar").ljust(0xA8, b"\0") + UUID.encode(),
     "crypto_LUKS", UUID, "cellar"),
    (bytes(0x200) + b"LABELONE" + bytes(16) + b"LVM2 001", "LVM2_member", "", ""),
    (bytes(0x1000) + b"\xfc\x4e\x2b\xa9\1\0\0\0" + bytes(8)
     + bytes.fromhex(UUID.replace("-", "")) + b"host:0",
     "linux_raid_member", UUID, "host:0"),
    (b"\xfc\x4e\x2b\xa9\1\0\0\0" + bytes(8) + bytes.fromhex(UUID.replace("-", "")),
     "linux_raid_member", UUID, ""),
    (bytes(0x1018) + bytes.fromhex("c68573f64e1a45ca8265f57f48ba6d81")
     + bytes.fromhex(UUID.replace("-", "")), "bcache", UUID, ""),
]  # fmt: skip


@pytest.mark.parametrize("case", HOLDERS, ids=[f"{case[1]}-{case[3]}" for case in HOLDERS])
def test_what_holds_a_filesystem(case):
    """Also where an older filesystem's superblock was left."""
    data, fstype, uuid, label = case
    stale = bytearray(data.ljust(superblock.PROBE_SIZE, b"\0"))
    stale[0x438:0x43A] = b"\x53\xef"
    for found in (superblock.identify(data), superblock.identify(bytes(stale))):
        assert found is not None
        assert found.fstype.decode() == fstype
        assert (found.uuid.decode(), found.label.decode()) == (uuid, label)
        assert found.fstype in superblock.HOLDERS


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (1 << 20, ((1 << 20) - 0x2000, (1 << 20) - 0x10000)),
        ((1 << 20) + 512, ((1 << 20) - 0x2000, (1 << 20) - 0x10000)),
        ((1 << 20) + 0xFFFF, ((1 << 20) + 0xD000, (1 << 20) - 0x10000)),
        (0x8000, (0x6000,)),
        (0, ()),
    ],
)
def test_places_at_the_end_for_raid(size, expected):
    """md_p.h: 1.0 lies 8 KiB from the end, rounded down to 4 KiB; 0.90 64 KiB, to 64 KiB."""
    assert superblock.raid_offsets(size) == expected


@pytest.mark.parametrize("size", [0, 1, 512, superblock.PROBE_SIZE])
def test_zeros_are_nothing(size):
    assert superblock.identify(bytes(size)) is None


def test_no_uuid_no_label():
    """A zero UUID names nothing: `root=UUID=` must not find it."""
    found = superblock.identify(b"XFSB")
    assert found is not None
    assert (found.uuid, found.label, found.describe()) == (b"", b"", "xfs")


def test_label_of_hostile_bytes_stays_on_one_line():
    found = superblock.Superblock(b"ext4", b"", b"a\n\x1b[2J\xff")
    assert found.describe() == "ext4 LABEL=a\\x0a\\x1b[2J\\xff"


@given(
    st.sampled_from([(offset, magic) for offset, magic, _ in superblock._SIGNATURES]),
    st.binary(max_size=0x200),
    st.binary(max_size=0x200),
)
def test_any_bytes_around_a_signature(signature, before, after):
    """Never an exception; what comes back is one describable filesystem."""
    offset, magic = signature
    found = superblock.identify(before[:offset].rjust(offset, b"\0") + magic + after)
    assert found is not None
    assert "\n" not in found.describe()


@given(st.binary(max_size=0x600))
def test_any_bytes(data):
    found = superblock.identify(data)
    assert found is None or found.fstype
