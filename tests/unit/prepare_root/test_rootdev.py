"""Which device `root=` means, how it is mounted, and what is said when it is not there."""

import os
import shutil
import subprocess
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prepare_root import blockdev, gptauto, kargs, log, rootdev
from prepare_root import constants as c
from prepare_root.errors import Failure

HINT = "use root=UUID=, LABEL=, PARTUUID=, PARTLABEL=, gpt-auto or /dev/NAME"


@pytest.fixture
def bios(tmp_path, monkeypatch):
    """A machine that was not started by EFI."""
    monkeypatch.setattr(gptauto, "VARIABLES", bytes(tmp_path / "efivars"))


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        (b"/dev/vda2", b"/dev/vda2"),
        (b"/dev/cciss/c0d0", b"/dev/cciss/c0d0"),
        (b"gpt-auto", b"GPT-AUTO="),
        (b"UUID=1-2", b"UUID=1-2"),
        (b"LABEL=root", b"LABEL=root"),
        (b"PARTUUID=a", b"PARTUUID=a"),
        (b"PARTLABEL=a b", b"PARTLABEL=a b"),
        (b"/dev/disk/by-uuid/1-2", b"UUID=1-2"),
        (b"/dev/disk/by-label/root", b"LABEL=root"),
        (b"/dev/disk/by-partuuid/a", b"PARTUUID=a"),
        (b"/dev/disk/by-partlabel/a", b"PARTLABEL=a"),
        (b"/dev/disk/by-path/pci", b"/dev/disk/by-path/pci"),
    ],
)
def test_wanted(root, expected, bios):
    assert rootdev.wanted(root) == expected


@pytest.mark.parametrize(
    ("root", "text"),
    [
        (b"", "find root device: kernel command line: no root= argument"),
        (b"0801", "find root device: 0801: not a form of root= that is known here"),
        (b"uuid=1", "find root device: uuid=1: not a form of root= that is known here"),
        (b"a\nb", "find root device: a\\x0ab: not a form of root= that is known here"),
    ],
)
def test_not_wanted(root, text, bios):
    with pytest.raises(Failure) as caught:
        rootdev.wanted(root)
    assert (str(caught.value), caught.value.hint) == (text, HINT)


@pytest.mark.parametrize("root", [b"", b"gpt-auto"])
def test_the_loader_says_the_disk(tmp_path, monkeypatch, root):
    monkeypatch.setattr(gptauto, "VARIABLES", bytes(tmp_path))
    text = PARTUUID.upper() + "\0"
    (tmp_path / gptauto.LOADER.decode()).write_bytes(bytes(4) + text.encode("utf-16-le"))
    assert rootdev.wanted(root) == f"GPT-AUTO={PARTUUID}".encode()


@pytest.mark.parametrize(
    ("root", "what"),
    [
        (b"/dev/mapper/x", "device-mapper (LUKS, LVM)"),
        (b"/dev/dm-0", "device-mapper (LUKS, LVM)"),
        (b"/dev/md0", "RAID"),
        (b"/dev/md/root", "RAID"),
        (b"/dev/nfs", "the network"),
        (b"nfs:server:/root", "the network"),
        (b"nfs4:server:/root", "the network"),
        (b"iscsi:server::::x", "the network"),
        (b"nbd:server:1", "the network"),
        (b"dhcp", "the network"),
        (b"live:CDLABEL=x", "a live system"),
        (b"zfs:pool/root", "ZFS"),
        (b"ZFS=pool/root", "ZFS"),
    ],
)
def test_dracut_is_the_way(root, what):
    with pytest.raises(Failure) as caught:
        rootdev.wanted(root)
    assert str(caught.value) == (
        f"find root device: {root.decode()}: a root on {what} is not for this initramfs"
    )
    assert caught.value.hint == rootdev.USE_DRACUT


SILENT = c.MS_SILENT
RO = c.MS_SILENT | c.MS_RDONLY


@pytest.mark.parametrize(
    ("flags", "readonly", "expected"),
    [
        (b"", True, (RO, b"")),
        (b"", False, (SILENT, b"")),
        (b"rw", True, (SILENT, b"")),
        (b"ro", False, (RO, b"")),
        (b"ro,rw", False, (SILENT, b"")),
        (b"noatime", False, (SILENT | c.MS_NOATIME, b"")),
        (b"noatime,atime", False, (SILENT, b"")),
        (b"nosuid,nodev,noexec", False, (SILENT | c.MS_NOSUID | c.MS_NODEV | c.MS_NOEXEC, b"")),
        (b"nosuid,suid,nodev,dev,noexec,exec", False, (SILENT, b"")),
        (b"sync,dirsync", False, (SILENT | c.MS_SYNCHRONOUS | c.MS_DIRSYNC, b"")),
        (b"relatime,lazytime", False, (SILENT | c.MS_RELATIME | c.MS_LAZYTIME, b"")),
        (b"strictatime,nodiratime", False, (SILENT | c.MS_STRICTATIME | c.MS_NODIRATIME, b"")),
        (b"defaults", True, (RO, b"")),
        (b"subvol=root,noatime,compress=zstd:1", False,
         (SILENT | c.MS_NOATIME, b"subvol=root,compress=zstd:1")),
        (b",,subvol=a,,", True, (RO, b"subvol=a")),
    ],
)  # fmt: skip
def test_mount_options(flags, readonly, expected):
    assert rootdev.mount_options(flags, readonly) == expected


@given(st.lists(st.sampled_from([b"subvol=a", b"x", b"data=ordered", b"ssd"])), st.booleans())
def test_what_mount_does_not_know_goes_to_the_filesystem_in_order(options, readonly):
    number, data = rootdev.mount_options(b",".join(options), readonly)
    assert data == b",".join(options)
    assert number == (RO if readonly else SILENT)


def test_not_found_says_what_was_asked_for_and_what_is_there():
    with pytest.raises(Failure) as caught:
        rootdev.wait(kargs.parse(b"root=UUID=no-such-filesystem rootwait=0"))
    assert str(caught.value).startswith(
        "find root device: UUID=no-such-filesystem: not found within 0 s; there is: "
    )
    assert caught.value.hint == (
        "check root=, and that the image has the module of its disk; rootwait waits longer"
    )


def test_a_node_that_is_no_block_device_is_not_there():
    assert rootdev.look(b"/dev/null") is None
    assert rootdev.look(b"/dev/no-such-node") is None


def test_nothing_known_on_the_device(tmp_path):
    with pytest.raises(Failure) as caught:
        rootdev.mount(b"/dev/null", bytes(tmp_path), kargs.parse(b""))
    assert str(caught.value) == (
        "mount root device: /dev/null: root not mountable: no filesystem that is known here"
    )
    assert caught.value.hint == "say rootfstype="


def test_every_type_that_was_tried_is_named(tmp_path):
    with pytest.raises(Failure) as caught:
        rootdev.mount(b"/dev/null", bytes(tmp_path / "none"), kargs.parse(b"rootfstype=ab,cd"))
    before, _, reasons = str(caught.value).partition("root not mountable: ")
    assert before == "mount root device: /dev/null: "
    assert [reason.partition(": ")[0] for reason in reasons.split("; ")] == ["ab", "cd"]
    assert all(reason.partition(": ")[2] for reason in reasons.split("; "))


# ---- on a sysfs of the test's own; names of devices stand for files, as in test_blockdev ----

FSUUID = "0F1E2D3C-4B5A-4968-8778-695a4b3c2d1e"
PARTUUID = "a1b2c3d4-e5f6-4718-8929-3a4b5c6d7e8f"
LABELS = ("-L", "ro ot", "-U", FSUUID.lower())


def add(sysfs, path, disk=None, number=0):
    """A block device in sysfs whose content is the file `path`; returns its kernel name."""
    name = ".." + str(path.resolve()).replace("/", "!")
    place = sysfs.parent.parent / "devices" / (disk or "") / name
    place.mkdir(parents=True)
    if disk:
        (place / "partition").write_text(f"{number}\n")
    (sysfs / name).symlink_to(place)
    return name


@pytest.fixture
def sysfs(tmp_path, monkeypatch):
    top = tmp_path / "sys/class/block"
    top.mkdir(parents=True)
    monkeypatch.setattr(blockdev, "SYSFS", bytes(top))
    log.to_stderr([])
    return top


def filesystem(path):
    with path.open("wb") as file:
        file.truncate(1 << 20)
    subprocess.run(["mke2fs", "-q", "-t", "ext2", *LABELS, path], check=True)
    return path


@pytest.fixture
def devices(tmp_path, sysfs):
    """An empty disk, one with a GPT, and its second partition with a filesystem."""
    if shutil.which("sgdisk") is None:
        pytest.skip("sgdisk is not installed")
    for name in ("a-blank", "b-disk"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(8 << 20)
    words = ("-n", "2:2048:+1M", "-u", f"2:{PARTUUID}", "-c", "2:sys tem")
    subprocess.run(["sgdisk", *words, tmp_path / "b-disk"], check=True, capture_output=True)
    add(sysfs, tmp_path / "a-blank")
    disk = add(sysfs, tmp_path / "b-disk")
    add(sysfs, filesystem(tmp_path / "part"), disk, 2)
    return tmp_path


def test_look(devices):
    """All tags lead to the partition, hexadecimal digits in either case."""
    node = b"/dev/.." + bytes((devices / "part").resolve())
    for root in (
        *(f"UUID={FSUUID}", f"UUID={FSUUID.upper()}", "LABEL=ro ot"),
        *(f"PARTUUID={PARTUUID}", f"PARTUUID={PARTUUID.upper()}", "PARTLABEL=sys tem"),
    ):
        assert rootdev.look(root.encode()) == node, root
    for root in ("UUID=", "LABEL=", "LABEL=RO OT", "LABEL=ro", "PARTUUID=", "PARTLABEL=", "X=1"):
        assert rootdev.look(root.encode()) is None, root


def test_wait_for_a_device_that_comes_late(tmp_path, sysfs, monkeypatch):
    """It comes once the console says that it is waited for, which is said once."""
    monkeypatch.setattr(rootdev, "TELL_AFTER_S", 0.05)
    path = filesystem(tmp_path / "disk")
    reader, writer = os.pipe()
    monkeypatch.setattr(log._sink, "fd", writer)
    said = []

    def come():
        said.append(os.read(reader, 4096))
        add(sysfs, path)

    thread = threading.Thread(target=come)
    thread.start()
    try:
        node = rootdev.wait(kargs.parse(b'root="LABEL=ro ot" rootwait'))
    finally:
        thread.join()
        os.close(writer)
        said.append(os.read(reader, 4096))
        os.close(reader)
    assert node == b"/dev/.." + bytes(path.resolve())
    line = b"prepare-root: find root device: LABEL=ro ot: not there yet, waiting on\n"
    assert said == [line, b""]


def test_a_limit_is_told_and_kept(tmp_path, sysfs, monkeypatch, capfd):
    monkeypatch.setattr(rootdev, "TELL_AFTER_S", 0.0)
    add(sysfs, filesystem(tmp_path / "disk"))
    began = time.monotonic()
    with pytest.raises(Failure) as caught:
        rootdev.wait(kargs.parse(b"root=LABEL=other rootwait=1"))
    assert time.monotonic() - began >= 1
    assert str(caught.value) == (
        "find root device: LABEL=other: not found within 1 s; there is:"
        f" /dev/..{(tmp_path / 'disk').resolve()} ext2 UUID={FSUUID.lower()} LABEL=ro ot"
    )
    assert capfd.readouterr().err == (
        "prepare-root: find root device: LABEL=other: not there yet, waiting up to 1 s\n"
    )


LUKS = b"LUKS\xba\xbe\0\2".ljust(0xA8, b"\0") + FSUUID.lower().encode() + bytes(512)


def test_a_root_that_may_be_inside_of_something(tmp_path, sysfs, monkeypatch):
    (tmp_path / "disk").write_bytes(LUKS)
    node = f"/dev/..{(tmp_path / 'disk').resolve()}"
    add(sysfs, tmp_path / "disk")
    with pytest.raises(Failure) as caught:
        rootdev.wait(kargs.parse(b"root=LABEL=root rootwait=0"))
    assert str(caught.value) == (
        "find root device: LABEL=root: not found within 0 s; there is:"
        f" {node} crypto_LUKS UUID={FSUUID.lower()}"
    )
    assert caught.value.hint == f"{node} is encrypted with LUKS: {rootdev.USE_DRACUT}"


@pytest.mark.parametrize("asked", [b"", b"rootfstype=ext2"])
def test_what_is_no_filesystem_is_not_mounted(tmp_path, sysfs, asked):
    """By name; the kernel would only say that it cannot be."""
    (tmp_path / "disk").write_bytes(LUKS)
    add(sysfs, tmp_path / "disk")
    node = b"/dev/.." + bytes((tmp_path / "disk").resolve())
    with pytest.raises(Failure) as caught:
        rootdev.mount(node, bytes(tmp_path / "none"), kargs.parse(asked))
    assert str(caught.value) == (
        f"mount root device: {node.decode()}: root not mountable: it is encrypted with LUKS"
    )
    assert caught.value.hint == rootdev.USE_DRACUT


@pytest.mark.skipif(shutil.which("mkfs.btrfs") is None, reason="mkfs.btrfs is not installed")
def test_a_filesystem_on_several_devices_is_not_mounted(tmp_path, sysfs):
    """The kernel would have to be told of the others first."""
    for name in ("one", "two"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(200 << 20)
    words = ["mkfs.btrfs", "-q", "-d", "raid1", tmp_path / "one", tmp_path / "two"]
    subprocess.run(words, check=True)
    add(sysfs, tmp_path / "two")
    node = b"/dev/.." + bytes((tmp_path / "two").resolve())
    with pytest.raises(Failure) as caught:
        rootdev.mount(node, b"/none", kargs.parse(b""))
    assert str(caught.value).endswith(": root not mountable: it is a btrfs on 2 devices")
    assert caught.value.hint == rootdev.USE_DRACUT


@pytest.mark.parametrize("asked", [b"", b"rootfstype=ext2"])
def test_half_of_a_mirror_is_not_mounted(tmp_path, sysfs, asked):
    """Its start is a filesystem, and the kernel would mount it."""
    path = filesystem(tmp_path / "disk")
    with path.open("r+b") as file:
        file.seek((1 << 20) - 0x2000)
        file.write(b"\xfc\x4e\x2b\xa9")
    name = add(sysfs, path)
    (sysfs / name / "size").write_text(f"{(1 << 20) // 512}\n")
    with pytest.raises(Failure) as caught:
        rootdev.mount(b"/dev/.." + bytes(path.resolve()), b"/none", kargs.parse(asked))
    assert str(caught.value).endswith(": root not mountable: it is part of a RAID")


def test_gpt_auto_that_is_not_there_names_the_loaders_partition(sysfs, tmp_path, monkeypatch):
    monkeypatch.setattr(gptauto, "VARIABLES", bytes(tmp_path))
    (tmp_path / gptauto.LOADER.decode()).write_bytes(bytes(4) + "ab\0".encode("utf-16-le"))
    with pytest.raises(Failure) as caught:
        rootdev.wait(kargs.parse(b"root=gpt-auto rootwait=0"))
    assert str(caught.value) == (
        "find root device: gpt-auto on the disk of PARTUUID=ab:"
        " not found within 0 s; there is: no block devices at all"
    )


def test_rootdelay_comes_first(tmp_path, sysfs, capfd):
    add(sysfs, filesystem(tmp_path / "disk"))
    began = time.monotonic()
    rootdev.wait(kargs.parse(f"root=UUID={FSUUID} rootdelay=1".encode()))
    assert time.monotonic() - began >= 1
    assert capfd.readouterr().err == (
        "prepare-root: find root device: waiting 1 s, as rootdelay= says\n"
    )
